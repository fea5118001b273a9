"""What a retrain request asks of people: a decision that waits for one of them, or trouble that one has to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from monitoring.core.retraining.request import Event, RetrainRequest
from monitoring.core.retraining.state import CHOICE, WAITING, WORDS, State
from monitoring.core.retraining.trouble import ENDS

REPEAT = timedelta(days=1)
"""A question that nobody answers is asked again after so long."""
TROUBLE = (State.FAILED, State.TIMED_OUT)


class Kind(StrEnum):
    """What is asked."""

    APPROVAL = "approval"
    PROMOTION = "promotion"
    ROLL_BACK = "roll_back"
    TROUBLE = "trouble"


ANSWERS: dict[Kind, tuple[str, ...]] = {
    Kind.APPROVAL: ("approved", "cancelled"),
    Kind.PROMOTION: ("promoting", "promoted", "rejected"),
    Kind.ROLL_BACK: ("rolling_back", "rolled_back", "verified"),
    Kind.TROUBLE: (),
}
"""Kinds of events that answer a question."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of people, in a few words and in full, and since when.

    `key` names it: a request's next order makes another one of it, as where a promotion failed and is to be decided
    anew.
    """

    request: str
    kind: Kind
    order: int
    headline: str
    words: str
    since: datetime

    @property
    def key(self) -> str:
        """The same as long as it is the same question."""
        return name_of(self.request, self.kind, self.order)

    def turn(self, now: datetime) -> int:
        """How often it has been asked before by now."""
        return max(0, (now - self.since) // REPEAT)

    def message(self, now: datetime) -> str:
        """The name of what is told of it now: another one each time that it is asked again."""
        return f"{self.key}/{self.turn(now)}"


def name_of(request: str, kind: Kind, order: int) -> str:
    """What a question of a request is called."""
    return f"{thread_of(request)}/{kind}-{order}"


def thread_of(request: str) -> str:
    """What all that is told of a request has in common: its lane in the outbox, a mail's thread."""
    return f"retrain/{request}"


def asked(request: RetrainRequest, now: datetime) -> Question | None:
    """What a request asks of people now. What failed is told for a day: it waits for nothing."""
    found: tuple[Kind, str, str, datetime | None] | None = None
    if request.state == State.REQUESTED and request.policy.approval:
        found = (Kind.APPROVAL, "approve a retrain", request.reason, request.opened_at)
    elif request.state in CHOICE and request.pending is None and request.compared_at is not None:
        found = (Kind.PROMOTION, f"promote version {request.version}", request.message, request.candidate_at)
    elif request.state == State.PROMOTED and request.pending is None and request.roll_back:
        headline = f"roll back to version {request.champion}" if request.champion else "roll back"
        found = (Kind.ROLL_BACK, headline, request.roll_back, request.promoted_at)
    elif request.state in TROUBLE and request.closed_at is not None and now - request.closed_at < REPEAT:
        headline = f"retrain {WORDS[request.state].lower()}"
        found = (Kind.TROUBLE, headline, request.message or request.reason, request.closed_at)
    if found is None:
        return None
    kind, headline, words, since = found
    return Question(request.key, kind, request.orders, headline, words, since or request.changed_at)


def answer(key: str, events: Sequence[Event]) -> Event:
    """What answered a question: the newest event of a request's history that does; of none the newest of all."""
    kind = Kind(key.rpartition("/")[2].rpartition("-")[0])
    told = [event for event in events if event.kind not in (*ENDS, *ENDS.values())] or events
    return next((event for event in reversed(told) if event.kind in ANSWERS[kind]), told[-1])


def still_asked(request: RetrainRequest, key: str, now: datetime) -> bool:
    """Whether a question that was asked waits for an answer yet. One of approval does while a guard objects."""
    if request.state in WAITING and key == name_of(request.key, Kind.APPROVAL, request.orders):
        return True
    question = asked(request, now)
    return (question is not None and question.key == key) or request.state in TROUBLE
