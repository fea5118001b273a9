"""Grids frozen from the reference: which class of a histogram a value falls into.

Formula and step from the measurements in the documentation (docs/concepts.md, "The grid"): equal steps of
asinh((x - centre) / scale), fine in the middle and logarithmic in the tails, so that offset data (pressure
around 1013) and heavy tails both keep their resolution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

STEP = 0.04
MISSING = -30_000
NONFINITE = 30_000
LIMIT = 29_000
"""Codes are held within ±LIMIT, so that the two above stay their own. asinh(1e300) / 0.04 is 17,300."""

REST = 1_000_000
UNSEEN = 1_000_001

Floats = NDArray[np.float64]


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
        x = np.asarray(values, dtype=np.float64)
        finite = np.isfinite(x)
        z = np.where(finite, (x - self.centre) * (1.0 / self.scale), 0.0)
        code = np.floor(np.arcsinh(z) * (1.0 / STEP) + 0.5)
        code += np.searchsorted(np.asarray(self.cuts, dtype=np.float64), np.where(finite, x, 0.0), side="left")
        code = np.clip(code, -LIMIT, LIMIT)
        return np.where(finite, code, np.where(np.isnan(x), MISSING, NONFINITE)).astype(np.int32)

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


@dataclass(frozen=True, slots=True)
class UniformGrid:
    """`bins` equal classes on [0, 1], for probabilities. The code of x is floor(x * bins); 1.0 has its own class."""

    bins: int = 200

    def code(self, values: ArrayLike) -> NDArray[np.int32]:
        """Class codes of raw values."""
        x = np.asarray(values, dtype=np.float64)
        finite = np.isfinite(x)
        code = np.clip(np.floor(np.where(finite, x, 0.0) * float(self.bins)), -LIMIT, LIMIT)
        return np.where(finite, code, np.where(np.isnan(x), MISSING, NONFINITE)).astype(np.int32)

    def limits(self, codes: ArrayLike) -> tuple[Floats, Floats]:
        """Lower and upper limits of the classes."""
        k = np.asarray(codes, dtype=np.float64)
        return k / self.bins, (k + 1) / self.bins


@dataclass(frozen=True, slots=True)
class BucketGrid:
    """Buckets between given limits, ascending, for latencies: the code of x is how many limits lie below x.

    So a bucket holds (lower, upper], and "at or below the limit" is exact at every limit.
    """

    cuts: tuple[float, ...]

    def code(self, values: ArrayLike) -> NDArray[np.int32]:
        """Class codes of raw values."""
        x = np.asarray(values, dtype=np.float64)
        code = np.searchsorted(np.asarray(self.cuts), np.where(np.isfinite(x), x, 0.0), side="left")
        return np.where(np.isfinite(x), code, np.where(np.isnan(x), MISSING, NONFINITE)).astype(np.int32)

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


Grid = NumericGrid | UniformGrid | BucketGrid | CategoricalGrid


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
