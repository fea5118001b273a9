"""An alert: one episode of one thing being wrong, and the events that are its history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from monitoring.core.alerting.escalation import NOBODY, Policy
from monitoring.core.alerting.severity import Severity
from monitoring.core.alerting.signal import Condition, Kind, Subject, labels

BEFORE = timedelta(days=14)
"""What is shown of the time before an alert's window."""


class State(StrEnum):
    """Where an episode is. `inactive` is one that was pending and never fired. The last two are ends."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"
    INACTIVE = "inactive"


class EventKind(StrEnum):
    """What can happen to an alert."""

    PENDING = "pending"
    FIRED = "fired"
    RESOLVED = "resolved"
    INACTIVE = "inactive"
    FLAPPING = "flapping"
    CALM = "calm"
    UNKNOWN = "unknown"
    KNOWN = "known"
    SILENCED = "silenced"
    SILENCE_ENDED = "silence_ended"
    INHIBITED = "inhibited"
    INHIBITION_ENDED = "inhibition_ended"
    NOTIFIED = "notified"
    ESCALATED = "escalated"
    ACKNOWLEDGED = "acknowledged"
    UNACKNOWLEDGED = "unacknowledged"
    EXPIRED = "expired"
    ASKED = "asked"
    JUDGED = "judged"


@dataclass(frozen=True, slots=True)
class Event:
    """A line of an alert's history. `actor` is a person, or "" where Leeway itself acted."""

    alert: str
    kind: EventKind
    at: datetime
    reason: str
    actor: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """An episode. It is open until `closed_at`.

    `condition` is what was last said; `last_seen` when it was last beyond its threshold; `clear_since` since when it
    is not. `transitions` are the moments of the last hour at which it went over or came back. Acknowledged is an
    attribute: `acked_by` until `acked_until`. `step` and `loop` say where in the policy it is (-1: before the first),
    `escalates_at` when it goes on (None: not at all), `asked_by` who asked for that, where a person did. `group` is
    what its notifications go in. `wait` and `keep` are spans stated for it, None where its rule's hold.
    """

    subject: Subject
    episode: int
    rule: str
    kind: Kind
    severity: Severity
    owner: str
    model_name: str
    state: State
    condition: Condition
    summary: str
    opened_at: datetime
    last_seen: datetime
    value: float | None = None
    threshold: float | None = None
    window_start: datetime | None = None
    window_end: datetime | None = None
    fired_at: datetime | None = None
    closed_at: datetime | None = None
    clear_since: datetime | None = None
    transitions: tuple[datetime, ...] = ()
    flapping: bool = False
    acked_by: str = ""
    acked_at: datetime | None = None
    acked_until: datetime | None = None
    policy: Policy = NOBODY
    step: int = -1
    loop: int = 0
    escalates_at: datetime | None = None
    asked_by: str = ""
    group: str = ""
    wait: timedelta | None = None
    keep: timedelta | None = None

    @property
    def key(self) -> str:
        """Its name: the fingerprint and the number of the episode."""
        return f"{self.subject.fingerprint}-{self.episode}"

    @property
    def labels(self) -> dict[str, str]:
        """What silences and inhibitions match."""
        return labels(self.subject, self.owner, self.kind, self.severity)

    @property
    def days(self) -> str:
        """The days of its window and some before, so that the change can be seen: a range as pages have it in their
        address. "" where the window has no times."""
        if self.window_start is None or self.window_end is None:
            return ""
        last = max(self.window_start, self.window_end - timedelta(seconds=1))
        return f"{self.window_start - BEFORE:%Y-%m-%d} to {last:%Y-%m-%d}"

    @property
    def open(self) -> bool:
        """Whether the episode goes on."""
        return self.closed_at is None

    @property
    def firing(self) -> bool:
        """Whether it is open and past waiting."""
        return self.state == State.FIRING
