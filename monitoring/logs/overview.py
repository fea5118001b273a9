"""A look over the times of a log: as its files say themselves, else in one scan of its time column."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Integer, case, cast, func, literal_column, select

from monitoring.core.window import Slots
from monitoring.logs.engine import quoted
from monitoring.logs.expressions import at_moment, comparable_time, epoch, integer, slot
from monitoring.logs.reader import LogReader
from monitoring.logs.rows import Relation
from monitoring.logs.source import PART, Times

AHEAD = timedelta(hours=1)
"""How far past now a time stamp may lie: clocks differ."""


@dataclass(frozen=True, slots=True)
class Overview:
    """The slots that the rows of each part fall into (of a table: those of part ""), the newest row's moment, rows
    without a time stamp, and rows stamped after now."""

    ranges: dict[str, Slots]
    newest: datetime | None
    undated: int
    ahead: int


def overview(reader: LogReader, predictions: Relation, now: datetime) -> Overview:
    """Look over a prediction log; a log without a time column has nothing to see."""
    name = reader.model.predictions.columns.timestamp
    if name is None:
        return Overview({}, None, 0, 0)
    said = reader.times("predictions", predictions, name)
    if said is not None and all(found.last <= (now + AHEAD).timestamp() for found in said.values()):
        return _as_said(said)
    kind, tick, source = predictions.types[name], predictions.tick(name), predictions.clause
    column = comparable_time(source.c[name], kind)
    by_part = reader.in_files("predictions")
    keys: list[Any] = [literal_column(quoted(PART)).label("part")] if by_part else []
    late = case((column > at_moment(now + AHEAD, kind, tick), integer(1)), else_=integer(0))
    undated = case((source.c[name].is_(None), integer(1)), else_=integer(0))
    spans = (
        select(
            *keys,
            func.min(column).label("first"),
            func.max(column).label("last"),
            cast(func.sum(undated), Integer).label("undated"),
            cast(func.sum(late), Integer).label("ahead"),
        )
        .select_from(source)
        .group_by(*keys)
        .subquery()
    )
    plain = "time" if kind == "text" else kind
    seconds = {end: epoch(spans.c[end], plain, tick) for end in ("first", "last")}
    chosen = [slot(value).label(end) for end, value in seconds.items()]
    found = reader.engine.arrow(
        select(
            *([spans.c.part] if by_part else []),
            *chosen,
            seconds["last"].label("newest"),
            spans.c.undated,
            spans.c.ahead,
        )
    ).to_pylist()
    dated = [row for row in found if row["newest"] is not None]
    newest = max((float(row["newest"]) for row in dated), default=None)
    return Overview(
        {str(row.get("part", "")): Slots(int(row["first"]), int(row["last"]) + 1) for row in dated},
        None if newest is None else datetime.fromtimestamp(newest, tz=UTC),
        sum(int(row["undated"] or 0) for row in found),
        0 if reader.model.chunk.rows is not None else sum(int(row["ahead"] or 0) for row in found),
    )


def _as_said(said: dict[str, Times]) -> Overview:
    newest = max((found.last for found in said.values()), default=None)
    return Overview(
        {name: Slots(_slot(found.first), _slot(found.last) + 1) for name, found in said.items()},
        None if newest is None else datetime.fromtimestamp(newest, tz=UTC),
        sum(found.undated for found in said.values()),
        0,
    )


def _slot(seconds: float) -> int:
    return int(seconds // 3600)
