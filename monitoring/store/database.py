"""Opening the database, SQLite or PostgreSQL, with the settings that make it safe under several processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from monitoring.errors import StoreError
from monitoring.store.tables import Base

MEMORY = "sqlite://"
"""A throw-away database, gone with the engine."""


def connect(url: str) -> Engine:
    """An engine for `url`. Raises StoreError for a URL that cannot be used."""
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return create_engine(parsed, pool_pre_ping=True)
        if parsed.database in (None, "", ":memory:"):
            engine = create_engine(parsed, poolclass=StaticPool, connect_args={"check_same_thread": False})
        else:
            Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
            engine = create_engine(parsed)
    except (SQLAlchemyError, OSError, ModuleNotFoundError) as error:
        raise StoreError(f"cannot be used: {error}", where="database", mend="Check LEEWAY_DATABASE.") from error
    _make_safe(engine)
    return engine


def create(engine: Engine) -> None:
    """Create all tables in a database that has none: for throw-away state. A kept one is migrated instead."""
    Base.metadata.create_all(engine)


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """One transaction: all of it or nothing."""
    with Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


def _make_safe(engine: Engine) -> None:
    """Write-ahead log, waiting instead of failing, foreign keys on, and writers that say so when they begin.

    pysqlite's own transaction handling is switched off (isolation_level None), as a read that turns into a
    write gets SQLITE_BUSY at once, whatever the time-out: https://docs.sqlalchemy.org/en/21/dialects/sqlite.html
    """

    @event.listens_for(engine, "connect")
    def settings(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA busy_timeout=30000")  # first: the next one may have to wait already
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get("reading", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A session that only reads: it neither waits for writers nor makes them wait."""
    with Session(engine.execution_options(reading=True)) as session:
        yield session
