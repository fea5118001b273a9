"""From a flag to one dispatch: requests in real databases, made by real verdicts, whoever else asks, too."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from monitoring import fleet
from monitoring.__main__ import main
from monitoring.core.retraining import underway
from monitoring.core.retraining.change import Change
from monitoring.core.retraining.guards import Guard
from monitoring.core.retraining.order import Action, Order
from monitoring.core.retraining.report import Report, RunState
from monitoring.core.retraining.request import Cause, RetrainRequest
from monitoring.core.retraining.state import State
from monitoring.core.verdict import Flag
from monitoring.errors import FleetError, LeewayError
from monitoring.evaluate import Scope, evaluate
from monitoring.retraining import decisions
from monitoring.store import models, retrains
from monitoring.store.database import connect, reading, transaction
from monitoring.store.migrations import migrate
from monitoring.store.queries import retraining as queries
from monitoring.store.tables import AlertRow, AuditRow, OutboxRow
from tests.logs_of import START, binary_model, flights, write

DAYS = 14
NOW = START + timedelta(days=DAYS)
COMMAND = {"kind": "command", "command": ["{python}", "train.py"]}
RETRAINING = {
    "dispatcher": COMMAND, "holdout": "2d", "labels": 500, "labels_per_class": 20, "label_coverage": 0.3,
}  # fmt: skip


def document(home: Path, **more: Any) -> dict[str, Any]:
    log = {"source": "csv", "location": str(home / "delays.csv")}
    reference = {"from": f"{START:%Y-%m-%d}", "to": f"{START + timedelta(days=3):%Y-%m-%d}"}
    return binary_model(log, key="delays", owner="ops", reference=reference, retraining=RETRAINING | more)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has decayed since its ninth day, with every verdict of it."""
    home = tmp_path_factory.mktemp("decayed")
    write(flights(DAYS, decay_after=9), "csv", home, "delays")
    store = connect(f"sqlite:///{home / 'leeway.db'}")
    migrate(store)
    with transaction(store) as session:
        models.apply(session, [document(home)], home, "tests", NOW)
    with reading(store) as session:
        watched = models.watched(session)[0]
    found = evaluate(store, watched, Scope(now=NOW), lambda: NOW, lambda share, words: None)
    assert found[-1].flag == Flag.RETRAIN
    store.dispose()
    return home


@pytest.fixture
def store(evaluated: Path, tmp_path: Path) -> Iterator[Engine]:
    with sqlite3.connect(evaluated / "leeway.db") as source, sqlite3.connect(tmp_path / "leeway.db") as target:
        source.backup(target)
    engine = connect(f"sqlite:///{tmp_path / 'leeway.db'}")
    yield engine
    engine.dispose()


def change(store: Engine, home: Path, **more: Any) -> None:
    with transaction(store) as session:
        models.apply(session, [document(home, **more)], home, "tests", NOW)


def requests(store: Engine) -> list[RetrainRequest]:
    with reading(store) as session:
        return queries.requests(session)


def orders(store: Engine) -> list[Order]:
    with reading(store) as session:
        rows = session.scalars(select(OutboxRow).where(OutboxRow.kind == "dispatch").order_by(OutboxRow.id))
        return [Order.from_json(row.payload) for row in rows if row.state == "waiting"]


def test_a_flag_makes_one_request_with_its_evidence_and_waits_for_a_person(store: Engine) -> None:
    for minute in range(3):
        decisions.step(store, NOW + timedelta(minutes=minute))
    (made,) = requests(store)
    assert (made.cause, made.state, made.requester, made.champion) == (Cause.FLAG, State.REQUESTED, "", "v2")
    assert made.flagged_at is not None and START + timedelta(days=9) <= made.flagged_at < NOW
    assert "mature windows are breached" in made.reason
    assert made.evidence["findings"] and made.evidence["flag"] == "retrain"
    assert orders(store) == []
    with reading(store) as session:
        (audit,) = session.scalars(select(AuditRow).where(AuditRow.action == "retrain requested"))
        assert [e.kind for e in queries.history(session, made.key)] == ["requested"]
    assert (audit.actor, audit.subject) == ("worker", "delays")


def test_an_approval_dispatches_once_with_what_may_be_learned_from(store: Engine) -> None:
    decisions.step(store, NOW)
    with transaction(store) as session:
        decisions.approve(session, "delays-1", "bo", NOW)
    with pytest.raises(LeewayError, match="approved by bo already"), transaction(store) as session:
        decisions.approve(session, "delays-1", "cy", NOW)
    (order,) = orders(store)
    assert (order.id, order.action, order.request) == ("delays-1/1", Action.RETRAIN, "delays-1")
    assert order.train_until == NOW - timedelta(days=2)
    assert order.callback == "/v1/retrain-requests/delays-1/callback"


def test_what_needs_no_approval_goes_by_itself_and_a_schedule_asks(store: Engine, evaluated: Path) -> None:
    change(store, evaluated, approval=False, propose=["schedule"], every="5d")
    decisions.step(store, NOW)
    decisions.step(store, NOW + timedelta(minutes=1))
    (made,) = requests(store)
    assert (made.cause, made.state, made.approver) == (Cause.SCHEDULE, State.APPROVED, "")
    assert len(orders(store)) == 1


def test_nobody_is_asked_where_nothing_may_propose_or_nothing_dispatches(store: Engine, evaluated: Path) -> None:
    change(store, evaluated, propose=[])
    decisions.step(store, NOW)
    change(store, evaluated, dispatcher=None)
    decisions.step(store, NOW)
    assert requests(store) == []


def test_an_alert_that_fires_for_a_named_check_asks(store: Engine, evaluated: Path) -> None:
    change(store, evaluated, propose=["alert"], checks=["drift"])
    alert(store, check="drift", kind="drift", summary="3 of 4 features drifted.")
    decisions.step(store, NOW)
    (made,) = requests(store)
    assert (made.cause, made.reason, made.evidence["alert"]) == (Cause.ALERT, "3 of 4 features drifted.", "a-1")


def test_a_breach_of_a_named_check_asks_once_while_it_lasts(store: Engine, evaluated: Path) -> None:
    change(store, evaluated, propose=["threshold"], checks=["performance.roc_auc"])
    decisions.step(store, NOW)
    (made,) = requests(store)
    assert made.cause == Cause.THRESHOLD
    assert "ROC AUC" in made.reason
    with transaction(store) as session:
        decisions.cancel(session, made.key, "bo", NOW, "it is the season")
    decisions.step(store, NOW)
    assert len(requests(store)) == 1


def alert(store: Engine, **values: Any) -> None:
    """An alert that fires, as `alerting` would have written it."""
    row = dict(
        key="a-1", fingerprint="a", episode=1, model_key="delays", model_name="", owner="ops", column="", slice="",
        version="", method="", rule="drift", severity="page", state="firing", condition="beyond", opened_at=NOW,
        last_seen=NOW, fired_at=NOW, transitions=[], flapping=False, acked_by="", policy={}, step=-1, loop=0,
        asked_by="", group="", events=0,
    )  # fmt: skip
    with transaction(store) as session:
        session.add(AlertRow(**(row | values)))


def test_broken_data_block_until_they_are_mended_and_a_person_may_override(store: Engine, evaluated: Path) -> None:
    alert(store, check="quality.missing", column="distance", kind="missing", summary="40 % are missing.")
    decisions.step(store, NOW)
    (made,) = requests(store)
    assert (made.state, [o.guard for o in made.objections]) == (State.BLOCKED, [Guard.BROKEN_DATA])
    with pytest.raises(LeewayError, match="say why"), transaction(store) as session:
        decisions.approve(session, made.key, "bo", NOW)
    with transaction(store) as session:
        session.execute(AlertRow.__table__.update().values(closed_at=NOW, state="resolved"))  # type: ignore[attr-defined]
    decisions.step(store, NOW)
    assert requests(store)[0].state == State.REQUESTED
    with transaction(store) as session:
        session.execute(AlertRow.__table__.update().values(closed_at=None, state="firing"))  # type: ignore[attr-defined]
    with transaction(store) as session:
        found = decisions.approve(session, made.key, "bo", NOW, "the column is not used")
    assert (found.state, found.override) == (State.APPROVED, "the column is not used")


def test_asking_twice_gives_the_open_request_and_an_occasion_makes_one_once(store: Engine) -> None:
    def ask(cause: Cause, who: str, occasion: str) -> tuple[str, bool]:
        with transaction(store) as session:
            model = models.watched(session, "delays")[0]
            made, new = decisions.ask(session, model, cause, "It decays.", who, NOW, occasion)
            return made.key, new

    assert ask(Cause.PERSON, "ann", "") == ("delays-1", True)
    assert ask(Cause.PERSON, "bo", "") == ("delays-1", False)
    with transaction(store) as session:
        decisions.cancel(session, "delays-1", "ann", NOW, "not now")
    assert ask(Cause.FLAG, "", "x") == ("delays-2", True)
    with transaction(store) as session:
        decisions.cancel(session, "delays-2", "ann", NOW, "not now")
    assert ask(Cause.FLAG, "", "x") == ("delays-2", False)
    with pytest.raises(LeewayError, match="needs a reason"), transaction(store) as session:
        decisions.ask(session, models.watched(session)[0], Cause.PERSON, " ", "ann", NOW)


def test_what_is_cancelled_before_it_was_sent_is_not_sent(store: Engine) -> None:
    decisions.step(store, NOW)
    with transaction(store) as session:
        decisions.approve(session, "delays-1", "bo", NOW)
        decisions.cancel(session, "delays-1", "bo", NOW, "never mind")
    assert orders(store) == []
    assert requests(store)[0].state == State.CANCELLED


def test_the_cool_down_and_the_labels_count_from_what_was_trained_on(store: Engine) -> None:
    decisions.step(store, NOW)
    with transaction(store) as session:
        decisions.approve(session, "delays-1", "bo", NOW)
    for report in (Report(RunState.RUNNING, 0.5, "half"), Report(RunState.CANDIDATE, version="v3")):
        step(store, "delays-1", lambda r, report=report: underway.reported(r, report, NOW))  # type: ignore[misc]
    with transaction(store) as session:
        decisions.promote(session, "delays-1", "bo", NOW, "I saw it")
    (done,) = requests(store)
    assert (done.state, done.version) == (State.PROMOTED, "v3")  # no command for `promote`: done elsewhere
    with transaction(store) as session:
        model = models.watched(session)[0]
        again, _ = decisions.ask(session, model, Cause.PERSON, "once more", "ann", NOW + timedelta(hours=1))
    assert {o.guard for o in again.objections} == {Guard.COOLDOWN, Guard.LABELS, Guard.LABELS_PER_CLASS}


def step(store: Engine, key: str, act: Callable[[RetrainRequest], Change]) -> None:
    with transaction(store) as session:
        retrains.change(session, key, act, NOW)


def test_a_run_that_says_nothing_times_out(store: Engine) -> None:
    decisions.step(store, NOW)
    with transaction(store) as session:
        decisions.approve(session, "delays-1", "bo", NOW)
    step(store, "delays-1", lambda r: underway.accepted(r, r.order, "run-1", "Begun.", NOW))
    decisions.step(store, NOW + timedelta(hours=6))
    assert requests(store)[0].state == State.TIMED_OUT
    assert [o.action for o in orders(store)][-1] == Action.CANCEL


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_many_who_ask_and_approve_at_once_make_one_dispatch(
    engine: str, evaluated: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    shutil.copy(evaluated / "delays.csv", tmp_path)
    url = f"sqlite:///{tmp_path / 'many.db'}" if engine == "sqlite" else request.getfixturevalue("postgres_url")
    store = connect(url)
    migrate(store)
    with transaction(store) as session:
        models.apply(session, [document(evaluated, labels=0)], tmp_path, "tests", NOW)
    refused: list[str] = []
    together = threading.Barrier(8)

    def click(who: str) -> None:
        together.wait()
        with transaction(store) as session:
            model = models.watched(session)[0]
            made, _ = decisions.ask(session, model, Cause.PERSON, f"{who} says so", who, NOW)
        try:
            with transaction(store) as session:
                decisions.approve(session, made.key, who, NOW, "all the same")
        except LeewayError as error:
            refused.append(error.what)

    threads = [threading.Thread(target=click, args=(f"person {n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(r.number, r.state) for r in requests(store)] == [(1, State.APPROVED)]
    assert len(orders(store)) == 1
    assert len(refused) == 7
    store.dispose()


def test_the_command_line_does_the_same(
    store: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LEEWAY_DATABASE", f"sqlite:///{tmp_path / 'leeway.db'}")
    assert main(["retrain", "list"]) == 0
    assert "No retrain was requested yet" in capsys.readouterr().out
    assert main(["retrain", "ask", "delays", "--reason", "new routes"]) == 0
    assert "delays-1: requested. new routes" in capsys.readouterr().out
    assert main(["retrain", "approve", "delays-1"]) == 0
    assert main(["retrain", "approve", "delays-1"]) == 2
    assert "approved" in capsys.readouterr().err
    assert main(["retrain", "cancel", "delays-1", "--reason", "enough"]) == 0
    assert main(["retrain", "show", "delays-1"]) == 0
    assert "cancelled by" in capsys.readouterr().out
    assert main(["retrain", "show", "nothing-7"]) == 2


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"every": "soon"}, "write a length of time such as 30m, 24h or 7d"),
    ({"timeout": "0h"}, "must be longer than nothing"),
    ({"dispatcher": {"kind": "pigeon"}}, "no kind of dispatcher is called 'pigeon'"),
    ({"propose": ["mood"]}, "propose"),
    ({"checks": ["drift", "mood"]}, "no check is called 'mood'"),
    ({"shadow": {"source": "csv", "location": "s.csv", "columns": {"score": "s"}}}, "joined by id"),
]


@pytest.mark.parametrize(("more", "words"), WRONG)
def test_what_cannot_be_used_in_the_fleet_file_is_named(more: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(FleetError, match="model delays") as caught:
        fleet.parse({"models": [document(tmp_path, **more)]}, "fleet.yaml")
    assert words in caught.value.sentence


def test_lengths_of_time_are_written_as_they_are_read(tmp_path: Path) -> None:
    written = document(tmp_path, cooldown="90m", every="14d", timeout="36h")
    model = fleet.parse_model(written, "a test")
    kept = model.retraining.model_dump(mode="json")
    assert {name: kept[name] for name in ("cooldown", "every", "timeout", "holdout")} == {
        "cooldown": "90m", "every": "14d", "timeout": "36h", "holdout": "2d",
    }  # fmt: skip
