"""Where a summary statement runs: DuckDB inside this process, or the database the logs already live in.

A statement is SQLAlchemy Core, compiled with literals for the engine's dialect and executed through the
engine's own Arrow path, which is several times faster than fetching rows (docs/architecture.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
from sqlalchemy import ColumnElement, Engine, Executable, Text, cast, create_engine, func, literal_column
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import NoSuchTableError, SQLAlchemyError

from monitoring.core.profile import ColumnType
from monitoring.errors import SourceError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

PRIME = 4_294_967_291
"""Modulo this, a slot's row hashes add up without overflow."""


class LogEngine(Protocol):
    """What the summaries need of an engine."""

    def arrow(self, statement: Executable | str) -> pa.Table:
        """Run a statement; its rows as an Arrow table."""

    def describe(self, relation: str) -> dict[str, str]:
        """Column names of a relation, in order, with the engine's names of their types."""

    def checksum(self, columns: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
        """An aggregate that changes when any value of any row does, and adds up over parts."""

    def close(self) -> None:
        """Let go of it."""


class DuckEngine:
    """DuckDB inside this process: for files, and for rows brought here from another database. Relations in it are
    temporary, so that engines know nothing of each other's.

    With `threads` it takes no more than so many; so do other engines, until the next is made. One costs least: the
    memory that it let go of serves it again, where that of others does not.
    """

    def __init__(self, threads: int | None = None) -> None:
        from duckdb_sqlalchemy import Dialect as DuckDialect

        self.connection = _connection()
        self._threads = "RESET threads" if threads is None else f"SET threads = {threads}"
        self.connection.execute(self._threads)
        self._dialect: Dialect = DuckDialect(paramstyle="qmark")

    def arrow(self, statement: Executable | str) -> pa.Table:
        """Run a statement; its rows as an Arrow table."""
        import duckdb

        text = statement if isinstance(statement, str) else compiled(statement, self._dialect)
        try:
            return self.connection.execute(text).to_arrow_table()
        except duckdb.Error as error:
            raise SourceError(
                str(error).splitlines()[0], where="log", mend="Is the file whole and readable?"
            ) from error

    def batches(self, statement: Executable, rows: int) -> Iterator[pa.RecordBatch]:
        """Run a statement; its rows as they come, about so many at a time.

        They are read in the caller's thread, as it counts them there: handing them over from others, in their order,
        would cost a quarter more.
        """
        import duckdb

        try:
            self.connection.execute("SET threads = 1")
            found = self.connection.execute(compiled(statement, self._dialect)).to_arrow_reader(rows)
            while True:  # a batch is the caller's alone: where that lets go of it, its memory serves the next
                yield found.read_next_batch()
        except StopIteration:
            return
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            raise SourceError(_first_line(error), where="log", mend="Is the file whole and readable?") from error
        finally:
            self.connection.execute(self._threads)

    def describe(self, relation: str) -> dict[str, str]:
        """Column names of a relation, in order, with the engine's names of their types."""
        described = self.arrow(f"DESCRIBE SELECT * FROM {quoted(relation)}")
        names, kinds = described["column_name"].to_pylist(), described["column_type"].to_pylist()
        return {str(name): str(kind) for name, kind in zip(names, kinds, strict=True)}

    def checksum(self, columns: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
        """Sum of DuckDB's row hashes, modulo a prime so that the sum cannot overflow."""
        return cast(func.sum(self.row_hash(columns).op("%")(literal_column(str(PRIME)))), Text)

    def row_hash(self, columns: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
        """A row's hash, 64 bits, of which `checksum` is made."""
        return func.hash(*columns)

    def text_hashes(self, texts: Sequence[str | None]) -> pa.Array:
        """DuckDB's hashes of texts, and of a null."""
        found = self.connection.execute("SELECT hash(unnest(?::VARCHAR[])) AS h", [list(texts)]).to_arrow_table()
        return found["h"].combine_chunks()

    def close(self) -> None:
        """Let go of its relations."""
        self.connection.close()


@cache
def _instance() -> DuckDBPyConnection:
    """One DuckDB for the life of the process: starting one costs what reading 40,000 rows does."""
    import duckdb

    instance = duckdb.connect()
    # what a file holds is read once: the system's cache has it, if it is read again
    instance.execute("SET GLOBAL TimeZone = 'UTC'; SET GLOBAL enable_external_file_cache = false")
    return instance


def _connection() -> DuckDBPyConnection:
    """A connection of its own, to which alone its temporary relations are known."""
    import duckdb

    try:
        connection = _instance().cursor()
        connection.execute("SELECT 1")
        return connection
    except duckdb.Error:  # after an error of its own, an instance answers nothing any more
        _instance.cache_clear()
        return _instance().cursor()


class PostgresEngine:
    """PostgreSQL, where the logs already live: nothing but counts crosses the wire."""

    def __init__(self, url: str) -> None:
        from sqlalchemy.dialects.postgresql import dialect

        self._engine: Engine = create_engine(url)
        self._where = self._engine.url.render_as_string(hide_password=True)
        self._dialect: Dialect = dialect(paramstyle="named")  # type: ignore[no-untyped-call]

    def arrow(self, statement: Executable | str) -> pa.Table:
        """Run a statement; its rows as an Arrow table."""
        text = statement if isinstance(statement, str) else compiled(statement, self._dialect)
        try:
            with self._engine.connect() as connection:
                connection.exec_driver_sql("SET TIME ZONE 'UTC'")
                cursor = connection.connection.cursor()
                cursor.execute(text)
                names = [column[0] for column in cursor.description]
                rows = cursor.fetchall()
        except Exception as error:  # the driver's errors are its own classes, and reach here unwrapped
            raise SourceError(
                _first_line(error), where=self._where, mend="Is the server up and the table readable?"
            ) from error
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
        return pa.table({name: pa.array(list(column)) for name, column in zip(names, columns, strict=True)})

    def describe(self, relation: str) -> dict[str, str]:
        """Column names of a relation, in order, with the engine's names of their types."""
        from sqlalchemy import inspect

        schema, _, table = relation.rpartition(".")
        try:
            found = inspect(self._engine).get_columns(table, schema=schema or None)
        except NoSuchTableError as error:
            raise SourceError(f"has no table {relation!r}", where=self._where, mend="Check `table`.") from error
        except SQLAlchemyError as error:
            raise SourceError(
                _first_line(error), where=self._where, mend="Is the database up, and the URL right?"
            ) from error
        return {str(column["name"]): _spelt(column["type"]) for column in found}

    def checksum(self, columns: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
        """Sum of PostgreSQL's 64-bit text hashes of the rows."""
        texts = [func.coalesce(cast(c, Text), literal_column("'~'")) for c in columns]
        # a function takes at most 100 arguments
        groups = [func.concat_ws(literal_column("'|'"), *texts[at : at + 90]) for at in range(0, len(texts), 90)]
        row = func.concat_ws(literal_column("'|'"), *groups)
        return cast(func.sum(func.hashtextextended(row, literal_column("0"))), Text)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()


def compiled(statement: Executable, dialect: Dialect) -> str:
    """A statement as text, its literals within: shown to people, and run through the Arrow path."""
    return str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))  # type: ignore[attr-defined]


def quoted(name: str) -> str:
    """An identifier in standard SQL quotes."""
    return '"' + name.replace('"', '""') + '"'


def column_type(name: str) -> ColumnType:
    """Our word for a database's type name."""
    upper = name.upper()
    if re.match(r"BOOL", upper):
        return "boolean"
    if re.match(r"(TIMESTAMP|DATE)", upper):
        return "time"
    if re.match(r"(U?(TINY|SMALL|BIG|HUGE)?INT|INTEGER|FLOAT|DOUBLE|REAL|DECIMAL|NUMERIC)", upper) and "[" not in upper:
        return "number"
    if re.match(r"(VARCHAR|CHAR|TEXT|STRING|UUID|ENUM|CITEXT|JSON)", upper) and "[" not in upper:
        return "text"
    return "other"


def _spelt(kind: Any) -> str:
    return "TIMESTAMP WITH TIME ZONE" if getattr(kind, "timezone", False) else str(kind)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
