"""How often a model should be retrained, by its own decay: how much worse it gets with each day since its training.

Losing s a day and retraining every T days, half of s T is lost on average. Where a unit lost costs v a day and a
retrain costs C, C / T + v s T / 2 is least at T = sqrt(2 C / (v s)), the economic lot of Harris (1913). Without such
costs, it is the time in which the level of a fresh model decays to its warning threshold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

FEWEST = 8
"""Windows, without which nothing is said of a decay."""
WEEK = 7.0
LONGEST = 730.0
"""Days beyond which a cadence is no cadence."""


@dataclass(frozen=True, slots=True)
class Aged:
    """A mature window: days since the training ended, and the metric."""

    days: float
    value: float


@dataclass(frozen=True, slots=True)
class Cadence:
    """`days` between retrains, with the range that the decay's 95 % interval leaves; None: retrain by events, not by
    the calendar, and `reason` says why. `decay` is how much worse it gets a day, `fresh` its level at age 0."""

    days: float | None
    least: float | None
    most: float | None
    decay: float | None
    fresh: float | None
    by: Literal["cost", "threshold", ""]
    reason: str


def cadence(
    aged: Sequence[Aged], better: Literal["higher", "lower"], warning: float | None, cost: float | None = None,
    value_a_day: float | None = None,
) -> Cadence:  # fmt: skip
    """The cadence that mature windows recommend. `value_a_day` is what one unit of the metric is worth a day.

    The decay is the slope of Theil (1950) and Sen (1968) through weekly medians, so that days of a week and odd days do
    not count as decay; its interval is Sen's, from Kendall's tau.
    """
    if len(aged) < FEWEST:
        return _none(f"{len(aged)} mature windows since the training; {FEWEST} are needed")
    x, y = _weekly(aged)
    if len(x) < 4:
        return _none("less than four weeks since the training")
    from scipy.stats import theilslopes

    sign = 1.0 if better == "lower" else -1.0
    found = theilslopes(sign * y, x, 0.95)
    decay, low, high = float(found.slope), float(found.low_slope), float(found.high_slope)
    fresh = sign * float(found.intercept)
    if low <= 0:
        return Cadence(
            None, None, None, decay, fresh, "", "it does not get worse with age beyond chance: retrain by events"
        )
    if cost is not None and value_a_day is not None:
        days, least, most = (math.sqrt(2 * cost / (value_a_day * s)) for s in (decay, high, low))
        return _bounded(days, least, most, decay, fresh, "cost")
    if warning is None:
        return _none("no threshold is set that it could decay to, and no cost", decay, fresh)
    room = sign * (warning - fresh)
    if room <= 0:
        return _none("fresh from training it is beyond its warning threshold already", decay, fresh)
    return _bounded(room / decay, room / high, room / low, decay, fresh, "threshold")


def _bounded(
    days: float, least: float, most: float, decay: float, fresh: float, by: Literal["cost", "threshold"]
) -> Cadence:  # fmt: skip
    if days > LONGEST:
        return _none("it decays so slowly that retraining by the calendar does not pay", decay, fresh)
    return Cadence(days, least, min(most, LONGEST), decay, fresh, by, "")


def _none(reason: str, decay: float | None = None, fresh: float | None = None) -> Cadence:
    return Cadence(None, None, None, decay, fresh, "", reason)


def _weekly(aged: Sequence[Aged]) -> tuple[np.ndarray, np.ndarray]:
    days = np.asarray([one.days for one in aged])
    values = np.asarray([one.value for one in aged])
    weeks = np.floor(days / WEEK)
    kept = np.unique(weeks)
    return (
        np.asarray([days[weeks == week].mean() for week in kept]),
        np.asarray([np.median(values[weeks == week]) for week in kept]),
    )
