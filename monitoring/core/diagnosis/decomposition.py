"""How much of a drop the shift of the inputs explains, and how much is left.

What the reference's rows lost, as a function of their inputs, is learned on the reference alone (cross-fitted by
days) and averaged over the rows of now: the loss that the same world would give on the inputs of now. The change up
to there is the inputs' part; the rest is the part of the world, which answers the same inputs otherwise (concept). In
the words of Cai, Namkoong & Yadlowsky (2023), the X shift and the Y|X shift. Both add up to the drop.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monitoring.core.diagnosis.interval import Codes, Interval, Statistic, measured

SEEDS = (11, 12)
"""Of the resampling of the reference and of now, which are drawn apart."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One side: the metric as it came out, and as the reference's world would have it. Both of the rows' weights.

    `folds` are the expectations by the models of each fold alone, whose spread is the models' own error.
    """

    realised: Statistic
    expected: Statistic
    codes: Codes
    folds: tuple[Statistic, ...] = ()


@dataclass(frozen=True, slots=True)
class Decomposition:
    """A change of the metric (now less then) and its two parts."""

    change: Interval
    shift: Interval
    concept: Interval


def change(then: Measured, now: Measured) -> Interval | None:
    """The metric now less the metric then; None where one of them is undefined."""
    before, after = measured(then.realised, then.codes, SEEDS[0]), measured(now.realised, now.codes, SEEDS[1])
    return None if before is None or after is None else after.minus(before)


def decomposed(then: Measured, now: Measured) -> Decomposition | None:
    """The change, split. None where the metric or its expectation is undefined."""
    whole = change(then, now)
    before, after = measured(then.expected, then.codes, SEEDS[0]), measured(now.expected, now.codes, SEEDS[1])
    # the rest is resampled as a difference: what a day does to the loss it mostly does to the expectation, too
    left_then = measured(lambda w: then.realised(w) - then.expected(w), then.codes, SEEDS[0])
    left_now = measured(lambda w: now.realised(w) - now.expected(w), now.codes, SEEDS[1])
    if whole is None or before is None or after is None or left_then is None or left_now is None:
        return None
    models = _jackknife([fold(np.ones(len(now.codes))) for fold in now.folds])
    return Decomposition(whole, after.minus(before).wider(models), left_now.minus(left_then).wider(models))


def _jackknife(values: Sequence[float]) -> float:
    """The error of a mean of models each of which left a fold out (Efron & Tibshirani 1993, ch. 11)."""
    k = len(values)
    if k < 2:
        return 0.0
    found = np.asarray(values)
    return math.sqrt((k - 1) / k * float(((found - found.mean()) ** 2).sum()))
