"""What is kept for how long, and taken out a bounded step at a time, so that no writer waits for it.

The audit, revisions of thresholds, silences and overrides are people's doing and stay. Verdicts and summaries stay with
their model: another threshold judges every stored window again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from monitoring.store.tables import (
    AlertEventRow,
    AlertRow,
    EvaluationRow,
    IncidentRow,
    NotificationGroupRow,
    OutboxRow,
    RequestRow,
)

STEP = 1_000
"""Rows of a table that a step takes out at most."""
EVALUATIONS = timedelta(days=3)
"""Only the last evaluation of a model is ever asked for; these are for whoever looks into the database."""


@dataclass(frozen=True, slots=True)
class Keep:
    """How long what is over is kept: messages and requests that were dealt with, and alerts with their history."""

    done: timedelta
    alerts: timedelta


def step(session: Session, now: datetime, keep: Keep, limit: int = STEP) -> Counter[str]:
    """Take out what is past its time, up to `limit` rows a table, in the caller's transaction; how many, by table."""
    gone: Counter[str] = Counter()
    done, alerts = now - keep.done, now - keep.alerts
    steps: list[tuple[InstrumentedAttribute[Any], Callable[[], Select[Any]]]] = [
        (OutboxRow.id, lambda: _messages(done)),
        (RequestRow.id, lambda: select(RequestRow.id).where(RequestRow.finished_at < done)),
        (EvaluationRow.id, lambda: _evaluations(now - EVALUATIONS, limit)),
        (AlertEventRow.id, lambda: _events(alerts)),
        (AlertRow.id, lambda: _alerts(alerts).where(~_history())),
        (NotificationGroupRow.id, lambda: _groups(alerts)),
        (IncidentRow.id, lambda: select(IncidentRow.id).where(IncidentRow.closed_at < alerts)),
    ]
    for column, found in steps:
        chosen = found().order_by(column).limit(limit).with_for_update(skip_locked=True, of=column.parent.entity)
        if numbers := list(session.scalars(chosen)):
            session.execute(delete(column.parent.entity).where(column.in_(numbers)))
            gone[column.parent.entity.__tablename__] = len(numbers)
    return gone


def _messages(before: datetime) -> Select[Any]:
    """Sent or taken back. Dead letters wait for somebody, and with them what became of the same message elsewhere."""
    of_same = aliased(OutboxRow)
    unfinished = select(of_same.id).where(
        of_same.dedup_key == OutboxRow.dedup_key, of_same.state.not_in(("sent", "cancelled"))
    )
    ended = func.coalesce(OutboxRow.sent_at, OutboxRow.due_at)
    return select(OutboxRow.id).where(OutboxRow.state.in_(("sent", "cancelled")), ended < before, ~unfinished.exists())


def _evaluations(before: datetime, limit: int) -> Select[Any]:
    """Among the oldest, so that not all of them are looked through; the last of a model stays."""
    later = aliased(EvaluationRow)
    oldest = select(EvaluationRow.id).order_by(EvaluationRow.id).limit(limit).scalar_subquery()
    newer = select(later.id).where(later.model_id == EvaluationRow.model_id, later.id > EvaluationRow.id)
    return select(EvaluationRow.id).where(
        EvaluationRow.id.in_(oldest), EvaluationRow.started_at < before, newer.exists()
    )


def _alerts(before: datetime) -> Select[Any]:
    """Ended and told. The newest episode of a thing stays: the next one is numbered after it, and no name, which
    receivers know, is ever given twice."""
    later = aliased(AlertRow)
    newer = select(later.id).where(later.fingerprint == AlertRow.fingerprint, later.episode > AlertRow.episode)
    speaking = select(NotificationGroupRow.id).where(NotificationGroupRow.closed_at.is_(None))
    return select(AlertRow.id).where(
        AlertRow.closed_at < before, newer.exists(), or_(AlertRow.group == "", AlertRow.group.not_in(speaking))
    )


def _history() -> Any:
    return select(AlertEventRow.id).where(AlertEventRow.alert_id == AlertRow.id).exists()


def _events(before: datetime) -> Select[Any]:
    """The history of an alert goes before it, so that a long one is taken out in steps, too."""
    return select(AlertEventRow.id).where(AlertEventRow.alert_id.in_(_alerts(before)))


def _groups(before: datetime) -> Select[Any]:
    members = select(AlertRow.id).where(AlertRow.group == NotificationGroupRow.id)
    return select(NotificationGroupRow.id).where(NotificationGroupRow.closed_at < before, ~members.exists())
