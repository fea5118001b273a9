"""What people do about an alert: acknowledge it, take that back, escalate it, close it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from monitoring.core.alerting.alert import Alert, EventKind
from monitoring.core.alerting.lifecycle import ACKNOWLEDGED, Change, end


def acknowledge(alert: Alert, actor: str, now: datetime, span: timedelta = ACKNOWLEDGED) -> Change:
    """Somebody has it: nobody else is called, for a while. What is not firing stays as it is."""
    if not alert.firing:
        return Change(alert)
    until = now + min(span, ACKNOWLEDGED)
    held = replace(alert, acked_by=actor, acked_at=now, acked_until=until, escalates_at=None, asked_by="")
    return Change(alert).then(held, EventKind.ACKNOWLEDGED, now, f"Until {until:%H:%M} UTC.", actor)


def unacknowledge(alert: Alert, actor: str, now: datetime) -> Change:
    """Nobody has it any more: the next in the policy is called."""
    if not alert.firing or not alert.acked_by:
        return Change(alert)
    again = now if alert.step >= 0 else None
    free = replace(alert, acked_by="", acked_at=None, acked_until=None, escalates_at=again)
    return Change(alert).then(
        free, EventKind.UNACKNOWLEDGED, now, f"{alert.acked_by} does not have it any more.", actor
    )


def escalate(alert: Alert, actor: str, now: datetime) -> Change:
    """Call the next in the policy now. An acknowledgement ends with it."""
    if not alert.firing:
        return Change(alert)
    asked = replace(alert, acked_by="", acked_at=None, acked_until=None, escalates_at=now, asked_by=actor)
    return Change(alert).then(asked, EventKind.ASKED, now, "The next in the policy is to be called.", actor)


def close(alert: Alert, actor: str, now: datetime, reason: str) -> Change:
    """End an alert by hand. If it is still wrong at the next evaluation, that is a new episode."""
    return end(alert, reason, now, actor) if alert.open else Change(alert)
