"""From a notice to the outbox: whom its targets mean now, and what each of them is sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from sqlalchemy import select
from sqlalchemy.orm import Session

from monitoring.core.alerting.alert import Alert, Event, EventKind
from monitoring.core.alerting.escalation import DEFAULT
from monitoring.core.alerting.grouping import Group
from monitoring.core.alerting.notice import Notice
from monitoring.core.alerting.notification import Line, Notification, NotifyReason
from monitoring.core.alerting.severity import Severity
from monitoring.store import alerts, channels, outbox, roster
from monitoring.store.tables import ModelRow


@dataclass(frozen=True, slots=True)
class Addressed:
    """A channel that is told, and the channels to try where it fails."""

    channel: str
    fallbacks: tuple[str, ...] = ()


def send(session: Session, notice: Notice, group: Group, url: str) -> list[Event]:
    """Put a notice into the outbox, a row a channel, in the caller's transaction; what happened, for the history."""
    addressed = _addressed(session, notice, group)
    notification = notification_of(notice, group, _runbook(session, notice.alerts), url)
    for one in addressed:
        outbox.notify(session, notification, one.channel, group.id, notice.at, one.fallbacks)
    alerts.told(session, group.id, [one.channel for one in addressed])
    names = ", ".join(one.channel for one in addressed)
    to = f"Sent to {names}." if names else "No channel fits, so nobody was told: it is on the dashboard only."
    kind = EventKind.ESCALATED if notice.reason == NotifyReason.ESCALATED else EventKind.NOTIFIED
    words = f"{notice.why[:1].upper()}{notice.why[1:]}. {to}"
    return [Event(alert.key, kind, notice.at, words) for alert in notice.alerts]


def notification_of(notice: Notice, group: Group, runbook: str, url: str) -> Notification:
    """What channels send of a notice."""
    lines = tuple(_line(alert, url) for alert in sorted(notice.alerts, key=_gravest_first))
    return Notification(
        id=f"{group.id}-{notice.number}", incident=group.id, reason=notice.reason, why=notice.why,
        model=group.model or ", ".join(sorted({a.subject.model for a in notice.alerts})), model_name=group.title,
        owner=group.owner, severity="page" if notice.severity == Severity.PAGE else "ticket", lines=lines,
        runbook=runbook, link=f"{url}/alerts?{urlencode({'group': group.id})}", at=notice.at,
    )  # fmt: skip


def link(alert: Alert, url: str) -> str:
    """The Model page at the alert's window, with some time before it."""
    query = {"model": alert.subject.model} | ({"range": alert.days} if alert.days else {})
    return f"{url}/model?{urlencode(query)}"


def _line(alert: Alert, url: str) -> Line:
    about = alert.subject
    return Line(
        fingerprint=about.fingerprint, check=about.check, column=about.column, slice=about.slice,
        version=about.version, state="firing" if alert.open else "resolved",
        severity="page" if alert.severity == Severity.PAGE else "ticket", summary=alert.summary, value=alert.value,
        threshold=alert.threshold, since=alert.fired_at, link=link(alert, url),
    )  # fmt: skip


def _addressed(session: Session, notice: Notice, group: Group) -> list[Addressed]:
    """Every channel once. A page that would reach nobody goes to every channel that fits."""
    found: dict[str, Addressed] = {}
    for target in notice.targets:
        for one in _of_target(session, target, notice, group):
            found.setdefault(one.channel, one)
    if notice.told:
        for name in group.channels:
            found.setdefault(name, Addressed(name))
    if not found and notice.targets and notice.severity == Severity.PAGE:
        for one in _of_target(session, DEFAULT, notice, group):
            found.setdefault(one.channel, one)
    if notice.severity != Severity.PAGE:
        return list(found.values())
    further = [name for name in _next_step(session, notice) if name not in found]
    return [Addressed(one.channel, tuple(dict.fromkeys([*one.fallbacks, *further]))) for one in found.values()]


def _of_target(session: Session, target: str, notice: Notice, group: Group) -> list[Addressed]:
    if target == DEFAULT:
        return [Addressed(name) for name in channels.fitting(session, group.owner, str(notice.severity))]
    reached = [one.channels for one in roster.targets(session, target, notice.at)]
    return [Addressed(several[0], tuple(several[1:])) for several in reached if several]


def _next_step(session: Session, notice: Notice) -> list[str]:
    """Whom a page goes to where it cannot be delivered: the next in its policy."""
    out: list[str] = []
    for alert in notice.alerts:
        following = alert.policy.after(max(alert.step, 0), alert.loop)
        if following is None:
            continue
        for target in alert.policy.targets(following[0]):
            if target != DEFAULT:
                out += [name for one in roster.targets(session, target, notice.at) for name in one.channels[:1]]
    return list(dict.fromkeys(out))


def _runbook(session: Session, several: Iterable[Alert]) -> str:
    """The runbook of the model of the gravest alert."""
    first = min(several, key=_gravest_first)
    document = session.scalar(select(ModelRow.document).where(ModelRow.key == first.subject.model))
    return str((document or {}).get("runbook", ""))


def _gravest_first(alert: Alert) -> tuple[bool, bool, str, str]:
    return not alert.open, alert.severity != Severity.PAGE, alert.subject.check, alert.key
