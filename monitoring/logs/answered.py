"""What one version answered, row by row, with the labels: for comparing it with another version."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import pandas as pd
from sqlalchemy import Text, case, cast, func, literal, null, select

from monitoring.core.profile import Profile
from monitoring.logs.expressions import Expression, is_positive, text_of
from monitoring.logs.joined import RowParts, joined, number_of
from monitoring.logs.mapping import feature_columns, score_columns
from monitoring.logs.reader import LogReader
from monitoring.logs.rows import OBSERVED, Bounds, row_slots
from monitoring.logs.sample import content_of

Key = Literal["id", "inputs"]
MISSING = "(missing)"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows of a log: within bounds, of a version ("": of all), with a label only where `labelled`."""

    bounds: Bounds
    version: str = ""
    labelled: bool = True


def answered(reader: LogReader, wanted: Wanted, key: Key, share: float, seed: int) -> pd.DataFrame:
    """A share of the rows in order of time, each key once: the answer that came first.

    Columns: key (text), place (hash of key and `seed`: rows are chosen by it, so that two logs give the same keys),
    moment and observed (seconds since 1970), label, predicted, latency, score_0, …, and `slice <name>`. A key is the
    row's id; or the hash of its moment and inputs, and then keys that come twice are left out. Label and prediction
    are numbers, of several classes texts. A failed request has no answer.
    """
    parts = _parts(reader, wanted)
    chosen = _of(reader, parts, wanted)
    identity = _key(reader, parts, key)
    place = func.md5(identity.concat(literal(f"/{seed}")))
    columns = [identity.label("key"), place.label("place"), *_values(reader, parts, wanted)]
    query = select(*columns).select_from(parts.rows).where(*chosen, identity.is_not(None))
    if share < 1:
        query = query.where(place < literal(f"{int(share * 16**8):08x}"))
    frame: pd.DataFrame = reader.engine.arrow(query).to_pandas()
    frame = frame.sort_values(["moment", "place"], kind="stable")
    return frame.drop_duplicates("key", keep="first" if key == "id" else False).reset_index(drop=True)


def count(reader: LogReader, wanted: Wanted) -> int:
    """How many rows there are."""
    parts = _parts(reader, wanted)
    query = select(func.count().label("n")).select_from(parts.rows).where(*_of(reader, parts, wanted))
    return int(reader.engine.arrow(query)["n"][0].as_py())


def rows_within(reader: LogReader, bounds: Bounds) -> int:
    """Rows of the prediction log within bounds, with a label or not."""
    relation = reader.relation("predictions", reader.parts("predictions"))
    query = select(func.count().label("n")).select_from(row_slots(relation, reader.model, bounds))
    return int(reader.engine.arrow(query)["n"][0].as_py())


def first_row(reader: LogReader) -> datetime | None:
    """The moment of the oldest prediction; None without rows."""
    relation = reader.relation("predictions", reader.parts("predictions"))
    rows = row_slots(relation, reader.model, Bounds(None, reader.as_of))
    seconds = reader.engine.arrow(select(func.min(rows.c.slot_seconds).label("at")).select_from(rows))["at"][0].as_py()
    return None if seconds is None else datetime.fromtimestamp(float(seconds), tz=UTC)


def _parts(reader: LogReader, wanted: Wanted) -> RowParts:
    relation = reader.relation("predictions", reader.parts("predictions"))
    labels = None
    if wanted.labelled and "labels" in reader.roles:
        labels = reader.relation("labels", reader.parts("labels"))
    if wanted.labelled:
        rows = joined(reader.model, relation, labels, wanted.bounds)
    else:
        rows = row_slots(relation, reader.model, wanted.bounds)
    return RowParts(reader.model, Profile(columns=()), rows, relation, labels)


def _of(reader: LogReader, parts: RowParts, wanted: Wanted) -> list[Expression]:
    out: list[Expression] = []
    if wanted.labelled and parts.label is not None:
        out.append(parts.label[0].is_not(None))
    if wanted.version and parts.version is not None:
        out.append(parts.version == literal(wanted.version))
    return out


def _key(reader: LogReader, parts: RowParts, key: Key) -> Expression:
    columns = reader.model.predictions.columns
    if key == "id":
        name = columns.id
        return cast(null(), Text) if name is None else text_of(*parts.column(name))
    features = feature_columns(columns, dict(parts.predictions.types))
    values = [text_of(*parts.column(name)) for name in dict.fromkeys([*features, *columns.slices])]
    return func.md5(content_of([cast(parts.rows.c.slot_seconds, Text), *values]))


def _values(reader: LogReader, parts: RowParts, wanted: Wanted) -> list[Any]:
    model, columns = reader.model, reader.model.predictions.columns
    regression, binary = model.task == "regression", model.task == "binary_classification"

    def as_class(value: Expression, kind: Any) -> Expression:
        if regression:
            return number_of(value, kind)
        return is_positive(value, kind, model.positive) if binary else text_of(value, kind)

    def unless_failed(value: Expression) -> Expression:
        return value if parts.failed is None else case((parts.failed, null()), else_=value)

    seconds: Expression = parts.rows.c.slot_seconds if "slot_seconds" in parts.rows.c else null()
    out: list[Any] = [seconds.label("moment")]
    if wanted.labelled and parts.label is not None:
        observed: Expression = parts.rows.c[OBSERVED] if OBSERVED in parts.rows.c else null()
        if model.labels is None and columns.observed_at is not None and OBSERVED not in parts.rows.c:
            observed = parts.predictions.seconds(parts.rows, columns.observed_at)
        out += [as_class(*parts.label).label("label"), func.coalesce(observed, seconds).label("observed")]
    if columns.prediction is not None:
        out.append(unless_failed(as_class(*parts.column(columns.prediction))).label("predicted"))
    for number, name in enumerate(score_columns(columns)):
        out.append(unless_failed(number_of(*parts.column(name))).label(f"score_{number}"))
    if columns.latency_ms is not None:
        out.append(unless_failed(number_of(*parts.column(columns.latency_ms))).label("latency"))
    for name in columns.slices:
        out.append(func.coalesce(text_of(*parts.column(name)), literal(MISSING)).label(f"slice {name}"))
    return out
