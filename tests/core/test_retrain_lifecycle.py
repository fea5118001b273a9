"""A retrain request goes forward only, and is dispatched once: a machine of random steps against what must hold."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from monitoring.core.retraining import asking, serving, underway
from monitoring.core.retraining.change import Change, NotPossible
from monitoring.core.retraining.guards import Guard, Objection
from monitoring.core.retraining.order import Action
from monitoring.core.retraining.proof import held
from monitoring.core.retraining.report import Report, RunState
from monitoring.core.retraining.request import Cause, Policy, RetrainRequest
from monitoring.core.retraining.state import CHOICE, NEXT, OPEN, UNDER_WAY, State, may
from monitoring.core.verdict import Status

START = datetime(2026, 9, 24, 12, tzinfo=UTC)
UNTIL = START - timedelta(days=7)
COOLING = Objection(Guard.COOLDOWN, "The cool-down ends in 3 h.")
NOTHING_SET_UP = Objection(Guard.DISPATCHER, "No dispatcher is set up.", overridable=False)
COMMAND = Policy("command")
BETTER, WORSE = {"verdict": "better"}, {"verdict": "worse"}


def new(policy: Policy = COMMAND, requester: str = "ann") -> RetrainRequest:
    return RetrainRequest(
        "eta", 1, "Air time", "ops", Cause.PERSON, "It decays.", requester, "x", State.REQUESTED, START, START, policy,
        champion="1",
    )  # fmt: skip


def approved(policy: Policy = COMMAND) -> RetrainRequest:
    return asking.approve(new(policy), "bo", START, UNTIL).request


def candidate(policy: Policy = COMMAND) -> RetrainRequest:
    return underway.reported(approved(policy), Report(RunState.CANDIDATE, version="2"), START).request


def promoted() -> RetrainRequest:
    return serving.promote(candidate(), "bo", START, dispatches=False, reason="I saw it").request


REFUSALS: list[tuple[str, Callable[[], Change], str]] = [
    ("approval without a dispatcher", lambda: asking.approve(
        asking.look(new(), [NOTHING_SET_UP], START).request, "bo", START, UNTIL, "please"), "No dispatcher"),
    ("approval against a guard without a reason", lambda: asking.approve(
        asking.look(new(), [COOLING], START).request, "bo", START, UNTIL), "1 guards object"),
    ("approval by who asked, in production", lambda: asking.approve(
        new(Policy("command", production=True)), "ann", START, UNTIL), "somebody other"),
    ("a second approval", lambda: asking.approve(approved(), "cy", START, UNTIL), "by bo already"),
    ("promotion without a candidate", lambda: serving.promote(approved(), "bo", START, True), "no candidate"),
    ("promotion of what was not compared", lambda: serving.promote(candidate(), "bo", START, True), "not compared"),
    ("promotion of what is worse", lambda: serving.promote(
        serving.evaluated(candidate(), WORSE, None, "", START).request, "bo", START, True), "says worse"),
    ("promotion by who asked, in production", lambda: serving.promote(
        candidate(Policy("command", production=True)), "ann", START, True, "I saw it"), "somebody other"),
    ("cancelling a candidate", lambda: asking.cancel(candidate(), "bo", START, ""), "nothing to cancel"),
    ("going back from nothing", lambda: serving.roll_back(candidate(), "bo", START, True, "why"), "was promoted"),
    ("going back for no reason", lambda: serving.roll_back(promoted(), "bo", START, True, " "), "Say why"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "act", "words"), REFUSALS, ids=[row[0] for row in REFUSALS])
def test_what_a_person_may_not_do_is_refused_in_words(name: str, act: Callable[[], Change], words: str) -> None:
    with pytest.raises(NotPossible, match=words):
        act()


def test_the_whole_way_to_a_verified_version() -> None:
    change = asking.begin(new(), [], START)
    kinds = [e.kind for e in change.events]
    steps: list[Callable[[RetrainRequest], Change]] = [
        lambda r: asking.approve(r, "bo", START, UNTIL),
        lambda r: underway.accepted(r, r.order, "run-7", "Begun.", START),
        lambda r: underway.reported(r, Report(RunState.RUNNING, 0.4, "epoch 4"), START),
        lambda r: underway.reported(r, Report(RunState.CANDIDATE, version="2", metrics={"mae": 9.1}, cost=3.0), START),
        lambda r: serving.evaluated(r, BETTER, {"value": 4.0}, "MAE 4.0 min better.", START),
        lambda r: serving.promote(r, "bo", START, dispatches=True),
        lambda r: underway.accepted(r, r.order, "run-8", "Begun.", START),
        lambda r: underway.reported(r, Report(RunState.DONE), START),
        lambda r: serving.holds(r, "It held for 3 windows.", START),
    ]
    orders = list(change.orders)
    for step in steps:
        change = step(change.request)
        kinds += [e.kind for e in change.events]
        orders += change.orders
    done = change.request
    assert kinds == [
        "requested", "approved", "dispatched", "running", "candidate", "evaluated", "promoting", "accepted", "promoted",
        "verified",
    ]  # fmt: skip
    assert [(o.id, o.action, o.version) for o in orders] == [
        ("eta-1/1", Action.RETRAIN, ""), ("eta-1/2", Action.PROMOTE, "2"),
    ]  # fmt: skip
    assert (done.state, done.version, done.cost, done.train_until) == (State.VERIFIED, "2", 3.0, UNTIL)


def test_a_callback_before_the_dispatchers_own_answer_is_taken_and_the_answer_then_changes_nothing() -> None:
    early = underway.reported(approved(), Report(RunState.RUNNING, 0.1, "loading"), START)
    assert [e.kind for e in early.events] == ["dispatched", "running"]
    late = underway.accepted(early.request, early.request.order, "run-7", "Begun.", START)
    assert (late.request.state, late.events, late.request.run) == (State.RUNNING, (), "run-7")


def test_what_was_cancelled_while_it_was_sent_is_asked_to_stop() -> None:
    gone = asking.cancel(approved(), "bo", START, "not needed").request
    late = underway.accepted(gone, gone.order, "run-7", "Begun.", START)
    assert [(o.action, o.run) for o in late.orders] == [(Action.CANCEL, "run-7")]
    assert late.request.state == State.CANCELLED


def test_a_run_past_its_deadline_has_timed_out_and_is_asked_to_stop() -> None:
    running = underway.accepted(approved(), "eta-1/1", "run-7", "Begun.", START).request
    assert underway.tick(running, START + timedelta(hours=6, seconds=-1)).request == running
    late = underway.tick(running, START + timedelta(hours=6))
    assert (late.request.state, [o.action for o in late.orders]) == (State.TIMED_OUT, [Action.CANCEL])
    assert underway.reported(late.request, Report(RunState.CANDIDATE, version="2"), START).events == ()


LATER = START + timedelta(minutes=10)


@pytest.mark.parametrize("request_", [candidate(), promoted()], ids=["candidate", "promoted"])
def test_what_could_not_be_compared_says_why_and_is_tried_again_later(request_: RetrainRequest) -> None:
    after = serving.uncompared(request_, "No labels yet.", START).request
    assert (after.message, after.compared_at, after.changed_at) == ("No labels yet.", START, START)
    again = serving.uncompared(after, "No labels yet.", LATER).request
    assert (again.compared_at, again.changed_at) == (LATER, START)


def test_a_measurement_counts_as_a_look_also_where_it_says_the_same() -> None:
    gain = {"metric": "mae", "value": 10.0}
    once = serving.measured(promoted(), gain, START).request
    twice = serving.measured(once, gain, LATER).request
    assert (twice.measured, twice.compared_at, twice.changed_at) == (gain, LATER, START)
    late = serving.measured(serving.holds(promoted(), "It holds.", START).request, gain, LATER).request
    assert (late.state, late.measured) == (State.VERIFIED, gain)


def test_a_promotion_that_failed_leaves_the_candidate_and_can_be_tried_again() -> None:
    trying = serving.promote(candidate(), "bo", START, True, "I saw it").request
    back = underway.refused(trying, trying.order, "HTTP 500", START)
    assert (back.request.state, back.request.pending, back.events[0].kind) == (
        State.CANDIDATE,
        None,
        "promotion_failed",
    )
    again = serving.promote(back.request, "bo", START, True, "once more")
    assert again.orders[0].id != trying.order


HELD: list[tuple[list[Status], dict[str, Any] | None, bool | None]] = [
    ([], None, None),
    ([Status.OK, Status.OK], None, None),
    ([Status.OK, Status.BREACHED, Status.OK], None, True),
    ([Status.BREACHED, Status.BREACHED, Status.OK], None, False),
    ([], {"metric": "MAE", "value": -2.0, "lower": -3.0, "upper": -1.0}, False),
    ([Status.OK] * 3, {"metric": "MAE", "value": 2.0, "lower": -1.0, "upper": 3.0}, True),
]


@pytest.mark.parametrize(("windows", "gain", "holds"), HELD)
def test_a_promoted_version_is_held_against_its_promise(
    windows: list[Status], gain: dict[str, Any] | None, holds: bool | None
) -> None:
    found = held(windows, 3, gain)
    assert (None if found is None else found.holds) is holds


class Retrains(RuleBasedStateMachine):
    """Everything that can happen to a request, in any order, late and twice."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.sent: list[Any] = []
        self.states: list[State] = []
        self.request = new()
        self.take(asking.begin(self.request, [], START))

    def take(self, change: Change) -> None:
        self.sent += change.orders
        if change.request.state != self.request.state or not self.states:
            self.states.append(change.request.state)
        self.request = change.request

    def attempt(self, act: Callable[[], Change]) -> None:
        before = self.request
        try:
            self.take(act())
        except NotPossible:
            assert self.request == before

    @rule(minutes=st.integers(0, 300))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        self.take(underway.tick(self.request, self.now))

    @rule(against=st.sampled_from([[], [COOLING], [NOTHING_SET_UP]]))
    def guards_look(self, against: list[Objection]) -> None:
        self.take(asking.look(self.request, against, self.now))

    @rule(who=st.sampled_from(["ann", "bo"]), why=st.sampled_from(["", "all the same"]))
    def approve(self, who: str, why: str) -> None:
        self.attempt(lambda: asking.approve(self.request, who, self.now, UNTIL, why))

    @rule()
    def cancel(self) -> None:
        self.attempt(lambda: asking.cancel(self.request, "bo", self.now, "enough"))

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), fine=st.booleans())
    def a_dispatcher_answers(self, data: st.DataObject, fine: bool) -> None:
        order = data.draw(st.sampled_from(self.sent))
        if fine:
            self.take(underway.accepted(self.request, order.id, "run", "Begun.", self.now))
        else:
            self.take(underway.refused(self.request, order.id, "HTTP 400", self.now))

    @rule(state=st.sampled_from(list(RunState)), version=st.sampled_from(["", "2"]))
    def a_run_reports(self, state: RunState, version: str) -> None:
        self.take(underway.reported(self.request, Report(state, 0.5, "", version), self.now))

    @rule(document=st.sampled_from([BETTER, WORSE]))
    def it_is_compared(self, document: dict[str, Any]) -> None:
        self.take(serving.evaluated(self.request, document, None, "Compared.", self.now))

    @rule(dispatches=st.booleans(), why=st.sampled_from(["", "I saw it"]))
    def promote(self, dispatches: bool, why: str) -> None:
        self.attempt(lambda: serving.promote(self.request, "bo", self.now, dispatches, why))

    @rule()
    def reject(self) -> None:
        self.attempt(lambda: serving.reject(self.request, "bo", self.now, ""))

    @rule(holds=st.booleans())
    def it_is_judged(self, holds: bool) -> None:
        act = serving.holds if holds else serving.fails
        self.take(act(self.request, "So it is.", self.now))

    @rule(dispatches=st.booleans())
    def roll_back(self, dispatches: bool) -> None:
        self.attempt(lambda: serving.roll_back(self.request, "bo", self.now, dispatches, "It is worse."))

    @invariant()
    def states_go_forward(self) -> None:
        for before, after in zip(self.states, self.states[1:], strict=False):
            assert may(before, after), (before, after)

    @invariant()
    def it_is_dispatched_once_and_every_order_has_a_name_of_its_own(self) -> None:
        assert len({order.id for order in self.sent}) == len(self.sent)
        assert sum(order.action == Action.RETRAIN for order in self.sent) <= 1

    @invariant()
    def what_it_holds_fits_where_it_is(self) -> None:
        request = self.request
        assert (request.deadline is not None) == (request.state in UNDER_WAY)
        assert request.state not in CHOICE or request.version
        ended = request.state not in OPEN and request.state != State.PROMOTED
        assert (request.closed_at is not None) == ended


TestRetrains = Retrains.TestCase
TestRetrains.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)


def test_every_state_but_an_end_leads_somewhere() -> None:
    ends = {State.REJECTED, State.FAILED, State.TIMED_OUT, State.CANCELLED, State.ROLLED_BACK}
    assert {state for state in State if not NEXT.get(state)} == ends
