"""Estimated performance verdicts that need rows: a sample of the reference and of all due windows, in few scans.

Regressions: direct loss estimation. Multiclass: CBPE, whose predicted class goes by all scores of a row together.
Binary: CBPE where the predicted class does not follow from the score.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from monitoring.core.estimation import dle, multiclass
from monitoring.core.estimation.cbpe import learn
from monitoring.core.estimation.shift import weights
from monitoring.core.estimation.tables import PREDICTED
from monitoring.core.estimation.tilt import FEWEST
from monitoring.core.outcome import SCORE_GRID
from monitoring.core.performance import outcome as outcomes
from monitoring.core.performance.metric import get
from monitoring.core.summary import Kind
from monitoring.core.verdict import Status, Verdict
from monitoring.core.window import Slots
from monitoring.estimating.losses import encoding, fit
from monitoring.evidently.windows import reference_reader, renamed
from monitoring.logs.reader import LogReader
from monitoring.logs.rows import Bounds, runs
from monitoring.logs.sample import SLOT, Roles, by_slot, roles_of
from monitoring.verdicts import estimated, labels
from monitoring.verdicts.estimated import MIN_REFERENCE, SEED, Way
from monitoring.verdicts.performance import outcome_of
from monitoring.verdicts.subject import Subject

LIMIT, WINDOW = 20_000, 2_000
"""Rows that models are fitted on, and rows of a window that are looked at."""
BATCH = 400_000
"""Rows read at once."""
BLIND = "blind to concept drift"


def judge(subject: Subject, base: Path, as_of: datetime | None) -> Iterator[Verdict]:
    """The estimates of all due windows. Nothing logged after `as_of` is used."""
    windows = [w for w in estimated.due(subject) if subject.current.rows(w)]
    if not windows or not wanted(subject):
        return
    with closing(LogReader(subject.model, base, as_of)) as reader:
        if subject.model.task == "regression":
            yield from _losses(subject, reader, base, windows)
        elif subject.model.task == "multiclass_classification":
            yield from _classes(subject, reader, windows)
        else:
            yield from _mixed(subject, reader, windows)


def wanted(subject: Subject) -> bool:
    """Whether there is anything to estimate that needs rows."""
    if not estimated.labelled(subject, ""):
        return False
    if subject.model.task == "regression":
        return True
    if subject.model.task == "multiclass_classification":
        return isinstance(subject.model.predictions.columns.score, dict)
    return isinstance(subject.model.predictions.columns.score, str) and estimated.mixed(subject) > estimated.MIXED


def _losses(subject: Subject, reader: LogReader, base: Path, windows: list[Slots]) -> Iterator[Verdict]:
    metrics = _asked(subject, ("mae", "rmse"), tuple(dle.NEEDS))
    known = subject.reference.histogram(Kind.OUTCOME, "", subject.reference_span).n
    if known < MIN_REFERENCE:
        reason = f"The reference has {known:,} labelled rows; at least {MIN_REFERENCE} are needed to foresee errors."
        yield from _short(subject, windows, metrics, "dle", reason)
        return
    rows, roles = _reference(subject, reader, base)
    assert roles.prediction is not None and roles.label is not None
    rows = rows[np.isfinite(rows[roles.prediction]) & np.isfinite(rows[roles.label])]
    form = encoding(rows, [*roles.features, roles.prediction])
    categorical = [False] * len(form.numbers) + [True] * len(form.categories)
    x, piece = form.encode(rows), _piece(subject, rows)
    wanted = {dle.NEEDS[m] for m in metrics} | ({"label"} if "wape" in metrics else set())
    models, trust = {}, {}
    for name in sorted(wanted):
        loss = dle.LOSSES[name](rows[roles.prediction].to_numpy(), rows[roles.label].to_numpy())
        if np.isfinite(loss).sum() < MIN_REFERENCE:
            metrics = [m for m in metrics if dle.NEEDS[m] != name]
            continue
        models[name] = fit(x, loss, categorical, SEED)
        trust[name] = dle.trust(loss, models[name].out_of_fold, piece, name != "error")
    levels = np.stack([m.out_of_fold for m in models.values()], axis=1)
    seen = np.concatenate([x[:, : len(form.numbers)], levels], axis=1)
    past, usual = estimated.realised(subject, ""), min(1.0, labels.state_of(subject).usual)
    varies = "" if len(set(piece)) >= FEWEST else ", and too short to say how much windows vary"
    how = Way("dle", f"takes errors by features and prediction as in the reference{varies}; {BLIND}")
    for read, frame in _sampled(subject, reader, windows):
        frame = frame[np.isfinite(frame[roles.prediction])]
        numbers = form.encode(frame)
        every = {name: m.expect(numbers) if len(frame) else np.zeros(0) for name, m in models.items()}
        now = np.concatenate([numbers[:, : len(form.numbers)], np.stack(list(every.values()), axis=1)], axis=1)
        for window, kept in _parts(read, frame):
            expected = {name: values[kept] for name, values in every.items()}
            alike = weights(seen, now[kept], SEED)
            for name in metrics:
                found = dle.estimate(name, expected, trust, alike, _answered(subject, window), usual)
                yield estimated.verdict(subject, get(name, subject.model.task), window, found, "", how, past)


def _classes(subject: Subject, reader: LogReader, windows: list[Slots]) -> Iterator[Verdict]:
    columns, classes = subject.model.predictions.columns, subject.profile.classes
    assert isinstance(columns.score, dict)
    metrics = _asked(subject, multiclass.METRICS, multiclass.METRICS)
    chunks = [_by_class(subject, w) for w in subject.reference_chunks()] or [_by_class(subject, subject.reference_span)]
    pieces = [_by_class(subject, w) for w in subject.reference_pieces()] or chunks
    total = _by_class(subject, subject.reference_span).sum(axis=(0, 1))
    hits = _by_class(subject, subject.reference_span)[..., 1].sum(axis=1)
    if total.sum() < MIN_REFERENCE * len(classes) or hits.min() < estimated.MIN_EACH:
        reason = (
            f"The reference has {hits.sum():,} labelled rows, {hits.min():,} of its rarest class; at least "
            f"{MIN_REFERENCE} and {estimated.MIN_EACH} are needed to calibrate scores."
        )
        yield from _short(subject, windows, metrics, "cbpe", reason)
        return
    known = [
        learn(np.stack([c[k] for c in chunks]), np.stack([p[k] for p in pieces]), SEED) for k in range(len(classes))
    ]
    past, usual = estimated.realised(subject, ""), min(1.0, labels.state_of(subject).usual)
    how = estimated.way(known[0], subject)
    numbers = {name: i for i, name in enumerate(classes)}
    for window, frame in _each(subject, reader, windows):
        scores = frame[[columns.score[name] for name in classes]].to_numpy(np.float64)
        at = score_classes(scores)
        predicted = scores.argmax(axis=1) if len(frame) else np.zeros(0, np.int64)
        known_class = np.isfinite(scores).all(axis=1)
        if columns.prediction is not None and columns.prediction in frame:
            mapped = frame[columns.prediction].map(numbers)
            known_class &= mapped.notna().to_numpy()
            predicted = mapped.fillna(0).to_numpy(np.int64)
        found = multiclass.estimate(
            at[known_class], predicted[known_class], known, metrics, _answered(subject, window), usual, SEED
        )
        for name in metrics:
            yield estimated.verdict(subject, get(name, subject.model.task), window, found[name], "", how, past)


def _mixed(subject: Subject, reader: LogReader, windows: list[Slots]) -> Iterator[Verdict]:
    columns = subject.model.predictions.columns
    assert isinstance(columns.score, str)
    column = subject.profile.find(Kind.SCORE, columns.score)
    if column is None or columns.prediction is None:
        return
    always, shares = estimated.predicted_share(subject, ""), {}
    for window, frame in _each(subject, reader, windows):
        frame = frame[frame[columns.prediction].notna()]
        at = score_classes(frame[[columns.score]].to_numpy(np.float64))[:, 0]
        n = np.bincount(at, minlength=len(always))
        positive = np.bincount(at, frame[columns.prediction] == "1", minlength=len(always))
        shares[window] = np.where(n > 0, positive / np.maximum(n, 1), always)
    only = replace(subject, due=frozenset(windows))
    yield from estimated.by_scores(only, column, "", list(PREDICTED), shares)


def score_classes(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """The outcome's score class of every score; the last one without a score."""
    codes = np.clip(SCORE_GRID.code(np.nan_to_num(scores)), 0, outcomes.SCORES - 2).astype(np.int64)
    return np.where(np.isfinite(scores), codes, outcomes.SCORES - 1)


def _asked(subject: Subject, usual: tuple[str, ...], possible: tuple[str, ...]) -> list[str]:
    """The metrics to estimate: the one the model is judged by, those with a threshold, and some more."""
    names = [subject.model.main_metric, *usual]
    for threshold in subject.model.thresholds:
        family, _, name = threshold.check.partition(".")
        names += [name] if family in ("performance", "estimated") else []
    return [name for name in dict.fromkeys(names) if name in possible]


def _short(subject: Subject, windows: list[Slots], metrics: list[str], method: str, reason: str) -> Iterator[Verdict]:
    main = subject.model.main_metric
    for window in windows:
        face, check = subject.window(window, _answered(subject, window)), f"estimated.{main}"
        if main in metrics:
            yield Verdict(subject.model.key, check, face, Status.INSUFFICIENT_DATA, reason, method=method)


def _answered(subject: Subject, window: Slots) -> int:
    """Rows with a prediction: of requests that failed, there is none."""
    for kind in (Kind.PREDICTION, Kind.SCORE):
        column = next((c for c in subject.profile.columns if c.kind == kind), None)
        if column is not None:
            return subject.current.histogram(kind, column.name, window).n
    return subject.current.rows(window)


def _by_class(subject: Subject, window: Slots) -> NDArray[np.int64]:
    found = outcome_of(subject, subject.reference, window, None, "")
    assert isinstance(found, outcomes.MulticlassOutcome) and found.scores is not None
    return found.scores


def _reference(subject: Subject, reader: LogReader, base: Path) -> tuple[pd.DataFrame, Roles]:
    """A sample of the reference's rows with their labels, columns named as in the prediction log."""
    span = subject.reference_span
    share = min(1.0, LIMIT / max(1, subject.reference.rows(span)))
    with reference_reader(subject.model, base, None, reader) as other:
        rows, theirs = by_slot(other, Bounds(((span.first, span.last),), reader.as_of), share, SEED, labelled=True)
    ours = roles_of(subject.model, subject.profile.types)
    if other is reader:
        return rows, theirs
    names = renamed(theirs, ours)
    return rows.rename(columns=names), replace(theirs, label=names.get(theirs.label or "", theirs.label))


def _piece(subject: Subject, rows: pd.DataFrame) -> NDArray[np.int64]:
    """The piece of the reference that each row is of; rows past the last whole piece go with it."""
    starts = [w.first for w in subject.reference_pieces()] or [subject.reference_span.first]
    return np.clip(np.searchsorted(starts, rows[SLOT].to_numpy(), side="right") - 1, 0, None)


def _each(subject: Subject, reader: LogReader, windows: list[Slots]) -> Iterator[tuple[Slots, pd.DataFrame]]:
    for read, frame in _sampled(subject, reader, windows):
        for window, kept in _parts(read, frame):
            yield window, frame.iloc[kept]


def _sampled(subject: Subject, reader: LogReader, windows: list[Slots]) -> Iterator[tuple[list[Slots], pd.DataFrame]]:
    """Windows with their rows, about WINDOW of each where it has more: windows of like size are read together."""
    sizes = {w: subject.current.rows(w) for w in windows}
    batch: list[Slots] = []
    for window in sorted(windows, key=lambda w: (sizes[w] > WINDOW, w)):
        rows = sum(min(sizes[w], WINDOW) for w in [*batch, window])
        if batch and (rows > BATCH or (sizes[window] > WINDOW) != (sizes[batch[0]] > WINDOW)):
            yield batch, _read(reader, batch, sizes)
            batch = []
        batch.append(window)
    yield batch, _read(reader, batch, sizes)


def _read(reader: LogReader, windows: list[Slots], sizes: dict[Slots, int]) -> pd.DataFrame:
    share = min(1.0, WINDOW / max(1, min(sizes[w] for w in windows)))
    slots = [slot for w in windows for slot in range(w.first, w.last)]
    return by_slot(reader, Bounds(runs(slots), reader.as_of), share, SEED, labelled=False)[0]


def _parts(windows: list[Slots], frame: pd.DataFrame) -> Iterator[tuple[Slots, slice]]:
    """Where each window's rows are in a frame that is in order of slots."""
    at = frame[SLOT].to_numpy()
    for window in windows:
        first, last = np.searchsorted(at, [window.first, window.last])
        yield window, slice(int(first), int(last))
