"""The mergeable count: how many rows fell into each class of a frozen grid."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int32]
Counts = NDArray[np.int64]

SPREAD = 4_096
"""From the least code to the greatest, up to which there is a place for every one."""


def _no_codes() -> Codes:
    return np.zeros(0, dtype=np.int32)


def _no_counts() -> Counts:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Histogram:
    """Counts by class code. `codes` ascend and are unique; `counts` has the same shape and is positive."""

    codes: Codes = field(default_factory=_no_codes)
    counts: Counts = field(default_factory=_no_counts)

    @cached_property
    def n(self) -> int:
        """Rows counted."""
        return int(self.counts.sum())

    def count(self, code: int) -> int:
        """Rows in the class `code`; 0 where it was never seen."""
        at = int(self.codes.searchsorted(code))
        if at < len(self.codes) and self.codes[at] == code:
            return int(self.counts[at])
        return 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Histogram):
            return NotImplemented
        return np.array_equal(self.codes, other.codes) and np.array_equal(self.counts, other.counts)


def from_cells(codes: NDArray[np.integer], counts: NDArray[np.integer]) -> Histogram:
    """Add up cells that may repeat a code, in any order."""
    if len(codes) == 0:
        return Histogram()
    least, size = int(codes.min()), int(codes.max()) - int(codes.min()) + 1
    if size <= SPREAD:  # a table of all codes in between: several times faster than sorting
        unique, inverse = np.arange(least, least + size), codes - least
    else:
        unique, inverse = np.unique(codes, return_inverse=True)
    totals = np.zeros(len(unique), dtype=np.int64)
    np.add.at(totals, inverse, counts)
    kept = totals != 0
    return Histogram(unique[kept].astype(np.int32), totals[kept])


def merge(histograms: Iterable[Histogram]) -> Histogram:
    """The histogram of all the rows together: associative and commutative, with `Histogram()` as its zero."""
    parts = list(histograms)
    if not parts:
        return Histogram()
    return from_cells(np.concatenate([p.codes for p in parts]), np.concatenate([p.counts for p in parts]))


def subtract(whole: Histogram, part: Histogram) -> Histogram:
    """`whole` less `part`, which must be contained in it (ValueError otherwise)."""
    codes = np.concatenate([whole.codes, part.codes])
    left = from_cells(codes, np.concatenate([whole.counts, -part.counts]))
    if (left.counts < 0).any():
        raise ValueError("the part to subtract holds rows that the whole does not")
    return left
