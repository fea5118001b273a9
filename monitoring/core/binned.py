"""Reference and current counts on the same classes: what a stattest compares."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from monitoring.core.grid import CategoricalGrid, Grid, no_value
from monitoring.core.histogram import SPREAD, Codes, Histogram

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Binned:
    """Aligned counts of two windows. Missing rows are counted apart, never dropped.

    `reference` and `current` have the same shape, one entry a class in ascending order (for categories: by
    code, then rare, then never seen). `lower` and `upper` are the classes' value limits; NaN for categories.
    `reference_missing` and `current_missing` are rows with a null (or a not finite number). `codes` are the classes'
    codes on their grid.
    """

    kind: Literal["numeric", "categorical"]
    reference: Floats
    current: Floats
    lower: Floats
    upper: Floats
    reference_missing: float = 0.0
    current_missing: float = 0.0
    codes: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))

    @property
    def middle(self) -> Floats:
        """A representative value of each class."""
        return (self.lower + self.upper) / 2.0

    @property
    def n_reference(self) -> float:
        """Rows of the reference window, the missing ones too."""
        return float(self.reference.sum() + self.reference_missing)

    @property
    def n_current(self) -> float:
        """Rows of the current window, the missing ones too."""
        return float(self.current.sum() + self.current_missing)


def _union(one: Codes, other: Codes) -> Codes:
    """All codes that are in one or the other, ascending."""
    every = [codes for codes in (one, other) if len(codes)]
    least, most = min((int(c[0]) for c in every), default=0), max((int(c[-1]) for c in every), default=0)
    if most - least >= SPREAD:
        return np.union1d(one, other)
    held = np.zeros(most - least + 1, np.bool_)
    for codes in every:
        held[codes - least] = True
    return (held.nonzero()[0] + least).astype(np.int32)


def align(grid: Grid, reference: Histogram, current: Histogram) -> Binned:
    """Put two histograms of one grid on their common classes."""
    codes = _union(reference.codes, current.codes)
    counts = np.zeros((2, len(codes)))
    for dense, histogram in zip(counts, (reference, current), strict=True):
        dense[codes.searchsorted(histogram.codes)] = histogram.counts
    apart = no_value(codes)
    kept = codes[~apart]
    if isinstance(grid, CategoricalGrid) or len(kept) == 0:
        lower = upper = np.full(len(kept), np.nan)
    else:
        lower, upper = grid.limits(kept)
    return Binned(
        kind="categorical" if isinstance(grid, CategoricalGrid) else "numeric",
        reference=counts[0][~apart],
        current=counts[1][~apart],
        lower=lower,
        upper=upper,
        reference_missing=float(counts[0][apart].sum()),
        current_missing=float(counts[1][apart].sum()),
        codes=kept,
    )
