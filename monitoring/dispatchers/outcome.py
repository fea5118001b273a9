"""What became of an order: values, so that the worker decides and a dispatcher only says."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from monitoring.notifiers.http import NotSent, Unanswered
from monitoring.notifiers.outcome import Response


@dataclass(frozen=True, slots=True)
class Accepted:
    """It was taken. `run` is the dispatcher's own name of what it began, `url` where a person can look at it."""

    run: str
    note: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Retry:
    """It was surely not taken, and may be later; or, of a look: nothing could be learned now. `after` is in seconds."""

    reason: str
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """It was not taken, and would be refused again; or, of a look: nothing can be learned by asking."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """It may have been taken. It is looked for, never blindly sent again."""

    reason: str


Outcome = Accepted | Retry | Refused | Unclear
NOT_TAKEN = (408, 425, 429, 503)
"""Statuses by which a server says that it has not begun: RFC 9110, 8470 and 6585."""
GATEWAY = (502, 504)
"""Statuses of a gateway that does not know what the server behind it has done."""
SERVER = range(500, 600)
"""All statuses of a server that failed, maybe after it had begun."""


def not_accepted(answer: Response | NotSent | Unanswered, now: datetime, unclear: Collection[int]) -> Outcome:
    """What an answer other than 2xx says of an order. `unclear` are the statuses after which it may have been taken."""
    if isinstance(answer, NotSent):
        return Retry(answer.reason)
    if isinstance(answer, Unanswered):
        return Unclear(answer.reason)
    if answer.status in unclear:
        return Unclear(answer.words)
    if answer.status in NOT_TAKEN or answer.status >= 500:
        return Retry(answer.words, answer.retry_after(now))
    if 300 <= answer.status < 400:
        return Refused(f"{answer.words}; redirects are not followed")
    return Refused(answer.words)


def not_learned(answer: Response | NotSent | Unanswered, now: datetime) -> Retry | Refused:
    """What an answer other than 2xx says to a question: asked again later, or there is no use in asking."""
    if not isinstance(answer, Response):
        return Retry(answer.reason)
    if 300 <= answer.status < 500 and answer.status not in NOT_TAKEN:
        return Refused(answer.words)
    return Retry(answer.words, answer.retry_after(now))
