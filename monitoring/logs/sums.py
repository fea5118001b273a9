"""Exact sums beside the counts: of numeric columns, of regression errors, and of ids that came twice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import Select, and_, case, func, literal, select, tuple_

from monitoring.core.grid import CategoricalGrid
from monitoring.core.outcome import REGRESSION_SUMS
from monitoring.core.summary import BLOCK, EMPTY, Block, Cells, Kind, Series
from monitoring.logs.rows import Expression, real, text_of
from monitoring.logs.statement import OTHER_SLICE, RowParts, number_of

Sums = dict[tuple[Series, int], Cells]


def column_sums(parts: RowParts) -> Select[Any]:
    """Per slot and version: rows, distinct ids, and of every numeric column sum, minimum and maximum."""
    columns = parts.model.predictions.columns
    out: list[Any] = [parts.slot.label("slot")]
    if columns.version is not None:
        out.append(func.coalesce(text_of(*parts.column(columns.version)), literal("")).label("version"))
    keys = list(out)
    out.append(func.count().label("rows"))
    if columns.id is not None:
        out.append(func.count(parts.rows.c[columns.id].distinct()).label("ids"))
    for number, column in enumerate(parts.profile.columns):
        if not has_sums(column.kind, column.grid) or column.name not in parts.rows.c:
            continue
        value = number_of(*parts.column(column.name))
        finite = case((and_(value > real(-1e300), value < real(1e300)), value))
        out += [
            func.sum(finite).label(f"sum{number}"),
            func.min(finite).label(f"min{number}"),
            func.max(finite).label(f"max{number}"),
        ]
    return select(*out).select_from(parts.rows).group_by(*keys)


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
    usable = error.is_not(None) & and_(error > real(-1e300), error < real(1e300))
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
    if columns.version is not None:
        keys.append(func.coalesce(text_of(*parts.column(columns.version)), literal("")).label("version"))
    dimensions: list[Any] = []
    for number, name in enumerate(parts.profile.slices):
        text = func.coalesce(text_of(*parts.column(name)), literal("(missing)"))
        kept = case((text.in_(parts.profile.slices[name]), text), else_=literal(OTHER_SLICE))
        dimensions.append(kept.label(f"s{number}"))
    inner = select(*keys, *dimensions, *(values[name].label(name) for name in REGRESSION_SUMS)).select_from(parts.rows)
    rows = inner.where(usable).subquery("e")
    common = [rows.c[k.name] for k in keys]
    sets = [tuple_(*common), *(tuple_(*common, rows.c[d.name]) for d in dimensions)]
    return select(
        *common,
        *(rows.c[d.name] for d in dimensions),
        *(func.sum(rows.c[name]).label(name) for name in REGRESSION_SUMS),
    ).group_by(func.grouping_sets(*sets))


def collect_column_sums(parts: RowParts, rows: pa.Table) -> Sums:
    """Sums by series and block."""
    out: dict[tuple[Series, int], list[tuple[int, int, list[float]]]] = {}
    records = rows.to_pydict()
    versions = records.get("version") or [""] * rows.num_rows
    ids = records.get("ids") or records["rows"]
    for at, slot in enumerate(records["slot"]):
        block, version = slot // BLOCK, str(versions[at])
        entry = (slot, slot, [float(records["rows"][at] - ids[at])])
        out.setdefault((Series(Kind.ROWS, "", version, ""), block), []).append(entry)
        for number, column in enumerate(parts.profile.columns):
            if f"sum{number}" in records and records[f"sum{number}"][at] is not None:
                values = [float(records[f"{part}{number}"][at]) for part in ("sum", "min", "max")]
                key = (Series(column.kind, column.name, version, ""), block)
                out.setdefault(key, []).append((slot, slot, values))
    return {key: _sums_only(entries) for key, entries in out.items()}


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


def attach(blocks: list[Block], sums: Sums) -> list[Block]:
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


def _sums_only(entries: list[tuple[int, int, list[float]]]) -> Cells:
    entries.sort(key=lambda e: (e[0], e[1]))
    return Cells(
        EMPTY.slots,
        EMPTY.known,
        EMPTY.codes,
        EMPTY.counts,
        np.asarray([e[0] for e in entries], np.int32),
        np.asarray([e[1] for e in entries], np.int32),
        np.asarray([e[2] for e in entries], np.float64),
    )
