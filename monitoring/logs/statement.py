"""The one statement that turns log rows into summary cells: GROUPING SETS over class codes, in one scan.

Innermost, every row gets its slot and the raw values it needs; then each column's class code; then slot and
code are packed into one integer, so that a grouping set hashes one column instead of two; outermost, one
grouping set a column (and slice). The same statement runs on every engine in logs.engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Double, Integer, Select, and_, case, cast, func, literal, select, tuple_
from sqlalchemy.sql.expression import FromClause

from monitoring.core.grid import LIMIT, MISSING, NONFINITE, STEP, BucketGrid, CategoricalGrid, NumericGrid, UniformGrid
from monitoring.core.outcome import EXCLUDED, NO_LATENCY, NO_SCORE, OK
from monitoring.core.profile import Column, ColumnType, Profile
from monitoring.core.summary import Kind
from monitoring.fleet import Model
from monitoring.logs.rows import (
    EARLY,
    LABEL,
    OBSERVED,
    Bounds,
    Expression,
    Relation,
    epoch,
    integer,
    is_positive,
    newest_labels,
    real,
    row_slots,
    slot,
    status_class,
    text_of,
)

WIDTH = 65_536
OFFSET = 32_768
DROPPED = 32_000
"""Code of rows that do not belong to a column: no label yet, or a request that failed."""

TEXT_MISSING, TEXT_REST, TEXT_UNSEEN = "\x01missing", "\x01rest", "\x01unseen"
FEW = 7 * 24
"""Slots, up to which labels are looked up by the ids of the predictions."""
OTHER_SLICE = "(other)"
SETS_AT_ONCE = 30
"""PostgreSQL's GROUPING() takes at most 31 columns; wider logs are summarised in several scans."""


@dataclass(frozen=True, slots=True)
class Item:
    """One column of the statement: which series it fills, and its code (or category) as an expression."""

    kind: Kind
    name: str
    code: Expression
    is_text: bool = False
    by_known: bool = False


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement, and what its rows mean. `mask` of an item is the value of column `g` on its rows."""

    select: Select[Any]
    items: tuple[Item, ...]
    slices: tuple[str, ...]

    def mask(self, number: int) -> int:
        """GROUPING() has a 1 for every column that is not in the row's set, the first one leftmost."""
        size = len(self.items)
        return (1 << size) - 1 - (1 << (size - 1 - number))


def joined(model: Model, predictions: Relation, labels: Relation | None, bounds: Bounds) -> FromClause:
    """Prediction rows, each with its newest label where it has one (columns LABEL, OBSERVED)."""
    rows = row_slots(predictions, model, bounds)
    if labels is None or model.labels is None:
        return _with_own_labels(model, predictions, rows, bounds)
    first = min((a for a, _ in bounds.runs), default=None) if bounds.runs and model.chunk.rows is None else None
    mine, theirs = model.predictions.columns.id or "", model.labels.columns.id or ""
    differ = predictions.types[mine] != labels.types[theirs]

    def comparable(value: Expression, kind: ColumnType) -> Expression:
        return text_of(value, kind) if differ else value

    ids: Select[Any] | None = None
    if first is not None and bounds.runs and max(b for _, b in bounds.runs) - first <= FEW:
        # few rows, perhaps many labels: ranking only those that can match is most of the saving of a small run
        ids = select(comparable(rows.c[mine], predictions.types[mine]))
    newest = newest_labels(labels, model.labels.columns, bounds, first, ids, differ).subquery("l")
    left, right = comparable(rows.c[mine], predictions.types[mine]), comparable(newest.c.label_id, labels.types[theirs])
    value: Expression = newest.c[LABEL]
    if model.labels.columns.observed_at is not None and model.chunk.rows is None:
        # the same for every row whatever `first` is, so that an hour read alone has the labels it has among others
        value = case((newest.c[OBSERVED] >= rows.c.slot_seconds - real(EARLY * 3600), value))
    together = rows.outerjoin(newest, left == right)
    return select(rows, value.label(LABEL), newest.c[OBSERVED]).select_from(together).subquery("r")


def _with_own_labels(model: Model, predictions: Relation, rows: FromClause, bounds: Bounds) -> FromClause:
    """Rows that hold their label themselves: as of a moment, without those observed later."""
    columns = model.predictions.columns
    if columns.label is None or columns.observed_at is None:
        return rows
    observed = epoch(rows.c[columns.observed_at], predictions.types[columns.observed_at], predictions.tick)
    value: Expression = rows.c[columns.label]
    if bounds.as_of is not None:
        value = case((observed <= real(bounds.as_of.timestamp()), value))
    return select(rows, value.label(LABEL), observed.label(OBSERVED)).subquery("r")


def statements(
    model: Model,
    profile: Profile,
    predictions: Relation,
    labels: Relation | None,
    bounds: Bounds,
    first_slot: int,
    kinds: frozenset[Kind] | None = None,
) -> list[Statement]:
    """The statement for these rows, or several where the log has more columns than one can group.

    `kinds` limits it to some series (when only labels are new, the features are not read again).
    """
    rows = joined(model, predictions, labels, bounds)
    parts = RowParts(model, profile, rows, predictions, labels)
    every = [item for item in items(parts) if kinds is None or item.kind in kinds]
    return [
        _statement(parts, tuple(every[at : at + SETS_AT_ONCE]), first_slot) for at in range(0, len(every), SETS_AT_ONCE)
    ]


@dataclass(frozen=True, slots=True)
class RowParts:
    """The joined rows with the expressions that more than one item needs."""

    model: Model
    profile: Profile
    rows: FromClause
    predictions: Relation
    labels: Relation | None

    @property
    def slot(self) -> Expression:
        """The row's slot."""
        if self.model.chunk.rows is not None:
            return self.rows.c.slot_number
        return slot(self.rows.c.slot_seconds)

    @property
    def known(self) -> Expression:
        """The slot in which the row's label was known: its own, where labels have no time of observation."""
        if OBSERVED not in self.rows.c or self.model.chunk.rows is not None:
            return self.slot
        observed = slot(self.rows.c[OBSERVED])
        return case((observed > self.slot, observed), else_=self.slot)

    @property
    def failed(self) -> Expression | None:
        """True where the request got no answer, so that its prediction means nothing."""
        name = self.model.predictions.columns.status
        if name is None:
            return None
        status = status_class(self.rows.c[name], self.predictions.types[name])
        return status.not_in((OK, EXCLUDED))

    @property
    def label(self) -> tuple[Expression, Any] | None:
        """The label's expression and type, in the row or joined."""
        if self.labels is not None and self.model.labels is not None:
            return self.rows.c[LABEL], self.labels.types[self.model.labels.columns.label or ""]
        name = self.model.predictions.columns.label
        if name is None:
            return None
        return self.rows.c[LABEL if LABEL in self.rows.c else name], self.predictions.types[name]

    def column(self, name: str) -> tuple[Expression, Any]:
        """A log column and its type; a null where this part of the log lacks it."""
        return self.rows.c[name], self.predictions.types[name]


def items(parts: RowParts) -> list[Item]:
    """Every column to count, in the order of the profile."""
    out = [Item(Kind.ROWS, "", integer(0))]
    for column in parts.profile.columns:
        if column.kind in (Kind.OUTCOME, Kind.LABEL):
            if (code := _outcome(parts, column)) is not None:
                out.append(Item(column.kind, column.name, code, by_known=True))
        elif column.kind == Kind.SERVICE:
            out.append(Item(Kind.SERVICE, "", _service(parts, column)))
        elif column.name in parts.rows.c:
            out.append(_plain(parts, column))
    return out


def numeric_code(value: Expression, grid: NumericGrid) -> Expression:
    """Class code of a number, as NumericGrid.code computes it. Past 1e300 counts as not finite."""
    position = func.asinh((value - real(grid.centre)) * real(1.0 / grid.scale)) * real(1.0 / STEP) + real(0.5)
    code: Expression = cast(func.floor(position), Integer)
    if grid.cuts:
        code = func.greatest(func.least(code + _below(value, grid.cuts), integer(LIMIT)), integer(-LIMIT))
    finite = and_(value > real(-1e300), value < real(1e300))
    return case((finite, code), (value.is_(None), integer(MISSING)), else_=integer(NONFINITE))


def _below(value: Expression, cuts: tuple[float, ...], offset: int = 0) -> Expression:
    """How many cuts lie below the value: a binary search as nested CASE."""
    if not cuts:
        return integer(offset)
    middle = len(cuts) // 2
    return case(
        (value > real(cuts[middle]), _below(value, cuts[middle + 1 :], offset + middle + 1)),
        else_=_below(value, cuts[:middle], offset),
    )


def _plain(parts: RowParts, column: Column) -> Item:
    value, kind = parts.column(column.name)
    prediction = column.kind in (Kind.SCORE, Kind.PREDICTION)
    grid = column.grid
    if isinstance(grid, CategoricalGrid):
        text = text_of(value, kind)
        whens: list[Any] = [(text.in_(grid.values), text)] if grid.values else []
        if grid.complete and grid.others:
            whens.append((text.in_(grid.others), literal(TEXT_REST)))
        otherwise = literal(TEXT_UNSEEN if grid.complete else TEXT_REST)
        code: Expression = case(*whens, (text.is_(None), literal(TEXT_MISSING)), else_=otherwise)
        if prediction and parts.failed is not None:
            code = case((parts.failed, literal("\x01dropped")), else_=code)
        return Item(column.kind, column.name, code, is_text=True)
    if isinstance(grid, NumericGrid):
        code = numeric_code(number_of(value, kind), grid)
    else:
        assert isinstance(grid, UniformGrid)
        code = _uniform(number_of(value, kind), grid.bins)
    if prediction and parts.failed is not None:
        code = case((parts.failed, integer(DROPPED)), else_=code)
    return Item(column.kind, column.name, code)


def number_of(value: Expression, kind: str) -> Expression:
    """A value as a double; true is 1."""
    return cast(cast(value, Integer), Double) if kind == "boolean" else cast(value, Double)


def _uniform(value: Expression, bins: int) -> Expression:
    finite = and_(value > real(-100), value < real(100))
    inside = cast(func.floor(value * real(bins)), Integer)
    return case((finite, inside), (value.is_(None), integer(MISSING)), else_=integer(NONFINITE))


def _service(parts: RowParts, column: Column) -> Expression:
    columns = parts.model.predictions.columns
    status = integer(OK)
    if columns.status is not None:
        status = status_class(*parts.column(columns.status))
    if columns.latency_ms is None or not isinstance(column.grid, BucketGrid):
        return integer(NO_LATENCY * 4) + status
    latency = number_of(*parts.column(columns.latency_ms))
    usable = and_(latency > real(-1e300), latency < real(1e300))
    return case((usable, _below(latency, column.grid.cuts)), else_=integer(NO_LATENCY)) * integer(4) + status


def _outcome(parts: RowParts, column: Column) -> Expression | None:
    found = parts.label
    if found is None:
        return None
    label, kind = found
    columns = parts.model.predictions.columns
    code: Expression
    if parts.model.task == "regression":
        value = number_of(label, kind)
        prediction = number_of(*parts.column(columns.prediction or ""))
        assert isinstance(column.grid, NumericGrid)
        if column.kind == Kind.LABEL:
            code = numeric_code(value, column.grid)
        else:
            code = numeric_code(prediction - value, column.grid)
        absent: Expression = label.is_(None) if column.kind == Kind.LABEL else (prediction - value).is_(None)
    elif parts.model.task == "binary_classification":
        code, absent = _binary(parts, label, kind)
    else:
        code, absent = _multiclass(parts, column.name, label, kind)
    if parts.failed is not None:
        absent = absent | parts.failed
    return case((absent, integer(DROPPED)), else_=code)


def _binary(parts: RowParts, label: Expression, kind: Any) -> tuple[Expression, Expression]:
    columns, positive = parts.model.predictions.columns, parts.model.positive
    truth = is_positive(label, kind, positive)
    score_class: Expression = integer(NO_SCORE)
    predicted: Expression | None = None
    if columns.prediction is not None:
        predicted = is_positive(*parts.column(columns.prediction), positive)
    if isinstance(columns.score, str):
        score = number_of(*parts.column(columns.score))
        inside = func.least(func.greatest(cast(func.floor(score * real(200)), Integer), integer(0)), integer(200))
        score_class = case((and_(score > real(-100), score < real(100)), inside), else_=integer(NO_SCORE))
        predicted = func.coalesce(
            predicted, case((score >= real(0.5), integer(1)), (score.is_(None), None), else_=integer(0))
        )
    assert predicted is not None
    return score_class * integer(4) + predicted * integer(2) + truth, (truth + predicted).is_(None)


def _multiclass(parts: RowParts, name: str, label: Expression, kind: Any) -> tuple[Expression, Expression]:
    classes = parts.profile.classes
    columns = parts.model.predictions.columns
    truth = _class_number(text_of(label, kind), classes)
    if name == "":
        predicted = _predicted_class(parts, classes)
        return predicted * integer(len(classes)) + truth, (predicted + truth).is_(None)
    assert isinstance(columns.score, dict)
    score = number_of(*parts.column(columns.score[name]))
    inside = func.least(func.greatest(cast(func.floor(score * real(200)), Integer), integer(0)), integer(200))
    score_class = case((and_(score > real(-100), score < real(100)), inside), else_=integer(NO_SCORE))
    hit = case((truth == integer(classes.index(name)), integer(1)), else_=integer(0))
    return score_class * integer(2) + hit, truth.is_(None)


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


def _statement(parts: RowParts, chosen: tuple[Item, ...], first_slot: int) -> Statement:
    columns = parts.model.predictions.columns
    slices = tuple(parts.profile.slices)
    dimensions: list[Any] = []
    if columns.version is not None:
        text = text_of(*parts.column(columns.version))
        dimensions.append(func.coalesce(text, literal("")).label("version"))
    for number, name in enumerate(slices):
        text = func.coalesce(text_of(*parts.column(name)), literal("(missing)"))
        kept = case((text.in_(parts.profile.slices[name]), text), else_=literal(OTHER_SLICE))
        dimensions.append(kept.label(f"s{number}"))
    base = ((parts.slot - integer(first_slot)) * integer(WIDTH)).label("base")
    fine = parts.rows.c.get("slot_seconds")
    extra = [base, parts.known.label("known")]
    if any(item.kind == Kind.SERVICE for item in chosen) and fine is not None:
        quarter = (slot(fine, 300) - integer(first_slot * 12)) * integer(WIDTH)
        extra.append(quarter.label("fine_base"))
    codes = [item.code.label(f"b{number}") for number, item in enumerate(chosen)]
    binned = select(*extra, *dimensions, *codes).select_from(parts.rows).subquery("b")
    keys = []
    for number, item in enumerate(chosen):
        code = binned.c[f"b{number}"]
        if item.is_text:
            keys.append(code.label(f"k{number}"))
            continue
        at = binned.c.fine_base if item.kind == Kind.SERVICE and fine is not None else binned.c.base
        keys.append((cast(at, BigInteger) + code + integer(OFFSET)).label(f"k{number}"))
    names = [d.name for d in dimensions]
    packed = select(binned.c.base, binned.c.known, *(binned.c[n] for n in names), *keys).subquery("k")
    version = [packed.c.version] if columns.version is not None else []
    sets = []
    for number, item in enumerate(chosen):
        key = [
            packed.c[f"k{number}"],
            *([packed.c.base] if item.is_text else []),
            *([packed.c.known] if item.by_known else []),
        ]
        sets.append(tuple_(*key, *version))
        sets.extend(tuple_(*key, *version, packed.c[f"s{n}"]) for n in range(len(slices)))
    numbers = [packed.c[f"k{n}"] for n, item in enumerate(chosen) if not item.is_text]
    texts = [packed.c[f"k{n}"] for n, item in enumerate(chosen) if item.is_text]
    outer = select(
        func.coalesce(*numbers, *([cast(packed.c.base, BigInteger)] if texts else []), integer(0)).label("k"),
        (func.coalesce(*texts) if len(texts) > 1 else texts[0] if texts else literal("")).label("t"),
        packed.c.known if any(i.by_known for i in chosen) else literal(None).label("known"),
        *version,
        *(packed.c[f"s{n}"] for n in range(len(slices))),
        func.grouping(*(packed.c[f"k{n}"] for n in range(len(chosen)))).label("g"),
        func.count().label("n"),
    ).group_by(func.grouping_sets(*sets))
    return Statement(outer, chosen, slices)
