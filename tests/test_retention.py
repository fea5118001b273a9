"""What is past its time is taken out a step at a time, and nothing that is still needed; on both databases."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select, update

from monitoring import alerting
from monitoring.core.alerting.signal import Signal
from monitoring.settings import Settings, SettingsError, load
from monitoring.store import retention
from monitoring.store.database import reading, transaction
from monitoring.store.queries.channels import dead_letters
from monitoring.store.retention import Keep
from monitoring.store.tables import (
    AlertEventRow,
    AlertRow,
    AuditRow,
    EvaluationRow,
    HeartbeatRow,
    IncidentMemberRow,
    IncidentRow,
    NotificationGroupRow,
    OutboxRow,
    RequestRow,
)
from monitoring.worker import purge
from tests.alerts_of import NOW, add_model, signal

KEEP = Keep(done=timedelta(days=30), alerts=timedelta(days=400))
DAY = timedelta(days=1)


def step(store: Engine, now: datetime = NOW, limit: int = 1_000) -> dict[str, int]:
    with transaction(store) as session:
        return dict(retention.step(session, now, KEEP, limit))


def ago(days: float) -> datetime:
    return NOW - days * DAY


def message(key: str, state: str, days: float, target: str = "room", sent: bool = True) -> OutboxRow:
    """A row of the outbox that was sent, or should have been, so many days ago."""
    return OutboxRow(
        kind="notification", dedup_key=key, target=target, payload={}, order_key=key, urgent=False, state=state,
        attempts=1, due_at=ago(days), not_before=None, claimed_until=None, created_at=ago(days),
        sent_at=ago(days) if state == "sent" and sent else None, fallbacks=[], passed_on=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("state", "days", "stays"),
    [
        ("sent", 31, False),
        ("sent", 29, True),
        ("cancelled", 31, False),
        ("cancelled", 29, True),
        ("waiting", 500, True),
        ("leased", 500, True),
        ("dead", 500, True),
    ],
)
def test_messages_go_once_they_were_dealt_with_for_long_enough(
    store: Engine, state: str, days: float, stays: bool
) -> None:
    with transaction(store) as session:
        session.add(message("one", state, days))
    assert step(store) == ({} if stays else {"outbox": 1})


def test_a_dead_letter_keeps_who_else_was_told(store: Engine) -> None:
    with transaction(store) as session:
        session.add_all([message("one", "dead", 99), message("one", "sent", 99, "mail"), message("two", "sent", 99)])
    assert step(store) == {"outbox": 1}
    with reading(store) as session:
        (letter,) = dead_letters(session)
    assert letter.told == ("mail",)
    with transaction(store) as session:
        session.execute(update(OutboxRow).values(state="cancelled", due_at=NOW))
    assert step(store, NOW + 29 * DAY) == {"outbox": 1}, "the one that was sent; what was discarded is kept as long"
    assert step(store, NOW + 31 * DAY) == {"outbox": 1}


def test_a_step_is_bounded_and_the_oldest_go_first(store: Engine) -> None:
    with transaction(store) as session:
        session.add_all([message(str(number), "sent", 99 - number) for number in range(25)])
    assert [step(store, limit=10) for _ in range(4)] == [{"outbox": 10}, {"outbox": 10}, {"outbox": 5}, {}]


def run(days: float, model: int) -> EvaluationRow:
    return EvaluationRow(
        model_id=model, now=ago(days), started_at=ago(days), seconds=1.0, slots_read=0, rows_read=0, error=""
    )


def test_the_last_evaluation_of_a_model_stays_however_old(store: Engine) -> None:
    with transaction(store) as session:
        eta, delay = add_model(session, "eta"), add_model(session, "delay")
        session.add_all([run(90, delay), run(80, delay)])
        session.flush()
        session.add_all([run(days, eta) for days in (10, 9, 4, 2, 1)])
    assert step(store, limit=2) == {"evaluation": 1}
    assert step(store) == {"evaluation": 3}
    assert step(store) == {}
    with reading(store) as session:
        left = session.scalars(select(EvaluationRow.started_at).order_by(EvaluationRow.started_at)).all()
    assert left == [ago(80), ago(2), ago(1)]


def test_requests_and_incidents_go_when_they_are_over(store: Engine) -> None:
    def request(state: str, days: float | None) -> RequestRow:
        return RequestRow(
            kind="evaluate", model_key="eta", arguments={}, actor="ann", asked_at=ago(50), state=state,
            finished_at=None if days is None else ago(days),
        )  # fmt: skip

    def incident(days: float | None) -> IncidentRow:
        return IncidentRow(
            cause="feature", name="x", what="drift", since=ago(900), title="x", reason="x", opened_at=ago(900),
            last_seen=ago(800), closed_at=None if days is None else ago(days),
        )  # fmt: skip

    with transaction(store) as session:
        eta = add_model(session, "eta")
        session.add_all([request("done", 31), request("failed", 31), request("done", 29), request("waiting", None)])
        incidents = [incident(401), incident(399), incident(None)]
        session.add_all(incidents)
        session.flush()
        members = [IncidentMemberRow(incident_id=i.id, model_id=eta, words="x", began=ago(900), joined_at=ago(900))
                   for i in incidents]  # fmt: skip
        session.add_all(members)
        session.add(AuditRow(at=ago(9_000), actor="ann", action="a", subject="s", detail={}))
        session.add(HeartbeatRow(name="gone", at=ago(9_000), detail=""))
    assert step(store) == {"request": 2, "incident": 1}
    assert step(store) == {}
    with reading(store) as session:
        assert session.scalar(select(func.count()).select_from(IncidentMemberRow)) == 2
        assert session.scalar(select(func.count()).select_from(AuditRow)) == 1, "the audit is for ever"


def episode(store: Engine, at: datetime, name: str = "drift") -> None:
    """Something fires, is told, ends, and that is told."""
    moments: Sequence[tuple[float, list[Signal]]] = (
        (0, [signal(name, "!")]), (40, []), (600, [signal(name, ".")]), (1_000, []), (1_400, []),
    )  # fmt: skip
    for seconds, said in moments:
        now = at + timedelta(seconds=seconds)
        with transaction(store) as session:
            alerting.take_in(session, said, now, Settings())


def keys(store: Engine) -> list[tuple[str, int]]:
    with reading(store) as session:
        return [(r.check, r.episode) for r in session.scalars(select(AlertRow).order_by(AlertRow.id))]


def test_alerts_go_with_their_history_and_no_name_is_ever_given_twice(store: Engine) -> None:
    with transaction(store) as session:
        add_model(session, "eta")
    for days in (600, 500, 450, 10):
        episode(store, ago(days))
    episode(store, ago(500), "label")
    with transaction(store) as session:
        events = session.scalar(select(func.count()).select_from(AlertEventRow)) or 0
    assert step(store, limit=5) == {"alert_event": 5, "alert": 1, "notification_group": 1}
    assert step(store, limit=1) == {"alert_event": 1}, "a history goes before its alert"
    while step(store):
        pass
    assert keys(store) == [("drift", 4), ("drift.label", 1)], "of each thing the last stays"
    with reading(store) as session:
        assert session.scalar(select(func.count()).select_from(AlertEventRow)) == events * 2 / 5
        names = list(session.scalars(select(NotificationGroupRow.id)))
        assert len(names) == 2 and all(session.scalars(select(AlertRow.id).where(AlertRow.group == n)) for n in names)
    episode(store, NOW, "label")
    assert keys(store)[-1] == ("drift.label", 2)


def test_what_is_open_or_still_to_be_told_stays(store: Engine) -> None:
    with transaction(store) as session:
        add_model(session, "eta")
    for seconds, condition in ((0, "!"), (40, "!"), (600, "."), (605, "!"), (610, "!")):
        with transaction(store) as session:
            alerting.take_in(session, [signal("drift", condition)], ago(600) + timedelta(seconds=seconds), Settings())
    assert step(store) == {} and keys(store) == [("drift", 1), ("drift", 2)]


def test_the_worker_keeps_as_long_as_it_is_set(store: Engine) -> None:
    with transaction(store) as session:
        session.add_all([message("one", "sent", 5), message("two", "sent", 3)])
    assert purge(store, Settings(keep_days=4), lambda: NOW)
    assert not purge(store, Settings(keep_days=4), lambda: NOW)
    with reading(store) as session:
        assert session.scalars(select(OutboxRow.dedup_key)).all() == ["two"]


def test_reports_that_nobody_asked_for_any_more_and_files_of_killed_builds_are_cleared(
    store: Engine, tmp_path: Path
) -> None:
    folder = tmp_path / "reports"
    (folder / ".report-killed").mkdir(parents=True)
    (folder / ".report-killed" / "current.parquet").write_text("")
    for name, age in ((".report-killed", 5), ("old.html", 5), ("new.html", 3), ("notes.txt", 5)):
        path = folder / name
        if not path.is_dir():
            path.write_text("<!doctype html>")
        when = (NOW - age * DAY).timestamp()
        os.utime(path, (when, when))
    purge(store, Settings(keep_days=4, home=tmp_path), lambda: NOW)
    assert sorted(path.name for path in folder.iterdir()) == ["new.html", "notes.txt"]


@pytest.mark.parametrize(("name", "value"), [("LEEWAY_KEEP_DAYS", "0"), ("LEEWAY_KEEP_ALERTS_DAYS", "89")])
def test_what_other_parts_need_cannot_be_set_away(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{name}: must be at least"):
        load({name: value})
