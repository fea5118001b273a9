"""Realised performance verdicts, as far as labels have arrived."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from monitoring.core.calibration.budget import level
from monitoring.core.grid import NumericGrid, no_value
from monitoring.core.label_arrivals import LabelState
from monitoring.core.outcome import SCORE_GRID
from monitoring.core.performance import outcome as outcomes
from monitoring.core.performance.curves import ONE_CLASS
from monitoring.core.performance.metric import Estimate, Metric, get, metrics_for
from monitoring.core.performance.outcome import BinaryOutcome, MulticlassOutcome, RegressionOutcome
from monitoring.core.performance.threshold import AutomaticThreshold, automatic
from monitoring.core.summaries import Summaries
from monitoring.core.summary import Kind
from monitoring.core.verdict import Status, Verdict
from monitoring.core.window import Slots
from monitoring.fleet import Threshold
from monitoring.verdicts import labels, miscalibration
from monitoring.verdicts.miscalibration import Probabilities, probabilities
from monitoring.verdicts.subject import Subject, held_against

MIN_LABELS = 30
FALSE_ALARMS = 1.0
"""False warnings a quarter that automatic levels are allowed, where the owner states no number."""

Outcome = BinaryOutcome | MulticlassOutcome | RegressionOutcome


def judge(subject: Subject) -> Iterator[Verdict]:
    """All performance verdicts: every metric of the whole, the main one of every slice and version."""
    if subject.profile.find(Kind.OUTCOME, "") is None:
        return
    task = subject.model.task
    scored = subject.model.predictions.columns.score is not None
    every = [m for m in metrics_for(task) if scored or not m.needs_score]
    if not subject.model.predictions.columns.lower:
        every = [m for m in every if m.name != "interval_coverage"]
    wanted = {subject.model.main_metric} | {
        t.check.removeprefix("performance.") for t in subject.model.thresholds if t.check.startswith("performance.")
    }
    few = [get(name, task) for name in sorted(wanted)]
    state, early = labels.state_of(subject), labels.provisional(subject)
    for slice_ in ("", *subject.current.slices()):
        yield from _view(subject, None, slice_, few if slice_ else every, state, early)
    for version, first in first_answers(subject.current).items():
        judged = {w.first for w in subject.windows} | {slot for v, slot in subject.lacking if v == version}
        served = tuple(w for w in subject.history if w.first in judged and w.last > first)
        yield from _view(replace(subject, windows=served), version, "", few, state, early)


def first_answers(current: Summaries) -> dict[str, int]:
    """The slot in which each version first answered, where there are several: from then on each is judged on its
    own."""
    spans = {version: current.span(version) for version in current.versions}
    return {v: span.first for v, span in spans.items() if span is not None} if len(spans) > 1 else {}


def outcome_of(subject: Subject, summaries: Summaries, window: Slots, version: str | None, slice_: str) -> Outcome:
    """What predictions and labels came to in a window."""
    whole = summaries.histogram(Kind.OUTCOME, "", window, version, slice_)
    if subject.model.task == "binary_classification":
        return outcomes.binary(whole)
    if subject.model.task == "regression":
        column = subject.profile.find(Kind.OUTCOME, "")
        assert column is not None and isinstance(column.grid, NumericGrid)
        return outcomes.regression(whole, column.grid, summaries.sums(Kind.OUTCOME, "", window, version, slice_))
    names = [c.name for c in subject.profile.columns if c.kind == Kind.OUTCOME and c.name]
    scores = [summaries.histogram(Kind.OUTCOME, name, window, version, slice_) for name in names]
    return outcomes.multiclass(subject.profile.classes, whole, scores)


def no_probability(subject: Subject, window: Slots, version: str | None, slice_: str) -> str:
    """What is wrong with the scores of a window, where more than a hundredth of them cannot be probabilities."""
    if subject.model.task == "regression":
        return ""
    for column in subject.profile.columns:
        if column.kind != Kind.SCORE:
            continue
        low, high = subject.current.extremes(Kind.SCORE, column.name, window, version, slice_) or (0.0, 1.0)
        if low >= -0.001 and high <= 1.001:
            continue
        counts = subject.current.histogram(Kind.SCORE, column.name, window, version, slice_)
        known = ~no_value(counts.codes)
        codes, kept = counts.codes[known], counts.counts[known]
        first, last = (
            column.grid.code(np.asarray([0.0, 1.0])) if isinstance(column.grid, NumericGrid) else (-1, SCORE_GRID.top)
        )
        if kept[(codes < first) | (codes > last)].sum() > 0.01 * kept.sum():
            percent = " They look like percent: divide by 100." if low >= 0 and 2 < high <= 100 else ""
            words = f"The scores in {column.name} run from {low:.4g} to {high:.4g}; probabilities run from 0 to 1."
            return words + percent
    return ""


def _view(
    subject: Subject, version: str | None, slice_: str, metrics: list[Metric], state: LabelState, early: frozenset[int]
) -> Iterator[Verdict]:
    windows = [(w, outcome_of(subject, subject.current, w, version, slice_)) for w in subject.windows]
    rows = [subject.current.rows(w, version, slice_) for w in subject.windows]
    answered = [subject.current.histogram(*labels.counted(subject), w, version, slice_).n for w in subject.windows]
    past = [outcome_of(subject, subject.reference, w, None, slice_) for w in subject.reference_chunks()]
    if not past and subject.reference_span:
        past = [outcome_of(subject, subject.reference, subject.reference_span, None, slice_)]
    known = None if slice_ or version else _probabilities(subject)
    no_scores = [no_probability(subject, w, version, slice_) if o.n else "" for w, o in windows]
    for metric in metrics:
        own = subject.threshold(f"performance.{metric.name}", None, slice_, version or "")
        judged = own is not None or metric.name == subject.model.main_metric
        reference = [metric.compute(o) for o in past if o.n >= MIN_LABELS] if judged else []
        for (window, outcome), n, of, wrong in zip(windows, rows, answered, no_scores, strict=True):
            verdict = Verdict(
                subject.model.key, f"performance.{metric.name}", subject.window(window, outcome.n), Status.OK, "",
                slice=slice_ or None, version=version or None, method="realised",
                provisional=window.first in early,
            )  # fmt: skip
            come = f"labels {min(outcome.n / of, 1.0) if of else 0.0:.0%} complete"
            come += f", {labels.to_come(state)}" if verdict.provisional else ""
            if wrong and (metric.needs_score or subject.model.predictions.columns.prediction is None):
                yield verdict._replace(status=Status.FAILED, reason=wrong)
                continue
            budget = None if stated(own) or not judged else chance(subject, own)
            yield _judged(verdict, metric, own, budget, reference, known, outcome, n, come)


def stated(own: Threshold | None) -> bool:
    """Whether the owner has set a level."""
    return own is not None and (own.warning is not None or own.breached is not None)


def chance(subject: Subject, own: Threshold | None) -> float:
    """How likely a window may be warned of by chance, within the false-alarm budget."""
    return level((own.false_alarms_per_quarter if own else None) or FALSE_ALARMS, subject.model.chunk.hours)


def _probabilities(subject: Subject) -> Probabilities | None:
    """What the reference says of a classifier's probabilities; None where there is no score."""
    if subject.model.task == "regression" or subject.model.predictions.columns.score is None:
        return None
    spans = subject.reference_pieces()
    whole, *pieces = (
        outcome_of(subject, subject.reference, w, None, "") for w in (subject.reference_span, *spans)
    )  # fmt: skip
    longer = 1 if subject.by_rows or not spans else max(1, subject.model.chunk.slots // len(spans[0]))
    return probabilities(whole, pieces, longer, subject.model.chunk.hours)  # type: ignore[arg-type]


def _judged(
    verdict: Verdict, metric: Metric, own: Threshold | None, budget: float | None, reference: list[Estimate],
    known: Probabilities | None, outcome: Outcome, rows: int, come: str,
) -> Verdict:  # fmt: skip
    fewest = own.min_rows if own and own.min_rows else MIN_LABELS
    if rows == 0:
        return verdict._replace(status=Status.NO_DATA, reason="No prediction in this window.")
    if outcome.n == 0:
        return verdict._replace(status=Status.NO_DATA, reason=f"No label has arrived for {rows:,} predictions.")
    estimate = metric.compute(outcome)
    verdict = verdict._replace(value=estimate.value, lower=estimate.lower, upper=estimate.upper)
    if outcome.n < fewest:
        reason = f"{outcome.n:,} labelled rows; at least {fewest} are needed ({come})."
        return verdict._replace(status=Status.INSUFFICIENT_DATA, reason=reason)
    if estimate.value is None:
        reason = f"Undefined: {estimate.reason} ({come})."
        if estimate.reason == ONE_CLASS:
            reason += " Where the positive class is not 1, true, yes or positive, name it: `positive`."
        return verdict._replace(status=Status.INSUFFICIENT_DATA, reason=reason)
    words = f"{metric.title} {estimate.value:.4g}"
    if estimate.lower is not None and estimate.upper is not None:
        words += f" ({estimate.lower:.4g} to {estimate.upper:.4g})"
    words += f" over {outcome.n:,} labelled rows, {come}"
    warning, breached, how = own.warning if own else None, own.breached if own else None, "set by its owner"
    if (aspect := miscalibration.ASPECTS.get(metric.name)) and known is not None and warning is None is breached:
        assert not isinstance(outcome, RegressionOutcome)
        allowed = own.false_alarms_per_quarter if own else None
        return miscalibration.held(verdict, words, outcome, aspect, known, allowed)
    if budget is not None:
        found: AutomaticThreshold | None = automatic(reference, metric.better, estimate, budget)
        if found is not None:
            warning, breached, how = found.warning, found.breached, found.explanation
    if warning is None and breached is None:
        return verdict._replace(reason=f"{words}; no threshold is set.")
    status, decided, held = held_against(metric.better, estimate.value, warning, breached, how)
    return verdict._replace(
        status=status, threshold=decided, warning=warning, breached=breached, automatic=not stated(own),
        reason=f"{words}{held}.",
    )  # fmt: skip
