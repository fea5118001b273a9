"""Some rows that came out of DuckDB as arrays: what is asked of them more than once is made once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitoring.core.grid import (
    LIMIT,
    MISSING,
    NONFINITE,
    BucketGrid,
    CategoricalGrid,
    NumericGrid,
    ScoreGrid,
    no_value,
)
from monitoring.core.outcome import SCORE_GRID
from monitoring.core.summary import FINE
from monitoring.logs.codes import HUGE, Item
from monitoring.logs.vocabulary import Vocabularies

SPREAD = 4_096
"""Codes next to one another, from which on only those that occur are counted."""

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


Coded = tuple[NDArray[np.integer], tuple[int, int] | None]
"""Codes of numbers, and two between which they lie; None where some are no numbers."""


@dataclass(frozen=True, slots=True)
class Runs:
    """Rows of one slot and version next to one another: in `order` (None: as they come), from each of `starts` on."""

    order: Integers | None
    starts: Integers
    lengths: Integers
    slots: Integers
    versions: Integers


@dataclass(frozen=True, slots=True)
class Numbers:
    """A column of numbers: NaN where null, infinite where not finite. `lows` and `highs` are the least and the greatest
    finite value of each run; where it has none, inf and -inf."""

    values: Floats
    finite: bool
    lows: Floats
    highs: Floats


@dataclass(frozen=True, slots=True)
class Classes:
    """The class of every row: `meaning[places - least]`. Where the classes are numbers, the places are these."""

    places: NDArray[np.integer]
    least: int
    meaning: Integers

    @property
    def codes(self) -> Integers:
        """The classes themselves."""
        codes: Integers = self.meaning[self.places - self.least]
        return codes


def between(codes: NDArray[np.integer], low: int, high: int) -> Classes:
    """Codes, all of which lie in [low, high]."""
    if high - low < SPREAD:
        return Classes(codes, low, np.arange(low, high + 1))
    special = no_value(codes)
    plain = codes[~special]
    if len(plain) and int(plain.max()) - int(plain.min()) < SPREAD:
        low, high = int(plain.min()), int(plain.max())
        meaning = np.concatenate([[MISSING], np.arange(low, high + 1), [NONFINITE]])
        return Classes(np.clip(codes, low - 1, high + 1), low - 1, meaning)
    found, places = np.unique(codes, return_inverse=True)
    return Classes(places, 0, found.astype(np.int64))


@dataclass
class Batch:
    """Rows of `tally.rows_of`, at least one."""

    rows: pa.RecordBatch
    vocabularies: Vocabularies
    _numbers: dict[str, Numbers] = field(default_factory=dict)
    _codes: dict[str, Coded] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """Whether the rows have a column."""
        return name in self.rows.schema.names

    def integers(self, name: str) -> Integers:
        """A column without nulls."""
        return np.asarray(self.rows[name].to_numpy(zero_copy_only=False), dtype=np.int64)

    @cached_property
    def slots(self) -> Integers:
        """The slot of every row."""
        return self.integers("fine") // FINE if self.has("fine") else self.integers("slot")

    @cached_property
    def versions(self) -> tuple[Integers, list[str]]:
        """The number of every row's version (a single one without versions), and their names."""
        if not self.has("version"):
            return np.zeros(1, np.int64), [""]
        encoded = self.rows["version"].dictionary_encode()
        return np.asarray(encoded.indices.to_numpy(), np.int64), [str(v) for v in encoded.dictionary.to_pylist()]

    @cached_property
    def runs(self) -> Runs:
        """The rows by slot and version."""
        version, names = self.versions
        keys = self.slots * len(names) + version
        order = None if (keys[1:] >= keys[:-1]).all() else np.argsort(keys, kind="stable")
        ordered = keys if order is None else keys[order]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        slots, versions = np.divmod(ordered[starts], len(names))
        return Runs(order, starts, np.diff(starts, append=len(ordered)), slots, versions)

    def by_run(self, function: np.ufunc, values: NDArray[Any]) -> NDArray[Any]:
        """A function over the values of each run."""
        order = self.runs.order
        reduced: NDArray[Any] = function.reduceat(values if order is None else values[order], self.runs.starts)
        return reduced

    def numbers(self, source: str) -> Numbers:
        """A column of numbers."""
        if source not in self._numbers:
            self._numbers[source] = self._number(self.rows[f"v {source}"])
        return self._numbers[source]

    def _number(self, column: pa.Array) -> Numbers:
        x: Floats = column.to_numpy(zero_copy_only=False)
        lows, highs = self.by_run(np.minimum, x), self.by_run(np.maximum, x)
        if lows.min() > -HUGE and highs.max() < HUGE:  # not so either where one is NaN
            return Numbers(x, True, lows, highs)
        finite = (x > -HUGE) & (x < HUGE)
        null = column.is_null().to_numpy(zero_copy_only=False)
        values = np.where(finite, x, np.where(null, np.nan, np.inf))
        lows = self.by_run(np.minimum, np.where(finite, x, np.inf))
        return Numbers(values, False, lows, self.by_run(np.maximum, np.where(finite, x, -np.inf)))

    def classes(self, item: Item) -> Classes:
        """The class of every row on an item's grid."""
        grid = item.grid
        assert grid is not None
        if isinstance(grid, CategoricalGrid):
            known = self.vocabularies[item.source]
            return Classes(known.find(self.rows[f"v {item.source}"].to_numpy()), 0, known.meaning)
        codes, ends = self._scores(item.source) if isinstance(grid, ScoreGrid) else self._coded(grid, item.source)
        held = codes
        if item.within is not None and (ends is None or ends[0] < item.within[0] or ends[1] > item.within[1]):
            held = np.clip(codes, *item.within)
        if ends is not None:
            return between(held, *ends)
        if item.absent is not None:
            held = np.where(no_value(codes), item.absent, held)
        return between(held, int(held.min()), int(held.max()))

    def _scores(self, source: str) -> Coded:
        """Codes that are asked for twice: by the score itself, and by what came of it."""
        if source not in self._codes:
            self._codes[source] = self._coded(SCORE_GRID, source)
        return self._codes[source]

    def _coded(self, grid: NumericGrid | ScoreGrid | BucketGrid, source: str) -> Coded:
        numbers = self.numbers(source)
        if numbers.finite:
            low, high = grid.ends(float(numbers.lows.min()), float(numbers.highs.max()))
            if low > -LIMIT and high < LIMIT:
                return grid.code_finite(numbers.values).astype(np.int32), (low, high)
        return grid.code(numbers.values), None
