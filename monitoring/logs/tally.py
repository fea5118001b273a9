"""Counting in this process: the cells that the statement gives, of values streamed out of DuckDB into NumPy.

DuckDB reads, joins and hashes; classes and counts are NumPy's, several times faster than its CASE and GROUPING SETS
(docs/architecture.md). One scan gives the cells, the exact sums, the repeated ids, and the rows and checksum of
every slot. A server counts its own rows instead, so that only counts cross the wire: logs.statement.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sqlalchemy import Select, select

from monitoring.core.grid import MISSING, NONFINITE, REST, UNSEEN, CategoricalGrid, no_value
from monitoring.core.summary import BLOCK, FINE, Block, Kind, Series
from monitoring.logs.codes import HUGE, Item
from monitoring.logs.collect import cut
from monitoring.logs.joined import OTHER_SLICE, RowParts
from monitoring.logs.rows import OBSERVED, Expression, slot, text_of

Integers = NDArray[np.int64]
SPREAD = 4_096
"""Codes next to one another, from which on only those that occur are counted."""
DENSE = 4
"""Cells a row, up to which counting in a table is cheaper than sorting."""


def rows_of(parts: RowParts, items: list[Item], more: list[Any]) -> Select[Any]:
    """What `Tally.add` needs of every row, and `more` columns."""
    fine = parts.rows.c.get("slot_seconds")
    if fine is not None and any(item.kind == Kind.SERVICE for item in items):
        out: list[Any] = [slot(fine, 3600 // FINE).label("fine")]  # the slot follows from it
    else:
        out = [parts.slot.label("slot")]
    if has_known(parts) and any(item.by_known for item in items):
        out.append(parts.known.label("known"))
    if parts.version is not None:
        out.append(parts.version.label("version"))
    for number, name in enumerate(parts.slices):
        out.append(text_of(*parts.column(name)).label(f"s{number}"))
    values: dict[str, Expression] = {item.source: item.value for item in items if item.value is not None}
    out += [value.label(f"v {source}") for source, value in values.items()]
    out += [item.rest.label(f"r{number}") for number, item in enumerate(items) if item.rest is not None]
    return select(*out, *more).select_from(parts.rows)


def has_known(parts: RowParts) -> bool:
    """Whether labels are known at times of their own."""
    return OBSERVED in parts.rows.c and parts.model.chunk.rows is None


@dataclass
class Batch:
    """Some rows as arrays, each made when first asked for."""

    rows: pa.RecordBatch
    _classes: dict[tuple[object, ...], NDArray[np.int32]] = field(default_factory=dict)

    def integers(self, name: str) -> Integers:
        """A column without nulls."""
        return np.asarray(self.rows[name].to_numpy(zero_copy_only=False), dtype=np.int64)

    def slots(self) -> Integers:
        """The slot of every row."""
        return self.integers("fine") // FINE if "fine" in self.rows.schema.names else self.integers("slot")

    def numbers(self, source: str) -> NDArray[np.float64]:
        """A column of numbers: NaN where null, infinite where not finite."""
        column = self.rows[f"v {source}"]
        x: NDArray[np.float64] = column.to_numpy(zero_copy_only=False)
        if len(x) == 0 or (x.min() > -HUGE and x.max() < HUGE):
            return x
        finite = (x > -HUGE) & (x < HUGE)
        null = column.is_null().to_numpy(zero_copy_only=False)
        return np.where(finite, x, np.where(null, np.nan, np.inf))

    def classes(self, item: Item) -> NDArray[np.int32]:
        """The class of every row on an item's grid."""
        assert item.grid is not None
        key = (item.source, item.grid)
        if key not in self._classes:
            if isinstance(item.grid, CategoricalGrid):
                self._classes[key] = _categories(self.rows[f"v {item.source}"], item.grid)
            else:
                self._classes[key] = item.grid.code(self.numbers(item.source))
        codes = self._classes[key]
        if item.within is not None:
            codes = np.where(no_value(codes), codes, np.clip(codes, *item.within))
        if item.absent is not None:
            codes = np.where(no_value(codes), item.absent, codes)
        return codes

    def codes(self, number: int, item: Item) -> tuple[NDArray[np.integer], NDArray[np.bool_] | None]:
        """The class of every row in an item's series, and which rows belong to it (None: all)."""
        if item.rest is None:
            return (np.zeros(self.rows.num_rows, np.int32) if item.value is None else self.classes(item)), None
        column = self.rows[f"r{number}"]
        kept = column.is_valid().to_numpy(zero_copy_only=False) if column.null_count else None
        rest = np.asarray(column.fill_null(0).to_numpy(zero_copy_only=False))
        if item.value is None:
            return rest, kept
        codes = self.classes(item)
        return codes * np.int32(item.weight) + rest, kept


@dataclass(frozen=True, slots=True)
class Moments:
    """For every row the number of its (slot, known), ascending, and what these are."""

    at: Integers
    slots: Integers
    known: Integers


@dataclass
class Tally:
    """Cells of every series, added up batch by batch."""

    parts: RowParts
    items: list[Item]
    _found: dict[Series, list[tuple[Integers, ...]]] = field(default_factory=dict)

    def add(self, batch: Batch) -> None:
        """Count the rows of a batch."""
        names = batch.rows.schema.names
        rows = batch.slots()
        slots = moments(rows)
        fine = moments(batch.integers("fine")) if "fine" in names else slots
        known = moments(rows, batch.integers("known")) if "known" in names else slots
        version, versions = versions_of(batch)
        slices = [_sliced(batch, n, values) for n, values in enumerate(self.parts.profile.slices.values())]
        views = [("", version, [""])]
        views += [
            (f"{name}=", version * len(values) + at, values)
            for name, (at, values) in zip(self.parts.slices, slices, strict=True)
        ]
        places: dict[tuple[str, int], Integers] = {}
        for number, item in enumerate(self.items):
            when = fine if item.kind == Kind.SERVICE else known if item.by_known else slots
            codes, kept = batch.codes(number, item)
            codes, least, meaning = _compacted(codes)
            for prefix, groups, values in views:
                sets = len(versions) * len(values)
                if (prefix, id(when)) not in places:
                    places[prefix, id(when)] = groups * len(when.slots) + when.at
                cell = places[prefix, id(when)] * len(meaning)
                cell += codes
                cell -= least
                cells, n = counted(cell if kept is None else cell[kept], sets * len(when.slots) * len(meaning))
                group, at, code = _taken_apart(cells, len(when.slots), len(meaning))
                ends = np.flatnonzero(np.diff(group, append=-1)) + 1
                for low, high in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=False):
                    one, its = int(group[low]), at[low:high]
                    series = Series(
                        item.kind, item.name, versions[one // len(values)],
                        f"{prefix}{values[one % len(values)]}" if prefix else "",
                    )  # fmt: skip
                    found = when.slots[its], when.known[its], meaning[code[low:high]], n[low:high]
                    self._found.setdefault(series, []).append(found)

    def blocks(self) -> Iterator[Block]:
        """What was counted."""
        for series, found in self._found.items():
            length = BLOCK * FINE if series.kind == Kind.SERVICE else BLOCK
            slots, known, codes, n = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
            yield from cut(series, slots, known, codes, n, length)


def counted(keys: Integers, size: int) -> tuple[Integers, Integers]:
    """Keys in [0, size) that occur, ascending, and how often."""
    if size <= DENSE * len(keys) + SPREAD:
        table = np.bincount(keys, minlength=size)
        found = np.flatnonzero(table)
        return found, table[found]
    return np.unique(keys, return_counts=True)


def moments(slots: Integers, known: Integers | None = None) -> Moments:
    """Rows by slot, or by slot and the slot in which they were known."""
    if len(slots) == 0:
        return Moments(slots, slots, slots)
    first = int(slots.min())
    if known is None:
        span = int(slots.max()) - first + 1
        if span <= len(slots) + SPREAD:
            every = np.arange(first, first + span)
            return Moments(slots - first, every, every)
        every, at = np.unique(slots, return_inverse=True)
        return Moments(at, every, every)
    later = int(known.max()) - first + 1
    pairs, at = np.unique((slots - first) * later + (known - first), return_inverse=True)
    return Moments(at, pairs // later + first, pairs % later + first)


def _taken_apart(cells: Integers, moments: int, codes: int) -> tuple[Integers, Integers, Integers]:
    rest, code = np.divmod(cells, codes)
    group, at = np.divmod(rest, moments)
    return group, at, code


def _compacted(codes: NDArray[np.integer]) -> tuple[NDArray[np.integer], int, Integers]:
    """Codes as numbers close together and in their order, the least of them, and what each from there on means."""
    if len(codes) == 0:
        return codes, 0, np.zeros(1, np.int64)
    low, high = int(codes.min()), int(codes.max())
    if high - low < SPREAD:
        return codes, low, np.arange(low, high + 1)
    special = no_value(codes)
    plain = codes[~special]
    if len(plain) and int(plain.max()) - int(plain.min()) < SPREAD:
        low, high = int(plain.min()), int(plain.max())
        meaning = np.concatenate([[MISSING], np.arange(low, high + 1), [NONFINITE]])
        return np.clip(codes, low - 1, high + 1), low - 1, meaning
    meaning, compact = np.unique(codes, return_inverse=True)
    return compact, 0, meaning.astype(np.int64)


def _categories(texts: pa.Array, grid: CategoricalGrid) -> NDArray[np.int32]:
    """Class codes of categories."""
    named, rare = list(grid.values), list(grid.others) if grid.complete else []
    place = pc.index_in(texts, value_set=pa.array([*named, *rare], pa.string()), skip_nulls=True)
    meaning = [*range(len(named)), *[REST] * len(rare), UNSEEN if grid.complete else REST, MISSING]
    codes = place.fill_null(len(named) + len(rare)).to_numpy(zero_copy_only=False)
    if texts.null_count:
        codes = np.where(texts.is_null().to_numpy(zero_copy_only=False), len(meaning) - 1, codes)
    chosen: NDArray[np.int32] = np.asarray(meaning, np.int32)[codes]
    return chosen


def versions_of(batch: Batch) -> tuple[Integers, list[str]]:
    """The number of every row's version (a single one without versions), and their names."""
    if "version" not in batch.rows.schema.names:
        return np.zeros(1, np.int64), [""]
    encoded = batch.rows["version"].dictionary_encode()
    return np.asarray(encoded.indices.to_numpy(), np.int64), [str(v) for v in encoded.dictionary.to_pylist()]


def _sliced(batch: Batch, number: int, values: tuple[str, ...]) -> tuple[Integers, list[str]]:
    texts = batch.rows[f"s{number}"].fill_null("(missing)")
    place = pc.index_in(texts, value_set=pa.array(values, pa.string())).fill_null(len(values))
    return np.asarray(place.to_numpy(zero_copy_only=False), np.int64), [*values, OTHER_SLICE]
