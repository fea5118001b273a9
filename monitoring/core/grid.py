"""Grids frozen from the reference: which class of a histogram a value falls into.

Formula and step from the measurements in the documentation (docs/concepts.md, "The grid"): equal steps of
asinh((x - centre) / scale), fine in the middle and logarithmic in the tails, so that offset data (pressure
around 1013) and heavy tails both keep their resolution.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

STEP = 0.04
MISSING = -30_000
NONFINITE = 30_000
LIMIT = 29_000
"""Codes are held within ±LIMIT, so that the two above stay their own. asinh(1e300) / 0.04 is 17,300."""

FEW = 32
"""Limits, up to which values are compared with each."""

REST = 1_000_000
UNSEEN = 1_000_001

Floats = NDArray[np.float64]


def no_value(codes: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Which codes stand for no value: missing, or not finite."""
    return np.asarray((codes == MISSING) | (codes == NONFINITE))


@dataclass(frozen=True, slots=True)
class NumericGrid:
    """asinh grid on the whole line, with optional extra `cuts` (ascending) as further class limits.

    The code of x is floor(asinh((x - centre) / scale) / STEP + 0.5) plus the number of cuts below x. Both
    terms never fall as x rises, so each code is one interval, and its limits are the union of both.
    """

    centre: float
    scale: float
    cuts: tuple[float, ...] = ()

    def code(self, values: ArrayLike) -> NDArray[np.int32]:
        """Class codes of raw values, as the summary statement computes them in SQL."""
        return _codes(values, self.code_finite)

    def code_finite(self, x: Floats) -> Floats:
        """Class codes, as floats, of values that are all finite: what reading a log spends its time on."""
        z = np.asarray(x - self.centre)
        z *= 1.0 / self.scale  # in place from here on
        np.arcsinh(z, out=z)
        z *= 1.0 / STEP
        z += 0.5
        np.floor(z, out=z)
        if self.cuts:
            z += np.searchsorted(np.asarray(self.cuts), x, side="left")
        return z

    def ends(self, low: float, high: float) -> tuple[int, int]:
        """Codes that those of all values from `low` to `high` lie between: one more to either side than by the
        formula, for the last bit of an inverse sine."""
        place = [math.asinh((x - self.centre) * (1.0 / self.scale)) / STEP + 0.5 for x in (low, high)]
        first, last = (math.floor(min(max(z, -LIMIT), LIMIT)) for z in place)
        return first + bisect_left(self.cuts, low) - 1, last + bisect_left(self.cuts, high) + 1

    def limits(self, codes: ArrayLike) -> tuple[Floats, Floats]:
        """Lower and upper value limits of the classes `codes` (not MISSING or NONFINITE)."""
        k = np.asarray(codes, dtype=np.float64)
        if not self.cuts:
            return self._edge(k - 0.5), self._edge(k + 0.5)
        low, high = float(k.min()) - len(self.cuts) - 1, float(k.max()) + 1
        steps = np.arange(low, high + 1)
        edges = np.sort(np.concatenate([self._edge(steps + 0.5), np.asarray(self.cuts)]))
        # Walking right from the leftmost step, every edge adds one to the code.
        first = low + np.searchsorted(np.asarray(self.cuts), self._edge(np.asarray([low - 0.5])))[0]
        start = np.searchsorted(edges, self._edge(np.asarray([low - 0.5])), side="right")[0]
        at = (k - first + start).astype(np.int64)
        return edges[np.clip(at - 1, 0, len(edges) - 1)], edges[np.clip(at, 0, len(edges) - 1)]

    def _edge(self, position: Floats) -> Floats:
        return self.centre + self.scale * np.sinh(np.clip(position * STEP, -690.0, 690.0))


_TENTHS = (10, 12.5, 15, 20, 25, 30, 40, 50, 60, 80)
_TAIL = (1, 2, 5, *_TENTHS, *(10 * t for t in _TENTHS), *range(1000, 2000, 100), *range(2000, 5000, 250))
"""Hundred-thousandths: limits of score classes below .05, and as far below 1."""

SCORE_LIMITS = (
    0.0,
    *(round(t * 1e-5, 9) for t in _TAIL),
    *(n / 200 for n in range(10, 191)),
    *(round(1.0 - t * 1e-5, 9) for t in reversed(_TAIL)),
    1.0,
)
"""Ascending limits of the score classes: steps of .005 from .05 to .95, ever finer towards 0 and 1, where rare events
are told apart. All round numbers, so that the usual thresholds are limits."""


SCORE_STEPS = 200_000
"""Equal steps of [0, 1], so short that no two limits of score classes fall into one or its neighbour."""


@dataclass(frozen=True, slots=True)
class ScoreGrid:
    """Classes for probabilities, each from its limit up to below the next of SCORE_LIMITS; 1.0 begins one of its own.

    Values that are no probabilities fall into steps of .005 below the class 0 and above that of 1.0.
    """

    @property
    def top(self) -> int:
        """The class of 1.0: the classes of probabilities are 0 to `top`."""
        return len(SCORE_LIMITS) - 1

    def code(self, values: ArrayLike) -> NDArray[np.int32]:
        """Class codes of raw values."""
        return _codes(values, self.code_finite)

    def code_finite(self, x: Floats) -> NDArray[Any]:
        """Class codes of values that are all finite."""
        code = _score_class(x)
        outside = (x < 0.0) | (x >= 1.0)
        if outside.any():
            steps = np.clip(np.floor(x * 200.0), -LIMIT, LIMIT - self.top)
            code = np.where(outside, steps + np.where(x < 0.0, 0, self.top - 200), code)
        return code

    def ends(self, low: float, high: float) -> tuple[int, int]:
        """The codes of the least and the greatest value."""
        first, last = self.code([low, high]).tolist()
        return first, last

    def limits(self, codes: ArrayLike) -> tuple[Floats, Floats]:
        """Lower and upper limits of the classes."""
        return self._limit(np.asarray(codes, dtype=np.int64)), self._limit(np.asarray(codes, dtype=np.int64) + 1)

    def _limit(self, codes: NDArray[np.int64]) -> Floats:
        inside = _LIMITS[np.clip(codes, 0, self.top)]
        beyond = np.where(codes < 0, codes / 200, 1.0 + (codes - self.top) / 200)
        return np.where((codes >= 0) & (codes <= self.top), inside, beyond)


@dataclass(frozen=True, slots=True)
class BucketGrid:
    """Buckets between given limits, ascending, for latencies: the code of x is how many limits lie below x.

    So a bucket holds (lower, upper], and "at or below the limit" is exact at every limit.
    """

    cuts: tuple[float, ...]

    def code(self, values: ArrayLike) -> NDArray[np.int32]:
        """Class codes of raw values."""
        return _codes(values, self.code_finite)

    def code_finite(self, x: Floats) -> NDArray[Any]:
        """Class codes of values that are all finite."""
        if len(self.cuts) > FEW:
            return np.searchsorted(np.asarray(self.cuts), x, side="left")
        code = np.zeros(x.shape, np.int16)
        for cut in self.cuts:  # for so few, several times faster than a search
            code += x > cut
        return code

    def ends(self, low: float, high: float) -> tuple[int, int]:
        """The codes of the least and the greatest value."""
        return bisect_left(self.cuts, low), bisect_left(self.cuts, high)

    def limits(self, codes: ArrayLike) -> tuple[Floats, Floats]:
        """Lower and upper limits; the first bucket begins at 0, the last ends at twice its lower limit."""
        edges = np.concatenate([[0.0], np.asarray(self.cuts), [2.0 * self.cuts[-1]]])
        k = np.asarray(codes, dtype=np.int64)
        return edges[k], edges[k + 1]


@dataclass(frozen=True, slots=True)
class CategoricalGrid:
    """The reference's vocabulary: `values` (the frequent ones) have a code each, by position.

    `others` are seen in the reference, but rare: together the class REST. A value in neither is UNSEEN; when
    `complete` is false the reference held too many values to list, so a new value cannot be told from a rare
    one and counts as REST.
    """

    values: tuple[str, ...]
    others: tuple[str, ...] = ()
    complete: bool = True

    def name(self, code: int) -> str:
        """What the class is called on screen."""
        special = {MISSING: "(missing)", REST: "(rare values)", UNSEEN: "(never seen before)"}
        return special.get(code) or self.values[code]


_FIRST = (np.searchsorted(np.asarray(SCORE_LIMITS), np.arange(SCORE_STEPS + 1) / SCORE_STEPS, side="right") - 1).astype(
    np.int16
)
"""The class of the least value of each step."""
_LIMITS = np.asarray([*SCORE_LIMITS, np.inf])


def _score_class(x: Floats) -> NDArray[np.int16]:
    """How many of SCORE_LIMITS lie at or below a value of [0, 1), less one; others are held inside.

    No two limits lie within a step, so a value's class is that of its step or the next, whichever way it was rounded.
    Eight times faster than a search.
    """
    code = np.take(_FIRST, np.clip(x * SCORE_STEPS, 0, SCORE_STEPS - 1).astype(np.int32))
    code += x >= np.take(_LIMITS, code + 1)
    code -= x < np.take(_LIMITS, code)
    return code


def _codes(values: ArrayLike, of_finite: Callable[[Floats], NDArray[Any]]) -> NDArray[np.int32]:
    """Codes of any values, held within ±LIMIT: those of missing and not finite ones in their place."""
    x = np.asarray(values, dtype=np.float64)
    finite = np.isfinite(x)
    code = np.clip(of_finite(x if finite.all() else np.where(finite, x, 0.0)), -LIMIT, LIMIT)
    if not finite.all():
        code = np.where(finite, code, np.where(np.isnan(x), MISSING, NONFINITE))
    return np.asarray(code, np.int32)


Grid = NumericGrid | ScoreGrid | BucketGrid | CategoricalGrid


def numeric_grid(
    quantiles: dict[float, float], minimum: float, maximum: float, cuts: tuple[float, ...] = ()
) -> NumericGrid:
    """Grid from the reference's quantiles (keys 0.1, 0.25, 0.5, 0.75, 0.9).

    The scale is (p90 - p10) / 2.563, one deviation where the data are normal; where that is 0, the
    interquartile range / 1.349, then the range / 10, then a thousandth of the centre, then 1.
    """
    centre = quantiles[0.5]
    candidates = (
        (quantiles[0.9] - quantiles[0.1]) / 2.563,
        (quantiles[0.75] - quantiles[0.25]) / 1.349,
        (maximum - minimum) / 10.0,
        abs(centre) / 1000.0,
    )
    scale = next((c for c in candidates if np.isfinite(c) and c > 0), 1.0)
    return NumericGrid(centre, scale, cuts)
