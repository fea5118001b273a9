"""What a retrain request asks of people in each of its states, and when it no longer does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from monitoring.core.retraining import asking, serving, underway
from monitoring.core.retraining.guards import Guard, Objection
from monitoring.core.retraining.question import Kind, asked, still_asked
from monitoring.core.retraining.report import Report, RunState
from monitoring.core.retraining.request import Cause, Policy, RetrainRequest
from monitoring.core.retraining.state import State
from tests.core.test_retrain_lifecycle import BETTER, START, approved, candidate, new, promoted

LATER = START + timedelta(hours=1)
COOLING = Objection(Guard.COOLDOWN, "The cool-down ends in 3 h.")
compared = serving.evaluated(candidate(), BETTER, None, "Better by 3 min.", LATER).request
failed = underway.reported(approved(), Report(RunState.FAILED, message="Out of memory."), LATER).request
timed_out = underway.tick(approved(), START + timedelta(hours=7)).request
falling = serving.fails(promoted(), "2 windows are breached.", LATER).request
uncompared = serving.uncompared(candidate(), "The log cannot be read.", LATER).request

ASKED: list[tuple[str, RetrainRequest, Kind | None, str]] = [
    ("a new one for approval", new(), Kind.APPROVAL, "It decays."),
    ("one that needs no approval nothing", new(Policy("command", approval=False)), None, ""),
    ("a blocked one nothing", asking.look(new(), [COOLING], START).request, None, ""),
    ("one that is under way nothing", approved(), None, ""),
    ("a candidate that was not compared yet nothing", candidate(), None, ""),
    ("a compared candidate for promotion", compared, Kind.PROMOTION, "Better by 3 min."),
    ("a candidate that could not be compared, too", uncompared, Kind.PROMOTION, "The log cannot be read."),
    ("one that is being promoted nothing", serving.promote(compared, "bo", LATER, True).request, None, ""),
    ("a promoted one nothing", promoted(), None, ""),
    ("one that does not hold for a roll-back", falling, Kind.ROLL_BACK, "2 windows are breached."),
    ("a failed one for a look", failed, Kind.TROUBLE, "Out of memory."),
    ("one that took too long, too", timed_out, Kind.TROUBLE, "No candidate within 6 h of the approval."),
]  # fmt: skip


@pytest.mark.parametrize(("what", "request_", "kind", "words"), ASKED, ids=[case[0] for case in ASKED])
def test_a_request_asks(what: str, request_: RetrainRequest, kind: Kind | None, words: str) -> None:
    question = asked(request_, request_.changed_at)
    assert (None if question is None else question.kind) == kind, what
    assert question is None or (question.words == words and still_asked(request_, question.key, LATER))


def test_what_failed_is_told_for_a_day_only() -> None:
    assert asked(failed, LATER + timedelta(hours=23)) is not None
    assert asked(failed, LATER + timedelta(days=1)) is None


def test_a_question_is_asked_again_each_day() -> None:
    question = asked(new(), START)
    assert question is not None
    assert [question.turn(START + timedelta(hours=h)) for h in (0, 23, 24, 49)] == [0, 0, 1, 2]


def test_a_guard_that_objects_for_a_while_is_no_answer() -> None:
    question = asked(new(), START)
    assert question is not None
    blocked = asking.look(new(), [COOLING], LATER).request
    assert still_asked(blocked, question.key, LATER)
    assert not still_asked(approved(), question.key, LATER)


def test_a_promotion_that_failed_is_asked_for_anew() -> None:
    first = asked(compared, LATER)
    ordered = serving.promote(compared, "bo", LATER, True).request
    again = underway.refused(ordered, ordered.order, "No such alias.", LATER).request
    second = asked(again, LATER)
    assert first is not None and second is not None and first.key != second.key
    assert not still_asked(ordered, first.key, LATER) and not still_asked(again, first.key, LATER)
    assert second.words == "No such alias."


def test_whatever_becomes_of_it_each_question_has_its_own_name() -> None:
    made: dict[str, Any] = {
        q.key: q.kind for r in (new(), compared, failed, falling) if (q := asked(r, r.changed_at)) is not None
    }
    assert len(made) == len(set(made.values())) == 4
    other = replace(new(), number=2, cause=Cause.SCHEDULE, state=State.REQUESTED)
    assert asked(other, START) is not None and asked(other, START).key not in made  # type: ignore[union-attr]
