"""A figure of two sides and what it changes by, paired where they are, with its interval."""

from __future__ import annotations

import math

import numpy as np

from monitoring.core.comparison import delong
from monitoring.core.comparison.rows import Answers, Sides
from monitoring.core.comparison.statistics import statistic
from monitoring.core.diagnosis.interval import Interval, Statistic, measured

SEED = 20131101
DELONG = "DeLong, days as blocks"
BOOTSTRAP = "bootstrap, days as blocks"


def levels(sides: Sides, metric: str) -> tuple[float | None, float | None]:
    """The metric of both sides; None where it is undefined."""
    found = []
    for answers in (sides.champion, sides.challenger):
        value = _of(sides, metric, answers)(np.ones(len(answers))) if len(answers) else math.nan
        found.append(value if math.isfinite(value) else None)
    return found[0], found[1]


def change(sides: Sides, metric: str) -> Interval | None:
    """What the metric changes by from champion to challenger; None where that is undefined."""
    a, b = sides.champion, sides.challenger
    if len(a) == 0 or len(b) == 0:
        return None
    if metric == "roc_auc":
        assert a.score is not None and b.score is not None
        if sides.paired:
            return delong.auc_change(a.score, b.score, a.truth, a.codes)
        return _apart(delong.auc(a.score, a.truth, a.codes), delong.auc(b.score, b.truth, b.codes))
    return difference(sides, _of(sides, metric, a), _of(sides, metric, b))


def difference(sides: Sides, of: Statistic, to: Statistic) -> Interval | None:
    """The second statistic, of the challenger's rows, less the first, of the champion's."""
    if sides.paired:
        return measured(lambda weights: to(weights) - of(weights), sides.champion.codes, SEED)
    found = (measured(of, sides.champion.codes, SEED), measured(to, sides.challenger.codes, SEED + 1))
    return _apart(*found)


def method(metric: str) -> str:
    """How a metric's interval is found, in words."""
    return DELONG if metric == "roc_auc" else BOOTSTRAP


def _of(sides: Sides, metric: str, answers: Answers) -> Statistic:
    return statistic(metric, sides.task, answers, len(sides.classes))


def _apart(of: Interval | None, to: Interval | None) -> Interval | None:
    return None if of is None or to is None else to.minus(of)
