"""Migrations lead every database to the tables of the code, and are run once."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from monitoring.errors import StoreError
from monitoring.store.database import connect
from monitoring.store.migrations import migrate
from monitoring.store.tables import Base


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    if request.param == "sqlite":
        return connect(f"sqlite:///{tmp_path / 'folder that is not there' / 'leeway.db'}")
    return connect(request.getfixturevalue("postgres_url"))


def test_a_new_database_has_the_tables_of_the_code_and_no_other_difference(store: Engine) -> None:
    migrate(store)
    assert set(inspect(store).get_table_names()) == {*Base.metadata.tables, "alembic_version"}
    with store.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    store.dispose()


def test_migrating_twice_changes_nothing(store: Engine) -> None:
    migrate(store)
    with store.begin() as connection:
        connection.execute(text("INSERT INTO heartbeat (name, at, detail) VALUES ('a', '2026-03-02 00:00:00', '')"))
    migrate(store)
    with store.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM heartbeat")).scalar_one() == 1
    store.dispose()


@pytest.mark.parametrize(
    "url",
    ["postgresql+psycopg://leeway:secret@127.0.0.1:1/leeway", "sqlite:////proc/no/such.db", "oracel://a", "nonsense"],
)
def test_a_database_that_cannot_be_used_is_a_sentence_without_its_password(url: str) -> None:
    with pytest.raises(StoreError) as caught:
        migrate(connect(url))
    assert "LEEWAY_DATABASE" in caught.value.sentence and "secret" not in caught.value.sentence


def test_a_file_that_is_no_database_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "leeway.db").write_text("I am a letter. " * 100)
    with pytest.raises(StoreError, match="LEEWAY_DATABASE"):
        migrate(connect(f"sqlite:///{tmp_path / 'leeway.db'}"))
