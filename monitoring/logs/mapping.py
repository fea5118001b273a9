"""Does a column mapping fit a log? If not: which column, what was found, and how to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from monitoring.core.profile import ColumnType
from monitoring.errors import MappingError
from monitoring.fleet import Columns, Log

NUMERIC = ("number", "boolean")


def check(log: Log, types: dict[str, ColumnType], where: str, task: str) -> None:
    """Raise MappingError for the first thing that does not fit: a missing column, or one of the wrong type."""
    columns = log.columns
    for part, name in mapped(columns):
        if name not in types:
            near = difflib.get_close_matches(name, types, n=1)
            hint = f"Did you mean {near[0]!r}? " if near else ""
            raise MappingError(
                f"column {name!r}, mapped as {part}, is not there; found: {', '.join(list(types)[:40])}.",
                where=where,
                mend=f"{hint}Mend `columns.{part}`.",
            )
    wanted: list[tuple[str, str | None, tuple[str, ...]]] = [
        ("timestamp", columns.timestamp, ("time", "number", "text")),
        ("observed_at", columns.observed_at, ("time", "number", "text")),
        ("latency_ms", columns.latency_ms, NUMERIC),
        ("lower", columns.lower, NUMERIC),
        ("upper", columns.upper, NUMERIC),
    ]
    wanted += [("score", name, NUMERIC) for name in score_columns(columns)]
    if task == "regression":
        wanted += [("prediction", columns.prediction, NUMERIC), ("label", columns.label, NUMERIC)]
    for part, column, kinds in wanted:
        if column is not None and types[column] not in kinds:
            raise MappingError(
                f"column {column!r}, mapped as {part}, holds {types[column]}; {' or '.join(kinds)} is needed.",
                where=where,
                mend="Map another column, or mend the values: one that is no number turns a whole CSV column to text.",
            )


def mapped(columns: Columns) -> Iterable[tuple[str, str]]:
    """Every (part, column) that a mapping names."""
    for part in (
        "id",
        "timestamp",
        "prediction",
        "version",
        "latency_ms",
        "status",
        "label",
        "observed_at",
        "lower",
        "upper",
    ):
        name = getattr(columns, part)
        if name is not None:
            yield part, name
    for name in score_columns(columns):
        yield "score", name
    for part in ("slices", "categorical"):
        for name in getattr(columns, part):
            yield part, name
    if columns.features != "*":
        for name in columns.features:
            yield "features", name


def used_columns(columns: Columns, types: Iterable[str]) -> list[str]:
    """All columns that the summaries are made of, by name: a change in one of them is a change of the row."""
    return sorted(types if columns.features == "*" else {name for _, name in mapped(columns)})


def score_columns(columns: Columns) -> list[str]:
    """The score's column, or one a class."""
    if columns.score is None:
        return []
    return [columns.score] if isinstance(columns.score, str) else list(columns.score.values())


def feature_columns(columns: Columns, types: dict[str, ColumnType]) -> list[str]:
    """The features named, or with "*" every usable column that plays no other part. Slices are features too."""
    if columns.features != "*":
        return list(columns.features)
    taken = {name for part, name in mapped(columns) if part not in ("slices", "categorical")}
    return [name for name, kind in types.items() if name not in taken and kind in ("number", "boolean", "text")]
