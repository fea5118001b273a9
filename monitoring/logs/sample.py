"""Raw rows of a window, for what cannot work from summaries: the same ones every time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from sqlalchemy import Integer, Select, Text, case, cast, func, literal, null, select

from monitoring.core.profile import ColumnType, Profile
from monitoring.fleet import Model
from monitoring.logs.expressions import Expression, is_positive, text_of
from monitoring.logs.joined import RowParts, joined, number_of
from monitoring.logs.mapping import feature_columns, score_columns
from monitoring.logs.reader import LogReader
from monitoring.logs.rows import Bounds, Relation, row_slots

SLOT = "__leeway_slot"
"""A sample's column with the slot of each row, where windows are told apart by it."""


@dataclass(frozen=True, slots=True)
class Roles:
    """The columns of a sample, by the part they play; each name once."""

    features: tuple[str, ...]
    scores: tuple[str, ...] = ()
    prediction: str | None = None
    label: str | None = None

    @property
    def names(self) -> list[str]:
        """All columns, in the order of the sample."""
        return [*self.features, *self.scores, *(name for name in (self.prediction, self.label) if name is not None)]


def roles_of(model: Model, types: Mapping[str, ColumnType]) -> Roles:
    """Which columns a sample of this model's log has; `types` are the prediction log's."""
    columns = model.predictions.columns
    scores = tuple(dict.fromkeys(score_columns(columns)))
    taken = {*scores, columns.prediction}
    label = columns.label
    if model.labels is not None:
        label = model.labels.columns.label
    else:
        taken.add(label)
    features = tuple(dict.fromkeys(name for name in feature_columns(columns, dict(types)) if name not in taken))
    prediction = columns.prediction if columns.prediction not in scores else None
    if label is not None and label in {*features, *scores, prediction}:  # the label log has a column of that name, too
        label = f"{label} (label)"
    return Roles(features, scores, prediction, label)


def sample(
    reader: LogReader, predictions: Relation, labels: Relation | None, bounds: Bounds, limit: int, seed: int
) -> pd.DataFrame:
    """At most `limit` rows of a window in order of time, the same ones every time: columns as in `roles_of`.

    Rows are chosen by a hash of their id and `seed`; without an id, of their place in the log. Numbers come as
    float64, all else as text; a binary model's class and label as "1" (positive) and "0". Where a request failed, its
    score and prediction mean nothing and are null. `attrs["rows"]` of the frame says out of how many rows it is.
    """
    model, engine = reader.model, reader.engine
    roles = roles_of(model, predictions.types)
    counted = select(func.count().label("n")).select_from(row_slots(predictions, model, bounds))
    total = int(engine.arrow(counted)["n"][0].as_py())
    rows = joined(model, predictions, labels, bounds)
    values = values_of(RowParts(model, Profile(columns=()), rows, predictions, labels), roles)
    plain = [expression.label(f"c{i}") for i, (expression, _) in enumerate(values)]
    moment = (rows.c.slot_number if model.chunk.rows is not None else rows.c.slot_seconds).label("moment")
    identity = model.predictions.columns.id
    number: Expression = func.row_number().over()  # unordered, DuckDB counts rows as it reads them, at no cost
    key: Expression = cast(number, Text)
    if identity is not None:
        content = content_of([moment, *(expression for expression, _ in values)])
        key = func.coalesce(text_of(rows.c[identity], predictions.types[identity]), content)
    keyed = (
        select(moment, func.md5(key.concat(literal(f"/{seed}"))).label("place"), *plain).select_from(rows).subquery("k")
    )
    drawn = select(keyed).order_by(keyed.c.place).limit(literal(limit, Integer))
    share = 1.5 * limit / max(total, 1)
    few = drawn if share >= 1 else drawn.where(keyed.c.place < literal(f"{int(share * 16**8):08x}"))
    table = engine.arrow(few)  # sorting some rows instead of all is several times faster
    if table.num_rows < min(limit, total) and few is not drawn:  # where many rows share an id
        table = engine.arrow(drawn)
    frame = named(table, roles.names, [kind for _, kind in values])
    frame.attrs["rows"] = total
    return frame


def by_slot(reader: LogReader, bounds: Bounds, share: float, seed: int, labelled: bool) -> tuple[pd.DataFrame, Roles]:
    """A `share` of the rows of many windows in one scan, the same ones every time, ordered by slot.

    Columns as in `roles_of`, and SLOT; with the label only if `labelled`, for it costs a join: then of the rows that
    have one. Rows are chosen by a hash of their id and `seed`; without an id, of their values.
    """
    model, engine = reader.model, reader.engine
    parts = _rows(reader, bounds, labelled)
    roles = roles_of(model, parts.predictions.types)
    if not labelled:
        roles = replace(roles, label=None)
    values = values_of(parts, roles)
    plain = [expression.label(f"c{i}") for i, (expression, _) in enumerate(values)]
    key = content_of([expression for expression, _ in values])
    if (identity := model.predictions.columns.id) is not None:
        key = func.coalesce(text_of(parts.rows.c[identity], parts.predictions.types[identity]), key)
    place = func.md5(key.concat(literal(f"/{seed}"))).label("place")
    keyed = _of(parts, labelled, parts.slot.label("moment"), place, *plain).subquery("k")
    chosen = select(keyed)
    if share < 1:
        chosen = chosen.where(keyed.c.place < literal(f"{int(share * 16**8):08x}"))
    table = engine.arrow(chosen)
    frame = named(table, roles.names, [kind for _, kind in values])
    frame[SLOT] = np.sort(table["moment"].to_numpy(zero_copy_only=False).astype(np.int64))
    return frame, roles


def labelled_rows(reader: LogReader, bounds: Bounds) -> int:
    """How many rows have a label."""
    counted = _of(_rows(reader, bounds, True), True, func.count().label("n"))
    return int(reader.engine.arrow(counted)["n"][0].as_py())


def _rows(reader: LogReader, bounds: Bounds, labelled: bool) -> RowParts:
    model = reader.model
    predictions = reader.relation("predictions", reader.parts("predictions"))
    labels = reader.relation("labels", reader.parts("labels")) if labelled and "labels" in reader.roles else None
    rows = joined(model, predictions, labels, bounds) if labelled else row_slots(predictions, model, bounds)
    return RowParts(model, Profile(columns=()), rows, predictions, labels)


def _of(parts: RowParts, labelled: bool, *columns: Expression) -> Select[Any]:
    """Columns of the rows; only of those with a label, where it is asked for and there is one."""
    chosen = select(*columns).select_from(parts.rows)
    if not labelled or (label := parts.label) is None:
        return chosen
    return chosen.where(label[0].is_not(None))


def values_of(parts: RowParts, roles: Roles) -> list[tuple[Expression, str]]:
    """Each column's expression, and whether it is numeric or categorical."""
    regression, binary = parts.model.task == "regression", parts.model.task == "binary_classification"
    named = set(parts.model.predictions.columns.categorical)
    out: list[tuple[Expression, str]] = []
    for name in roles.features:
        value, kind = parts.column(name)
        numeric = kind == "number" and name not in named
        out.append((number_of(value, kind), "numeric") if numeric else (text_of(value, kind), "categorical"))
    for name in (*roles.scores, *((roles.prediction,) if roles.prediction else ())):
        value, kind = parts.column(name)
        if name in roles.scores or regression:
            answer: tuple[Expression, str] = (number_of(value, kind), "numeric")
        elif binary:
            answer = (_binary(value, kind, parts.model.positive), "categorical")
        else:
            answer = (text_of(value, kind), "categorical")
        if parts.failed is not None:
            answer = (case((parts.failed, null()), else_=answer[0]), answer[1])
        out.append(answer)
    if roles.label is not None:
        assert parts.label is not None
        value, kind = parts.label
        if regression:
            out.append((number_of(value, kind), "numeric"))
        elif binary:
            out.append((_binary(value, kind, parts.model.positive), "categorical"))
        else:
            out.append((text_of(value, kind), "categorical"))
    return out


def _binary(value: Expression, kind: ColumnType, positive: str | None) -> Expression:
    return cast(is_positive(value, kind, positive), Text)


def content_of(values: Sequence[Expression]) -> Expression:
    """All values of a row as one text. Chained, as a PostgreSQL function takes at most 100 arguments."""
    texts: list[Any] = [func.coalesce(cast(value, Text), literal("~")) for value in values]
    return reduce(lambda left, right: left.concat(literal("|")).concat(right), texts)


def named(table: pa.Table, names: Sequence[str], kinds: Sequence[str]) -> pd.DataFrame:
    """Named columns in order of time (rows of one moment: of their hash), of one dtype a kind whatever the engine."""
    ordered = table.sort_by([("moment", "ascending"), ("place", "ascending")]) if table.num_rows else table
    columns = {}
    for i, (name, kind) in enumerate(zip(names, kinds, strict=True)):
        if kind == "numeric":
            columns[name] = pd.Series(ordered[f"c{i}"].to_numpy(zero_copy_only=False), dtype="float64")
        else:
            columns[name] = pd.Series(ordered[f"c{i}"].to_pylist(), dtype="object")
    return pd.DataFrame(columns)
