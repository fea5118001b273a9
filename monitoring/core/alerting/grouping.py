"""Grouping: what is sent together. A group of an owner's alerts of one model, or of one cause that models share.

A group waits a little before it first speaks, longer between changes, and repeats itself while something fires: the
rules and figures of Prometheus Alertmanager (dispatch/dispatch.go, notify/notify.go).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitoring.core.alerting.alert import Alert
from monitoring.core.alerting.clock import passed
from monitoring.core.alerting.severity import Severity
from monitoring.core.alerting.signal import Kind


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a group waits before it first speaks, between changes, and before it repeats itself."""

    wait: timedelta = timedelta(seconds=30)
    between: timedelta = timedelta(minutes=5)
    repeat: timedelta = timedelta(hours=4)


WHAT = {
    Kind.DRIFT: ("drift",),
    Kind.MISSING: ("missing",),
    Kind.SCHEMA_BREAK: ("schema",),
    Kind.VOLUME: ("volume", "duplicates"),
    Kind.INGEST_DOWN: ("unreadable", "volume", "freshness"),
    Kind.STALE: ("freshness",),
    Kind.SERVICE_DOWN: ("availability",),
    Kind.SERVICE_SLOW: ("latency",),
}
"""Which movements of an incident a kind of alert tells of, in the words of core.incident."""
OF_COLUMNS = ("drift", "missing", "values")
"""What can happen to a column."""


@dataclass(frozen=True, slots=True)
class Shared:
    """An open incident: a cause that models share. `what` and `column` are set where the cause is a feature; `log` is
    whether it is a whole log, and not only columns of it."""

    id: int
    title: str
    models: frozenset[str]
    what: str = ""
    column: str = ""
    log: bool = True

    def explains(self, alert: Alert) -> bool:
        """Whether an alert tells of this cause."""
        told = {what for what in WHAT.get(alert.kind, ()) if self.log or what in OF_COLUMNS}
        of_column = not self.column or alert.subject.column in ("", self.column)
        return alert.subject.model in self.models and bool(told) and of_column and (not self.what or self.what in told)


@dataclass(frozen=True, slots=True)
class Told:
    """What receivers know of an alert: "" | firing | flapping | resolved, and what holds it back now: "" | silence |
    inhibition."""

    state: str = ""
    held: str = ""

    @property
    def firing(self) -> bool:
        """Whether receivers believe that it fires."""
        return self.state in ("firing", "flapping")


@dataclass(frozen=True, slots=True)
class Group:
    """What is sent together, from its first alert until all are resolved and said to be.

    `id` is the incident of receivers such as PagerDuty. `changed_at` is since when there is something to say, `sent_at`
    when something was last said, `number` how often. `channels` are those that were told anything.
    """

    id: str
    name: str
    owner: str
    model: str
    model_name: str
    title: str
    opened_at: datetime
    changed_at: datetime | None = None
    sent_at: datetime | None = None
    closed_at: datetime | None = None
    number: int = 0
    told: Mapping[str, Told] = field(default_factory=dict)
    channels: tuple[str, ...] = ()

    def of(self, alert: Alert) -> Told:
        """What is known of an alert."""
        return self.told.get(alert.key, Told())

    def due(self, pace: Pace, urgent: bool, now: datetime) -> bool:
        """Whether what there is to say may be said now. A first page does not wait for the time between changes."""
        if self.changed_at is None or not passed(self.changed_at, pace.wait, now):
            return False
        return urgent or self.sent_at is None or passed(self.sent_at, pace.between, now)

    def repeats(self, pace: Pace, now: datetime) -> bool:
        """Whether it is time to say it again."""
        return self.sent_at is not None and passed(self.sent_at, pace.repeat, now)


def name_of(alert: Alert, incidents: Iterable[Shared]) -> tuple[str, Shared | None]:
    """The name of the group an alert belongs to, and the shared cause that makes it one."""
    shared = next((one for one in incidents if one.explains(alert)), None)
    if shared is not None:
        return f"incident {shared.id} of {alert.owner}", shared
    return f"model {alert.subject.model} of {alert.owner}", None


def opened(alert: Alert, name: str, shared: Shared | None, now: datetime) -> Group:
    """A new group, named after its first alert, so that it never takes the name of one before it."""
    short = hashlib.sha256(name.encode()).hexdigest()[:6]
    model, model_name = ("", "") if shared is not None else (alert.subject.model, alert.model_name)
    title = model_name or model if shared is None else shared.title
    return Group(f"{short}-{alert.key}", name, alert.owner, model, model_name, title, now)


def paged(group: Group, members: Iterable[Alert]) -> bool:
    """Whether receivers already know of a page in it."""
    return any(group.of(a).firing and a.severity == Severity.PAGE for a in members)
