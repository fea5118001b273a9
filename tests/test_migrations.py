"""Migrations lead every database to the tables of the code, and are run once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import IntegrityError

from monitoring.errors import StoreError
from monitoring.store import migrations
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


def test_revisions_of_thresholds_outlive_those_of_objectives_that_come_beside_them(store: Engine) -> None:
    put = "INSERT INTO revision (kind, name, number, at, author, reason, before, after) VALUES ('{}', 'eta', 1, "
    put += "'2026-03-02 00:00:00', 'ada', 'why', '[]', '[]')"
    kinds = text("SELECT kind FROM revision ORDER BY kind")

    def move(to: Callable[[Config, str], None], version: str) -> list[str]:
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        config.attributes["store"] = store
        to(config, version)
        with store.connect() as connection:
            return list(connection.execute(kinds).scalars())

    assert move(command.upgrade, "0008") == []
    for kind, fits in (("model", True), ("objectives", False)):
        with nullcontext() if fits else pytest.raises(IntegrityError), store.begin() as connection:
            connection.execute(text(put.format(kind)))
    assert move(command.upgrade, "0009") == ["model"]
    with store.begin() as connection:
        connection.execute(text(put.format("objectives")))
    with pytest.raises(IntegrityError), store.begin() as connection:
        connection.execute(text(put.format("moods")))
    assert move(command.downgrade, "0008") == ["model"]
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
