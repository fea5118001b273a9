"""The life of an alert: inactive → pending → firing → resolved, one step of it at a time.

Missing data ends nothing. Resolved never reopens: firing again is a new episode, or the same one while it is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from monitoring.core.alerting.alert import Alert, Event, EventKind, State
from monitoring.core.alerting.clock import passed, reached
from monitoring.core.alerting.escalation import Policy
from monitoring.core.alerting.flapping import MANY, flaps, recent
from monitoring.core.alerting.rules import NONE, rule_of
from monitoring.core.alerting.signal import Condition, Signal

ACKNOWLEDGED = timedelta(hours=4)
"""How long an acknowledgement holds."""


@dataclass(frozen=True, slots=True)
class Change:
    """An alert after a step, and what happened to it, each with its reason."""

    alert: Alert
    events: tuple[Event, ...] = ()

    def then(self, alert: Alert, kind: EventKind, at: datetime, reason: str, actor: str = "") -> Change:
        """One thing more."""
        return Change(alert, (*self.events, Event(alert.key, kind, at, reason, actor)))


def begin(signal: Signal, last: Alert | None, policy: Policy, now: datetime) -> Change | None:
    """A new episode, where something is beyond its threshold. `last` is the episode before."""
    if signal.condition != Condition.BEYOND:
        return None
    alert = Alert(
        signal.subject, 1 if last is None else last.episode + 1, signal.rule, signal.kind, signal.severity,
        signal.owner, signal.model_name, State.PENDING, signal.condition, signal.summary, now, now, signal.value,
        signal.threshold, signal.window_start, signal.window_end, policy=policy,
        transitions=() if last is None else recent(last.transitions, now), wait=signal.wait, keep=signal.keep,
    )  # fmt: skip
    wait = _wait(alert)
    if wait > NONE:
        return Change(alert).then(
            alert, EventKind.PENDING, now, f"{signal.summary} Fires if it holds for {_said(wait)}."
        )
    return _fire(Change(alert), now)


def advance(alert: Alert, signal: Signal | None, now: datetime) -> Change:
    """An open alert, one step on. Without a signal only time has gone by."""
    change = Change(alert)
    if signal is not None:
        change = _hear(change, signal, now)
    if change.alert.state == State.PENDING:
        return _wait_on(change, now)
    return _expire(_settle(change, now), now)


def end(alert: Alert, reason: str, now: datetime, actor: str = "") -> Change:
    """Close an alert, whatever its condition."""
    fired = alert.state == State.FIRING
    state, kind = (State.RESOLVED, EventKind.RESOLVED) if fired else (State.INACTIVE, EventKind.INACTIVE)
    closed = replace(
        alert, state=state, closed_at=now, flapping=False, acked_by="", acked_at=None, acked_until=None,
        escalates_at=None, asked_by="",
    )  # fmt: skip
    return Change(alert).then(closed, kind, now, reason, actor)


def _hear(change: Change, signal: Signal, now: datetime) -> Change:
    """Take in what is said now. What is unknown does not change the numbers."""
    alert, before = change.alert, change.alert.condition
    if signal.condition == Condition.UNKNOWN:
        heard = replace(alert, condition=Condition.UNKNOWN)
        if before == Condition.UNKNOWN or alert.state == State.PENDING:
            return Change(heard, change.events)
        return change.then(heard, EventKind.UNKNOWN, now, f"Held: nothing is known of it now. {signal.summary}")
    heard = replace(
        alert, condition=signal.condition, summary=signal.summary, value=signal.value, threshold=signal.threshold,
        window_start=signal.window_start, window_end=signal.window_end, wait=signal.wait, keep=signal.keep,
    )  # fmt: skip
    if before == Condition.UNKNOWN and alert.state == State.FIRING:
        change = change.then(heard, EventKind.KNOWN, now, f"It can be judged again. {signal.summary}")
    if signal.condition == Condition.BEYOND:
        back = alert.clear_since is not None
        heard = replace(
            heard, last_seen=now, clear_since=None, transitions=_crossed(alert, now) if back else alert.transitions
        )
    elif signal.condition == Condition.CLEAR and alert.clear_since is None and alert.state == State.FIRING:
        heard = replace(heard, clear_since=now, transitions=_crossed(alert, now))
    elif signal.condition == Condition.CLEAR and before != Condition.CLEAR:
        heard = replace(heard, clear_since=now)  # near the level, or in silence, it was not known to be good
    return Change(heard, change.events)


def _wait_on(change: Change, now: datetime) -> Change:
    alert = change.alert
    if alert.condition in (Condition.CLEAR, Condition.BETWEEN):
        ended = end(alert, f"It did not last. {alert.summary}", now)
        return Change(ended.alert, (*change.events, *ended.events))
    if alert.condition == Condition.BEYOND and passed(alert.opened_at, _wait(alert), now):
        return _fire(change, now)
    return change


def _fire(change: Change, now: datetime) -> Change:
    alert = replace(change.alert, state=State.FIRING, fired_at=now, transitions=_crossed(change.alert, now))
    return _flap(change.then(alert, EventKind.FIRED, now, alert.summary), now)


def _settle(change: Change, now: datetime) -> Change:
    """Flapping is held open. What is clear, known to be, and has been for long enough, is resolved."""
    change = _flap(change, now)
    alert = change.alert
    if alert.flapping or alert.condition != Condition.CLEAR or alert.clear_since is None:
        return change
    keep = _keep(alert)
    if not passed(alert.clear_since, keep, now):
        return change
    kept = f" Clear for {_said(keep)}." if keep > NONE else ""
    ended = end(alert, f"{alert.summary}{kept}", now)
    return Change(ended.alert, (*change.events, *ended.events))


def _flap(change: Change, now: datetime) -> Change:
    alert = change.alert
    flapping = flaps(alert.transitions, now)
    if flapping == alert.flapping:
        return change
    changed = replace(alert, flapping=flapping)
    if flapping:
        words = f"{MANY} or more changes within an hour: held open, and told once."
        return change.then(changed, EventKind.FLAPPING, now, words)
    return change.then(changed, EventKind.CALM, now, f"Fewer than {MANY} changes in the last hour.")


def _expire(change: Change, now: datetime) -> Change:
    alert = change.alert
    if not alert.acked_by or alert.acked_until is None or not reached(alert.acked_until, ACKNOWLEDGED, now):
        return change
    again = now if alert.step >= 0 else None
    expired = replace(alert, acked_by="", acked_at=None, acked_until=None, escalates_at=again)
    words = f"The acknowledgement of {alert.acked_by} has expired, and it still fires."
    return change.then(expired, EventKind.EXPIRED, now, words)


def _crossed(alert: Alert, now: datetime) -> tuple[datetime, ...]:
    return (*recent(alert.transitions, now), now)


def changes_at(alert: Alert) -> datetime | None:
    """When it fires, or is resolved, if nothing new is said of it until then; None where that changes nothing."""
    if alert.state == State.PENDING and alert.condition == Condition.BEYOND:
        return alert.opened_at + _wait(alert)
    if alert.firing and alert.condition == Condition.CLEAR and alert.clear_since is not None and not alert.flapping:
        return alert.clear_since + _keep(alert)
    return None


def _wait(alert: Alert) -> timedelta:
    rule = rule_of(alert.rule)
    return alert.wait if alert.wait is not None else NONE if rule is None else rule.wait


def _keep(alert: Alert) -> timedelta:
    rule = rule_of(alert.rule)
    return alert.keep if alert.keep is not None else NONE if rule is None else rule.keep


def _said(span: timedelta) -> str:
    minutes = span.total_seconds() / 60
    if minutes < 2:
        return f"{span.total_seconds():.0f} s"
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.0f} h" if minutes < 2880 else f"{span.days} days"
