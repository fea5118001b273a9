"""Alerts in the database: what a decision goes by, and what it changed. Whoever writes takes the lock first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from monitoring.core.alerting.alert import Alert, Event, EventKind, State
from monitoring.core.alerting.escalation import Policy
from monitoring.core.alerting.grouping import Group, Shared, Told
from monitoring.core.alerting.lifecycle import Change
from monitoring.core.alerting.severity import Severity
from monitoring.core.alerting.signal import Condition, Kind, Subject
from monitoring.core.incident import Cause
from monitoring.errors import LeewayError
from monitoring.fleet import Slo
from monitoring.store.tables import (
    AlertEventRow,
    AlertRow,
    AuditRow,
    HeartbeatRow,
    IncidentMemberRow,
    IncidentRow,
    ModelRow,
    NotificationGroupRow,
)

LOCK = "alerting"
"""The heartbeat that deciding gives; its row is the lock that decisions queue for."""
SUBJECT = tuple(f.name for f in fields(Subject) if f.init and f.name != "model")
PLAIN = (
    "episode", "rule", "owner", "model_name", "summary", "opened_at", "last_seen", "value", "threshold",
    "window_start", "window_end", "fired_at", "closed_at", "clear_since", "flapping", "acked_by", "acked_at",
    "acked_until", "step", "loop", "escalates_at", "asked_by", "group",
)  # fmt: skip
OF_GROUP = tuple(f.name for f in fields(Group) if f.name not in ("told", "channels"))


class AlertError(LeewayError):
    """What was asked of an alert cannot be done."""


def lock(session: Session, now: datetime) -> HeartbeatRow:
    """Wait until no other process decides, and hold them off until this transaction ends.

    On SQLite the transaction itself does so (BEGIN IMMEDIATE); on PostgreSQL the row is locked. The row's detail says
    what went wrong at the last decision.
    """
    query = select(HeartbeatRow).where(HeartbeatRow.name == LOCK).with_for_update()
    row = session.scalar(query)
    if row is None:
        insert_ = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
        session.execute(insert_(HeartbeatRow).values(name=LOCK, at=now, detail="").on_conflict_do_nothing())
        row = session.scalars(query).one()
    row.at, row.detail = now, ""
    return row


def waiting(session: Session) -> bool:
    """Whether time alone may change anything: an alert is open, or a group has still to say something."""
    alert = select(AlertRow.id).where(AlertRow.closed_at.is_(None)).limit(1)
    group = select(NotificationGroupRow.id).where(NotificationGroupRow.closed_at.is_(None)).limit(1)
    return session.scalar(alert) is not None or session.scalar(group) is not None


def open_ones(session: Session) -> list[Alert]:
    """Alerts that are open, and those closed whose group still has to say so."""
    speaking = select(NotificationGroupRow.id).where(NotificationGroupRow.closed_at.is_(None))
    query = select(AlertRow).where(
        or_(AlertRow.closed_at.is_(None), and_(AlertRow.group != "", AlertRow.group.in_(speaking)))
    )
    return [from_row(row) for row in session.scalars(query.order_by(AlertRow.id))]


def last_ones(session: Session, fingerprints: Collection[str]) -> dict[str, Alert]:
    """The newest closed episode of some fingerprints."""
    wanted = sorted(fingerprints)
    out: dict[str, Alert] = {}
    for at in range(0, len(wanted), 400):
        some = wanted[at : at + 400]
        newest = (
            select(AlertRow.fingerprint, func.max(AlertRow.episode).label("episode"))
            .where(AlertRow.fingerprint.in_(some), AlertRow.closed_at.is_not(None))
            .group_by(AlertRow.fingerprint)
            .subquery()
        )
        query = select(AlertRow).join(
            newest, (newest.c.fingerprint == AlertRow.fingerprint) & (newest.c.episode == AlertRow.episode)
        )
        out |= {row.fingerprint: from_row(row) for row in session.scalars(query)}
    return out


def groups(session: Session) -> list[Group]:
    """Those that are open."""
    query = select(NotificationGroupRow).where(NotificationGroupRow.closed_at.is_(None))
    return [_group(row) for row in session.scalars(query.order_by(NotificationGroupRow.opened_at))]


def shared(session: Session) -> list[Shared]:
    """The open incidents, of most models first."""
    members: dict[int, set[str]] = {}
    query = (
        select(IncidentMemberRow.incident_id, ModelRow.key)
        .join(ModelRow, ModelRow.id == IncidentMemberRow.model_id)
        .where(IncidentMemberRow.left_at.is_(None))
    )
    for number, key in session.execute(query):
        members.setdefault(number, set()).add(key)
    rows = session.scalars(select(IncidentRow).where(IncidentRow.closed_at.is_(None)))
    found = [
        Shared(
            r.id,
            r.title,
            frozenset(members.get(r.id, ())),
            r.what,
            r.name if r.cause == Cause.FEATURE else "",
            r.cause == Cause.LOG,
        )
        for r in rows
    ]
    return sorted(found, key=lambda one: (-len(one.models), one.id))


def watched(session: Session) -> set[str]:
    """The keys of all models."""
    return set(session.scalars(select(ModelRow.key)))


def objectives(session: Session, keys: Collection[str]) -> set[tuple[str, str, str]]:
    """What some models promise: model, check and column of the verdicts of each objective."""
    found = set()
    for key, document in session.execute(select(ModelRow.key, ModelRow.document).where(ModelRow.key.in_(keys))):
        slos = [Slo.model_validate(one) for one in document.get("slos") or ()]
        found |= {(key, f"slo.{slo.sli}", slo.slug) for slo in slos}
    return found


def save(session: Session, alerts: Iterable[Alert], changed: Iterable[Group], events: Sequence[Event]) -> None:
    """Write what a decision (or a person) changed, with its history. The caller holds the lock."""
    for group in changed:
        session.merge(NotificationGroupRow(**_of_group(group)))
    for alert in alerts:
        row = session.scalar(select(AlertRow).where(AlertRow.key == alert.key))
        if row is None:
            session.add(AlertRow(key=alert.key, events=0, **_of_alert(alert)))
        else:
            for name, value in _of_alert(alert).items():
                setattr(row, name, value)
    session.flush()
    _append(session, events)


def told(session: Session, group: str, channels: Iterable[str]) -> None:
    """Note which channels a group's messages went to."""
    row = session.get_one(NotificationGroupRow, group)
    row.channels = sorted({*row.channels, *channels})


def one(session: Session, key: str) -> Alert:
    """An alert by its key. Raises AlertError for one that is not there."""
    row = session.scalar(select(AlertRow).where(AlertRow.key == key))
    if row is None:
        raise AlertError(f"no alert is called {key!r}", where="the alerts")
    return from_row(row)


def answer(
    session: Session, key: str, act: Callable[[Alert], Change], action: str, actor: str, now: datetime
) -> Change:
    """What a person does about an alert (see core.alerting.answers); audited where it changed anything."""
    lock(session, now)
    change = act(one(session, key))
    if change.events:
        save(session, [change.alert], (), change.events)
        about = change.alert.subject
        detail = {"alert": key, "check": about.check, "column": about.column, "reason": change.events[-1].reason}
        session.add(AuditRow(at=now, actor=actor, action=action, subject=about.model, detail=detail))
    return change


def judge(session: Session, key: str, useful: bool | None, actor: str, now: datetime) -> None:
    """What a person says of an alert: useful, noise, or (None) neither any more."""
    lock(session, now)
    alert = one(session, key)
    words = {True: "Useful.", False: "Noise.", None: "Neither useful nor noise."}[useful]
    session.execute(update(AlertRow).where(AlertRow.key == key).values(useful=useful, judged_by=actor))
    _append(session, [Event(key, EventKind.JUDGED, now, words, actor)])
    detail = {"alert": key, "check": alert.subject.check, "said": words}
    session.add(AuditRow(at=now, actor=actor, action="alert judged", subject=alert.subject.model, detail=detail))


def from_row(row: AlertRow) -> Alert:
    """A stored alert as a value."""
    return Alert(
        subject=Subject(row.model_key, **{name: getattr(row, name) for name in SUBJECT}),
        kind=Kind(row.kind), severity=Severity(row.severity), state=State(row.state),
        condition=Condition(row.condition), policy=Policy.from_json(row.policy),
        transitions=tuple(datetime.fromisoformat(text) for text in row.transitions),
        wait=_span(row.wait_seconds), keep=_span(row.keep_seconds),
        **{name: getattr(row, name) for name in PLAIN},
    )  # fmt: skip


def _append(session: Session, events: Sequence[Event]) -> None:
    keys = sorted({event.alert for event in events})
    if not keys:
        return
    rows = {row.key: row for row in session.scalars(select(AlertRow).where(AlertRow.key.in_(keys)))}
    lines = []
    for event in events:
        row = rows[event.alert]
        row.events += 1
        lines.append(
            {"alert_id": row.id, "seq": row.events, "at": event.at, "kind": str(event.kind), "reason": event.reason}
            | {"actor": event.actor}
        )
    session.execute(insert(AlertEventRow), lines)


def _of_alert(alert: Alert) -> dict[str, Any]:
    return {
        "fingerprint": alert.subject.fingerprint, "model_key": alert.subject.model,
        "kind": str(alert.kind), "severity": str(alert.severity), "state": str(alert.state),
        "condition": str(alert.condition), "policy": alert.policy.as_json(),
        "transitions": [moment.isoformat() for moment in alert.transitions],
        "wait_seconds": _seconds(alert.wait), "keep_seconds": _seconds(alert.keep),
        **{name: getattr(alert.subject, name) for name in SUBJECT},
        **{name: getattr(alert, name) for name in PLAIN},
    }  # fmt: skip


def _span(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()


def _of_group(group: Group) -> dict[str, Any]:
    known = {key: {"state": told.state, "held": told.held} for key, told in group.told.items()}
    return {name: getattr(group, name) for name in OF_GROUP} | {"told": known, "channels": list(group.channels)}


def _group(row: NotificationGroupRow) -> Group:
    known: Mapping[str, Told] = {key: Told(told["state"], told["held"]) for key, told in row.told.items()}
    return Group(**{name: getattr(row, name) for name in OF_GROUP}, told=known, channels=tuple(row.channels))
