"""Exact sums beside the counts: of numeric columns, of regression errors, and of ids that came twice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy import Select, and_, case, func, select, tuple_

from monitoring.core.grid import CategoricalGrid
from monitoring.core.outcome import REGRESSION_SUMS
from monitoring.core.summary import BLOCK, EMPTY, Block, Cells, Kind, Series
from monitoring.logs.codes import HUGE
from monitoring.logs.expressions import Expression, real
from monitoring.logs.joined import RowParts, number_of

Sums = dict[tuple[Series, int], Cells]
Census = dict[int, tuple[int, str]]
"""Rows and checksum by slot."""
PARTS = ("sum", "min", "max")


@dataclass(frozen=True, slots=True)
class SlotSums:
    """What is known exactly of every (slot, version), n of them: rows, ids that came again, the rows' checksum.

    `sums` holds by the column's place in the profile sum, minimum and maximum of its finite values, shape (n, 3): NaN
    where there was none.
    """

    slots: NDArray[np.int64]
    versions: list[str]
    rows: NDArray[np.int64]
    repeated: NDArray[np.int64]
    checksums: list[int]
    sums: dict[int, NDArray[np.float64]]

    def census(self, hashed: int) -> Census:
        """Rows and checksum by slot, the checksum empty where the rows were not hashed: before slot `hashed`."""
        out: dict[int, tuple[int, int]] = {}
        for slot, rows, checksum in zip(self.slots.tolist(), self.rows.tolist(), self.checksums, strict=True):
            before = out.get(slot, (0, 0))
            out[slot] = before[0] + rows, before[1] + checksum
        return {slot: (rows, str(checksum) if slot >= hashed else "") for slot, (rows, checksum) in out.items()}

    def cells(self, parts: RowParts) -> Sums:
        """Sums by series and block."""
        out: Sums = {}
        versions = np.asarray(self.versions, dtype=object)
        for version in sorted(set(self.versions)):
            chosen = np.flatnonzero(versions == version)
            chosen = chosen[np.argsort(self.slots[chosen], kind="stable")]
            slots = self.slots[chosen]
            repeated = self.repeated[chosen, None].astype(np.float64)
            out |= _by_block(Series(Kind.ROWS, "", version), slots, repeated)
            for number, values in self.sums.items():
                column = parts.profile.columns[number]
                out |= _by_block(Series(column.kind, column.name, version), slots, values[chosen])
        return out


def column_sums(parts: RowParts, checksum: Expression | None = None) -> Select[Any]:
    """Per slot and version: rows, distinct ids, and of every numeric column sum, minimum and maximum."""
    columns = parts.model.predictions.columns
    keys = [parts.slot.label("slot")]
    if parts.version is not None:
        keys.append(parts.version.label("version"))
    out: list[Any] = [*keys, func.count().label("rows")]
    if columns.id is not None:
        out.append(func.count(parts.rows.c[columns.id].distinct()).label("ids"))
    if checksum is not None:
        out.append(checksum.label("checksum"))
    for number, value in summed(parts).items():
        finite = case((and_(value > real(-HUGE), value < real(HUGE)), value))
        out += [
            func.sum(finite).label(f"sum{number}"),
            func.min(finite).label(f"min{number}"),
            func.max(finite).label(f"max{number}"),
        ]
    return select(*out).select_from(parts.rows).group_by(*keys)


def summed(parts: RowParts) -> dict[int, Expression]:
    """By place in the profile: the columns that have sums, as numbers."""
    return {
        number: number_of(*parts.column(column.name))
        for number, column in enumerate(parts.profile.columns)
        if has_sums(column.kind, column.grid) and column.name in parts.rows.c
    }


def has_sums(kind: Kind, grid: object) -> bool:
    """Whether a column has sum, minimum and maximum."""
    return kind in (Kind.FEATURE, Kind.SCORE, Kind.PREDICTION, Kind.LATENCY) and not isinstance(grid, CategoricalGrid)


def error_sums(parts: RowParts) -> Select[Any]:
    """Per slot, slot known, version and slice: the sums of core.outcome.REGRESSION_SUMS over labelled rows."""
    found = parts.label
    assert found is not None
    columns = parts.model.predictions.columns
    label = number_of(*found)
    prediction = number_of(*parts.column(columns.prediction or ""))
    error = prediction - label
    one = real(1)
    usable = error.is_not(None) & and_(error > real(-HUGE), error < real(HUGE))
    if parts.failed is not None:
        usable = usable & ~parts.failed
    inside: Expression = real(0)
    intervals: Expression = real(0)
    if columns.lower and columns.upper:
        low, high = number_of(*parts.column(columns.lower)), number_of(*parts.column(columns.upper))
        inside = case((and_(label >= low, label <= high), one), else_=real(0))
        intervals = case(((low + high).is_not(None), one), else_=real(0))
    share = case((label != real(0), func.abs(error) / func.abs(label)), else_=real(0))
    values = dict(
        n=one,
        error=error,
        absolute_error=func.abs(error),
        squared_error=error * error,
        label=label,
        squared_label=label * label,
        absolute_label=func.abs(label),
        absolute_percentage_error=share,
        n_percentage=case((label != real(0), one), else_=real(0)),
        covered=inside,
        n_interval=intervals,
        fourth_power_error=error * error * error * error,
    )
    keys: list[Any] = [parts.slot.label("slot"), parts.known.label("known")]
    if parts.version is not None:
        keys.append(parts.version.label("version"))
    dimensions = [value.label(f"s{number}") for number, value in enumerate(parts.slices.values())]
    inner = select(*keys, *dimensions, *(values[name].label(name) for name in REGRESSION_SUMS)).select_from(parts.rows)
    rows = inner.where(usable).subquery("e")
    common = [rows.c[k.name] for k in keys]
    sets = [tuple_(*common), *(tuple_(*common, rows.c[d.name]) for d in dimensions)]
    return select(
        *common,
        *(rows.c[d.name] for d in dimensions),
        *(func.sum(rows.c[name]).label(name) for name in REGRESSION_SUMS),
    ).group_by(func.grouping_sets(*sets))


def collect_column_sums(rows: pa.Table) -> SlotSums:
    """The sums that the statement's rows hold."""
    count = rows["rows"].to_numpy().astype(np.int64)
    ids = rows["ids"].to_numpy().astype(np.int64) if "ids" in rows.column_names else count
    numbers = [int(name.removeprefix("sum")) for name in rows.column_names if name.startswith("sum")]
    return SlotSums(
        rows["slot"].to_numpy().astype(np.int64),
        [str(v) for v in rows["version"].to_pylist()] if "version" in rows.column_names else [""] * rows.num_rows,
        count,
        count - ids,
        [int(c) for c in rows["checksum"].to_pylist()] if "checksum" in rows.column_names else [0] * rows.num_rows,
        {number: np.stack([_floats(rows[f"{part}{number}"]) for part in PARTS], axis=1) for number in numbers},
    )


def _floats(column: pa.ChunkedArray) -> NDArray[np.float64]:
    return np.asarray(column.to_numpy(), dtype=np.float64)


def _by_block(series: Series, slots: NDArray[np.int64], values: NDArray[np.float64]) -> Sums:
    """Sums, ascending by slot, cut into blocks; those that are NaN left out."""
    known = ~np.isnan(values[:, 0])
    at, values = slots[known].astype(np.int32), values[known]
    if len(at) == 0:
        return {}
    of_block, starts = np.unique(at // BLOCK, return_index=True)
    ends = [*starts[1:].tolist(), len(at)]
    return {
        (series, block): sums_only(at[low:high], at[low:high], values[low:high])
        for block, low, high in zip(of_block.tolist(), starts.tolist(), ends, strict=True)
    }


def collect_error_sums(parts: RowParts, rows: pa.Table) -> Sums:
    """Sums by series and block."""
    out: dict[tuple[Series, int], list[tuple[int, int, list[float]]]] = {}
    names = list(parts.profile.slices)
    for record in rows.to_pylist():
        chosen = [f"{n}={record[f's{i}']}" for i, n in enumerate(names) if record[f"s{i}"] is not None]
        series = Series(Kind.OUTCOME, "", str(record.get("version") or ""), chosen[0] if chosen else "")
        values = [float(record[name]) for name in REGRESSION_SUMS]
        out.setdefault((series, record["slot"] // BLOCK), []).append((record["slot"], record["known"], values))
    return {key: _sums_only(entries) for key, entries in out.items()}


def attach(blocks: Iterable[Block], sums: Sums) -> list[Block]:
    """Blocks with their sums."""
    return [
        Block(b.series, b.block, with_sums(b.cells, sums[b.series, b.block])) if (b.series, b.block) in sums else b
        for b in blocks
    ]


def with_sums(counted: Cells, summed: Cells) -> Cells:
    """The counts of one and the sums of the other."""
    return Cells(
        counted.slots, counted.known, counted.codes, counted.counts, summed.sum_slots, summed.sum_known, summed.sums
    )


def sums_only(slots: NDArray[np.int32], known: NDArray[np.int32], values: NDArray[np.float64]) -> Cells:
    """Cells that hold no counts."""
    return Cells(EMPTY.slots, EMPTY.known, EMPTY.codes, EMPTY.counts, slots, known, values)


def _sums_only(entries: list[tuple[int, int, list[float]]]) -> Cells:
    entries.sort(key=lambda e: (e[0], e[1]))
    slots, known = (np.asarray([e[at] for e in entries], np.int32) for at in (0, 1))
    return sums_only(slots, known, np.asarray([e[2] for e in entries], np.float64))
