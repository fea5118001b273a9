"""Before a model is watched: what its log holds, and which verdicts it would get. Nothing here is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pyarrow as pa

from monitoring.core.profile import ColumnType
from monitoring.core.verdict import Verdict
from monitoring.errors import SourceError
from monitoring.evaluate import Scope, evaluate
from monitoring.fleet import Log, parse_model
from monitoring.ingest import Progress
from monitoring.logs.engine import DuckEngine, column_type, quoted
from monitoring.logs.files import FileSource
from monitoring.logs.source import PART, Part, open_source
from monitoring.logs.sql import SqlSource
from monitoring.store import models
from monitoring.store.database import MEMORY, connect, create, reading, transaction
from monitoring.store.queries import verdicts

HEAD, TAIL, SHOWN = 4_000, 1_000, 20
"""Rows looked at from the beginning and the end of a log, and shown."""
LARGEST = 200_000_000
"""Bytes of log files that a preview reads; of a larger log, the newest files up to this."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a log holds. `rows` are some of its beginning and end; `types` the engine's words, `kinds` ours."""

    types: dict[str, str]
    kinds: dict[str, ColumnType]
    rows: pd.DataFrame
    parts: int
    count: int

    @property
    def shown(self) -> pd.DataFrame:
        """The first rows, for a person to look at."""
        return self.rows.head(SHOWN)


@dataclass(frozen=True, slots=True)
class Preview:
    """The summing-up of a throw-away evaluation, the newest verdict of every check, and what a person should know."""

    model: Verdict
    newest: tuple[Verdict, ...]
    notices: tuple[str, ...]


def look(log: Log, base: Path) -> Sample:
    """Read some rows of a log. Raises SourceError where it is not there, cannot be read or holds no row."""
    source = open_source(log, base)
    if isinstance(source, SqlSource):
        source = replace(source, limit=HEAD)
    engine = DuckEngine()
    try:
        parts = source.parts()
        source.provide(engine, "first", parts[:1])
        table = _rows(engine, "first", HEAD)
        types = engine.describe("first")
        count = _count(engine, "first")
        last = "first"
        if len(parts) > 1:
            last = "last"
            source.provide(engine, last, parts[-1:])
            types |= engine.describe(last)
        n = _count(engine, last)
        skipped = max(n - TAIL, HEAD if last == "first" else 0)
        if skipped < n:
            table = pa.concat_tables([table, _rows(engine, last, TAIL, skipped)], promote_options="permissive")
        count += n if last == "last" else 0
    except SourceError as error:
        if error.where != "log":  # the source itself said what is wrong
            raise
        mend = "Is it whole, readable, and of the kind chosen?"
        raise SourceError(error.what, where=log.place, mend=mend) from error
    except pa.ArrowException as error:
        what = f"its first and its last file do not go together: {str(error).splitlines()[0]}"
        raise SourceError(what, where=log.place, mend="A column must have one type.") from error
    finally:
        engine.close()
    if not len(table):
        raise SourceError("holds no rows yet", where=log.place, mend="Come back when the first predictions are logged.")
    types.pop(PART, None)
    return Sample(types, {name: column_type(kind) for name, kind in types.items()}, _plain(table), len(parts), count)


def preview(document: dict[str, Any], base: Path, clock: Callable[[], datetime], progress: Progress) -> Preview:
    """Evaluate a model in a throw-away database, its log taken as it is. Raises FleetError for an invalid document."""
    model = parse_model(document, "the model")
    notices: list[str] = []
    store = connect(MEMORY)
    create(store)
    try:
        with _bounded(document, model.predictions, base, notices) as bounded:
            with transaction(store) as session:
                models.apply(session, [bounded], base, "preview", clock())
            with reading(store) as session:
                watched = models.watched(session)[0]
            found = evaluate(store, watched, Scope(finished=True, diagnosed=False), clock, progress)
        with reading(store) as session:
            newest = verdicts.newest(session, model.key)
        return Preview(found[-1], tuple(newest), tuple(notices))
    finally:
        store.dispose()


@contextmanager
def _bounded(document: dict[str, Any], log: Log, base: Path, notices: list[str]) -> Iterator[dict[str, Any]]:
    """The document with its log cut to the newest files, where all of them would be too much."""
    source = open_source(log, base)
    chosen: list[Part] = []
    if isinstance(source, FileSource):
        parts = source.parts()
        total = 0
        for part in reversed(parts):
            total += int(part.stamp.partition(":")[0])
            if total > LARGEST and chosen:
                break
            chosen.append(part)
        if len(chosen) == len(parts):
            chosen = []
    if not chosen:
        yield document
        return
    notices.append(
        f"The log is large: this is over its newest {len(chosen):,} files, with their first quarter as the reference. "
        "Once it is watched, all of it is read."
    )
    with TemporaryDirectory(prefix="leeway-preview-") as folder:
        for number, part in enumerate(reversed(chosen)):
            (Path(folder) / f"{number:06d}-{Path(part.name).name}").symlink_to(part.name)
        cut = {k: v for k, v in document.items() if k != "reference" or "source" in (v or {})}
        yield cut | {"predictions": {**document["predictions"], "location": folder}}


def _rows(engine: DuckEngine, relation: str, limit: int, offset: int = 0) -> pa.Table:
    table = engine.arrow(f"SELECT * FROM {quoted(relation)} LIMIT {limit} OFFSET {offset}")
    return table.drop_columns([PART]) if PART in table.column_names else table


def _count(engine: DuckEngine, relation: str) -> int:
    return int(engine.arrow(f"SELECT count(*) AS n FROM {quoted(relation)}")["n"][0].as_py())


def _plain(table: pa.Table) -> pd.DataFrame:
    """As a data frame, decimals as floats."""
    for number, column in enumerate(table.schema):
        if pa.types.is_decimal(column.type):
            table = table.set_column(number, column.name, table.column(number).cast(pa.float64()))
    frame: pd.DataFrame = table.to_pandas()
    return frame
