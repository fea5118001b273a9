"""Counting in this process: the cells that the statement gives, of values streamed out of DuckDB into NumPy.

DuckDB reads, joins and hashes; classes and counts are NumPy's, several times faster than its CASE and GROUPING SETS
(docs/architecture.md). One scan gives the cells, the exact sums, the repeated ids, and the rows and checksum of
every slot. A server counts its own rows instead, so that only counts cross the wire: logs.statement.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sqlalchemy import Select, func, select

from monitoring.core.summary import BLOCK, FINE, Block, Kind, Series
from monitoring.logs.batch import SPREAD, Batch, Classes, Integers, between
from monitoring.logs.codes import Item
from monitoring.logs.collect import cut
from monitoring.logs.expressions import Expression, slot, text_of
from monitoring.logs.joined import OTHER_SLICE, RowParts
from monitoring.logs.rows import OBSERVED

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
    values: dict[str, Expression] = {}
    for item in items:
        if item.value is not None:  # a text comes as its hash: it is found by that, and costs a third less to bring
            values[item.source] = func.hash(item.value) if item.is_text else item.value
    out += [value.label(f"v {source}") for source, value in values.items()]
    out += [item.rest.label(f"r{number}") for number, item in enumerate(items) if item.rest is not None]
    return select(*out, *more).select_from(parts.rows)


def has_known(parts: RowParts) -> bool:
    """Whether labels are known at times of their own."""
    return OBSERVED in parts.rows.c and parts.model.chunk.rows is None


@dataclass(frozen=True, slots=True)
class Moments:
    """For every row the number of its (slot, known), ascending, and what these are."""

    at: Integers
    slots: NDArray[np.int32]
    known: NDArray[np.int32]


@dataclass
class Tally:
    """Cells of every series, added up batch by batch."""

    parts: RowParts
    items: list[Item]
    _found: dict[Series, list[tuple[NDArray[np.int32], ...]]] = field(default_factory=dict)

    def add(self, batch: Batch) -> None:
        """Count the rows of a batch."""
        slots = moments(batch.slots)
        fine = moments(batch.integers("fine")) if batch.has("fine") else slots
        known = moments(batch.slots, batch.integers("known")) if batch.has("known") else slots
        version, versions = batch.versions
        slices = [_sliced(batch, n, values) for n, values in enumerate(self.parts.profile.slices.values())]
        views = [("", version, [""])]
        views += [
            (f"{name}=", version * len(values) + at, values)
            for name, (at, values) in zip(self.parts.slices, slices, strict=True)
        ]
        places: dict[tuple[str, int], Integers] = {}
        for number, item in enumerate(self.items):
            when = fine if item.kind == Kind.SERVICE else known if item.by_known else slots
            classes, kept = _in_series(batch, number, item)
            meaning = classes.meaning
            for prefix, groups, values in views:
                if (prefix, id(when)) not in places:
                    places[prefix, id(when)] = groups * len(when.slots) + when.at
                cell = places[prefix, id(when)] * len(meaning)
                cell += classes.places
                cell -= classes.least
                of_group = len(when.slots) * len(meaning)
                sets = len(versions) * len(values)
                cells, n = counted(cell if kept is None else cell[kept], sets * of_group)
                ends = np.searchsorted(cells, np.arange(sets + 1) * of_group).tolist()
                for group, (low, high) in enumerate(pairwise(ends)):
                    if low == high:
                        continue
                    series = Series(
                        item.kind, item.name, versions[group // len(values)],
                        f"{prefix}{values[group % len(values)]}" if prefix else "",
                    )  # fmt: skip
                    at, code = np.divmod(cells[low:high] - group * of_group, len(meaning))
                    its = when.slots[at]
                    known_at = its if when.known is when.slots else when.known[at]
                    found = its, known_at, meaning[code].astype(np.int32), n[low:high].astype(np.int32)
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
        (found,) = table.nonzero()
        return found, table[found]
    return np.unique(keys, return_counts=True)


def moments(slots: Integers, known: Integers | None = None) -> Moments:
    """Rows by slot, or by slot and the slot in which they were known."""
    first = int(slots.min())
    if known is None:
        span = int(slots.max()) - first + 1
        if span <= len(slots) + SPREAD:
            every = np.arange(first, first + span, dtype=np.int32)
            return Moments(slots - first, every, every)
        found, at = np.unique(slots, return_inverse=True)
        every = found.astype(np.int32)
        return Moments(at, every, every)
    later = int(known.max()) - first + 1
    pairs, at = np.unique((slots - first) * later + (known - first), return_inverse=True)
    return Moments(at, *((part + first).astype(np.int32) for part in np.divmod(pairs, later)))


def _in_series(batch: Batch, number: int, item: Item) -> tuple[Classes, NDArray[np.bool_] | None]:
    """The class of every row in an item's series, and which rows belong to it (None: all)."""
    if item.rest is None:
        return (
            between(np.zeros(len(batch.slots), np.int64), 0, 0) if item.value is None else batch.classes(item)
        ), None
    column = batch.rows[f"r{number}"]
    kept = column.is_valid().to_numpy(zero_copy_only=False) if column.null_count else None
    rest = np.asarray(column.fill_null(0).to_numpy(zero_copy_only=False))
    low, high = int(rest.min()), int(rest.max())
    if item.value is None:
        return between(rest, low, high), kept
    classes = batch.classes(item)
    if low == high == 0 and item.weight == 1:
        return classes, kept
    ends = classes.meaning[[0, -1]] * item.weight
    return between(classes.codes * item.weight + rest, int(ends[0]) + low, int(ends[1]) + high), kept


def _sliced(batch: Batch, number: int, values: tuple[str, ...]) -> tuple[Integers, list[str]]:
    texts = batch.rows[f"s{number}"].fill_null("(missing)")
    place = pc.index_in(texts, value_set=pa.array(values, pa.string())).fill_null(len(values))
    return np.asarray(place.to_numpy(zero_copy_only=False), np.int64), [*values, OTHER_SLICE]
