"""Silences in the database: made, changed by making another, and ended early."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from monitoring.core.alerting.matcher import Matcher
from monitoring.core.alerting.silence import Silence, checked
from monitoring.core.recurrence import Recurrence
from monitoring.errors import FleetError
from monitoring.store.tables import AuditRow, SilenceRow


@dataclass(frozen=True, slots=True)
class Kept:
    """A silence with its number."""

    id: int
    silence: Silence
    created_at: datetime


def active(session: Session, now: datetime) -> list[Silence]:
    """Those that are not over yet; some are still to come, or between two windows."""
    return [kept.silence for kept in kept_since(session, now)]


def kept_since(session: Session, moment: datetime) -> list[Kept]:
    """Those that end after a moment, the one that ends first first."""
    query = select(SilenceRow).where(SilenceRow.ends > moment).order_by(SilenceRow.ends, SilenceRow.id)
    return [Kept(row.id, _value(row), row.created_at) for row in session.scalars(query)]


def add(session: Session, silence: Silence, now: datetime) -> int:
    """Keep a silence; its number. Its author is the actor. Raises FleetError for one that nobody should make."""
    try:
        checked(silence)
    except ValueError as error:
        raise FleetError(str(error), where="silence") from error
    if silence.ends <= now:
        raise FleetError("the time is over already", where="silence", mend="Choose an end that lies ahead.")
    rule = silence.recurrence
    row = SilenceRow(
        matchers=[[m.label, m.op, m.value] for m in silence.matchers], starts=silence.starts, ends=silence.ends,
        rule=rule.rule if rule else "", zone=rule.zone if rule else "",
        minutes=int(rule.length.total_seconds() // 60) if rule else 0,
        author=silence.author, reason=silence.reason, created_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    session.add(AuditRow(at=now, actor=silence.author, action="silence added", subject=str(row.id), detail=_told(row)))
    return row.id


def expire(session: Session, id_: int, actor: str, now: datetime) -> None:
    """End a silence now; one that has not begun is taken out. Raises FleetError for one that is over."""
    row = session.get(SilenceRow, id_)
    if row is None or row.ends <= now:
        raise FleetError("this silence is over already", where="silence")
    session.add(AuditRow(at=now, actor=actor, action="silence expired", subject=str(id_), detail=_told(row)))
    if row.starts < now:
        row.ends = now
    else:
        session.delete(row)


def _value(row: SilenceRow) -> Silence:
    rule = Recurrence(row.rule, row.zone, timedelta(minutes=row.minutes)) if row.rule else None
    matchers = tuple(Matcher(label, op, value) for label, op, value in row.matchers)
    return Silence(matchers, row.starts, row.ends, row.author, row.reason, rule)


def _told(row: SilenceRow) -> dict[str, Any]:
    return {
        "matchers": row.matchers, "starts": row.starts.isoformat(), "ends": row.ends.isoformat(), "rule": row.rule,
        "zone": row.zone, "minutes": row.minutes, "reason": row.reason,
    }  # fmt: skip
