"""Migrations lead every database to the tables of the code, and are run once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Engine, func, inspect, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from monitoring.core.alerting.alert import Alert, Event, EventKind, State
from monitoring.core.alerting.grouping import Group, Told
from monitoring.core.alerting.severity import Severity
from monitoring.core.alerting.signal import Condition, Kind, Subject
from monitoring.errors import StoreError
from monitoring.store import alerts, migrations, models
from monitoring.store.database import connect, reading
from monitoring.store.migrations import migrate
from monitoring.store.tables import AlertEventRow, AlertRow, Base, VerdictRow
from tests.alerts_of import NOW


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


def test_the_history_and_alerts_of_a_lone_objective_take_its_name(store: Engine) -> None:
    upgrade(store, "0012")
    lone, one, other = (
        {"sli": "latency", "threshold_ms": 50, "objective": 0.995},
        {"sli": "quality", "objective": 0.9, "tolerance": 5},
        {"sli": "quality", "objective": 0.8, "tolerance": 5},
    )
    name, fired = "latency-50ms-99_5-30d", Subject("eta", "slo.latency", method="fast burn")
    renamed = replace(fired, column=name)

    def alert(about: Subject, episode: int, **more: Any) -> Alert:
        of = "fast burn", Kind.SERVICE_SLOW, Severity.PAGE, "ops", "Eta", State.FIRING, Condition.BEYOND, "It burns."
        return Alert(about, episode, *of, NOW, NOW, fired_at=NOW, group="g", **more)

    with Session(store) as session, session.begin():
        models.apply(session, [model_document(slos=[lone, one, other])], Path(), "ada", NOW)
        for column, day in (("", 1), ("", 2), (name, 2)):
            session.add(verdict_row("slo.latency", column, day))
        session.add(verdict_row("slo.quality", "quality-within-5-90-30d", 1))
        group = Group(
            "g",
            "model eta of ops",
            "ops",
            "eta",
            "Eta",
            "Eta",
            NOW,
            told={f"{fired.fingerprint}-2": Told("firing", "")},
        )
        closed, before = alert(fired, 1, closed_at=NOW), alert(renamed, 1, closed_at=NOW)
        events = [Event(f"{fired.fingerprint}-2", EventKind.FIRED, NOW, "It burns.")]
        alerts.save(session, [closed, before, alert(fired, 2)], [group], events)
    migrate(store)
    with reading(store) as session:
        assert {(v.check, v.column, v.first_slot) for v in session.scalars(select(VerdictRow))} == {
            ("slo.latency", name, 24), ("slo.latency", name, 48), ("slo.quality", "quality-within-5-90-30d", 24),
        }  # fmt: skip
        (still,) = [a for a in alerts.open_ones(session) if a.open]
        assert (still.subject, still.episode, still.key) == (renamed, 3, f"{renamed.fingerprint}-3")
        (group,) = alerts.groups(session)
        assert set(group.told) == {still.key}
        assert [e.reason for e in session.scalars(select(AlertEventRow))] == ["It burns."]
        assert (
            session.scalar(select(func.count()).select_from(AlertRow).where(AlertRow.fingerprint == fired.fingerprint))
            == 0
        )
    store.dispose()


def test_drift_of_labels_that_were_still_to_come_is_provisional_from_then_on(store: Engine) -> None:
    upgrade(store, "0013")
    with Session(store) as session, session.begin():
        models.apply(session, [model_document()], Path(), "ada", NOW)
        for day, early in ((1, False), (2, True)):
            session.add(verdict_row("performance.roc_auc", "", day, provisional=early))
            session.add_all(verdict_row(check, "", day) for check in ("drift.label", "drift.prediction"))
    migrate(store)
    with reading(store) as session:
        of_drift = select(VerdictRow).where(VerdictRow.check.like("drift.%"))
        assert [(v.check, v.first_slot) for v in session.scalars(of_drift) if v.provisional] == [("drift.label", 48)]
    store.dispose()


def upgrade(store: Engine, version: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["store"] = store
    command.upgrade(config, version)


def model_document(**more: Any) -> dict[str, Any]:
    columns = {"id": "id", "timestamp": "ts", "score": "score", "features": ["x"]}
    log = {"source": "parquet", "location": "log", "columns": columns}
    return {"key": "eta", "task": "binary_classification", "predictions": log, **more}


def verdict_row(check: str, column: str, day: int, provisional: bool = False) -> VerdictRow:
    return VerdictRow(
        model_id=1, check=check, column=column, method="budget", first_slot=day * 24, n=1, status="ok", reason="",
        evaluated_at=NOW, revision=1, flag="", automatic=False, provisional=provisional, effect="",
    )  # fmt: skip


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
