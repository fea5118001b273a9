"""A figure with its standard error, from blocks of rows that belong together."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Statistic = Callable[[Floats], float]
"""A figure of some rows, each with a weight."""

DAY = 24
FEWEST_DAYS, RUNS = 5, 12
"""Below so many days, the rows are cut into runs instead: of three days nobody can say how much days vary."""
DRAWS = 200


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its standard error and the degrees of freedom of that error."""

    value: float
    error: float
    degrees: float

    @property
    def half(self) -> float:
        """Half the width of the 95 % interval."""
        return self.half_at(0.05)

    def half_at(self, alpha: float) -> float:
        """Half the width of the interval that misses the truth with chance `alpha`."""
        from scipy.special import stdtrit

        return float(stdtrit(max(self.degrees, 1.0), 1 - alpha / 2)) * self.error

    @property
    def lower(self) -> float:
        """Where the 95 % interval begins."""
        return self.value - self.half

    @property
    def upper(self) -> float:
        """Where it ends."""
        return self.value + self.half

    def minus(self, other: Interval) -> Interval:
        """The difference to an independent figure, with Welch's degrees of freedom (1947)."""
        variances = self.error**2, other.error**2
        total = sum(variances)
        spent = variances[0] ** 2 / max(self.degrees, 1.0) + variances[1] ** 2 / max(other.degrees, 1.0)
        degrees = total**2 / spent if spent > 0 else min(self.degrees, other.degrees)
        return Interval(self.value - other.value, math.sqrt(total), degrees)

    def times(self, factor: float) -> Interval:
        """The figure on another scale; -1 turns it around."""
        return Interval(self.value * factor, self.error * abs(factor), self.degrees)

    def wider(self, error: float) -> Interval:
        """The same with another, independent source of error."""
        return Interval(self.value, math.hypot(self.error, error), self.degrees)


def blocks(slots: Codes, timed: bool) -> Codes:
    """Which block each row belongs to, from 0: its day (UTC), as the rows of one day share a weather of their own.

    `slots` are in order: hours since 1970 where `timed`, else numbers of chunks. Rows without time, and those of few
    days, are cut into equal runs.
    """
    if timed:
        days = np.unique(slots // DAY, return_inverse=True)[1]
        if len(days) and int(days.max()) + 1 >= FEWEST_DAYS:
            return days.astype(np.int64)
    n = len(slots)
    return np.minimum(np.arange(n) * RUNS // max(n, 1), RUNS - 1).astype(np.int64)


def measured(statistic: Statistic, codes: Codes, seed: int) -> Interval | None:
    """A statistic with the standard error of the block bootstrap; None where it is undefined.

    Blocks are drawn with replacement. With G of them, the spread is widened by √(G/(G−1)) and read on a t
    distribution with G−1 degrees, so that few blocks are not overtrusted (Cameron, Gelbach & Miller 2008).
    """
    count = int(codes.max()) + 1 if len(codes) else 0
    value = statistic(np.ones(len(codes))) if count else math.nan
    if count < 2 or not math.isfinite(value):
        return None
    random = np.random.default_rng(seed)
    found = []
    for _ in range(DRAWS):
        weights = np.bincount(random.integers(0, count, count), minlength=count).astype(float)
        found.append(statistic(weights[codes]))
    replicates = np.asarray(found)
    replicates = replicates[np.isfinite(replicates)]
    if len(replicates) < DRAWS // 2:
        return None
    return Interval(value, float(replicates.std(ddof=1)) * math.sqrt(count / (count - 1)), float(count - 1))
