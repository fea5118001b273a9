"""The time columns of a log: whether they hold times, and in which unit."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select

from monitoring.core.profile import ColumnType
from monitoring.errors import MappingError
from monitoring.logs.engine import DuckEngine, LogEngine, quoted
from monitoring.logs.expressions import epoch
from monitoring.logs.rows import Relation

EARLIEST = 1e8
"""Seconds since 1970, in 1973: a smaller number is taken for a date, a count or a flag; times that end earlier, for a
mistake."""
TICKS = ((1e17, 1e-9), (1e14, 1e-6), (1e11, 1e-3))
"""Numbers above which a tick is so many seconds."""
FORMS = "Times are time stamps, or seconds, ms, µs or ns since 1970."
USE = {
    "timestamp": "when a prediction was made; a log without times is judged by rows (`chunk: {rows: 1000}`)",
    "observed_at": "when a label came to be known, or none: leave observed_at out",
}
"""What a column is to be mapped for, by part."""


def newest(engine: LogEngine, relation: Relation, column: str) -> float | None:
    """The greatest value of a time column: of numbers as they are, of times in seconds since 1970. None without any,
    of texts, and where a server would read its whole table for it."""
    kind = relation.types[column]
    if kind == "text" or (kind != "number" and not isinstance(engine, DuckEngine)):
        return None
    largest: Any = func.max(relation.clause.c[column])
    if kind != "number":
        largest = epoch(largest, kind, 1.0)
    found = engine.arrow(select(largest.label("at")))["at"][0].as_py()
    return None if found is None else float(found)


def tick(kind: ColumnType, newest: float | None) -> float:
    """Seconds a tick of a time column, by the size of its numbers; 1 where they are no numbers."""
    if kind != "number" or newest is None:
        return 1.0
    return next((tick for limit, tick in TICKS if newest > limit), 1.0)


def check(engine: LogEngine, relation: Relation, part: str, column: str, newest: float | None, where: str) -> None:
    """Raise MappingError where a column that is mapped as `part` holds no times."""
    kind = relation.types[column]
    if kind == "text":
        _check_text(engine, relation, part, column, where)
    elif newest is not None and newest < EARLIEST:
        latest = datetime.fromtimestamp(max(newest, 0.0), tz=UTC)
        found = f"numbers up to {newest:.12g}: as seconds since 1970" if kind == "number" else "times, but"
        raise MappingError(
            f"column {column!r}, mapped as {part}, holds {found} the latest is {latest:%Y-%m-%d %H:%M:%S} UTC.",
            where=where, mend=f"Map the column that says {USE[part]}. {FORMS}",
        )  # fmt: skip


def _check_text(engine: LogEngine, relation: Relation, part: str, column: str, where: str) -> None:
    if not isinstance(engine, DuckEngine):
        return
    name = quoted(column)
    no_time = f"try_cast({name} AS TIMESTAMPTZ) IS NULL AND {name} IS NOT NULL"
    odd = engine.arrow(f"SELECT {name} AS v FROM {quoted(relation.name)} WHERE {no_time} LIMIT 1")["v"].to_pylist()
    if odd:
        raise MappingError(
            f"column {column!r}, mapped as {part}, holds {odd[0]!r}, which is not a time.",
            where=where, mend="Write times as 2026-05-14T06:00:00Z, or as seconds since 1970.",
        )  # fmt: skip
