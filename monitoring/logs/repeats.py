"""Rows whose id came before in the same slot, counted exactly as rows stream by, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

PENDING = 2_000_000
"""Rows held, from which on slots that are over are settled and let go."""


@dataclass
class Repeats:
    """Repeated ids by key, a number that ascends with time. Ids are told apart by their 64-bit hashes.

    A key counts as over once later ones alone have come in. `lost` turns true where one comes back after all, or where
    nothing is over in too many rows: then only the log itself can say.
    """

    lost: bool = False
    _found: dict[int, int] = field(default_factory=dict)
    _keys: list[NDArray[np.int64]] = field(default_factory=list)
    _hashes: list[NDArray[np.uint64]] = field(default_factory=list)
    _held: int = 0
    _over: int | None = None

    def add(self, keys: NDArray[np.int64], hashes: NDArray[np.uint64]) -> None:
        """More rows that have an id."""
        if self.lost or len(keys) == 0:
            return
        self.lost = self._over is not None and int(keys.min()) < self._over
        self._keys.append(keys)
        self._hashes.append(hashes)
        self._held += len(keys)
        if self._held > PENDING:
            self._settle(int(keys.min()))

    def found(self) -> dict[int, int]:
        """How many rows of a key have an id that an earlier row has; keys without such rows are left out."""
        self._settle(None)
        return self._found

    def _settle(self, upto: int | None) -> None:
        """Count the keys below `upto` (None: all), and keep the rows of the others."""
        if self.lost or not self._keys:
            return
        found, hashes = self._keys, np.concatenate(self._hashes)
        self._keys, self._hashes, self._held = [], [], 0
        if upto is not None:
            keys = np.concatenate(found)
            later = keys >= upto
            self._keys, self._hashes, self._held = [keys[later]], [hashes[later]], int(later.sum())
            self.lost = self._held > PENDING
            found, hashes = [keys[~later]], hashes[~later]
            self._over = upto
        ordered = np.sort(hashes)
        twice = ordered[1:][ordered[1:] == ordered[:-1]]
        if len(twice) == 0:
            return
        keys = np.concatenate(found)
        suspect = np.isin(hashes, twice)  # the same id in another slot is no repetition
        keys, hashes = keys[suspect], hashes[suspect]
        order = np.lexsort((hashes, keys))
        keys, hashes = keys[order], hashes[order]
        again = keys[1:][(keys[1:] == keys[:-1]) & (hashes[1:] == hashes[:-1])]
        for key, count in zip(*np.unique(again, return_counts=True), strict=True):
            self._found[int(key)] = self._found.get(int(key), 0) + int(count)
