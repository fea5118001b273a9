"""A group speaks: its news when it is time, itself again, and whoever else must be called. Each with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from monitoring.core.alerting import telling
from monitoring.core.alerting.alert import Alert, Event
from monitoring.core.alerting.clock import reached
from monitoring.core.alerting.escalation import DEFAULT, Policy
from monitoring.core.alerting.grouping import Group, Pace, paged
from monitoring.core.alerting.notice import Notice
from monitoring.core.alerting.notification import NotifyReason
from monitoring.core.alerting.severity import Severity, gravest
from monitoring.core.alerting.telling import Hold

LONGEST_STEP = timedelta(days=1)
"""No step of a policy waits longer for an answer."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A group after it has spoken, its alerts that changed by that, and what was said."""

    group: Group
    alerts: tuple[Alert, ...] = ()
    events: tuple[Event, ...] = ()
    notices: tuple[Notice, ...] = ()


def speak(group: Group, members: list[Alert], holds: Mapping[str, Hold], pace: Pace, now: datetime) -> Spoken:
    """What a group says now: its news when it is time, else itself again, and whoever else must be called."""
    group, noted = telling.held(group, members, holds, now)
    news = telling.news_of(group, members, holds)
    if bool(news) != (group.changed_at is not None):  # begun, or taken back before it was said
        group = replace(group, changed_at=now if news else None)
    loud = [a for a in members if a.firing and a.key not in holds]
    said = Spoken(group)
    if news:
        urgent = any(n.alert.severity == Severity.PAGE and n.fresh for n in news) and not paged(group, members)
        if group.due(pace, urgent, now):
            said = _tell(group, members, holds, news, loud, now)
    elif group.repeats(pace, now) and any(not a.acked_by for a in loud):
        said = _repeat(group, loud, pace, now)
    said = _escalate(said, loud, now)
    group = said.group
    if not any(a.open for a in members) and not telling.news_of(group, members, holds):
        group = replace(group, closed_at=now, changed_at=None)
    return replace(said, group=group, events=(*noted, *said.events))


def _tell(
    group: Group, members: list[Alert], holds: Mapping[str, Hold], news: Sequence[telling.News], loud: list[Alert],
    now: datetime,
) -> Spoken:  # fmt: skip
    """All the news in one message: what is fresh to the first of each policy, the rest to those who know of it."""
    fresh = [n.alert for n in news if n.fresh]
    resolved = [n.alert for n in news if not n.alert.open]
    reason, why = telling.overall(group, news)
    targets = tuple(sorted({t for a in fresh for t in _start(a)}))
    again = any(not n.fresh for n in news)
    notice = _notice(group, reason, why, [*loud, *resolved], targets, again, now)
    group, events = telling.after(group, members, holds, now)
    return Spoken(group, tuple(_told(a, now) for a in fresh), tuple(events), (notice,))


def _repeat(group: Group, loud: list[Alert], pace: Pace, now: datetime) -> Spoken:
    """The same again, to whoever has it by now."""
    why = f"repeated after {pace.repeat.total_seconds() / 3600:g} h: it still fires"
    targets = {t for a in loud for t in (_current(a) if a.severity == Severity.PAGE else (DEFAULT,))}
    notice = _notice(group, NotifyReason.REPEATED, why, loud, tuple(sorted(targets)), False, now)
    return Spoken(replace(group, sent_at=now, number=group.number + 1), notices=(notice,))


def _escalate(said: Spoken, loud: list[Alert], now: datetime) -> Spoken:
    """Whoever is to be called next, in a message a step."""
    group, notices, changed = said.group, list(said.notices), {a.key: a for a in said.alerts}
    for steps in _escalations([changed.get(a.key, a) for a in loud], group, now):
        notices.append(_notice(group, NotifyReason.ESCALATED, steps.why, steps.alerts, steps.targets, False, now))
        group = replace(group, number=group.number + 1)
        changed |= {a.key: a for a in steps.alerts}
    return Spoken(group, tuple(changed.values()), said.events, tuple(notices))


@dataclass(frozen=True, slots=True)
class _Steps:
    alerts: tuple[Alert, ...]
    targets: tuple[str, ...]
    why: str


def _escalations(loud: Iterable[Alert], group: Group, now: datetime) -> list[_Steps]:
    """Those nobody answered in time, one step on; by step, so that each of its targets is told once."""
    found: dict[tuple[tuple[str, ...], str], list[Alert]] = {}
    for alert in loud:
        told = group.of(alert)
        if alert.escalates_at is None or alert.acked_by or not told.firing or told.held:
            continue
        if not reached(alert.escalates_at, LONGEST_STEP, now):
            continue
        following = alert.policy.after(alert.step, alert.loop)
        if following is None and not alert.asked_by:
            continue
        step, loop = following or (0, alert.loop)
        waited = f"nobody acknowledged within {alert.policy.steps[max(alert.step, 0)].minutes} min"
        why = f"escalated: {f'{alert.asked_by} asked for it' if alert.asked_by else waited}"
        on = replace(
            alert, step=step, loop=loop, escalates_at=_next(alert.policy, step, loop, now), asked_by="",
        )  # fmt: skip
        found.setdefault((alert.policy.targets(step), why), []).append(on)
    return [_Steps(tuple(alerts), targets, why) for (targets, why), alerts in found.items()]


def _told(alert: Alert, now: datetime) -> Alert:
    """An alert at the first step of its policy: a page that is not answered goes on from here."""
    if alert.severity != Severity.PAGE:
        return alert
    waiting = None if alert.acked_by else _next(alert.policy, 0, 0, now)
    return replace(alert, step=0, loop=0, escalates_at=waiting)


def _next(policy: Policy, step: int, loop: int, now: datetime) -> datetime | None:
    return None if policy.after(step, loop) is None else now + policy.steps[step].patience


def _start(alert: Alert) -> tuple[str, ...]:
    """Whom news goes to: of a page the first of its policy, of a ticket every channel that fits."""
    return alert.policy.targets(0) if alert.severity == Severity.PAGE else (DEFAULT,)


def _current(alert: Alert) -> tuple[str, ...]:
    return alert.policy.targets(alert.step)


def _notice(
    group: Group, reason: NotifyReason, why: str, alerts: Sequence[Alert], targets: tuple[str, ...], told: bool,
    now: datetime,
) -> Notice:  # fmt: skip
    severity = gravest([a.severity for a in alerts])
    return Notice(group.id, group.number + 1, reason, why, severity, tuple(alerts), targets, told, now)
