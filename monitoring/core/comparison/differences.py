"""What is bet on: bounded differences, champion to challenger, in the order in which labels became known.

The order is frozen: rows come by the moment their label was observed, and rows of one moment as they are given. What
is known at one time is so the beginning of what is known later, however late and mixed labels arrive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitoring.core.comparison.rows import Answers, Sides
from monitoring.core.diagnosis.interval import Floats
from monitoring.core.diagnosis.row_metric import RowMetric, row_metric

BURN_IN = 200
"""Rows from which the scale is frozen; they take no part in the test."""
ROOM = 2.0
"""Times the largest difference in them that later ones may reach before they are cut."""
OF_CLASS, CUT = 20, 0.25
"""Of a ranking: rows of each class that a batch waits for, and where differences of a batch's AUC are cut."""
BOUNDED = ("brier", "accuracy")
NAMES = {
    "accuracy": "wrong answers",
    "brier": "squared errors of the score",
    "log_loss": "log losses",
    "mae": "absolute errors",
    "rmse": "squared errors",
}


@dataclass(frozen=True, slots=True, eq=False)
class Differences:
    """Gains of the challenger in [-1, 1], above 0 where it is better, one after another.

    `at`: when each was known (seconds since 1970), ascending; `rows`: of the log, up to each. A gain times `scale` is
    one of the loss, and `in_unit` whether that is in the label's unit. `words` say what a gain is.
    """

    gains: Floats
    at: Floats
    rows: Floats
    scale: float
    in_unit: bool
    words: str


def differences(sides: Sides, metric: str, unit: str = "") -> Differences:
    """The gains by the loss of a row that is nearest to the metric (core.diagnosis.row_metric)."""
    both = (sides.champion, sides.challenger)
    order = [np.argsort(a.observed, kind="stable") for a in both]
    n = min(len(a) for a in both)  # unpaired: the nth with the nth
    known = np.maximum(*(a.observed[o][:n] for a, o in zip(both, order, strict=True)))
    scored = all(a.score is not None for a in both)
    yard = row_metric(metric, sides.task, scored)
    tail = "" if sides.paired else "; rows are not paired: the nth labelled row of one side with the nth of the other"
    if yard.name == "roc_auc":
        return _of_batches(sides, order, known, n, tail)
    losses = [_losses(yard, sides, a)[o][:n] for a, o in zip(both, order, strict=True)]
    gains = losses[0] - losses[1]
    most = ROOM * float(np.abs(gains[:BURN_IN]).max(initial=0.0))
    if most == 0.0:  # the two do not differ there
        most = 1.0 if yard.name in BOUNDED else ROOM * float(losses[0][:BURN_IN].max(initial=0.0)) or 1.0
    scale = min(most, 1.0) if yard.name in BOUNDED else most
    shown = f"{scale:.3g}{f' {unit}' if unit and yard.name == 'mae' else ''}"
    words = (
        f"difference of {NAMES[yard.name]}, row by row, cut at ±{shown}: {ROOM:g} times the largest of the first "
        f"{BURN_IN} rows, which take no part{tail}"
    )
    bets = np.clip(gains[BURN_IN:] / scale, -1.0, 1.0)
    return Differences(bets, known[BURN_IN:], np.arange(BURN_IN + 1.0, n + 1), scale, yard.name == "mae", words)


def _losses(yard: RowMetric, sides: Sides, answers: Answers) -> Floats:
    if sides.task == "multiclass_classification":
        return np.asarray((answers.predicted != answers.truth).astype(float))
    if yard.name == "accuracy" or sides.task == "regression":
        return yard.losses(answers.predicted, answers.truth)
    assert answers.score is not None
    return yard.losses(answers.score, answers.truth)


def _of_batches(sides: Sides, order: list[np.ndarray], known: Floats, n: int, tail: str) -> Differences:
    """The AUC is no mean over rows: rows are gathered until there are OF_CLASS of each class on both sides, and the
    gain is that in the batch's AUC. Where a batch ends depends on labels alone, so that it favours neither."""
    scores, truths = [], []
    for answers, o in zip((sides.champion, sides.challenger), order, strict=True):
        assert answers.score is not None
        scores.append(answers.score[o][:n])
        truths.append(answers.truth[o][:n])
    seen = [np.cumsum(truth == kind) for truth in truths for kind in (0, 1)]
    gains, ends, start = [], [], 0
    while True:
        before = [int(s[start - 1]) if start else 0 for s in seen]
        end = max(int(np.searchsorted(s, b + OF_CLASS)) for s, b in zip(seen, before, strict=True)) + 1
        if end > n:
            break
        a, b = (_auc(score[start:end], truth[start:end]) for score, truth in zip(scores, truths, strict=True))
        gains.append(min(max((b - a) / CUT, -1.0), 1.0))
        ends.append(end)
        start = end
    at = known[:n]
    upto = np.maximum.accumulate(at)[np.asarray(ends, dtype=int) - 1] if ends else np.zeros(0)
    words = (
        f"difference of the ROC AUC within batches: rows in the order of their labels, {OF_CLASS} of each class at "
        f"least a batch, cut at ±{CUT:g}{tail}"
    )
    return Differences(np.asarray(gains, dtype=float), upto, np.asarray(ends, dtype=float), CUT, False, words)


def _auc(score: Floats, truth: Floats) -> float:
    return RowMetric("roc_auc").statistic(score, truth)(np.ones(len(score)))
