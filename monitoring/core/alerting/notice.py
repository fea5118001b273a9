"""A notice: what is to be sent, to whom, and why. The shell turns targets into channels and writes it to the outbox."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from monitoring.core.alerting.alert import Alert
from monitoring.core.alerting.notification import NotifyReason
from monitoring.core.alerting.severity import Severity


@dataclass(frozen=True, slots=True)
class Notice:
    """One message of a group. `targets` are those of policies; `told` also sends it to all who were told before."""

    group: str
    number: int
    reason: NotifyReason
    why: str
    severity: Severity
    alerts: tuple[Alert, ...]
    targets: tuple[str, ...]
    told: bool
    at: datetime
