"""The challenger: the quick learner fitted on what was known by then, scored on what came next, beside the champion."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from monitoring.core.diagnosis import retraining
from monitoring.core.diagnosis.interval import Codes, Floats, Interval, blocks, measured
from monitoring.core.diagnosis.retraining import FEWEST_ROWS, Outlook, Retraining
from monitoring.core.diagnosis.row_metric import RowMetric
from monitoring.core.window import Slots
from monitoring.diagnosis.learner import crossed, fitted
from monitoring.diagnosis.rows import Labelled, Logs
from monitoring.ingest import Progress

SEED = 7
ORIGINS = 4
"""Times at which a challenger is fitted anew while the window is scored (rolling origin: Tashman 2000)."""
DAY = 24


def retrained(
    logs: Logs, window: Slots, then: Labelled | None, now: Labelled, drop: float | None, progress: Progress
) -> Retraining:
    """Challengers of rolling origin, a control fitted on the reference's rows, and the champion, on the same rows.

    `then` are the reference's rows, where it has enough; `drop` is how much worse the metric is than there.
    """
    challenger = np.full(len(now.frame), np.nan)
    parted = origins(window, logs.timed)
    size = 0
    for number, part in enumerate(parted):
        progress(0.5 + 0.3 * number / len(parted), f"fitting challenger {number + 1} of {len(parted)}")
        inside = (now.at >= part.first) & (now.at < part.last)
        if not inside.any():
            continue
        known = logs.before(part.first)
        if len(known.frame) < FEWEST_ROWS:
            continue
        answers = _learned(logs, known, now)
        if answers is not None:
            challenger[inside] = answers[inside]
            size = len(known.frame)
    scored = np.isfinite(challenger)
    if scored.sum() < FEWEST_ROWS:
        short = f"too few labels were known before the window (at least {FEWEST_ROWS} are needed)"
        return Retraining(Outlook.UNTRIED, short, scored=int(scored.sum()), fitted=size)
    truth, codes = now.truth[scored], _blocks(logs, now, scored)
    seen = _change(logs.metric, now.answer[scored], challenger[scored], truth, codes)
    if seen is None:
        short = "the metric is undefined on the rows that could be scored"
        return Retraining(Outlook.UNTRIED, short, scored=int(scored.sum()), fitted=size)
    level = logs.metric.statistic(now.answer[scored], truth)(np.ones(int(scored.sum())))
    newer = learner = None
    if then is not None:
        progress(0.85, "fitting a control on the reference's rows")
        control = _learned(logs, then, now)
        if control is not None:
            newer = _change(logs.metric, control[scored], challenger[scored], truth, codes)
        progress(0.9, "asking what another learner brings anyway")
        own = _crossed(logs, then)
        if own is not None:
            learner = _change(logs.metric, then.answer, own, then.truth, then.codes)
    return retraining.judged(logs.metric, level, seen, newer, learner, drop, int(scored.sum()), size)


def origins(window: Slots, timed: bool) -> list[Slots]:
    """The window in parts of whole days (or chunks), ORIGINS at most."""
    step = DAY if timed and len(window) >= 2 * DAY else 1
    units = max(1, len(window) // step)
    count = min(ORIGINS, units) if step == DAY or not timed else 1
    edges = [window.first + round(number * units / count) * step for number in range(count)] + [window.last]
    return [Slots(a, b) for a, b in pairwise(edges)]


def _change(metric: RowMetric, of: Floats, to: Floats, truth: Floats, codes: Codes) -> Interval | None:
    """What the metric changes by from one's answers to another's, paired row by row."""
    a, b = metric.statistic(of, truth), metric.statistic(to, truth)
    return measured(lambda weights: b(weights) - a(weights), codes, SEED)


def _blocks(logs: Logs, rows: Labelled, kept: npt.NDArray[np.bool_]) -> Codes:
    """Blocks of the rows kept, numbered from 0 without gaps."""
    return rows.codes if kept.all() else blocks(rows.at[kept], logs.timed)


def _target(logs: Logs, rows: Labelled) -> tuple[npt.NDArray[Any], str]:
    if logs.task == "regression":
        return rows.truth, "mean" if logs.metric.name == "rmse" else "value"
    if logs.task == "binary_classification":
        return rows.truth.astype(int), "chance"
    return rows.frame[logs.roles.label or ""].to_numpy(dtype=object), "class"


def _answer(logs: Logs, rows: Labelled, found: npt.NDArray[Any]) -> Floats:
    """What a learner said, as a RowMetric takes it."""
    if logs.task == "multiclass_classification":
        return np.asarray(found == rows.frame[logs.roles.label or ""].to_numpy(dtype=object), dtype=float)
    return np.asarray(found, dtype=float)


def _learned(logs: Logs, rows: Labelled, on: Labelled) -> Floats | None:
    """The answers, on other rows, of a learner fitted on some."""
    target, kind = _target(logs, rows)
    model = fitted(rows.frame, logs.roles.features, target, kind)
    return None if model is None else _answer(logs, on, model(on.frame))


def _crossed(logs: Logs, rows: Labelled) -> Floats | None:
    """The learner's answers on its own rows, cross-fitted by days."""
    target, kind = _target(logs, rows)
    found = crossed(rows.frame, logs.roles.features, target, kind, rows.codes)
    return None if found is None else _answer(logs, rows, found[0])
