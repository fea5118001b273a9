"""What is bet on: the challenger's gain of each day, in the order in which labels became known.

The order is frozen: a row belongs to the day (UTC) on which its label was observed, and a day counts once it is over.
What is known at one time is so the beginning of what is known later, however late and mixed labels arrive.

Days, not rows: the rows of a day share its weather, which favours one version or the other. On the demo fleet, the
mean gains of days vary 5 to 10 times as much as those of independent rows would (docs/comparison.md), and a bet on
every row would take a few such days for evidence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitoring.core.comparison.rows import Answers, Sides
from monitoring.core.diagnosis.interval import Floats
from monitoring.core.diagnosis.row_metric import Name, RowMetric, row_metric

DAY = 86_400
BURN_IN, ROOM = 5, 1.5
"""Days from which the scale is frozen, which take no part; and the times their largest gain that later ones may reach
before they are cut."""
FEWEST, OF_CLASS = 20, 10
"""Rows of each side that a day needs, and of a ranking, rows of each class: else the next day is added to it."""
NAMES: dict[Name, str] = {
    "accuracy": "share of wrong answers",
    "brier": "squared error of the score",
    "log_loss": "log loss",
    "mae": "absolute error",
    "rmse": "squared error",
    "roc_auc": "ROC AUC",
}
BOUNDED = ("accuracy", "brier", "roc_auc")
"""Metrics whose gains cannot be more than 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Differences:
    """Gains of the challenger in [-1, 1], above 0 where it is better, day by day.

    `at`: when each was known (seconds since 1970), ascending; `rows`: of a side, up to each, burn-in included. A gain
    times `scale` is one of the metric, and `in_unit` whether that is in the label's unit. `words` say what a gain is.
    """

    gains: Floats
    at: Floats
    rows: Floats
    scale: float
    in_unit: bool
    words: str


def differences(sides: Sides, metric: str, unit: str = "", closed: float | None = None) -> Differences:
    """The gains by the loss of a row that is nearest to the metric (core.diagnosis.row_metric); of the AUC, in itself.

    `closed`: the moment up to which all labels are known; None: the last day with labels may not be over.
    """
    both = (sides.champion, sides.challenger)
    yard = row_metric(metric, sides.task, all(a.score is not None for a in both))
    days = [(a.observed // DAY).astype(np.int64) for a in both]
    ranking = yard.name == "roc_auc"
    ends = _rounds(days, [a.truth for a in both], OF_CLASS if ranking else FEWEST, ranking, closed)
    losses = [np.zeros(0) if ranking else _losses(yard, sides, a) for a in both]
    found, rows = [], []
    start = -1
    for end in ends:
        inside = [(day > start) & (day <= end) for day in days]
        if ranking:
            a, b = (_auc(answers, kept) for answers, kept in zip(both, inside, strict=True))
            found.append(b - a)
        else:
            found.append(float(losses[0][inside[0]].mean() - losses[1][inside[1]].mean()))
        rows.append(float(min((day <= end).sum() for day in days)))
        start = end
    gains = np.asarray(found, dtype=float)
    most = ROOM * float(np.abs(gains[:BURN_IN]).max(initial=0.0))
    if most == 0.0:  # the two do not differ there
        most = 1.0 if yard.name in BOUNDED else float(losses[0].mean()) if len(losses[0]) else 1.0
    scale = (min(most, 1.0) if yard.name in BOUNDED else most) or 1.0
    shown = f"{scale:.3g}{f' {unit}' if unit and yard.name == 'mae' else ''}"
    words = (
        f"difference of the {NAMES[yard.name]} day by day, by the day on which a label was observed (UTC), cut at "
        f"±{shown}: {ROOM:g} times the largest of the first {BURN_IN} days, which take no part"
    )
    bets = np.clip(gains[BURN_IN:] / scale, -1.0, 1.0)
    at = (np.asarray(ends, dtype=float) + 1)[BURN_IN:] * DAY
    return Differences(bets, at, np.asarray(rows)[BURN_IN:], scale, yard.name == "mae", words)


def _rounds(
    days: list[npt.NDArray[np.int64]], truths: list[Floats], needed: int, ranking: bool, closed: float | None
) -> list[int]:
    """The last days of the rounds: a day, or as many as it takes to have enough rows (of each class) on both sides."""
    if min(len(d) for d in days) == 0:
        return []
    newest = max(int(d.max()) for d in days)
    over = newest if closed is None else min(int(closed // DAY), newest + 1)  # the day that may not be over yet
    groups = [(d, t == kind) for d, t in zip(days, truths, strict=True) for kind in (0, 1)] if ranking else [
        (d, np.ones(len(d), bool)) for d in days]  # fmt: skip
    first = min(int(d.min()) for d in days)
    counts = np.stack([np.bincount(d[kept] - first, minlength=newest - first + 1) for d, kept in groups])
    out: list[int] = []
    held = np.zeros(len(groups), dtype=np.int64)
    for number in range(over - first):
        held = held + counts[:, number]
        if (held >= needed).all():
            out.append(first + number)
            held = np.zeros_like(held)
    return out


def _losses(yard: RowMetric, sides: Sides, answers: Answers) -> Floats:
    if sides.task == "multiclass_classification":
        return np.asarray((answers.predicted != answers.truth).astype(float))
    if yard.name == "accuracy" or sides.task == "regression":
        return yard.losses(answers.predicted, answers.truth)
    assert answers.score is not None
    return yard.losses(answers.score, answers.truth)


def _auc(answers: Answers, kept: npt.NDArray[np.bool_]) -> float:
    assert answers.score is not None
    return RowMetric("roc_auc").statistic(answers.score[kept], answers.truth[kept])(np.ones(int(kept.sum())))
