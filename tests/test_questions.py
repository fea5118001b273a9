"""People are told once what a retrain request asks of them, again each day, and what was decided; on real databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from monitoring.core.alerting.notification import Notification
from monitoring.core.retraining import asking, serving, underway
from monitoring.core.retraining.change import Change
from monitoring.core.retraining.report import Report, RunState
from monitoring.core.retraining.request import Cause, Policy, RetrainRequest
from monitoring.core.retraining.state import State
from monitoring.core.retraining.trouble import standing
from monitoring.errors import LeewayError
from monitoring.notifiers.registry import parse
from monitoring.retraining import candidates, questions
from monitoring.store import channels, models, retrains
from monitoring.store.database import reading, transaction
from monitoring.store.queries.retraining import history
from monitoring.store.tables import OutboxRow
from tests.logs_of import START, binary_model

NOW = START
URL = "https://leeway.example.com"
CHANNELS = [
    {"name": "team", "kind": "webhook", "url": "https://team.example.com", "matchers": {"owner": ["ops"]}},
    {"name": "pager", "kind": "webhook", "url": "https://pager.example.com", "matchers": {"severity": ["page"]}},
    {"name": "others", "kind": "webhook", "url": "https://others.example.com", "matchers": {"owner": ["pricing"]}},
    {"name": "all", "kind": "webhook", "url": "https://all.example.com"},
]  # fmt: skip


@pytest.fixture
def store(store: Engine, tmp_path: Path) -> Engine:
    """With a model, its channels, and a request that waits for an answer."""
    log = {"source": "csv", "location": str(tmp_path / "delays.csv")}
    with transaction(store) as session:
        models.apply(session, [binary_model(log, key="delays", owner="ops", runbook="Look.")], tmp_path, "tests", NOW)
        channels.apply(session, [parse(one) for one in CHANNELS], "tests", NOW)
        made = RetrainRequest(
            "delays", 0, "Delays", "ops", Cause.FLAG, "3 windows are breached.", "", "once", State.REQUESTED, NOW, NOW,
            Policy("command"), champion="1",
        )  # fmt: skip
        retrains.open_request(session, made, (), NOW)
    return store


def does(store: Engine, act: Callable[[RetrainRequest], Change]) -> None:
    with transaction(store) as session:
        retrains.change(session, "delays-1", act, NOW, "bo", "a test")


def told(store: Engine, target: str = "team") -> list[Notification]:
    with reading(store) as session:
        rows = session.scalars(select(OutboxRow).where(OutboxRow.kind == "notification").order_by(OutboxRow.id))
        return [Notification.from_json(row.payload) for row in rows if row.target == target]


def titles(store: Engine) -> list[tuple[str, str]]:
    return [(one.lines[0].state, one.lines[0].check) for one in told(store)]


def candidate_of(version: str) -> Callable[[RetrainRequest], Change]:
    return partial(underway.reported, report=Report(RunState.CANDIDATE, version=version), now=NOW)


def test_whoever_owns_the_model_is_asked_once_and_asked_again_the_next_day(store: Engine) -> None:
    for minutes in (0, 1, 600):
        questions.step(store, NOW + timedelta(minutes=minutes), URL)
    (one,) = told(store)
    assert told(store, "all") == [one] and told(store, "pager") == told(store, "others") == []
    assert (one.model_name, one.owner, one.severity, one.runbook) == ("delays", "ops", "ticket", "Look.")
    assert one.lines[0].summary == "3 windows are breached." and one.link == f"{URL}/retraining?request=delays-1"
    questions.step(store, NOW + timedelta(hours=25), URL)
    assert [n.why for n in told(store)][1] == "a person has to decide; asked again after 1 day"
    with reading(store) as session:
        assert [e.words for e in history(session, "delays-1") if e.kind == "notified"] == [
            "Asked to approve a retrain: team, all."
        ] * 2  # fmt: skip


def test_from_approval_to_roll_back_each_decision_is_asked_for_and_its_answer_told(store: Engine) -> None:
    def goes_on(*acts: Any) -> None:
        for act in acts:
            does(store, act)
        questions.step(store, NOW, URL)

    questions.step(store, NOW, URL)
    accepted = partial(underway.accepted, order="delays-1/1", run="r", words="It was started.", now=NOW)
    goes_on(partial(asking.approve, actor="bo", now=NOW, train_until=NOW), accepted)
    goes_on(candidate_of("2"))
    goes_on(partial(serving.evaluated, comparison={"verdict": "better"}, gain=None, words="Better.", now=NOW))
    goes_on(partial(serving.promote, actor="cy", now=NOW, dispatches=False))
    goes_on(partial(serving.fails, words="It does not hold.", now=NOW))
    goes_on(partial(serving.roll_back, actor="cy", now=NOW, dispatches=False, reason="It is worse."))
    assert titles(store) == [
        ("waiting", "approve a retrain"), ("decided", "approve a retrain"), ("waiting", "promote version 2"),
        ("decided", "promote version 2"), ("waiting", "roll back to version 1"), ("decided", "roll back to version 1"),
    ]  # fmt: skip
    summaries = [one.lines[0].summary for one in told(store)]
    assert summaries[2::2] == ["Better.", "It does not hold."]
    assert summaries[1::2] == [
        "Approved. (bo)", "Version 2 serves. The comparison says that it is better. (cy)",
        "Version 1 serves again. It is worse. (cy)",
    ]  # fmt: skip
    assert len({one.incident for one in told(store)}) == 1, "one thread"
    assert len({one.id for one in told(store)}) == 6


def test_where_there_is_nothing_new_to_tell_nothing_is_locked(store: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    questions.step(store, NOW, URL)
    with monkeypatch.context() as patch:
        patch.setattr(questions, "transaction", lambda _: pytest.fail("a writing transaction was begun"))
        questions.step(store, NOW + timedelta(hours=2), URL)


def test_a_retrain_that_failed_is_told_and_what_nobody_was_asked_has_no_answer(store: Engine) -> None:
    does(store, partial(asking.approve, actor="bo", now=NOW, train_until=NOW))
    does(store, partial(underway.reported, report=Report(RunState.FAILED, message="Out of memory."), now=NOW))
    for hours in (0, 1, 30):
        questions.step(store, NOW + timedelta(hours=hours), URL)
    assert titles(store) == [("failed", "retrain failed")]
    assert told(store)[0].lines[0].summary == "Out of memory."


def test_trouble_with_one_request_is_noted_once_until_it_is_over_and_the_others_are_told(store: Engine) -> None:
    questions.step(store, NOW, URL)
    with transaction(store) as session:
        log = {"source": "csv", "location": "others.csv"}
        models.apply(session, [binary_model(log, key="others", owner="ops")], Path("/nowhere"), "tests", NOW)
        made = RetrainRequest(
            "others", 0, "Others", "ops", Cause.PERSON, "It decays.", "ann", "twice", State.REQUESTED, NOW, NOW,
            Policy("command"), champion="1",
        )  # fmt: skip
        retrains.open_request(session, made, (), NOW)
        row = session.scalars(select(OutboxRow).where(OutboxRow.target == "team")).one()
        whole, row.payload = row.payload, {"of": "another version"}
    for minutes in range(3):
        questions.step(store, NOW + timedelta(minutes=minutes), URL)
    with transaction(store) as session:
        kinds = [event.kind for event in history(session, "delays-1")]
        assert kinds == ["requested", "notified", "untold"], "once"
        assert history(session, "delays-1")[-1].words == "KeyError: 'lines'"
        assert [event.kind for event in history(session, "others-1")] == ["requested", "notified"]
        session.get_one(OutboxRow, row.id).payload = whole
    questions.step(store, NOW + timedelta(days=1), URL)
    with reading(store) as session:
        kinds = [event.kind for event in history(session, "delays-1")]
        assert sorted(kinds[3:]) == ["notified", "told_again"] and standing(history(session, "delays-1")) == {}
    does(store, partial(asking.cancel, actor="bo", now=NOW, reason="It is fine."))
    questions.step(store, NOW + timedelta(days=1), URL)
    assert told(store)[-1].lines[0].summary == "It is fine. (bo)"


def test_a_comparison_that_fails_unforeseen_is_noted_once_and_made_again_when_it_is_due(
    store: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    does(store, partial(asking.approve, actor="bo", now=NOW, train_until=NOW))
    does(store, candidate_of("2"))
    asked: list[timedelta] = []

    def step(after: timedelta, error: Exception) -> None:
        def compare(*_: Any, as_of: datetime, **__: Any) -> Any:
            asked.append(as_of - NOW)
            raise error

        monkeypatch.setattr(candidates, "compare", compare)
        candidates.step(store, NOW + after, lambda share, words: None)

    minutes = [timedelta(minutes=n) for n in (0, 1, 10, 20)]
    for at in minutes[:3]:
        step(at, ZeroDivisionError("division by zero"))
    assert asked == [minutes[0], minutes[2]], "not at every look"
    with reading(store) as session:
        trouble = standing(history(session, "delays-1"))
        assert [(t.kind, t.words, t.at) for t in trouble.values()] == [
            ("uncompared", "ZeroDivisionError: division by zero", NOW)
        ]
        assert [e.kind for e in history(session, "delays-1")].count("uncompared") == 1
        assert retrains.one(session, "delays-1").message == "ZeroDivisionError: division by zero"
    step(minutes[3], LeewayError("version 2 has no labelled row yet"))
    with reading(store) as session:
        assert standing(history(session, "delays-1")) == {}
        assert retrains.one(session, "delays-1").message == "version 2 has no labelled row yet"


def test_who_joins_later_is_told_what_still_waits_but_no_answers_to_what_it_never_heard(store: Engine) -> None:
    questions.step(store, NOW, URL)
    with transaction(store) as session:
        late = {"name": "late", "kind": "webhook", "url": "https://late.example.com"}
        channels.apply(session, [parse(late)], "tests", NOW)
    does(store, partial(asking.approve, actor="bo", now=NOW, train_until=NOW))
    questions.step(store, NOW, URL)
    assert told(store, "late") == [] and len(told(store)) == 2
