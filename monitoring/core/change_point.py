"""Change points: where the level of a series of windows changed, so that "since when" has an answer.

The series is cut into stretches of one level each, so that the squared residuals, in units of the series' own noise,
plus PENALTY × ln n for each cut (n at least USUAL) are least: optimal partitioning (Jackson et al. 2005), which is
exact. What keeps a series without a change free of cuts:

- *Noise* comes from differences of neighbouring windows, which a change of level barely touches, and so does the
  autocorrelation, from differences at one and two windows (Chakar et al. 2017); the noise is then the long-run one.
  It is never below the windows' sampling errors, where they are known.
- *Patterns* of the day and the week are taken out first (medians by phase of what is left of a moving median). Where
  the series is too short to know its pattern, a new level must last a whole period.
- *Spikes* are cut down to three deviations around a moving median, which keeps a step as it is. A level lasts at least
  SHORTEST windows.

PENALTY was set by simulation (tests/core/test_change_point.py holds it): of 90 windows without a change, at most 1
series in 20 gets a change point, with normal, heavy-tailed and skewed noise, and autocorrelation up to .3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PENALTY = 4.0
"""Of a cut, in units of ln n."""
USUAL = 90
"""Windows below which the penalty falls no further: the noise of a short series is known less well."""
SHORTEST = 2
"""Windows that a level lasts at least: one odd window is no new level."""
FEWEST = 10
"""Windows below which a series has no change points: its noise is not known."""
REPEATS = 3
"""Times that a pattern must have been seen to be taken out."""
REACH = 3
"""Windows to either side in the moving median that spikes are cut to."""
SPIKE = 3.0
"""Deviations from it that are left."""
STRONGEST = 0.65
"""Autocorrelation that is still believed; a trend looks like a stronger one."""
LEAST = 1e-6
"""Of the farthest value: the least deviation of noise, so that sums stay exact."""
CONSTANT = 1e-12
"""Of the largest value: a series that varies less is constant."""
MEDIAN, TAIL = 0.6745, 1.6449
"""The median and the 90 % quantile of the absolute value of a standard normal variable."""


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """A pattern that returns every `period` windows, and the `phase` (from 0) of each window in it."""

    period: int
    phase: Ints


def change_points(
    values: Sequence[float] | Floats,
    errors: Sequence[float] | Floats | None = None,
    rows: Sequence[float] | Floats | None = None,
    patterns: Sequence[Pattern] = (),
    floor: float = 0.0,
) -> list[int]:
    """The places in `values` (oldest first, in order of time) where a new level begins; [] where there is none.

    `errors` are the values' standard errors; where they are not known, `rows` makes a window of fewer rows than the
    median count for less. `floor` is the least deviation of noise: a change much smaller matters to nobody.
    """
    y = np.asarray(values, float)
    if len(y) < FEWEST:
        return []
    y, unit = _scaled(y)
    if unit == 0:
        return []
    y, lasting = _without_patterns(y, patterns)
    deviation, correlation = _noise(y)
    sampling = np.zeros(len(y)) if errors is None else (np.asarray(errors, float) / unit) ** 2
    usual = _median(sampling)
    variance = max(deviation**2, usual, (floor / unit) ** 2, LEAST**2)
    spread = variance - usual + sampling
    if errors is None and rows is not None:
        n = np.maximum(np.asarray(rows, float), 1.0)
        spread = spread * np.maximum(1.0, _median(n) / n)
    middle = _moving_median(y, REACH)
    reach = SPIKE * np.sqrt(spread)
    long_run = (1 + correlation) / (1 - correlation)
    penalty = PENALTY * float(np.log(max(len(y), USUAL)))
    cuts = _partition(np.clip(y, middle - reach, middle + reach), 1 / (spread * long_run), penalty, SHORTEST)
    ends = [0, *cuts, len(y)]
    return [cut for at, cut in enumerate(cuts, 1) if min(cut - ends[at - 1], ends[at + 1] - cut) >= lasting]


def _scaled(y: Floats) -> tuple[Floats, float]:
    """The series about its median, the farthest value at 1; and the unit, 0 for a constant series."""
    far = y - _median(y)
    unit = float(np.abs(far).max())
    return (far, 0.0) if unit <= CONSTANT * float(np.abs(y).max()) else (far / unit, unit)


def _without_patterns(y: Floats, patterns: Sequence[Pattern]) -> tuple[Floats, int]:
    """The series without its patterns, and the windows that a level must last: a period that is not known yet."""
    lasting = SHORTEST
    for pattern in patterns:
        if len(y) < REPEATS * pattern.period:
            lasting = max(lasting, pattern.period)
            continue
        rest = y - _moving_median(y, pattern.period // 2, shrink=False)
        effects = np.zeros(int(pattern.phase.max()) + 1)
        for phase in np.unique(pattern.phase):
            effects[phase] = _median(rest[pattern.phase == phase])
        y = y - effects[pattern.phase]
    return y, lasting


def _noise(y: Floats) -> tuple[float, float]:
    """The standard deviation of the series around its levels, and its autocorrelation (Chakar et al. 2017)."""
    near, far = _square(y[1:] - y[:-1]), _square(y[2:] - y[:-2])
    if near == 0:
        return 0.0, 0.0
    correlation = min(max(far / near - 1, 0.0), STRONGEST)
    return float(np.sqrt(near / 2 / (1 - correlation))), correlation


def _square(differences: Floats) -> float:
    """The mean square of differences, the few largest cut: they may be changes."""
    size = np.sort(np.abs(differences))
    scale = max(_middle(size) / MEDIAN, float(np.interp(0.9 * (len(size) - 1), np.arange(len(size)), size)) / TAIL)
    return float(np.mean(np.minimum(size, 3 * scale) ** 2))


def _moving_median(y: Floats, reach: int, shrink: bool = True) -> Floats:
    """The median of the windows within `reach`. At the ends fewer are in reach: as many on either side (`shrink`),
    which keeps the last values as they are, or all there are."""
    n = len(y)
    reach = min(reach, (n - 1) // 2)
    out = np.empty(n)
    out[reach : n - reach] = np.sort(np.lib.stride_tricks.sliding_window_view(y, 2 * reach + 1), axis=1)[:, reach]
    for i in range(reach):
        far = 2 * i if shrink else i + reach
        out[i] = _median(y[: far + 1])
        out[n - 1 - i] = _median(y[n - 1 - far :])
    return out


def _median(y: Floats) -> float:
    """As np.median, of finite values; of so few, in a tenth of its time."""
    return _middle(np.sort(y))


def _middle(ordered: Floats) -> float:
    return float(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def _partition(y: Floats, weights: Floats, penalty: float, shortest: int) -> list[int]:
    """Where the stretches but the first begin. O(n²)."""
    n = len(y)
    w, s = (np.concatenate([[0.0], np.cumsum(part)]) for part in (weights, weights * (y - y.mean())))
    best = np.full(n + 1, np.inf)  # of the first e windows, but for the squares, which all partitions share
    best[0] = -penalty
    before = np.zeros(n + 1, dtype=np.int64)
    apart = w[:, None] - w
    gains = np.divide((s[:, None] - s) ** 2, apart, out=np.zeros_like(apart), where=apart > 0)
    for end in range(shortest, n + 1):
        last = end - shortest + 1
        costs = best[:last] - gains[end, :last]
        at = int(costs.argmin())
        best[end], before[end] = costs[at] + penalty, at
    out = []
    end = int(before[n])
    while end > 0:
        out.append(end)
        end = int(before[end])
    return out[::-1]
