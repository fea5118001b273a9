"""The rows of a log: a relation in the engine, within bounds, by slots, and the newest label of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Double,
    Integer,
    Select,
    and_,
    cast,
    false,
    func,
    null,
    or_,
    select,
)
from sqlalchemy import column as sql_column
from sqlalchemy import table as sql_table
from sqlalchemy.sql.expression import FromClause

from monitoring.core.profile import ColumnType
from monitoring.core.window import moment_of
from monitoring.fleet import Columns, Model
from monitoring.logs.expressions import Expression, at_moment, comparable_time, epoch, integer, real, slot, text_of

Types = dict[str, ColumnType]
EARLY = 31 * 24
"""Slots by which a label may be observed before its prediction: times that are mere dates, clocks that differ."""
LABEL, OBSERVED = "__leeway_label", "__leeway_observed"
"""Columns, beside those of the log, that hold a row's label and when it was observed (seconds)."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A log in the engine: its name there, its column types, and its time columns' units (seconds a tick)."""

    name: str
    types: Types
    ticks: Mapping[str, float] = field(default_factory=dict)

    @property
    def clause(self) -> FromClause:
        """For use in a statement; a dot parts schema from table."""
        schema, _, name = self.name.rpartition(".")
        columns: list[Any] = [sql_column(c) for c in self.types]
        return sql_table(name, *columns, schema=schema) if schema else sql_table(name, *columns)

    def tick(self, column: str) -> float:
        """Seconds a tick of a time column that holds numbers."""
        return self.ticks.get(column, 1.0)

    def seconds(self, rows: FromClause, column: str) -> Expression:
        """Seconds since 1970 of a time column, of rows of this log."""
        return epoch(rows.c[column], self.types[column], self.tick(column))


@dataclass(frozen=True, slots=True)
class Bounds:
    """Which rows to take: runs of slots (None: all), and nothing logged or observed after `as_of`."""

    runs: tuple[tuple[int, int], ...] | None = None
    as_of: datetime | None = None


MANY = 12
"""Runs of slots, from which a row's slot is looked up in a list: of 114 runs, seven times as fast."""


def within(seconds_column: Expression, kind: ColumnType, tick: float, bounds: Bounds) -> Expression:
    """Condition on the raw time column, so that the engine can skip files and row groups."""
    column = comparable_time(seconds_column, kind)
    conditions: list[Expression] = []
    if bounds.runs is not None and len(bounds.runs) > MANY:
        ends = [min(a for a, _ in bounds.runs), max(b for _, b in bounds.runs)]
        first, last = (at_moment(moment_of(end), kind, tick) for end in ends)
        inside = [integer(number) for a, b in bounds.runs for number in range(a, b)]
        conditions += [column >= first, column < last, slot(epoch(seconds_column, kind, tick)).in_(inside)]
    elif bounds.runs is not None:
        edges = [[at_moment(moment_of(end), kind, tick) for end in run] for run in bounds.runs]
        spans = [and_(column >= first, column < last) for first, last in edges]
        conditions.append(or_(*spans) if spans else false())
    if bounds.as_of is not None:
        conditions.append(column <= at_moment(bounds.as_of, kind, tick))
    return and_(*conditions) if conditions else column.is_not(None)


def newest_labels(
    labels: Relation,
    columns: Columns,
    bounds: Bounds,
    first: int | None,
    ids: Select[Any] | None = None,
    as_text: bool = False,
) -> Select[Any]:
    """Labels, one an id: the one observed last. Those from before all predictions (slot `first`) are passed over.

    `ids` limits them to those of some predictions, compared as text where the logs' types of id differ.
    """
    source = labels.clause
    observed: Expression = null()
    condition: Expression = source.c[columns.label or ""].is_not(None)
    order = source.c[columns.label or ""].desc()
    if columns.observed_at:
        kind, tick = labels.types[columns.observed_at], labels.tick(columns.observed_at)
        raw = source.c[columns.observed_at]
        observed = labels.seconds(source, columns.observed_at)
        order = raw.desc()
        if bounds.as_of is not None:
            condition = and_(condition, within(raw, kind, tick, Bounds(None, bounds.as_of)))
        if first is not None:
            condition = and_(condition, within(raw, kind, tick, Bounds(((first - EARLY, 1_000_000),))))
    identity = source.c[columns.id or ""]
    if ids is not None:
        mine = text_of(identity, labels.types[columns.id or ""]) if as_text else identity
        condition = and_(condition, mine.in_(ids))
    ranked = (
        select(
            identity.label("label_id"),
            source.c[columns.label or ""].label(LABEL),
            observed.label(OBSERVED),
            func.row_number().over(partition_by=identity, order_by=order).label("place"),
        )
        .where(condition)
        .subquery()
    )
    return select(ranked.c.label_id, ranked.c[LABEL], ranked.c[OBSERVED]).where(ranked.c.place == integer(1))


def row_slots(predictions: Relation, model: Model, bounds: Bounds) -> FromClause:
    """The prediction log with a column `slot_seconds` (time) or `slot_number` (rows), within the bounds."""
    columns = model.predictions.columns
    source = predictions.clause
    if model.chunk.rows is None:
        name = columns.timestamp or ""
        inside = within(source.c[name], predictions.types[name], predictions.tick(name), bounds)
        return select(source, predictions.seconds(source, name).label("slot_seconds")).where(inside).subquery("p")
    order = [source.c[columns.timestamp]] if columns.timestamp else []
    number = cast(
        func.floor(cast(func.row_number().over(order_by=order or None) - integer(1), Double) / real(model.chunk.rows)),
        Integer,
    ).label("slot_number")
    numbered = select(source, number).subquery("numbered")
    if bounds.runs is None:
        return select(numbered).subquery("p")
    spans = [and_(numbered.c.slot_number >= integer(a), numbered.c.slot_number < integer(b)) for a, b in bounds.runs]
    return select(numbered).where(or_(*spans) if spans else false()).subquery("p")


def runs(slots: list[int]) -> tuple[tuple[int, int], ...]:
    """Slots as half-open runs of neighbours."""
    out: list[tuple[int, int]] = []
    for number in sorted(slots):
        if out and out[-1][1] == number:
            out[-1] = (out[-1][0], number + 1)
        else:
            out.append((number, number + 1))
    return tuple(out)
