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
ROOM = 1_000_000
"""Numbers held of all series that are looked at together."""
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
    y = np.asarray(values, float)[None]
    unknown, alike = np.full(y.shape, np.nan), np.ones(y.shape)
    e, n = (d if given is None else np.asarray(given, float)[None] for given, d in ((errors, unknown), (rows, alike)))
    return change_points_of(y, e, n, patterns, np.array([floor]))[0]


def change_points_of(
    values: Floats, errors: Floats, rows: Floats, patterns: Sequence[Pattern], floors: Floats
) -> list[list[int]]:
    """The same of many series over the same windows: `values`, `errors` and `rows` of shape (series, windows), `floors`
    (series,). The errors of a series where they are not known are NaN."""
    out: list[list[int]] = [[] for _ in values]
    if values.shape[1] < FEWEST:
        return out
    y, unit = _scaled(values)
    varied = np.flatnonzero(unit)
    at_once = max(1, ROOM // (values.shape[1] + 1) ** 2)
    for first in range(0, len(varied), at_once):
        some = varied[first : first + at_once]
        found = _of_varied(y[some], errors[some] / unit[some, None], rows[some], patterns, floors[some] / unit[some])
        for at, cuts in zip(some.tolist(), found, strict=True):
            out[at] = cuts
    return out


def _of_varied(y: Floats, errors: Floats, rows: Floats, patterns: Sequence[Pattern], floors: Floats) -> list[list[int]]:
    y, lasting = _without_patterns(y, patterns)
    deviation, correlation = _noise(y)
    unknown = np.isnan(errors).any(axis=1, keepdims=True)
    sampling = np.where(unknown, 0.0, errors) ** 2
    usual = _median(sampling)
    variance = np.maximum(np.maximum(deviation**2, usual), np.maximum(floors**2, LEAST**2))
    spread = (variance - usual)[:, None] + sampling
    n = np.maximum(rows, 1.0)
    spread = np.where(unknown, spread * np.maximum(1.0, _median(n)[:, None] / n), spread)
    middle = _moving_median(y, REACH)
    reach = SPIKE * np.sqrt(spread)
    long_run = ((1 + correlation) / (1 - correlation))[:, None]
    penalty = PENALTY * float(np.log(max(y.shape[1], USUAL)))
    found = _partitions(np.clip(y, middle - reach, middle + reach), 1 / (spread * long_run), penalty, SHORTEST)
    return [_lasting(cuts, y.shape[1], lasting) for cuts in found]


def _lasting(cuts: list[int], n: int, lasting: int) -> list[int]:
    """Those whose levels last so many windows."""
    ends = [0, *cuts, n]
    return [cut for at, cut in enumerate(cuts, 1) if min(cut - ends[at - 1], ends[at + 1] - cut) >= lasting]


def _scaled(y: Floats) -> tuple[Floats, Floats]:
    """The series about their medians, the farthest value at 1; and the units, 0 for a constant series."""
    far = y - _median(y)[:, None]
    unit = np.abs(far).max(axis=1)
    unit[unit <= CONSTANT * np.abs(y).max(axis=1)] = 0.0
    return far / np.where(unit > 0, unit, 1.0)[:, None], unit


def _without_patterns(y: Floats, patterns: Sequence[Pattern]) -> tuple[Floats, int]:
    """The series without their patterns, and the windows that a level must last: a period that is not known yet."""
    lasting, n = SHORTEST, y.shape[1]
    for pattern in patterns:
        if n < REPEATS * pattern.period:
            lasting = max(lasting, pattern.period)
            continue
        rest = y - _moving_median(y, pattern.period // 2, shrink=False)
        effects = np.zeros((len(y), int(pattern.phase.max()) + 1))
        for phase in np.unique(pattern.phase):
            effects[:, phase] = _median(rest[:, pattern.phase == phase])
        y = y - effects[:, pattern.phase]
    return y, lasting


def _noise(y: Floats) -> tuple[Floats, Floats]:
    """The standard deviation of each series around its levels, and its autocorrelation (Chakar et al. 2017)."""
    near, far = _square(y[:, 1:] - y[:, :-1]), _square(y[:, 2:] - y[:, :-2])
    correlation = np.clip(np.divide(far, near, out=np.ones_like(far), where=near > 0) - 1, 0.0, STRONGEST)
    return np.sqrt(near / 2 / (1 - correlation)), correlation


def _square(differences: Floats) -> Floats:
    """The mean square of differences, the few largest cut: they may be changes."""
    size = np.sort(np.abs(differences), axis=1)
    at, part = divmod(0.9 * (size.shape[1] - 1), 1)
    high = size[:, int(at)] + part * (size[:, int(at) + 1] - size[:, int(at)])
    scale = np.maximum(_middle(size) / MEDIAN, high / TAIL)
    return np.asarray(np.mean(np.minimum(size, 3 * scale[:, None]) ** 2, axis=1))


def _moving_median(y: Floats, reach: int, shrink: bool = True) -> Floats:
    """The median of the windows within `reach`. At the ends fewer are in reach: as many on either side (`shrink`),
    which keeps the last values as they are, or all there are."""
    n = y.shape[1]
    reach = min(reach, (n - 1) // 2)
    out = np.empty(y.shape)
    inside = np.lib.stride_tricks.sliding_window_view(y, 2 * reach + 1, axis=1)
    out[:, reach : n - reach] = np.sort(inside, axis=2)[:, :, reach]
    for i in range(reach):
        far = 2 * i if shrink else i + reach
        out[:, i] = _median(y[:, : far + 1])
        out[:, n - 1 - i] = _median(y[:, n - 1 - far :])
    return out


def _median(y: Floats) -> Floats:
    """As np.median of each series, of finite values; of so few, in a tenth of its time."""
    return _middle(np.sort(y, axis=1))


def _middle(ordered: Floats) -> Floats:
    n = ordered.shape[1]
    return np.asarray((ordered[:, (n - 1) // 2] + ordered[:, n // 2]) / 2)


def _partitions(y: Floats, weights: Floats, penalty: float, shortest: int) -> list[list[int]]:
    """Where the stretches but the first of each series begin. O(n²)."""
    k, n = y.shape
    w, s = np.zeros((2, k, n + 1))
    w[:, 1:] = weights.cumsum(axis=1)
    s[:, 1:] = (weights * (y - y.mean(axis=1, keepdims=True))).cumsum(axis=1)
    best = np.full((k, n + 1), np.inf)  # of the first e windows, but for the squares, which all partitions share
    best[:, 0] = -penalty
    before = np.zeros((k, n + 1), dtype=np.int64)
    apart = w[:, :, None] - w[:, None]
    gains = np.divide((s[:, :, None] - s[:, None]) ** 2, apart, out=np.zeros_like(apart), where=apart > 0)
    for end in range(shortest, n + 1):
        last = end - shortest + 1
        costs = best[:, :last] - gains[:, end, :last]
        before[:, end] = costs.argmin(axis=1)
        best[:, end] = costs.min(axis=1) + penalty
    return [_followed(places, n) for places in before.tolist()]


def _followed(before: list[int], n: int) -> list[int]:
    out = []
    end = before[n]
    while end > 0:
        out.append(end)
        end = before[end]
    return out[::-1]
