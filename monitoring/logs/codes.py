"""What is counted of a row: the series it belongs to, and its class there, as SQL expressions.

An item says once what its class is made of: a value, the grid it falls on, and what is added to the grid's class. The
statement asks for the class itself (`code`); a count in this process (logs.tally) asks for the parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Integer, and_, case, cast, func, literal

from monitoring.core.grid import (
    LIMIT,
    MISSING,
    NONFINITE,
    SCORE_LIMITS,
    STEP,
    BucketGrid,
    CategoricalGrid,
    Grid,
    NumericGrid,
    ScoreGrid,
)
from monitoring.core.outcome import NO_LATENCY, NO_SCORE, OK, SCORE_GRID
from monitoring.core.profile import Column, ColumnType
from monitoring.core.summary import Kind
from monitoring.logs.expressions import Expression, integer, is_positive, real, text_of
from monitoring.logs.joined import RowParts, number_of
from monitoring.logs.statuses import status_class

DROPPED = 32_000
"""Code of rows that do not belong to a series: no label yet, or a request that failed."""
HUGE = 1e300
"""A number this far from 0 counts as not finite."""
TEXT_MISSING, TEXT_REST, TEXT_UNSEEN, TEXT_DROPPED = "\x01missing", "\x01rest", "\x01unseen", "\x01dropped"


@dataclass(frozen=True, slots=True)
class Item:
    """A series to count: the class of a row is that of `value` on `grid`, times `weight`, plus `rest`.

    Without a value the class is `rest` alone; without a rest nothing is added. Where `rest` is null the row does not
    belong. `source` names what the value is, so that items of one value share it. On a ScoreGrid or BucketGrid a value
    that is null or not finite has the class `absent`; where that is None, MISSING or NONFINITE. With `within`, classes
    past the grid's ends are held inside them.
    """

    kind: Kind
    name: str
    source: str = ""
    value: Expression | None = None
    grid: Grid | None = None
    rest: Expression | None = None
    weight: int = 1
    absent: int | None = None
    within: tuple[int, int] | None = None
    by_known: bool = False

    @property
    def is_text(self) -> bool:
        """Whether the statement gives the category itself, not a number."""
        return isinstance(self.grid, CategoricalGrid)

    @property
    def code(self) -> Expression:
        """The row's class; for categories its text."""
        if self.value is None:
            return func.coalesce(self.rest, integer(DROPPED)) if self.rest is not None else integer(0)
        assert self.grid is not None
        if isinstance(self.grid, CategoricalGrid):
            text = _category(self.value, self.grid)
            return text if self.rest is None else case((self.rest.is_(None), literal(TEXT_DROPPED)), else_=text)
        code = class_code(self.value, self.grid, self.absent, self.within)
        if self.rest is None:
            return code
        return func.coalesce(code * integer(self.weight) + self.rest, integer(DROPPED))


def items(parts: RowParts) -> list[Item]:
    """Every series to count, in the order of the profile."""
    out = [Item(Kind.ROWS, "")]
    for column in parts.profile.columns:
        if column.kind in (Kind.OUTCOME, Kind.LABEL):
            if (item := _outcome(parts, column)) is not None:
                out.append(item)
        elif column.kind == Kind.SERVICE:
            out.append(_service(parts, column))
        elif column.name in parts.rows.c:
            out.append(_plain(parts, column))
    return out


def class_code(
    value: Expression, grid: Grid, absent: int | None = None, within: tuple[int, int] | None = None
) -> Expression:
    """Class code of a number, as the grid's `code` computes it."""
    if isinstance(grid, NumericGrid):
        code = _asinh(value, grid)
    elif isinstance(grid, ScoreGrid):
        code = _score(value)
    else:
        assert isinstance(grid, BucketGrid)
        code = _below(value, grid.cuts)
    if within is not None:
        code = func.greatest(func.least(code, integer(within[1])), integer(within[0]))
    finite = and_(value > real(-HUGE), value < real(HUGE))
    if absent is not None:
        return case((finite, code), else_=integer(absent))
    return case((finite, code), (value.is_(None), integer(MISSING)), else_=integer(NONFINITE))


def _asinh(value: Expression, grid: NumericGrid) -> Expression:
    position = func.asinh((value - real(grid.centre)) * real(1.0 / grid.scale)) * real(1.0 / STEP) + real(0.5)
    code: Expression = cast(func.floor(position), Integer)
    if grid.cuts:
        code = func.greatest(func.least(code + _below(value, grid.cuts), integer(LIMIT)), integer(-LIMIT))
    return code


def _score(value: Expression) -> Expression:
    least, most = real(float(-LIMIT)), real(float(LIMIT - SCORE_GRID.top))
    steps = cast(func.least(func.greatest(func.floor(value * real(200.0)), least), most), Integer)
    beyond = steps + integer(SCORE_GRID.top - 200)
    inside = _reached(value, SCORE_LIMITS[1:-1])
    return case((value < real(0.0), steps), (value >= real(1.0), beyond), else_=inside)


def _below(value: Expression, cuts: tuple[float, ...], offset: int = 0) -> Expression:
    """How many cuts lie below the value: a binary search as nested CASE."""
    if not cuts:
        return integer(offset)
    middle = len(cuts) // 2
    return case(
        (value > real(cuts[middle]), _below(value, cuts[middle + 1 :], offset + middle + 1)),
        else_=_below(value, cuts[:middle], offset),
    )


def _reached(value: Expression, limits: tuple[float, ...], offset: int = 0) -> Expression:
    """How many limits lie at or below the value."""
    if not limits:
        return integer(offset)
    middle = len(limits) // 2
    return case(
        (value >= real(limits[middle]), _reached(value, limits[middle + 1 :], offset + middle + 1)),
        else_=_reached(value, limits[:middle], offset),
    )


def _category(text: Expression, grid: CategoricalGrid) -> Expression:
    whens: list[Any] = [(text.in_(grid.values), text)] if grid.values else []
    if grid.complete and grid.others:
        whens.append((text.in_(grid.others), literal(TEXT_REST)))
    otherwise = literal(TEXT_UNSEEN if grid.complete else TEXT_REST)
    return case(*whens, (text.is_(None), literal(TEXT_MISSING)), else_=otherwise)


def _plain(parts: RowParts, column: Column) -> Item:
    value, kind = parts.column(column.name)
    rest: Expression | None = None
    if column.kind in (Kind.SCORE, Kind.PREDICTION) and parts.failed is not None:
        rest = case((~parts.failed, integer(0)))
    if isinstance(column.grid, CategoricalGrid):
        return Item(column.kind, column.name, f"text {column.name}", text_of(value, kind), column.grid, rest)
    return Item(column.kind, column.name, f"number {column.name}", number_of(value, kind), column.grid, rest)


def _service(parts: RowParts, column: Column) -> Item:
    columns = parts.model.predictions.columns
    status = integer(OK)
    if columns.status is not None:
        status = status_class(*parts.column(columns.status), parts.model.predictions.statuses)
    if columns.latency_ms is None or not isinstance(column.grid, BucketGrid):
        return Item(Kind.SERVICE, "", rest=integer(NO_LATENCY * 4) + status)
    latency = number_of(*parts.column(columns.latency_ms))
    source = f"number {columns.latency_ms}"
    return Item(Kind.SERVICE, "", source, latency, column.grid, status, weight=4, absent=NO_LATENCY)


def _outcome(parts: RowParts, column: Column) -> Item | None:
    found = parts.label
    if found is None:
        return None
    if parts.model.task == "regression":
        return _error(parts, column, *found)
    if parts.model.task == "binary_classification":
        return _binary(parts, *found)
    return _multiclass(parts, column.name, *found)


def _belongs(parts: RowParts, rest: Expression) -> Expression:
    """Null where the request failed: what it predicted means nothing."""
    return rest if parts.failed is None else case((~parts.failed, rest))


def _error(parts: RowParts, column: Column, label: Expression, kind: ColumnType) -> Item:
    truth = number_of(label, kind)
    if column.kind == Kind.LABEL:
        known, source, value = label, "label", truth
    else:
        value = number_of(*parts.column(parts.model.predictions.columns.prediction or "")) - truth
        known, source = value, "error"
    rest = _belongs(parts, case((known.is_not(None), integer(0))))
    return Item(column.kind, column.name, source, value, column.grid, rest, by_known=True)


def _binary(parts: RowParts, label: Expression, kind: ColumnType) -> Item:
    columns, positive = parts.model.predictions.columns, parts.model.positive
    truth = is_positive(label, kind, positive)
    predicted: Expression | None = None
    score: Expression | None = None
    if columns.prediction is not None:
        predicted = is_positive(*parts.column(columns.prediction), positive)
    if isinstance(columns.score, str):
        score = number_of(*parts.column(columns.score))
        from_score = cast(score >= real(0.5), Integer)
        predicted = from_score if predicted is None else func.coalesce(predicted, from_score)
    assert predicted is not None
    rest = _belongs(parts, predicted * integer(2) + truth)
    if score is None:
        return Item(Kind.OUTCOME, "", rest=rest + integer(NO_SCORE * 4), by_known=True)
    return _scored("", columns.score, score, rest, 4)


def _multiclass(parts: RowParts, name: str, label: Expression, kind: ColumnType) -> Item:
    classes = parts.profile.classes
    columns = parts.model.predictions.columns
    truth = _class_number(text_of(label, kind), classes)
    if name == "":
        predicted = _predicted_class(parts, classes)
        rest = _belongs(parts, predicted * integer(len(classes)) + truth)
        return Item(Kind.OUTCOME, "", rest=rest, by_known=True)
    assert isinstance(columns.score, dict)
    rest = _belongs(parts, cast(truth == integer(classes.index(name)), Integer))
    return _scored(name, columns.score[name], number_of(*parts.column(columns.score[name])), rest, 2)


def _scored(name: str, column: object, score: Expression, rest: Expression, weight: int) -> Item:
    return Item(
        Kind.OUTCOME, name, f"number {column}", score, SCORE_GRID, rest, weight, NO_SCORE, (0, SCORE_GRID.top), True
    )


def _predicted_class(parts: RowParts, classes: tuple[str, ...]) -> Expression:
    columns = parts.model.predictions.columns
    if columns.prediction is not None:
        return _class_number(text_of(*parts.column(columns.prediction)), classes)
    assert isinstance(columns.score, dict)
    scores = {k: number_of(*parts.column(v)) for k, v in columns.score.items()}
    best = func.greatest(*scores.values())
    return case(*((scores[k] == best, integer(n)) for n, k in enumerate(classes) if k in scores))


def _class_number(text: Expression, classes: tuple[str, ...]) -> Expression:
    return case(*((text == literal(name), integer(number)) for number, name in enumerate(classes)))
