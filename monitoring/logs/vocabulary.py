"""The categories of a grid by DuckDB's hash of their text: finding them takes no search, a fifth of what one costs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitoring.core.grid import MISSING, REST, UNSEEN, CategoricalGrid
from monitoring.logs.codes import Item
from monitoring.logs.engine import DuckEngine

Hashes = NDArray[np.uint64]
Integers = NDArray[np.int64]
LONGEST = 24
"""Bits that a place is told by, at most: some 1,000 categories need 17."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A table with a place for each of the values that some neighbouring bits of a hash can take.

    The bits from `shift` on, as many as `mask` has, are no two categories' the same. There `hashes` holds the
    category's own, and `places` says where in `meaning`, the classes, it is found; all other texts are found last.
    """

    hashes: Hashes
    places: Integers
    shift: np.uint64
    mask: np.uint64
    meaning: Integers

    def find(self, hashes: Hashes) -> Integers:
        """Where in `meaning` each text is, by its hash."""
        at = self.at(hashes)
        return np.where(self.hashes[at] == hashes, self.places[at], len(self.meaning) - 1)

    def at(self, hashes: Hashes) -> Integers:
        """Where in the table they would be."""
        return ((hashes >> self.shift) & self.mask).astype(np.int64)


Vocabularies = dict[str, Vocabulary]
"""By the source of an item's value."""


def vocabularies(engine: DuckEngine, items: Iterable[Item]) -> Vocabularies:
    """Those of the items' grids."""
    grids = {item.source: item.grid for item in items if isinstance(item.grid, CategoricalGrid)}
    texts = {source: [*grid.values, *(grid.others if grid.complete else ()), None] for source, grid in grids.items()}
    hashes = engine.text_hashes([text for some in texts.values() for text in some]).to_numpy()
    ends = np.cumsum([0, *(len(some) for some in texts.values())]).tolist()
    return {
        source: vocabulary(grid, hashes[low:high])
        for (source, grid), low, high in zip(grids.items(), ends[:-1], ends[1:], strict=True)
    }


def vocabulary(grid: CategoricalGrid, hashes: Hashes) -> Vocabulary:
    """Of the hashes of a grid's values, then of its others, last of a missing text."""
    meaning = np.asarray([MISSING, *range(len(grid.values)), REST, *([UNSEEN] if grid.complete else [])])
    rest = len(grid.values) + 1
    shift, mask = _apart(hashes)
    every = np.arange(int(mask) + 1, dtype=np.uint64)
    found = Vocabulary(~every << shift, np.zeros(len(every), np.int64), shift, mask, meaning)  # no text has these
    at = found.at(hashes)
    found.hashes[at], found.places[at] = hashes, [*range(1, rest), *[rest] * (len(hashes) - rest), 0]
    return found


def _apart(hashes: Hashes) -> tuple[np.uint64, np.uint64]:
    """Few neighbouring bits that no two hashes share, as a shift and a mask. With fewer, no shift is likely to do."""
    size = len(hashes).bit_length()
    for bits in range(max(size, 2 * size - 3), LONGEST + 1):
        mask = np.uint64((1 << bits) - 1)
        for shift in np.arange(65 - bits, dtype=np.uint64):
            if len(set(((hashes >> shift) & mask).tolist())) == len(hashes):
                return shift, mask
    raise ValueError("two categories have one hash")
