"""Alerts as the pages ask for them: the stream, the history of each, what each rule is worth, and counts by model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import case, func, or_, select
from sqlalchemy.orm import Session

from monitoring.core.alerting.alert import Alert, State
from monitoring.core.alerting.decide import held_back
from monitoring.core.alerting.severity import Severity
from monitoring.core.alerting.signal import Condition
from monitoring.store import silences
from monitoring.store.alerts import LOCK, from_row
from monitoring.store.tables import AlertEventRow, AlertRow, ChannelRow, HeartbeatRow

LIMIT = 1_000
"""Alerts of a stream."""


@dataclass(frozen=True, slots=True)
class AlertEntry:
    """An alert on screen. `held` says what holds it back now, `useful` what a person said of it."""

    alert: Alert
    held: str
    useful: bool | None

    @property
    def needs_somebody(self) -> bool:
        """Whether it fires, nobody has it, and nothing holds it back."""
        return self.alert.firing and not self.alert.acked_by and not self.held


@dataclass(frozen=True, slots=True)
class EventEntry:
    """A line of an alert's history."""

    at: datetime
    kind: str
    reason: str
    actor: str


@dataclass(frozen=True, slots=True)
class Worth:
    """What a rule was worth over a range: its alerts that fired, and what people said of them."""

    rule: str
    check: str
    severity: str
    alerts: int
    useful: int
    noise: int

    @property
    def precision(self) -> float | None:
        """The useful of those that were judged."""
        judged = self.useful + self.noise
        return self.useful / judged if judged else None


@dataclass(frozen=True, slots=True)
class Count:
    """The open alerts of a model, and who has acknowledged any."""

    pages: int
    tickets: int
    acked_by: tuple[str, ...]


def stream(session: Session, since: datetime, now: datetime) -> list[AlertEntry]:
    """All that are open, and those that ended since a moment: what needs somebody first, by severity and last seen."""
    query = (
        select(AlertRow)
        .where(or_(AlertRow.closed_at.is_(None), AlertRow.closed_at >= since), AlertRow.state != str(State.INACTIVE))
        .order_by(AlertRow.closed_at.is_not(None), AlertRow.last_seen.desc(), AlertRow.id.desc())
        .limit(LIMIT)
    )
    rows = list(session.scalars(query))
    found = [from_row(row) for row in rows]
    holds = held_back(found, silences.active(session, now), now)
    entries = [
        AlertEntry(alert, holds[alert.key].why if alert.key in holds else "", row.useful)
        for alert, row in zip(found, rows, strict=True)
    ]
    return sorted(entries, key=_order)


def history(session: Session, keys: Sequence[str]) -> dict[str, list[EventEntry]]:
    """What happened to some alerts, oldest first."""
    query = (
        select(AlertRow.key, AlertEventRow)
        .join(AlertEventRow, AlertEventRow.alert_id == AlertRow.id)
        .where(AlertRow.key.in_(keys))
        .order_by(AlertEventRow.alert_id, AlertEventRow.seq)
    )
    out: dict[str, list[EventEntry]] = defaultdict(list)
    for key, row in session.execute(query):
        out[key].append(EventEntry(row.at, row.kind, row.reason, row.actor))
    return dict(out)


def worth(session: Session, since: datetime) -> list[Worth]:
    """Every rule that fired since a moment, the most often first."""
    names = (AlertRow.rule, AlertRow.check, AlertRow.severity)
    judged = [func.sum(case((AlertRow.useful.is_(said), 1), else_=0)) for said in (True, False)]
    query = (
        select(*names, func.count(), *judged)
        .where(AlertRow.fired_at >= since)
        .group_by(*names)
        .order_by(func.count().desc(), *names)
    )
    return [Worth(*row) for row in session.execute(query)]


def counts(session: Session) -> dict[str, Count]:
    """By model, its alerts that fire. Models without one are left out."""
    query = select(AlertRow.model_key, AlertRow.severity, AlertRow.acked_by).where(AlertRow.state == str(State.FIRING))
    out: dict[str, Count] = {}
    for model, severity, acked_by in session.execute(query):
        known = out.get(model, Count(0, 0, ()))
        page = severity == Severity.PAGE
        people = known.acked_by if not acked_by else tuple(sorted({*known.acked_by, acked_by}))
        out[model] = replace(known, pages=known.pages + page, tickets=known.tickets + (not page), acked_by=people)
    return out


def needing(session: Session, now: datetime) -> tuple[int, int]:
    """How many pages and tickets need somebody now."""
    rows = session.scalars(select(AlertRow).where(AlertRow.state == str(State.FIRING)))
    found = [from_row(row) for row in rows]
    holds = held_back(found, silences.active(session, now), now)
    loud = [a for a in found if a.key not in holds and not a.acked_by]
    pages = sum(a.severity == Severity.PAGE for a in loud)
    return pages, len(loud) - pages


def trouble(session: Session) -> str:
    """What went wrong when alerts were last decided; "" where nothing did."""
    return session.scalar(select(HeartbeatRow.detail).where(HeartbeatRow.name == LOCK)) or ""


def reachable(session: Session) -> bool:
    """Whether there is a channel to tell anybody by."""
    return session.scalar(select(ChannelRow.id).where(ChannelRow.disabled_at.is_(None)).limit(1)) is not None


def owners(entries: Iterable[AlertEntry]) -> list[str]:
    """Whose they are."""
    return sorted({e.alert.owner for e in entries if e.alert.owner})


def _order(entry: AlertEntry) -> tuple[object, ...]:
    alert = entry.alert
    return (
        not alert.open, not entry.needs_somebody, alert.severity != Severity.PAGE,
        alert.condition == Condition.UNKNOWN, -alert.last_seen.timestamp(), alert.key,
    )  # fmt: skip
