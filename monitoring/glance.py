"""A first look at a log: some rows of its beginning and end, and what its columns hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pyarrow as pa

from monitoring.core.profile import ColumnType
from monitoring.errors import SourceError
from monitoring.fleet import Log
from monitoring.logs.engine import DuckEngine, column_type, quoted
from monitoring.logs.files import FileSource
from monitoring.logs.source import PART, open_source
from monitoring.logs.sql import SqlSource

HEAD, TAIL, SHOWN = 4_000, 1_000, 20
"""Rows looked at from the beginning and the end of a log, and shown."""
LARGE = 20_000_000
"""Bytes that are parsed in well under a second."""
SECONDS = 20
"""How long a database may take to give the rows that are looked at."""


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


def slow(log: Log, base: Path) -> bool:
    """Whether a look may take long: at a database, or at a large file that is parsed whole."""
    source = open_source(log, base)
    if not isinstance(source, FileSource):
        return True
    sizes = [int(part.stamp.partition(":")[0]) for part in source.parts()]
    return source.loaded and sizes[0] + sizes[-1] > LARGE


def look(log: Log, base: Path) -> Sample:
    """Read some rows of a log. Raises SourceError where it is not there, cannot be read or holds no row."""
    source = open_source(log, base)
    if isinstance(source, SqlSource):
        source = replace(source, limit=HEAD, seconds=SECONDS)
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
