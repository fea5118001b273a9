"""Whether a covariate explains how a column moved: a regression of window means that follows the log.

A column may move with something known: sales with the temperature, a forecast's error with the hours of daylight. What
is learned of that from the reference alone seldom reaches as far as a year goes, so windows are taken in their order:
each is predicted from those before, and one that the covariate explains teaches the next. One that it does not explain
teaches nothing, so that a fault is never learned as if it were the season.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FEWEST = 8
"""Windows from which a line and its residuals can be learned."""
CHANCE = 0.001
"""How often chance alone may take a window's residual beyond the band that still counts as explained."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A window's mean beside what the covariate predicts: `predicted` and the half-`width` of the band around it, both
    in units of the column. `explained` is true where the covariate accounts for the window; `beyond` is the first
    measure that is not as predicted, None where all are."""

    predicted: float
    width: float
    explained: bool
    beyond: int | None


def follow(covariate: Floats, measures: Floats, sampling: Floats, learned: int) -> list[Explanation | None]:
    """Every window's explanation, in order; None for the first `learned`, the reference's, and where too few are known.

    `covariate` (windows,) holds its mean in each, `measures` (windows, measures) the column's: its mean first, then
    what else must be as the line has it, so that more than the mean has not moved. `sampling` are the variances that
    the rows give them. A window without rows is NaN. Explained is a window whose residuals all lie within the band of
    prediction of ordinary least squares, where that of the mean is narrower than the way it went from the reference's
    windows: a band that would hold anything explains nothing.
    """
    from scipy.special import stdtrit

    known = np.isfinite(covariate) & np.isfinite(measures).all(axis=1)
    kept = known & (np.arange(len(covariate)) < learned)
    if not kept.any():
        return [None] * len(covariate)
    start, before = float(covariate[kept].mean()), measures[kept].mean(axis=0)
    x, y = np.where(known, covariate, start) - start, np.where(known[:, None], measures, before) - before
    n, sums = float(kept.sum()), np.zeros(2)
    sums_y, with_x, squares = np.zeros(y.shape[1]), np.zeros(y.shape[1]), np.zeros(y.shape[1])
    out: list[Explanation | None] = [None] * len(x)
    for at in range(len(x)):
        if at >= learned and known[at] and n >= FEWEST:
            middle, mean = sums[0] / n, sums_y / n
            spread = sums[1] - n * middle**2
            slope = (with_x - n * middle * mean) / spread if spread > 0 else np.zeros_like(mean)
            left = np.maximum(squares - n * mean**2 - slope**2 * spread, 0.0) / (n - 2)
            lever = 1 + 1 / n + ((x[at] - middle) ** 2 / spread if spread > 0 else 0.0)
            predicted = mean + slope * (x[at] - middle)
            width = -float(stdtrit(n - 2, CHANCE / 2)) * np.sqrt(np.maximum(left, sampling[at]) * lever)
            beyond = np.flatnonzero(np.abs(y[at] - predicted) > width)
            kept[at] = not len(beyond)
            out[at] = Explanation(
                float(predicted[0] + before[0]), float(width[0]), bool(kept[at] and width[0] < abs(y[at, 0])),
                int(beyond[0]) if len(beyond) else None,
            )  # fmt: skip
        if kept[at]:
            sums += x[at], x[at] ** 2
            sums_y, with_x, squares = sums_y + y[at], with_x + x[at] * y[at], squares + y[at] ** 2
            n = n if at < learned else n + 1
    return out
