"""Alerts in the database: one step writes state, history and outbox together; the same on SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, delete, func, select
from sqlalchemy.exc import IntegrityError

from monitoring import alerting, routing
from monitoring.core.alerting.alert import Alert
from monitoring.core.alerting.answers import acknowledge, close, escalate, unacknowledge
from monitoring.core.alerting.decide import Decision
from monitoring.core.alerting.matcher import parse as parse_matchers
from monitoring.core.alerting.silence import Silence
from monitoring.core.verdict import Flag, Status
from monitoring.notifiers.registry import parse
from monitoring.settings import Settings
from monitoring.store import alerts, channels, oncall, rules, silences
from monitoring.store.database import reading, transaction
from monitoring.store.queries.alerts import trouble
from monitoring.store.queries.silences import catch
from monitoring.store.tables import (
    AlertEventRow,
    AlertRow,
    AuditRow,
    IncidentMemberRow,
    IncidentRow,
    ModelRow,
    NotificationGroupRow,
    OutboxRow,
    VerdictRow,
)
from tests.alerts_of import NOW, add_model, hear, verdict
from tests.waiting import until

URL = "https://leeway.example.org"
SETTINGS = Settings(url=URL)
B, O = Status.BREACHED, Status.OK  # noqa: E741
drift = partial(verdict, "drift", warning=0.2, breached=0.4)
PROMISED = "availability-99-30d"
burn = partial(verdict, "slo.availability", column=PROMISED, method="burn 1h/5m", threshold=14.4, breached=14.4)


@pytest.fixture
def store(store: Engine) -> Engine:
    """With two models and two channels."""
    with transaction(store) as session:
        for key in ("eta", "delay"):
            add_model(session, key)
        tell = [
            {"name": "room", "kind": "slack", "url": "${ROOM}"},
            {
                "name": "pager",
                "kind": "webhook",
                "url": "https://pager.example.org/",
                "matchers": {"severity": ["page"]},
            },
        ]
        channels.apply(session, [parse(one) for one in tell], "tests", NOW)
    return store


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def say(store: Engine, *verdicts: Any, at: float = 0) -> Decision:
    """What an evaluation found, and the step after it."""
    with transaction(store) as session:
        ids = {key: id_ for id_, key in session.execute(select(ModelRow.id, ModelRow.key))}
        for v in verdicts:
            hear(session, ids[v.model], v, now=after(at))
    return step(store, at, *{v.model for v in verdicts})


def step(store: Engine, at: float, *models: str) -> Decision:
    return alerting.step(store, after(at), SETTINGS, models)


def sent(store: Engine) -> list[tuple[str, str, str]]:
    """Reason, target and what fires or is resolved, in order."""
    with reading(store) as session:
        rows = session.scalars(select(OutboxRow).order_by(OutboxRow.id)).all()
        return [
            (r.payload["reason"], r.target, " ".join(f"{line['check']}:{line['state']}" for line in r.payload["lines"]))
            for r in rows
        ]


def history(store: Engine) -> list[tuple[str, str]]:
    with reading(store) as session:
        rows = session.scalars(select(AlertEventRow).order_by(AlertEventRow.alert_id, AlertEventRow.seq))
        return [(r.kind, r.reason) for r in rows]


def only(store: Engine) -> Alert:
    with reading(store) as session:
        (found,) = [alert for alert in alerts.open_ones(session) if alert.open]
        return found


def test_a_breach_becomes_an_alert_a_message_and_a_history_and_then_is_resolved(store: Engine) -> None:
    say(store, drift(B, value=0.6))
    step(store, 30)
    assert sent(store) == [("first", "room", "drift:firing")]
    say(store, drift(O, day=1, value=0.1), at=600)
    step(store, 640)
    assert sent(store)[1:] == [("resolved", "room", "drift:resolved")]
    assert history(store) == [
        ("fired", "drift is breached."),
        ("notified", "New: drift, drift. Sent to room."),
        ("resolved", "drift is ok."),
        ("notified", "Resolved: drift, drift. Sent to room."),
    ]
    with reading(store) as session:
        assert session.scalars(select(NotificationGroupRow.closed_at)).one() == after(640)
        assert alerts.open_ones(session) == [] and alerts.groups(session) == []


def test_a_message_carries_what_why_since_when_and_where_to_look(store: Engine) -> None:
    say(store, drift(B, value=0.6, threshold=0.4))
    step(store, 30)
    with reading(store) as session:
        row = session.scalars(select(OutboxRow)).one()
    told = row.payload
    assert row.order_key == told["incident"] and row.dedup_key == told["id"] == f"{told['incident']}-1"
    assert (told["model"], told["model_name"], told["owner"], told["severity"]) == ("eta", "Eta", "ops", "ticket")
    assert told["why"] == "new: drift, drift" and told["runbook"] == "https://runbooks.example.org/eta"
    (line,) = told["lines"]
    assert (line["value"], line["threshold"], line["summary"]) == (0.6, 0.4, "drift is breached.")
    assert line["since"] == "2026-05-20T12:00:00Z"
    assert line["link"] == f"{URL}/model?model=eta&range=2026-05-05+to+2026-05-19"


def test_the_same_step_twice_changes_nothing(store: Engine) -> None:
    def everything() -> list[Any]:
        with reading(store) as session:
            return [
                [tuple(row) for row in session.execute(select(table.__table__).order_by(table.__table__.c.id))]
                for table in (AlertRow, AlertEventRow, NotificationGroupRow, OutboxRow)
            ]

    for at, v in ((0, drift(B)), (30, drift(B)), (600, drift(O, day=1)), (640, drift(O, day=1))):
        say(store, v, at=at)
        before = everything()
        assert step(store, at, "eta") == Decision((), (), (), ())
        assert everything() == before


def test_resolved_never_reopens_and_firing_again_is_a_new_episode(store: Engine) -> None:
    for day, status in enumerate((B, O, B)):
        say(store, drift(status, day=day), at=day * 4000)
    with reading(store) as session:
        rows = session.execute(select(AlertRow.episode, AlertRow.state).order_by(AlertRow.episode)).all()
    assert [tuple(r) for r in rows] == [(1, "resolved"), (2, "firing")]


def test_two_open_episodes_of_one_fingerprint_are_refused_by_the_database(store: Engine) -> None:
    say(store, drift(B))
    with pytest.raises(IntegrityError), transaction(store) as session:
        values = {c.name: getattr(session.scalars(select(AlertRow)).one(), c.name) for c in AlertRow.__table__.columns}
        session.add(AlertRow(**(values | {"id": None, "key": "other", "episode": 2})))


def test_a_history_has_each_number_once(store: Engine) -> None:
    say(store, drift(B))
    with pytest.raises(IntegrityError), transaction(store) as session:
        first = session.scalars(select(AlertEventRow)).one()
        session.add(AlertEventRow(alert_id=first.alert_id, seq=1, at=NOW, kind="fired", reason="", actor=""))


def test_a_page_goes_to_every_channel_that_fits_and_a_ticket_only_where_tickets_go(store: Engine) -> None:
    say(store, burn(B, value=20.0), drift(B, "delay"))
    step(store, 30)
    assert sorted(sent(store)) == [
        ("first", "pager", "slo.availability:firing"), ("first", "room", "drift:firing"),
        ("first", "room", "slo.availability:firing"),
    ]  # fmt: skip


def test_a_step_that_fails_halfway_leaves_nothing_behind(store: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    say(store, drift(B))

    def broken(*_: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(routing.outbox, "notify", broken)
        with pytest.raises(RuntimeError):
            step(store, 30)
    assert sent(store) == [] and [kind for kind, _ in history(store)] == ["fired"]
    step(store, 31)
    assert len(sent(store)) == 1


def test_workers_that_step_at_the_same_time_send_once(store: Engine) -> None:
    say(store, drift(B), burn(B, "delay", value=20.0))
    errors: list[BaseException] = []

    def work() -> None:
        try:
            for second in range(30, 90, 10):
                step(store, second, "eta", "delay")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(sent(store)) == [
        ("first", "pager", "slo.availability:firing"), ("first", "room", "drift:firing"),
        ("first", "room", "slo.availability:firing"),
    ]  # fmt: skip
    with reading(store) as session:
        assert session.scalar(select(func.count()).select_from(AlertRow)) == 2


PEOPLE = [{"key": "ann", "channels": ["ann-phone", "ann-mail"]}, {"key": "bob", "channels": ["bob-phone"]}]
TEAM = {
    "key": "ops", "members": ["ann", "bob"],
    "escalation": {"steps": [{"minutes": 15, "targets": ["person:ann"]}, {"minutes": 15, "targets": ["person:bob"]}]},
}  # fmt: skip


@pytest.fixture
def staffed(store: Engine) -> Engine:
    """Ann, then Bob after 15 minutes, each with channels of their own."""
    own = [name for one in PEOPLE for name in one["channels"]]
    with transaction(store) as session:
        made = [{"name": n, "kind": "slack", "url": "${OWN}", "matchers": {"owner": ["nobody"]}} for n in own]
        channels.apply(session, [parse(one) for one in made], "tests", NOW)
        oncall.apply(session, PEOPLE, [TEAM], "tests", NOW)
    return store


def test_a_page_goes_to_the_first_of_the_policy_with_other_channels_and_the_next_person_to_fall_back_on(
    staffed: Engine,
) -> None:
    say(staffed, burn(B, value=20.0))
    step(staffed, 30)
    assert [target for _, target, _ in sent(staffed)] == ["ann-phone"]
    with reading(staffed) as session:
        assert session.scalars(select(OutboxRow.fallbacks)).one() == ["ann-mail", "bob-phone"]
    step(staffed, 30 + 900)
    assert sent(staffed)[1:] == [("escalated", "bob-phone", "slo.availability:firing")]


def test_resolved_goes_to_all_who_were_told(staffed: Engine) -> None:
    say(staffed, burn(B, value=20.0))
    step(staffed, 30)
    step(staffed, 930)
    say(staffed, burn(O, value=1.0), at=1000)
    for at in (1301, 1331):
        step(staffed, at)
    assert sorted(sent(staffed)[2:]) == [
        ("resolved", "ann-phone", "slo.availability:resolved"), ("resolved", "bob-phone", "slo.availability:resolved"),
    ]  # fmt: skip


def test_a_page_whose_policy_reaches_nobody_goes_to_every_channel_that_fits(staffed: Engine) -> None:
    say(staffed, burn(B, value=20.0))
    with transaction(staffed) as session:
        oncall.remove(session, "team", "ops", "tests", NOW)
        for key in ("ann", "bob"):
            oncall.remove(session, "person", key, "tests", NOW)
    step(staffed, 30)
    assert {target for _, target, _ in sent(staffed)} == {"room", "pager"}


def test_without_a_channel_the_history_says_that_nobody_was_told(store: Engine) -> None:
    with transaction(store) as session:
        for name in ("room", "pager"):
            channels.remove(session, name, "tests", NOW)
    say(store, drift(B))
    step(store, 30)
    assert history(store)[-1] == (
        "notified", "New: drift, drift. No channel fits, so nobody was told: it is on the dashboard only.",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("act", "action", "kind"),
    [
        (partial(acknowledge, actor="ann", now=after(60)), "alert acknowledged", "acknowledged"),
        (partial(escalate, actor="ann", now=after(60)), "alert escalated", "asked"),
        (partial(close, actor="ann", now=after(60), reason="A test."), "alert closed", "resolved"),
    ],
)
def test_what_people_do_is_in_the_history_and_in_the_audit(store: Engine, act: Any, action: str, kind: str) -> None:
    say(store, burn(B, value=20.0))
    step(store, 30)
    key = only(store).key
    with transaction(store) as session:
        alerts.answer(session, key, act, action, "ann", after(60))
    assert history(store)[-1][0] == kind
    with reading(store) as session:
        audit = session.scalars(select(AuditRow).where(AuditRow.action == action)).one()
        assert (audit.actor, audit.subject, audit.detail["alert"]) == ("ann", "eta", key)


def test_an_answer_that_comes_too_late_changes_nothing(store: Engine) -> None:
    say(store, drift(B))
    key = only(store).key
    say(store, drift(O, day=1), at=60)
    with transaction(store) as session:
        for act in (acknowledge, unacknowledge, escalate):
            change = alerts.answer(session, key, partial(act, actor="ann", now=after(61)), "x", "ann", after(61))
            assert change.events == ()
    with reading(store) as session:
        assert session.scalars(select(AuditRow).where(AuditRow.action == "x")).all() == []


def test_an_alert_closed_by_hand_that_is_still_wrong_is_a_new_episode(store: Engine) -> None:
    say(store, drift(B))
    with transaction(store) as session:
        act = partial(close, actor="ann", now=after(60), reason="Known.")
        alerts.answer(session, only(store).key, act, "alert closed", "ann", after(60))
    step(store, 120, "eta")
    assert only(store).episode == 2


def test_a_slice_alerts_with_its_name_and_a_silence_on_it_catches_it_alone(store: Engine) -> None:
    metric = partial(verdict, "performance.mae", threshold=14.0, breached=14.0, value=20.0)
    ewr, jfk = partial(metric, B, slice="origin=EWR"), partial(metric, B, slice="origin=JFK")
    with transaction(store) as session:
        quiet = Silence(parse_matchers('slice="origin=EWR"'), NOW, after(7200), "ann", "a new runway")
        silences.add(session, quiet, NOW)
    say(store, *(one(day=day) for day in (-1, 0) for one in (ewr, jfk)), *(metric(O, day=day) for day in (-1, 0)))
    step(store, 30)
    with reading(store) as session:
        (told,) = session.scalars(select(OutboxRow.payload))
        found = catch(session, quiet, after(30))
    (line,) = told["lines"]
    assert (line["slice"], line["version"], line["column"]) == ("origin=JFK", "", "")
    assert told["why"] == "new: performance, performance.mae (origin=JFK)"
    assert [(a.check, a.slice) for a in found.alerts] == [("performance.mae", "origin=EWR")]
    assert any(words.startswith("Silenced by ann") for _, words in history(store))


def test_what_is_not_judged_any_more_can_be_closed(store: Engine) -> None:
    say(store, drift(B))
    with transaction(store) as session:
        session.execute(delete(VerdictRow))
    say(store, verdict("quality.volume", O, value=0.1, warning=0.2, breached=0.4), at=60)
    assert only(store).condition == "unknown"


def test_an_alert_waits_as_long_as_its_model_or_a_rule_says(store: Engine) -> None:
    with transaction(store) as session:
        row = session.scalars(select(ModelRow).where(ModelRow.key == "eta")).one()
        log = {"source": "csv", "location": "l.csv", "columns": {"timestamp": "at", "prediction": "p"}}
        row.document = {
            "key": "eta", "task": "regression", "owner": "ops", "predictions": log,
            "thresholds": [{"check": "drift", "for": "10m"}],
        }  # fmt: skip
        rules.apply(session, [{"key": "calm", "check": "drift", "keep_firing_for": "20m"}], "tests", NOW)
    say(store, drift(B))
    assert (only(store).state, only(store).wait, only(store).keep) == ("pending", after(600) - NOW, after(1200) - NOW)
    assert history(store)[-1] == ("pending", "drift is breached. Fires if it holds for 10 min.")
    step(store, 599)
    assert only(store).state == "pending"
    step(store, 600)
    assert only(store).state == "firing"
    say(store, drift(O, day=1, value=0.1), at=700)
    step(store, 1899)
    assert only(store).open
    step(store, 1900)
    assert ("resolved", "drift is ok. Clear for 20 min.") in history(store)


def test_useful_or_noise_is_kept_with_who_said_it(store: Engine) -> None:
    say(store, drift(B))
    with transaction(store) as session:
        alerts.judge(session, only(store).key, False, "ann", after(60))
    with reading(store) as session:
        row = session.scalars(select(AlertRow)).one()
    assert (row.useful, row.judged_by) == (False, "ann")
    assert history(store)[-1] == ("judged", "Noise.")


def test_a_model_that_is_removed_resolves_its_alerts_and_keeps_their_history(store: Engine) -> None:
    say(store, drift(B))
    with transaction(store) as session:
        session.delete(session.scalars(select(ModelRow).where(ModelRow.key == "eta")).one())
    step(store, 60)
    assert history(store)[-1] == ("resolved", "The model is not watched any more.")


def test_an_objective_that_is_taken_away_resolves_its_alerts(store: Engine) -> None:
    say(store, burn(B, value=20.0), drift(B))
    with transaction(store) as session:
        row = session.scalars(select(ModelRow).where(ModelRow.key == "eta")).one()
        row.document = {**row.document, "slos": [{"sli": "latency", "threshold_ms": 20, "objective": 0.99}]}
    step(store, 60)
    assert only(store).subject.check == "drift"
    assert ("resolved", "The objective was changed or taken away.") in history(store)


def test_models_in_one_incident_are_told_together(store: Engine) -> None:
    say(store, drift(B), drift(B, "delay"))
    with transaction(store) as session:
        row = IncidentRow(
            cause="feed", name="weather", what="", since=NOW, title="weather moved in 2 models", reason="",
            opened_at=NOW, last_seen=NOW, closed_at=None,
        )  # fmt: skip
        session.add(row)
        session.flush()
        for id_ in session.scalars(select(ModelRow.id)):
            session.add(
                IncidentMemberRow(incident_id=row.id, model_id=id_, words="", began=NOW, joined_at=NOW, left_at=None)
            )
    for at in (5, 40):
        step(store, at)
    assert sent(store) == [("first", "room", "drift:firing drift:firing")]
    with reading(store) as session:
        told = session.scalars(select(OutboxRow.payload)).one()
    assert told["model"] == "delay, eta" and told["model_name"] == "weather moved in 2 models"


def test_only_the_newest_windows_of_a_series_count(store: Engine) -> None:
    metric = partial(verdict, "performance.mae", threshold=14.0, breached=14.0, value=1.0)
    say(store, *(metric(B, day=day) for day in range(-9, -4)), *(metric(O, day=day) for day in range(-4, 1)))
    with reading(store) as session:
        assert alerts.open_ones(session) == []
    say(store, metric(B, day=1), metric(B, day=2), *(metric(O, day=day, provisional=True) for day in range(3, 20)))
    assert only(store).rule == "performance"


def test_a_model_that_cannot_be_evaluated_pages_after_two_minutes(store: Engine) -> None:
    failed = verdict("model", Status.FAILED, flag=Flag.PAGE)
    say(store, failed)
    assert only(store).state == "pending"
    step(store, 125)
    assert only(store).state == "firing"
    say(store, verdict("model", O, flag=Flag.HEALTHY), at=180)
    with reading(store) as session:
        assert session.scalars(select(AlertRow.state)).all() == ["resolved"]


def test_time_is_kept_in_a_thread_of_its_own(store: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerting, "TICK", 0.01)
    say(store, drift(B))
    stop = threading.Event()
    thread = alerting.start(store, SETTINGS, lambda: after(31), stop)
    until(lambda: sent(store))
    stop.set()
    thread.join(60)
    assert sent(store) == [("first", "room", "drift:firing")] and not thread.is_alive()


def test_time_that_cannot_change_anything_writes_nothing(store: Engine) -> None:
    with reading(store) as session:
        assert not alerts.waiting(session)
    say(store, drift(B))
    with reading(store) as session:
        assert alerts.waiting(session)


def test_a_decision_that_fails_is_said_and_the_next_one_that_succeeds_takes_it_back(
    store: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction(store) as session:
        hear(session, session.scalars(select(ModelRow.id).where(ModelRow.key == "eta")).one(), drift(B))

    def broken(*_: Any) -> None:
        raise ValueError("no such thing")

    with monkeypatch.context() as patch:
        patch.setattr(alerting, "decide", broken)
        assert alerting.hear(store, NOW, SETTINGS, ["eta"]) is False
    with reading(store) as session:
        assert trouble(session) == "ValueError: no such thing"
    assert alerting.hear(store, NOW, SETTINGS, ["eta"]) is True, "something began to fire"
    with reading(store) as session:
        assert trouble(session) == ""
