"""All alerts and groups of a model, in memory: what is decided is applied, and what would have been is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitoring.core.alerting.alert import Alert
from monitoring.core.alerting.decide import Known, decide
from monitoring.core.alerting.grouping import Group, Pace
from monitoring.core.alerting.lifecycle import changes_at
from monitoring.core.alerting.severity import Severity
from monitoring.core.alerting.signal import Signal

AT_ONCE = Pace(timedelta(), timedelta(), timedelta(days=3650))
"""Windows are hours apart: half a minute of waiting changes nothing, and nobody is there to be told again."""


@dataclass(frozen=True, slots=True)
class Past:
    """The alerts that would have been, in the order of opening, and the moments at which somebody would have been
    paged for something new."""

    alerts: tuple[Alert, ...]
    pages: tuple[datetime, ...]


@dataclass
class Desk:
    """All alerts and groups of a model, in memory: what is decided is applied."""

    alerts: dict[str, Alert] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    pages: list[datetime] = field(default_factory=list)
    open: dict[str, Alert] = field(default_factory=dict)
    _last: dict[str, Alert] = field(default_factory=dict)

    def wait_until(self, at: datetime) -> None:
        """Let the time go by in which what waits fires, and what is clear is resolved."""
        while due := [moment for alert in self.open.values() if (moment := changes_at(alert)) and moment < at]:
            self.step((), min(due))

    def step(self, said: Sequence[Signal], now: datetime) -> None:
        """Decide and apply."""
        known = Known(list(self.open.values()), self._last, list(self.groups.values()), pace=AT_ONCE)
        decision = decide(known, said, now)
        if any(self._called(alert) for alert in decision.alerts):
            self.pages.append(now)
        for alert in decision.alerts:
            self.alerts[alert.key] = alert
            if alert.open:
                self.open[alert.key] = alert
            else:
                self.open.pop(alert.key, None)
                self._last[alert.subject.fingerprint] = alert
        for group in decision.groups:
            if group.closed_at is None:
                self.groups[group.id] = group
            else:
                self.groups.pop(group.id, None)

    def _called(self, alert: Alert) -> bool:
        """Whether the first of an alert's policy is called just now. A ticket that joins a page calls nobody."""
        before = self.open.get(alert.key)
        return alert.severity == Severity.PAGE and alert.step == 0 and (before is None or before.step < 0)

    def past(self) -> Past:
        """What came of all the steps."""
        return Past(tuple(self.alerts.values()), tuple(self.pages))
