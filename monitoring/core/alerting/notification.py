"""What people are told: one notification holds the alerts of one group, or what a retrain request asks of somebody, and
says why it was sent."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

State = Literal["firing", "resolved", "waiting", "failed", "decided"]
"""Of an alert the first two; of a retrain request that it waits for a person, has failed, or was decided."""
OVER = ("resolved", "decided")
Severity = Literal["page", "ticket"]


class NotifyReason(StrEnum):
    """Why a notification is sent."""

    FIRST = "first"
    NEW_MEMBER = "new_member"
    RESOLVED = "resolved"
    REPEATED = "repeated"
    ESCALATED = "escalated"
    FLAPPING = "flapping"
    SILENCE_ENDED = "silence_ended"
    QUESTION = "question"
    DECIDED = "decided"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Line:
    """One alert in a notification, or what a retrain request asks.

    Of a request, `fingerprint` is its key, `check` what is asked in a few words, and there is no value. Of an alert,
    `summary` is the verdict's sentence, `value` and `threshold` are in the unit of the check's method, `since` is when
    it fired, `link` leads to the model at that window.
    """

    fingerprint: str
    check: str
    column: str
    slice: str
    version: str
    state: State
    severity: Severity
    summary: str
    value: float | None
    threshold: float | None
    since: datetime | None
    link: str

    @property
    def subject(self) -> str:
        """What it is about, in short: the check with its column, slice and version. An objective has a name of its
        own."""
        about = (f"slo.{self.column}",) if self.check.startswith("slo.") and self.column else (self.check, self.column)
        return " ".join(part for part in (*about, self.slice, self.version) if part)


@dataclass(frozen=True, slots=True)
class Notification:
    """What is sent to a target.

    `id` stays the same however often it is sent, so that a receiver can tell a repetition: it is the outbox's
    dedup_key and the header webhook-id. `incident` stays the same over an episode: PagerDuty's dedup_key, a mail's
    thread. `why` says in words why it is sent: "repeated after 4 h".
    """

    id: str
    incident: str
    reason: NotifyReason
    why: str
    model: str
    model_name: str
    owner: str
    severity: Severity
    lines: tuple[Line, ...]
    runbook: str
    link: str
    at: datetime

    @property
    def resolved(self) -> bool:
        """Whether nothing of it fires, or waits, any more."""
        return bool(self.lines) and all(line.state in OVER for line in self.lines)

    @property
    def firing(self) -> tuple[Line, ...]:
        """The alerts that still fire, or what still waits."""
        return tuple(line for line in self.lines if line.state not in OVER)

    @property
    def about_retraining(self) -> bool:
        """Whether a retrain request asks, and not an alert."""
        return self.reason in (NotifyReason.QUESTION, NotifyReason.DECIDED)

    def because(self, more: str) -> Notification:
        """The same with one more thing to say on why it is sent."""
        return replace(self, why=f"{self.why}; {more}" if self.why else more)

    def as_json(self) -> dict[str, Any]:
        """As the outbox keeps it: moments are ISO 8601 in UTC."""
        document = asdict(self)
        document["reason"] = str(self.reason)
        document["at"] = _iso(self.at)
        document["lines"] = [asdict(line) | {"since": _iso(line.since)} for line in self.lines]
        return document

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Notification:
        """The notification that `as_json` gave. Raises KeyError, TypeError or ValueError for what is none."""
        lines = tuple(Line(**{**line, "since": _moment(line["since"])}) for line in document["lines"])
        at = _moment(document["at"])
        if at is None:
            raise ValueError("a notification needs `at`")
        return cls(**{**document, "reason": NotifyReason(document["reason"]), "lines": lines, "at": at})


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)
