"""The summary of a block of log slots: mergeable counts.

A *cell* is (slot, known, code, n): n rows of log slot `slot` fell into class `code` of the column's grid, and
that was known from slot `known` on (for labels: the slot they were observed in; otherwise the slot itself).
Cells can be added up in any order and grouping; nothing else is kept of a row.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitoring.core.histogram import Histogram, from_cells

BLOCK = 24
"""Slots in a block: a day of hours."""

FINE = 12
"""Service slots (5 minutes) in an hour slot."""


class Kind(StrEnum):
    """What the cells of a series count.

    FEATURE, SCORE, PREDICTION, LABEL, LATENCY: classes of the column's grid. OUTCOME: score, prediction and
    label together (core.outcome). SERVICE: slots are 5 minutes and the code is latency bucket * 4 + status.
    """

    FEATURE = "feature"
    SCORE = "score"
    PREDICTION = "prediction"
    LABEL = "label"
    OUTCOME = "outcome"
    LATENCY = "latency"
    SERVICE = "service"
    ROWS = "rows"


class Series(NamedTuple):
    """What cells are about. An empty `version` is that of a log without versions; a slice reads "origin=EWR"."""

    kind: Kind
    column: str
    version: str = ""
    slice: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Cells in ascending (slot, known, code), each once. Four arrays of one length.

    `moments` are exact sums by (slot, known), for columns that have them: a row of `sums` for each entry of
    `sum_slots` / `sum_known`. Numeric columns: sum, minimum, maximum. Others: see core.outcome.
    """

    slots: NDArray[np.int32]
    known: NDArray[np.int32]
    codes: NDArray[np.int32]
    counts: NDArray[np.int64]
    sum_slots: NDArray[np.int32]
    sum_known: NDArray[np.int32]
    sums: NDArray[np.float64]

    @property
    def n(self) -> int:
        """Rows counted."""
        return int(self.counts.sum())

    def histogram(self, first: int | None = None, last: int | None = None, known_by: int | None = None) -> Histogram:
        """Counts by code over slots [first, last), using only what was known before slot `known_by`."""
        if first is last is known_by is None:
            return from_cells(self.codes, self.counts)
        kept = _within(self.slots, self.known, first, last, known_by)
        return from_cells(self.codes[kept], self.counts[kept])

    def rows(
        self, first: int | None = None, last: int | None = None, known_by: int | None = None
    ) -> NDArray[np.float64]:
        """The rows of `sums` over slots [first, last)."""
        kept = _within(self.sum_slots, self.sum_known, first, last, known_by)
        chosen: NDArray[np.float64] = self.sums[kept]
        return chosen

    def starts(self) -> NDArray[np.intp]:
        """Where the cells of each (slot, known) begin."""
        new = (self.slots[1:] != self.slots[:-1]) | (self.known[1:] != self.known[:-1])
        return np.flatnonzero(np.concatenate([[len(self.slots) > 0], new]))

    def moments(self) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
        """Each (slot, known), ascending, and its rows."""
        if not len(self.slots):
            return self.slots, self.known, self.counts
        starts = self.starts()
        return self.slots[starts], self.known[starts], np.add.reduceat(self.counts, starts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Cells):
            return NotImplemented
        return all(
            np.array_equal(getattr(self, name), getattr(other, name), equal_nan=name == "sums")
            for name in self.__dataclass_fields__
        )


class Block(NamedTuple):
    """The cells of one series in one block of slots."""

    series: Series
    block: int
    cells: Cells


def cells(
    slots: NDArray[np.integer],
    known: NDArray[np.integer],
    codes: NDArray[np.integer],
    counts: NDArray[np.integer],
    sums: tuple[NDArray[np.integer], NDArray[np.integer], NDArray[np.float64]] | None = None,
) -> Cells:
    """Put cells in order, adding up those that repeat a key."""
    order = _order(slots, known, codes)
    s, k, c, n = (np.asarray(a)[order] for a in (slots, known, codes, counts))
    if len(s):
        first = np.concatenate([[True], (s[1:] != s[:-1]) | (k[1:] != k[:-1]) | (c[1:] != c[:-1])])
        starts = np.flatnonzero(first)
        s, k, c, n = s[starts], k[starts], c[starts], np.add.reduceat(n.astype(np.int64), starts)
    sum_slots, sum_known, values = sums if sums is not None else (s[:0], s[:0], np.zeros((0, 0)))
    order = _order(np.asarray(sum_slots), np.asarray(sum_known))
    return Cells(
        s.astype(np.int32, copy=False),
        k.astype(np.int32, copy=False),
        c.astype(np.int32, copy=False),
        n.astype(np.int64, copy=False),
        np.asarray(sum_slots)[order].astype(np.int32),
        np.asarray(sum_known)[order].astype(np.int32),
        np.asarray(values, dtype=np.float64)[order],
    )


def _order(*keys: NDArray[np.integer]) -> NDArray[np.intp]:
    """np.lexsort of keys, the first of them foremost: as one integer, where they fit into one, which is sorted faster,
    and in no time where it is in order already or nearly so."""
    if len(keys[0]) == 0:
        return np.zeros(0, np.intp)
    packed = np.zeros(len(keys[0]), np.int64)
    room = 2**62
    for key in keys:
        least, size = int(key.min()), int(key.max()) - int(key.min()) + 1
        room //= size
        if room == 0:
            return np.lexsort(keys[::-1])
        packed *= size
        packed += key.astype(np.int64) - least
    return np.argsort(packed, kind="stable")


def merge(parts: Iterable[Cells]) -> Cells:
    """All cells together: associative and commutative. Parts hold different slots, or are added up."""
    every = list(parts)
    if not every:
        return EMPTY
    width = max(p.sums.shape[1] for p in every)
    with_sums = [p for p in every if p.sums.shape[1] == width and len(p.sums)]
    sums = None
    if with_sums:
        sums = (
            np.concatenate([p.sum_slots for p in with_sums]),
            np.concatenate([p.sum_known for p in with_sums]),
            np.concatenate([p.sums for p in with_sums]),
        )
    return cells(
        np.concatenate([p.slots for p in every]),
        np.concatenate([p.known for p in every]),
        np.concatenate([p.codes for p in every]),
        np.concatenate([p.counts for p in every]),
        sums,
    )


def without(whole: Cells, slots: NDArray[np.integer]) -> Cells:
    """The cells of all other slots: what is left when `slots` are to be replaced."""
    kept, kept_sums = ~np.isin(whole.slots, slots), ~np.isin(whole.sum_slots, slots)
    return Cells(
        whole.slots[kept],
        whole.known[kept],
        whole.codes[kept],
        whole.counts[kept],
        whole.sum_slots[kept_sums],
        whole.sum_known[kept_sums],
        whole.sums[kept_sums],
    )


def _within(
    slots: NDArray[np.int32], known: NDArray[np.int32], first: int | None, last: int | None, known_by: int | None
) -> NDArray[np.bool_]:
    kept = np.ones(len(slots), dtype=bool)
    if first is not None:
        kept &= slots >= first
    if last is not None:
        kept &= slots < last
    if known_by is not None:
        kept &= known < known_by
    return kept


EMPTY = cells(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.int64))
