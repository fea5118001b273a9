"""Values of a log as SQL expressions with one meaning each, in whatever engine they are asked of."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Double,
    Integer,
    Text,
    case,
    cast,
    extract,
    func,
    literal,
    literal_column,
    null,
    true,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import DateTime

from monitoring.core.profile import ColumnType

Expression = ColumnElement[Any]
POSITIVE = ("1", "1.0", "true", "t", "yes", "y", "positive")


def real(value: float) -> Expression:
    """A double literal. Without the exponent DuckDB would take it for a slow DECIMAL."""
    text = repr(float(value))
    return literal_column(text if "e" in text else f"{text}e0", Double)


def integer(value: int) -> Expression:
    """An integer literal."""
    return literal_column(str(value), Integer)


def epoch(column: Expression, kind: ColumnType, tick: float) -> Expression:
    """Seconds since 1970 of a time column: a time stamp (without a zone: UTC), a number of ticks, or text."""
    if kind == "number":
        return cast(column, Double) * real(tick)
    return _Epoch(cast(column, DateTime(timezone=True)) if kind == "text" else column)


class _Epoch(FunctionElement[float]):
    """Seconds since 1970 of a time, as a double."""

    name, inherit_cache = "epoch", True
    type = Double()


@compiles(_Epoch)
def _extracted(element: _Epoch, compiler: SQLCompiler, **options: Any) -> str:
    (column,) = element.clauses
    return compiler.process(cast(extract("epoch", column), Double), **options)


@compiles(_Epoch, "duckdb")
def _counted(element: _Epoch, compiler: SQLCompiler, **options: Any) -> str:
    """At half the cost: DuckDB extracts by the calendar."""
    (column,) = element.clauses
    return f"(epoch_us({compiler.process(column, **options)}) / 1e6)"


def slot(seconds: Expression, length: int = 3600) -> Expression:
    """The slot of a moment. A true division: a reciprocal would put some whole hours into the hour before."""
    return cast(func.floor(seconds / real(length)), Integer)


def text_of(column: Expression, kind: ColumnType) -> Expression:
    """A value as text, whole numbers without a point, so that 1 and 1.0 are one class."""
    if kind == "number":
        return case((func.floor(column) == column, cast(cast(column, BigInteger), Text)), else_=cast(column, Text))
    if kind == "boolean":
        return case((cast(column, Boolean), literal("true")), (column.is_(None), null()), else_=literal("false"))
    return cast(column, Text)


def is_positive(column: Expression, kind: ColumnType, positive: str | None) -> Expression:
    """1 for the positive class, 0 for the other, null for null."""
    if positive is not None:
        hit: Expression = text_of(column, kind) == literal(positive)
    elif kind == "number":
        hit = column > real(0.5)
    elif kind == "boolean":
        hit = cast(column, Boolean) == true()
    else:
        hit = func.lower(cast(column, Text)).in_(POSITIVE)
    return cast(hit, Integer)


def at_moment(moment: datetime, kind: ColumnType, tick: float) -> Expression:
    """A moment, to be compared with a raw time column."""
    if kind == "number":
        return real(moment.timestamp() / tick)
    return literal_column(f"TIMESTAMPTZ '{moment:%Y-%m-%d %H:%M:%S.%f}+00'")


def comparable_time(column: Expression, kind: ColumnType) -> Expression:
    """A raw time column as what has an order: text is a time."""
    return cast(column, DateTime(timezone=True)) if kind == "text" else column
