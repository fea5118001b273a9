"""Estimated performance verdicts, before labels come: of a binary classification from summaries alone (CBPE).

What needs rows (regressions, multiclass, classes that do not follow from the score) is in monitoring.estimating.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitoring.core.estimation.cbpe import METRICS, Calibration, estimate, learn
from monitoring.core.estimation.tables import PREDICTED
from monitoring.core.estimation.tilt import FEWEST
from monitoring.core.grid import CategoricalGrid, no_value
from monitoring.core.histogram import Histogram
from monitoring.core.outcome import SCORE_GRID
from monitoring.core.performance import outcome as outcomes
from monitoring.core.performance.metric import Estimate, Metric, get, metrics_for
from monitoring.core.performance.threshold import automatic
from monitoring.core.profile import Column
from monitoring.core.summaries import Summaries
from monitoring.core.summary import Kind
from monitoring.core.verdict import Status, Verdict
from monitoring.core.window import Slots
from monitoring.fleet import Threshold
from monitoring.verdicts import labels
from monitoring.verdicts.performance import (
    MIN_LABELS,
    Outcome,
    chance,
    no_probability,
    outcome_of,
    stated,
)
from monitoring.verdicts.subject import Subject, held_against

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

CHECK = "estimated."
MIN_REFERENCE, MIN_EACH = 300, 10
"""Labelled rows of reference, and rows of each label, below which no calibration is worth its name."""
MIXED = 0.01
"""Share of labelled rows whose class does not follow from their score class, from which on the log is asked."""
SEED = 20130301

NEEDS_ROWS = {"regression": ("mae", "rmse", "bias", "mape", "wape", "pinball")}
"""What can be estimated from rows, besides what METRICS lists."""


@dataclass(frozen=True, slots=True)
class Way:
    """How values were estimated: the method, and what it takes for granted, in words."""

    method: str
    assumption: str


def judge(subject: Subject) -> Iterator[Verdict]:
    """Every metric of the whole that summaries can estimate, the main one of every slice."""
    yield from impossible(subject)
    if subject.model.task != "binary_classification" or not isinstance(subject.model.predictions.columns.score, str):
        return
    column = subject.profile.find(Kind.SCORE, subject.model.predictions.columns.score)
    if column is None or not due(subject) or not labelled(subject, ""):
        return
    names = list(METRICS)
    if mixed(subject) > MIXED:
        names = [name for name in names if name not in PREDICTED]
    main = subject.model.main_metric
    yield from by_scores(subject, column, "", names)
    for slice_ in subject.current.slices() if main in names else []:
        yield from by_scores(subject, column, slice_, [main])


def due(subject: Subject) -> list[Slots]:
    """The windows to estimate: over, no part of what was learned from, and changed or never estimated."""

    def learned_from(w: Slots) -> bool:
        span = subject.reference_span
        return subject.reference is subject.current and span.first <= w.first and w.last <= span.last

    kept = [w for w in subject.windows if subject.complete(w) and not learned_from(w)]
    return [w for w in kept if subject.due is None or w in subject.due]


def by_scores(
    subject: Subject, column: Column, slice_: str, names: list[str], shares: dict[Slots, Floats] | None = None
) -> Iterator[Verdict]:
    """The metrics `names` of a slice, window by window, from the score's counts.

    `shares` are shares predicted positive by score class of each window; without, they are as in the reference.
    """
    metrics = [get(name, subject.model.task) for name in names]
    known, short = calibration(subject, slice_)
    always, usual = predicted_share(subject, slice_), min(1.0, labels.state_of(subject).usual)
    past = realised(subject, slice_)
    for window in due(subject):
        rows = by_class(column, subject.current.histogram(Kind.SCORE, column.name, window, None, slice_))
        share = always if shares is None else shares.get(window, always)
        n = int(rows.sum())
        wrong = no_probability(subject, window, None, slice_) if n else ""
        if known is None or wrong:
            metric = next((m for m in metrics if m.name == subject.model.main_metric), metrics[0])
            status = Status.FAILED if wrong else Status.INSUFFICIENT_DATA
            yield _blank(subject, metric, window, n, slice_, "cbpe")._replace(status=status, reason=wrong or short)
            continue
        found = estimate(rows, rows * share, known, names, usual, SEED)
        for metric in metrics:
            yield verdict(subject, metric, window, found[metric.name], slice_, way(known, subject), past)


def calibration(subject: Subject, slice_: str) -> tuple[Calibration | None, str]:
    """What the reference's labels say of a slice's scores; None, and why, where they are too few."""
    tables = [_scored(subject, w, slice_) for w in subject.reference_chunks()]
    whole = _scored(subject, subject.reference_span, slice_)
    each = whole.sum(axis=0)
    if each.sum() < MIN_REFERENCE or each.min() < MIN_EACH:
        return None, (
            f"The reference has {each.sum():,} labelled rows, {each.min():,} of the rarer label; at least "
            f"{MIN_REFERENCE} and {MIN_EACH} are needed to calibrate scores."
        )
    pieces = [_scored(subject, w, slice_) for w in subject.reference_pieces()]
    return learn(np.stack(tables or [whole]), np.stack(pieces or [whole]), SEED), ""


def mixed(subject: Subject) -> float:
    """The share of labelled rows, past and present, whose predicted class does not follow from their score class."""
    spans = [(subject.reference, subject.reference_span), (subject.current, _all(subject))]
    table = sum((_binary(subject, s, w, "").sum(axis=2) for s, w in spans), np.zeros((1, 2), np.int64))
    return float(table.min(axis=1).sum() / max(table.sum(), 1))


def predicted_share(subject: Subject, slice_: str) -> Floats:
    """Share predicted positive by score class, of the reference's labelled rows; between classes seen, in between."""
    table = _binary(subject, subject.reference, subject.reference_span, slice_).sum(axis=2)
    n = table.sum(axis=1)
    seen = np.flatnonzero(n[:-1])
    share = np.interp(np.arange(len(n)), seen, table[seen, 1] / n[seen]) if len(seen) else np.zeros(len(n))
    share[-1] = table[-1, 1] / n[-1] if n[-1] else 0.0
    return share


def by_class(column: Column, histogram: Histogram) -> Counts:
    """Rows by the outcome's score classes, the last one without a score, from the score column's own counts."""
    rows = np.zeros(outcomes.SCORES, dtype=np.int64)
    assert not isinstance(column.grid, CategoricalGrid)
    known = ~no_value(histogram.codes)
    rows[-1] = histogram.counts[~known].sum()
    if known.any():
        lower, upper = column.grid.limits(histogram.codes[known])
        classes = np.clip(SCORE_GRID.code((lower + upper) / 2), 0, outcomes.SCORES - 2)
        np.add.at(rows, classes, histogram.counts[known])
    return rows


def realised(subject: Subject, slice_: str) -> list[Outcome]:
    """What came of the reference, chunk by chunk: automatic thresholds come from it, as for realised performance."""
    spans = list(subject.reference_chunks()) or [subject.reference_span]
    found = [outcome_of(subject, subject.reference, w, None, slice_) for w in spans]
    return [o for o in found if o.n >= MIN_LABELS]


def way(known: Calibration, subject: Subject) -> Way:
    """CBPE in words."""
    scores = "scores as they are" if known.curve.kind == "identity" else f"scores calibrated ({known.curve.kind})"
    varies = "" if known.tilt.pieces >= FEWEST else ", and too short to say how much windows vary"
    return Way("cbpe", f"takes P(label | score) as in the reference{varies}, {scores}; blind to concept drift")


def verdict(
    subject: Subject, metric: Metric, window: Slots, found: Estimate, slice_: str, how: Way, past: Sequence[Outcome]
) -> Verdict:
    """An estimate held against its own thresholds, else those of the realised metric, else automatic ones."""
    blank = _blank(subject, metric, window, found.n, slice_, how.method)
    own = threshold(subject, metric.name, slice_)
    fewest = own.min_rows if own and own.min_rows else MIN_LABELS
    if found.n == 0:
        return blank._replace(status=Status.NO_DATA, reason="No prediction in this window.")
    if found.n < fewest:
        reason = f"{found.n:,} predictions; at least {fewest} are needed."
        return blank._replace(status=Status.INSUFFICIENT_DATA, reason=reason)
    if found.value is None or found.lower is None or found.upper is None:
        return blank._replace(status=Status.INSUFFICIENT_DATA, reason=f"Cannot be estimated: {found.reason}.")
    warning, breached, words = own.warning if own else None, own.breached if own else None, "set by its owner"
    if not stated(own) and metric.name == subject.model.main_metric:
        level = automatic([metric.compute(o) for o in past], metric.better, found, chance(subject, own))
        if level is not None:
            warning, breached, words = level.warning, level.breached, level.explanation
    status, decided, held = held_against(metric.better, found.value, warning, breached, words)
    reason = (
        f"{metric.title} estimated at {found.value:.4g} ({found.lower:.4g} to {found.upper:.4g}) for {found.n:,} "
        f"predictions{held}; {how.assumption}."
    )
    return blank._replace(
        status=status, reason=reason, value=found.value, lower=found.lower, upper=found.upper,
        threshold=decided, warning=warning, breached=breached, automatic=not stated(own),
    )  # fmt: skip


def threshold(subject: Subject, name: str, slice_: str) -> Threshold | None:
    """The threshold of an estimate: its own, else that of the realised metric."""
    return subject.threshold(f"{CHECK}{name}", None, slice_) or subject.threshold(f"performance.{name}", None, slice_)


def impossible(subject: Subject) -> Iterator[Verdict]:
    """What its owner set a threshold for, and cannot be had."""
    task, columns = subject.model.task, subject.model.predictions.columns
    possible = NEEDS_ROWS.get(task, METRICS if task == "binary_classification" else tuple(_names(task)))
    for name in sorted({t.check.removeprefix(CHECK) for t in subject.model.thresholds if t.check.startswith(CHECK)}):
        reason = ""
        if name not in possible:
            reason = f"It cannot be estimated without labels; what can: {', '.join(possible)}."
        elif task != "regression" and columns.score is None:
            reason = "Estimates need a score: map `score`, the probability of the class."
        elif not labelled(subject, ""):
            reason = "Estimates need a reference with labels."
        if reason and subject.windows:
            last = subject.windows[-1]
            blank = _blank(subject, get(name, task), last, subject.current.rows(last), "", "none")
            yield blank._replace(status=Status.NO_DATA, reason=reason)


def _names(task: str) -> list[str]:
    return [metric.name for metric in metrics_for(task)]


def _blank(subject: Subject, metric: Metric, window: Slots, n: int, slice_: str, method: str) -> Verdict:
    return Verdict(
        subject.model.key, f"{CHECK}{metric.name}", subject.window(window, n), Status.OK, "", slice=slice_ or None,
        method=method,
    )  # fmt: skip


def labelled(subject: Subject, slice_: str) -> bool:
    """Whether the reference has a label at all."""
    if subject.profile.find(Kind.OUTCOME, "") is None:
        return False
    return subject.reference.histogram(Kind.OUTCOME, "", subject.reference_span, None, slice_).n > 0


def _scored(subject: Subject, window: Slots, slice_: str) -> Counts:
    found: Counts = _binary(subject, subject.reference, window, slice_).sum(axis=1)
    return found


def _binary(subject: Subject, summaries: Summaries, window: Slots, slice_: str) -> Counts:
    found = outcome_of(subject, summaries, window, None, slice_)
    assert isinstance(found, outcomes.BinaryOutcome)
    return found.cells


def _all(subject: Subject) -> Slots:
    return subject.current.span() or subject.reference_span
