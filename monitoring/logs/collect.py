"""From a statement's rows to cells by series and block."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitoring.core.grid import MISSING, REST, UNSEEN, CategoricalGrid
from monitoring.core.summary import BLOCK, FINE, Block, Cells, Kind, Series, cells
from monitoring.logs.codes import DROPPED, TEXT_MISSING, TEXT_REST, TEXT_UNSEEN, Item
from monitoring.logs.statement import OFFSET, WIDTH, Statement


def blocks(statement: Statement, rows: pa.Table, first_slot: int) -> Iterator[Block]:
    """Cells of every series and block that the statement's rows hold."""
    g = rows["g"].to_numpy()
    order = np.argsort(g, kind="stable")
    ordered = g[order]
    version = _dictionary(rows, "version")
    slices = [_dictionary(rows, f"s{n}") for n in range(len(statement.slices))]
    for number, item in enumerate(statement.items):
        mask = statement.mask(number)
        low, high = np.searchsorted(ordered, [mask, mask + 1])
        if low == high:
            continue
        at = order[low:high]
        for series, chosen in _series(item, statement, at, version, slices):
            yield from cut(series, *_arrays(item, rows, chosen, first_slot))


def _dictionary(rows: pa.Table, name: str) -> tuple[NDArray[np.int32], list[str]] | None:
    if name not in rows.column_names:
        return None
    encoded = rows[name].combine_chunks().dictionary_encode()
    indices = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    return indices, [str(v) for v in encoded.dictionary.to_pylist()]


def _series(
    item: Item,
    statement: Statement,
    at: NDArray[np.int64],
    version: tuple[NDArray[np.int32], list[str]] | None,
    slices: list[tuple[NDArray[np.int32], list[str]] | None],
) -> Iterator[tuple[Series, NDArray[np.int64]]]:
    versions = np.zeros(len(at), np.int32) if version is None else version[0][at]
    names = [""] if version is None else version[1]
    values = [s[0][at] for s in slices if s is not None]
    plain = np.all([v < 0 for v in values], axis=0) if values else np.ones(len(at), bool)
    for v in np.unique(versions):
        of_version = versions == v
        yield Series(item.kind, item.name, names[int(v)], ""), at[plain & of_version]
        for number, column in enumerate(statement.slices):
            found = slices[number]
            assert found is not None
            for value in np.unique(values[number][of_version]):
                if value >= 0:
                    name = f"{column}={found[1][int(value)]}"
                    chosen = of_version & (values[number] == value)
                    yield Series(item.kind, item.name, names[int(v)], name), at[chosen]


def _arrays(
    item: Item, rows: pa.Table, at: NDArray[np.int64], first_slot: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], int]:
    """Slots, known slots, codes and counts of these rows, and how many slots make a block."""
    taken = pa.array(at)
    k = rows["k"].take(taken).to_numpy().astype(np.int64)
    counts = rows["n"].take(taken).to_numpy().astype(np.int64)
    length = BLOCK
    if item.is_text:
        slots = k // WIDTH + first_slot
        assert isinstance(item.grid, CategoricalGrid)
        codes, kept = _categories(rows["t"].take(taken), item.grid)
    else:
        fine = item.kind == Kind.SERVICE
        slots = k // WIDTH + first_slot * (FINE if fine else 1)
        codes = k % WIDTH - OFFSET
        kept = codes != DROPPED
        length = BLOCK * FINE if fine else BLOCK
    known = slots
    if item.by_known:
        known = rows["known"].take(taken).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    return slots[kept], known[kept], codes[kept], counts[kept], length


def _categories(texts: pa.ChunkedArray, grid: CategoricalGrid) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    encoded = texts.combine_chunks().dictionary_encode()
    lookup = {name: code for code, name in enumerate(grid.values)}
    lookup |= {TEXT_MISSING: MISSING, TEXT_REST: REST, TEXT_UNSEEN: UNSEEN}
    table = np.asarray([lookup.get(v, DROPPED) for v in encoded.dictionary.to_pylist()], dtype=np.int64)
    codes = table[encoded.indices.to_numpy()]
    return codes, codes != DROPPED


def cut(
    series: Series,
    slots: NDArray[np.int64],
    known: NDArray[np.int64],
    codes: NDArray[np.int64],
    counts: NDArray[np.int64],
    length: int,
) -> Iterator[Block]:
    """Cells cut into blocks of `length` slots."""
    if len(slots) == 0:
        return
    whole = cells(slots, known, codes, counts)
    of_block = whole.slots // length
    starts = np.flatnonzero(np.diff(of_block, prepend=of_block[0] - 1))
    for low, high in zip(starts, [*starts[1:], len(of_block)], strict=True):
        part = slice(int(low), int(high))
        yield Block(
            series,
            int(of_block[low]),
            Cells(
                whole.slots[part],
                whole.known[part],
                whole.codes[part],
                whole.counts[part],
                whole.sum_slots,
                whole.sum_known,
                whole.sums,
            ),
        )
