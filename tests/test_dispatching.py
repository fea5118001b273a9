"""Dispatching: one order, one run, whatever the dispatcher, the network, the database or the worker do."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from monitoring.core.retraining import asking, serving, underway
from monitoring.core.retraining.report import Report, RunState
from monitoring.core.retraining.request import Cause, Policy, RetrainRequest
from monitoring.core.retraining.state import State
from monitoring.dispatching import orders
from monitoring.dispatching.desk import Desk
from monitoring.dispatching.thread import Dispatching
from monitoring.notifiers.guard import Reach
from monitoring.notifiers.http import Http
from monitoring.settings import Settings
from monitoring.store import outbox, retrains
from monitoring.store.database import reading, transaction
from monitoring.store.tables import AuditRow, ModelRow, OutboxRow, RetrainEventRow
from tests.clock import Clock
from tests.dispatchers.orders import NOW
from tests.dispatchers.platforms import Registry, running
from tests.dispatchers.servers import Trainer, trainer
from tests.patience import LONG, Patience
from tests.waiting import until

URL = "https://leeway.example"


class World:
    """A store with one model whose retraining is a real service, and dispatching over it."""

    def __init__(self, store: Engine, at: Trainer, home: Path, **document: Any) -> None:
        self.store, self.at, self.home, self.clock = store, at, home, Clock(NOW)
        self.dispatching = self.another()
        self.set_up({"kind": "webhook", "url": f"{at.server.url}/orders",
                     "status_url": f"{at.server.url}/status?order={{order}}",
                     "does": ["retrain", "cancel", "promote", "roll_back", "reject"]} | document)  # fmt: skip

    def another(self) -> Dispatching:
        http = Http(Reach(loopback=True), seconds=LONG, clock=self.clock, limit=Patience)
        settings = Settings(home=self.home, url=URL, commands="{python}")
        return Dispatching(Desk(self.store, settings, http, os.environ, self.clock, lambda: 0.5))

    def set_up(self, dispatcher: dict[str, Any], model: str = "eta", **more: Any) -> None:
        with transaction(self.store) as session:
            row = session.scalar(select(ModelRow).where(ModelRow.key == model))
            row = row or ModelRow(
                key=model, name=model, task="regression", mode="batch", target="server", base=str(self.home),
                created_at=NOW, updated_at=NOW,
            )  # fmt: skip
            row.document = {"key": model, "retraining": {"dispatcher": dispatcher} | more}
            session.add(row)

    def approved(self, model: str = "eta", **policy: Any) -> str:
        with transaction(self.store) as session:
            request, _ = retrains.open_request(
                session,
                RetrainRequest(model, 0, model, "ann", Cause.PERSON, "AUC fell", "ann", f"{model}-x", State.REQUESTED,
                               NOW, NOW, Policy("webhook", **policy), champion="1"),
                (), NOW,
            )  # fmt: skip
            act = partial(asking.approve, actor="bob", now=self.clock(), train_until=NOW)
            retrains.change(session, request.key, act, self.clock(), "bob", "retrain approved")
        return request.key

    def act(self, key: str, act: Callable[..., Any], **values: Any) -> None:
        with transaction(self.store) as session:
            retrains.change(session, key, partial(act, now=self.clock(), **values), self.clock())

    def request(self, key: str = "eta-1") -> RetrainRequest:
        with reading(self.store) as session:
            return retrains.one(session, key)

    def row(self, dedup_key: str = "eta-1/1") -> OutboxRow:
        with reading(self.store) as session:
            return session.scalars(select(OutboxRow).where(OutboxRow.dedup_key == dedup_key)).one()

    def kinds(self) -> list[str]:
        with reading(self.store) as session:
            return list(session.scalars(select(RetrainEventRow.kind).order_by(RetrainEventRow.id)))

    def settle(self, seconds: float = 0.0) -> None:
        self.clock.forward(seconds)
        self.dispatching.settle()

    def until(self, state: State, key: str = "eta-1", rounds: int = 40) -> RetrainRequest:
        for _ in range(rounds):
            self.settle(60)
            if self.request(key).state == state:
                return self.request(key)
        raise AssertionError(f"it is {self.request(key)}")


@contextmanager
def world_of(store: Engine, home: Path, **document: Any) -> Iterator[World]:
    with ExitStack() as stack:
        found = World(store, stack.enter_context(trainer()), home, **document)
        yield found
        found.dispatching.close()


@pytest.fixture
def world(store: Engine, tmp_path: Path) -> Iterator[World]:
    with world_of(store, tmp_path) as found:
        yield found


@pytest.fixture
def local(sqlite: Engine, tmp_path: Path) -> Iterator[World]:
    """As `world`, on SQLite only: what does not touch how rows are leased."""
    with world_of(sqlite, tmp_path) as found:
        yield found


def test_an_order_is_handed_over_looked_at_and_ends_with_a_candidate(world: World) -> None:
    key = world.approved()
    world.settle()
    assert world.request().state == State.DISPATCHED and world.request().run == "run-of-eta-1/1"
    data = world.at.server.of("POST")[0].json["data"]
    assert data["callback"] == f"{URL}/v1/retrain-requests/eta-1/callback" and data["request"] == key
    world.at.runs["eta-1/1"] |= {"state": "queued"}
    world.settle(10)
    assert world.request().state == State.DISPATCHED, "a slow start"
    world.at.runs["eta-1/1"] |= {"state": "running", "progress": 0.4, "message": "epoch 4"}
    world.settle(10)
    assert (world.request().state, world.request().progress) == (State.RUNNING, 0.4)
    assert world.request().message == "epoch 4"
    world.at.runs["eta-1/1"] |= {"state": "candidate", "version": "2", "metrics": {"auc": 0.8}}
    world.settle(20)
    assert (world.request().state, world.request().version) == (State.CANDIDATE, "2")
    assert world.kinds() == ["requested", "approved", "dispatched", "running", "candidate"]
    asked = len(world.at.server.asked)
    world.settle(600)
    assert len(world.at.server.asked) == asked, "nothing is asked of what has ended"
    with reading(world.store) as session:
        actions = session.scalars(select(AuditRow.action).where(AuditRow.actor == "worker")).all()
    assert actions == ["retrain dispatched", "retrain reported"]


@pytest.mark.parametrize("fault", ["lost", "cut", "502"])
def test_an_unclear_order_is_looked_for_and_not_sent_twice(world: World, fault: str) -> None:
    world.at.server.fail(fault)  # 502, of a gateway: it was not taken, and nobody knows
    world.approved()
    world.settle()
    assert world.request().state == State.APPROVED and "It may have been taken" in world.request().message
    assert world.row().unclear_at is not None
    world.settle(3)
    if fault == "502":
        assert world.request().state == State.APPROVED, "that nothing is known of it is not believed at once"
        world.settle(70)
    assert world.request().state == State.DISPATCHED
    assert world.at.taken == ["eta-1/1"], "taken once"
    assert len(world.at.server.of("POST")) == (2 if fault == "502" else 1)


def test_what_is_acted_upon_late_is_still_found_before_it_is_sent_again(world: World) -> None:
    world.at.server.fail("late")
    world.approved()
    world.settle()
    world.settle(5)
    assert world.request().state == State.APPROVED
    world.at.server.release.set()
    until(lambda: world.at.taken)
    world.until(State.DISPATCHED, rounds=3)
    assert len(world.at.server.of("POST")) == 1 and world.at.taken == ["eta-1/1"]


def test_a_look_that_cannot_be_made_sends_nothing_again(local: World) -> None:
    local.at.server.fail("lost")
    local.approved()
    local.settle()
    for fault in ("500", "401", "malformed", "429"):
        local.at.server.fail(fault, "GET")
    for _ in range(4):
        local.settle(60)
        assert local.request().state == State.APPROVED and "is being looked for" in local.request().message
    local.settle(60)
    assert local.request().state == State.DISPATCHED and local.at.taken == ["eta-1/1"]


@pytest.mark.parametrize("fault", ["429", "500", "503"])
def test_what_was_surely_not_taken_is_tried_again(local: World, fault: str) -> None:
    local.at.server.fail(fault)
    local.approved()
    local.settle()
    assert local.request().state == State.APPROVED and f"HTTP {fault}" in local.request().message
    assert local.row().unclear_at is None
    local.settle(8)
    assert local.request().state == State.DISPATCHED and local.at.taken == ["eta-1/1"]
    assert not local.at.server.of("GET")


def test_retry_after_is_obeyed(local: World) -> None:
    local.at.server.fail("429")
    local.approved()
    local.settle()
    local.settle(6)
    assert len(local.at.server.of("POST")) == 1


def test_a_refusal_ends_the_request_with_its_reason(world: World) -> None:
    world.at.server.fail("400")
    world.approved()
    world.settle()
    assert world.request().state == State.FAILED and "HTTP 400: " in world.request().message
    world.settle(600)
    assert len(world.at.server.asked) == 1


def test_a_dispatcher_that_sees_nothing_is_not_sent_an_unclear_order_again(sqlite: Engine, tmp_path: Path) -> None:
    with world_of(sqlite, tmp_path, status_url="") as world:
        world.at.server.fail("lost")
        world.approved()
        world.settle()
        world.settle(60)
        assert world.request().state == State.DISPATCHED and "its callback is waited for" in world.request().message
        for _ in range(5):
            world.settle(600)
        assert len(world.at.server.asked) == 1


def test_a_receiver_that_drops_repetitions_is_sent_it_again(sqlite: Engine, tmp_path: Path) -> None:
    with world_of(sqlite, tmp_path, status_url="", drops_repetitions=True) as world:
        world.at.server.fail("lost")
        world.approved()
        world.settle()
        world.settle(3)
        assert world.request().state == State.DISPATCHED and "had taken it before" in world.request().message
        assert world.at.taken == ["eta-1/1"]


def test_cancelled_before_it_was_sent_it_is_not_sent(local: World) -> None:
    key = local.approved()
    local.act(key, asking.cancel, actor="ann", reason="no")
    local.settle()
    local.settle(60)
    assert not local.at.server.asked


def test_cancelled_while_unclear_it_is_found_and_ended(world: World) -> None:
    world.at.server.fail("lost")
    key = world.approved()
    world.settle()
    world.act(key, asking.cancel, actor="ann", reason="no")
    assert world.row().state == "waiting", "what may have been sent is not forgotten"
    world.settle(60)
    assert [one.json["data"]["action"] for one in world.at.server.of("POST")] == ["retrain", "cancel"]
    assert world.at.server.of("POST")[1].json["data"]["run"] == "run-of-eta-1/1"
    assert world.at.runs["eta-1/1"]["state"] == "failed" and world.request().state == State.CANCELLED
    assert world.kinds()[-1] == "run_ended"


@pytest.mark.parametrize("sees", [True, False])
def test_cancelled_while_it_was_being_handed_over_its_run_is_ended(store: Engine, tmp_path: Path, sees: bool) -> None:
    with world_of(store, tmp_path, **({} if sees else {"status_url": ""})) as world:
        key = world.approved()

        def cancel() -> None:
            world.at.meanwhile = lambda: None
            world.act(key, asking.cancel, actor="ann", reason="no")

        world.at.meanwhile = cancel
        world.settle()
        world.settle(60)
        assert world.request().state == State.CANCELLED and world.at.runs["eta-1/1"]["state"] == "failed"
        assert [one.json["data"]["action"] for one in world.at.server.of("POST")] == ["retrain", "cancel"]
        assert world.kinds()[-1] == "run_ended"


def test_a_run_that_cannot_be_ended_is_said_in_the_history(local: World) -> None:
    key = local.approved()
    local.settle()
    local.act(key, asking.cancel, actor="ann", reason="no")
    local.at.server.fail("403")
    local.settle(1)
    with reading(local.store) as session:
        words = session.scalars(select(RetrainEventRow.words).order_by(RetrainEventRow.id.desc())).first()
    assert words is not None and words.startswith("The run could not be ended: 127.0.0.1 answered HTTP 403")


def test_a_running_one_is_cancelled(world: World) -> None:
    key = world.approved()
    world.settle()
    world.act(key, asking.cancel, actor="ann", reason="no")
    world.settle(1)
    assert world.at.server.of("POST")[-1].json["data"]["run"] == "run-of-eta-1/1"
    assert world.at.runs["eta-1/1"]["state"] == "failed"
    looks = len(world.at.server.of("GET"))
    world.settle(600)
    world.settle(600)
    assert len(world.at.server.of("GET")) == looks, "nobody waits for it"
    assert world.request().state == State.CANCELLED


def test_past_its_deadline_it_is_ended_and_late_news_change_nothing(local: World) -> None:
    key = local.approved(timeout=timedelta(hours=1))
    local.settle()
    local.clock.forward(3700)
    local.act(key, underway.tick)
    assert local.request().state == State.TIMED_OUT
    local.at.runs["eta-1/1"] |= {"state": "candidate", "version": "2"}
    local.settle(60)
    local.settle(60)
    assert local.request().state == State.TIMED_OUT and local.at.runs["eta-1/2"]


def test_promotion_and_roll_back_are_ordered_and_seen_to(world: World) -> None:
    key = world.approved()
    world.settle()
    world.at.runs["eta-1/1"] |= {"state": "candidate", "version": "2"}
    world.settle(60)
    world.act(key, serving.promote, actor="bob", dispatches=True, reason="it looks good")
    world.settle(1)
    assert world.request().state == State.CANDIDATE, "it is told, and has not happened"
    assert world.at.server.of("POST")[-1].json["data"]["version"] == "2"
    world.at.runs["eta-1/2"] |= {"state": "done"}
    world.settle(60)
    assert world.request().state == State.PROMOTED
    world.act(key, serving.roll_back, actor="bob", dispatches=True, reason="it does not hold")
    world.settle(1)
    world.at.runs["eta-1/3"] |= {"state": "done"}
    world.settle(60)
    assert world.request().state == State.ROLLED_BACK
    assert world.at.server.of("POST")[-1].json["data"]["version"] == "1"


def test_a_rejection_is_ordered_so_that_the_version_answers_nothing_any_more(local: World) -> None:
    key = local.approved()
    local.settle()
    local.at.runs["eta-1/1"] |= {"state": "candidate", "version": "2"}
    local.settle(60)
    local.act(key, serving.reject, actor="bob", reason="it is slower", dispatches=True)
    assert local.request().state == State.REJECTED and not local.request().open, "another may be asked for at once"
    local.settle(1)
    sent = local.at.server.of("POST")[-1].json
    assert (sent["type"], sent["data"]["version"]) == ("order.reject", "2")
    local.at.runs["eta-1/2"] |= {"state": "done"}
    local.settle(60)
    assert local.request().pending is None
    assert local.kinds()[-3:] == ["rejected", "accepted", "put_away"]


def test_a_promotion_that_cannot_be_asked_about_is_done_when_it_is_taken(sqlite: Engine, tmp_path: Path) -> None:
    with world_of(sqlite, tmp_path, status_url="") as world:
        key = world.approved()
        world.settle()
        report = Report(RunState.CANDIDATE, version="2")
        world.act(key, lambda r, now: underway.reported(r, report, now))
        world.act(key, serving.promote, actor="bob", dispatches=True, reason="it looks good")
        world.settle(1)
        assert world.request().state == State.PROMOTED


def test_a_promotion_that_is_refused_leaves_things_as_they_were(local: World) -> None:
    key = local.approved()
    local.settle()
    local.at.runs["eta-1/1"] |= {"state": "candidate", "version": "2"}
    local.settle(60)
    local.act(key, serving.promote, actor="bob", dispatches=True, reason="it looks good")
    local.at.server.fail("403")
    local.settle(1)
    assert local.request().state == State.CANDIDATE and local.request().pending is None
    assert local.kinds()[-1] == "promotion_failed"


def test_a_run_of_which_nothing_is_known_any_more_has_failed(local: World) -> None:
    local.approved()
    local.settle()
    local.at.runs.clear()
    local.settle(10)
    assert local.request().state == State.DISPATCHED, "not at once"
    assert "knows nothing of the run" in local.until(State.FAILED).message


def test_looks_that_fail_are_made_again_ever_slower_and_end_nothing(local: World) -> None:
    local.approved()
    local.settle()
    for _ in range(3):
        local.at.server.fail("500", "GET")
        local.settle(60)
        assert local.request().state == State.DISPATCHED and "It cannot be looked at" in local.request().message
    local.at.runs["eta-1/1"] |= {"state": "candidate", "version": "2"}
    local.until(State.CANDIDATE)


def test_looks_become_rarer(local: World) -> None:
    local.approved()
    local.settle()
    pauses = []
    for _ in range(20):
        row = local.row("look/eta-1/1")
        pauses.append((row.due_at - local.clock()).total_seconds())
        local.clock.now = row.due_at
        local.settle()
    assert pauses[0] == 5 and pauses == sorted(pauses) and pauses[-1] == 60


def test_a_model_that_is_gone_or_has_no_dispatcher_says_so(local: World) -> None:
    with transaction(local.store) as session:
        session.scalars(select(ModelRow)).one().document = {}
    local.approved()
    local.settle()
    assert "no dispatcher of the model can retrain" in local.request().message
    assert local.request().state == State.FAILED


def test_a_secret_that_is_not_set_is_said_by_its_name(local: World) -> None:
    local.set_up({"kind": "webhook", "url": local.at.server.url, "secret": "${NOT_THERE_AT_ALL}"})
    local.approved()
    local.settle()
    assert "NOT_THERE_AT_ALL is not set" in local.request().message and local.request().state == State.FAILED


def test_an_order_that_cannot_be_read_holds_nothing(local: World) -> None:
    with transaction(local.store) as session:
        outbox.put(session, "dispatch", "bad", "eta", {"id": "?"}, "nobody-1", NOW)
    local.approved()
    local.settle()
    assert local.row("bad").state == "cancelled" and local.request().state == State.DISPATCHED


def test_several_at_once_order_each_once(world: World) -> None:
    names = [f"m{number}" for number in range(8)]
    for name in names:
        world.set_up({"kind": "webhook", "url": f"{world.at.server.url}/orders"}, name)
        world.approved(name)
    many = [world.another() for _ in range(3)]
    threads = [threading.Thread(target=one.settle) for one in many]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(world.at.taken) == [f"{name}-1/1" for name in names]
    assert len(world.at.server.of("POST")) == 8
    assert {world.request(f"{name}-1").state for name in names} == {State.DISPATCHED}
    for one in many:
        one.close()


def test_one_whose_claim_has_passed_to_another_sends_nothing(local: World) -> None:
    local.approved()
    with transaction(local.store) as session:
        [slow] = outbox.lease(session, NOW, "slow", seconds=orders.CLAIM, limit=1, kinds=("dispatch",))
    local.settle(orders.CLAIM + 1)
    assert local.request().state == State.DISPATCHED
    orders.hand_over(local.dispatching._desk, slow)  # it wakes up only now
    assert len(local.at.server.of("POST")) == 1


def test_a_database_that_is_away_after_sending_leads_to_a_look_not_to_a_second_run(
    local: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    local.approved()

    def away(*_: Any, **__: Any) -> None:
        from sqlalchemy.exc import OperationalError

        raise OperationalError("UPDATE", {}, Exception("away"))

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "finish", away)
        local.settle()
    assert local.at.taken == ["eta-1/1"] and local.request().state == State.APPROVED
    local.settle(orders.CLAIM + 1)
    assert local.request().state == State.DISPATCHED and len(local.at.server.of("POST")) == 1


def test_a_command_is_run_to_its_candidate(sqlite: Engine, tmp_path: Path) -> None:
    code = "import json; print(json.dumps({'state': 'candidate', 'version': 'v2', 'message': 'fitted'}))"
    with world_of(sqlite, tmp_path) as world:
        world.set_up({"kind": "command", "command": ["{python}", "-c", code]})
        world.approved()
        world.settle()
        assert world.request().state in (State.DISPATCHED, State.RUNNING, State.CANDIDATE)

        def fitted() -> bool:
            world.settle(2)
            return world.request().state == State.CANDIDATE

        until(fitted)
        assert world.request().version == "v2"


def test_a_registry_finds_the_version_and_promotes_it(sqlite: Engine, tmp_path: Path) -> None:
    with world_of(sqlite, tmp_path) as world, ExitStack() as stack:
        mlflow = Registry()
        stack.enter_context(running(mlflow))
        hook = {"kind": "webhook", "url": f"{world.at.server.url}/orders",
                "status_url": f"{world.at.server.url}/status?order={{order}}"}  # fmt: skip
        world.set_up(hook, registry={"kind": "mlflow", "url": mlflow.server.url, "model": "eta"})
        key = world.approved()
        world.settle()
        world.at.runs["eta-1/1"] |= {"state": "done"}
        world.settle(60)
        assert world.request().state in (State.DISPATCHED, State.RUNNING), "its version is still to be told"
        mlflow.add(leeway_order="eta-1/1")
        world.settle(60)
        assert (world.request().state, world.request().version) == (State.CANDIDATE, "1")
        assert world.request().metrics == {"auc": 0.81}
        world.act(key, serving.promote, actor="bob", dispatches=True, reason="it looks good")
        world.settle(1)
        world.settle(10)
        assert world.request().state == State.PROMOTED and mlflow.alias == "1"
        assert len(world.at.server.of("POST")) == 1, "the service was asked to retrain, and no more"
