"""A table of any database that SQLAlchemy knows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from sqlalchemy import Connection, MetaData, Table, create_engine, select
from sqlalchemy.exc import NoSuchTableError, SQLAlchemyError

from monitoring.errors import SourceError
from monitoring.fleet.logs import Log, expand
from monitoring.logs.engine import DuckEngine
from monitoring.logs.source import Part, Times, source

BATCH = 50_000


@dataclass(frozen=True, slots=True)
class SqlSource:
    """A table or view. PostgreSQL summarises its own rows (see logs.reader); others have theirs brought here.

    For a look at some rows only, `limit` is how many, `newest` the column whose greatest values are wanted, and
    `seconds` how long the database may take.
    """

    log: Log
    url: str
    table: str
    limit: int | None = None
    newest: str | None = None
    seconds: int | None = None

    def parts(self) -> list[Part]:
        """One part: what changed in a table is seen by its hourly counts and checksums."""
        return [Part(self.table, "")]

    def times(self, part: Part, column: str) -> Times | None:
        """Nothing: a table must be asked."""
        return None

    def provide(self, engine: DuckEngine, relation: str, parts: Sequence[Part]) -> None:
        """Copy the mapped columns into the engine, in batches."""
        schema, _, name = self.table.rpartition(".")
        try:
            database = create_engine(self.url)
            table = Table(name, MetaData(), schema=schema or None, autoload_with=database)
            with database.connect() as connection:
                _hurry(connection, self.seconds)
                wanted = select(table).limit(self.limit)
                if self.newest is not None and self.newest in table.c:
                    wanted = wanted.order_by(table.c[self.newest].desc())
                result = connection.execution_options(stream_results=True).execute(wanted)
                names = list(result.keys())
                batches = []
                while rows := result.fetchmany(BATCH):
                    columns = zip(*rows, strict=True)
                    batches.append(pa.table({n: _array(list(c)) for n, c in zip(names, columns, strict=True)}))
            database.dispose()
        except NoSuchTableError as error:
            raise SourceError(f"has no table {self.table!r}", where=self.log.place, mend="Check `table`.") from error
        except (SQLAlchemyError, ModuleNotFoundError) as error:
            line = str(error).splitlines()[0]
            if any(word in line for word in _INTERRUPTED):
                slow = f"the database took longer than {self.seconds} s to give {self.limit:,} rows"
                mend = f"An index on {self.newest} helps." if self.newest else "Is it a slow view?"
                raise SourceError(slow, where=self.log.place, mend=mend) from error
            raise SourceError(line, where=self.log.place, mend="Is the database up, and the URL right?") from error
        found = (
            pa.concat_tables(batches, promote_options="permissive")
            if batches
            else pa.table({n: pa.array([], pa.string()) for n in names})
        )
        engine.connection.register("incoming", found)
        engine.arrow(f'CREATE OR REPLACE TEMP TABLE "{relation}" AS SELECT * FROM incoming')
        engine.connection.unregister("incoming")


@source("sql")
def open_sql(log: Log, base: Path) -> SqlSource:
    """`url` is any SQLAlchemy URL (${NAME} stands for an environment variable), `table` a table or view."""
    url = expand(log.url or "")
    if url.startswith("sqlite:///") and not url.startswith("sqlite:////"):
        file = url.removeprefix("sqlite:///")
        place = base / file if (base / file).exists() else Path.cwd() / file
        if not place.exists():
            raise SourceError("no such SQLite file", where=log.place, mend=f"Relative paths start from {base}.")
        url = f"sqlite:///{place}"
    return SqlSource(log, url, log.table or "")


_INTERRUPTED = ("statement timeout", "interrupted")
"""What PostgreSQL and SQLite say of a statement that was ended."""


def _hurry(connection: Connection, seconds: int | None) -> None:
    """Have statements ended that take longer, where the database can."""
    if seconds is None:
        return
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET statement_timeout = {seconds * 1000}")
    elif connection.dialect.name == "sqlite":
        deadline = time.monotonic() + seconds
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)


def _array(values: list[object]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if v is None else str(v) for v in values])
