"""Retrain requests for the pages and the API."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from monitoring.core.retraining.request import Event, RetrainRequest
from monitoring.core.retraining.state import State
from monitoring.store.retrains import LOCK, from_row
from monitoring.store.tables import HeartbeatRow, RetrainEventRow, RetrainRow


def requests(
    session: Session, model: str | None = None, limit: int = 200, states: Collection[State] = ()
) -> list[RetrainRequest]:
    """The newest requests, of all models or of one, in any state or in some."""
    query = select(RetrainRow).order_by(RetrainRow.id.desc()).limit(limit)
    if states:
        query = query.where(RetrainRow.state.in_([str(state) for state in states]))
    if model is not None:
        query = query.where(RetrainRow.model == model)
    return [from_row(row) for row in session.scalars(query)]


def trouble(session: Session) -> str:
    """What went wrong when the worker last looked after retrains; "" where nothing did."""
    return session.scalar(select(HeartbeatRow.detail).where(HeartbeatRow.name == LOCK)) or ""


def history(session: Session, key: str) -> list[Event]:
    """What happened to a request, oldest first."""
    query = (
        select(RetrainEventRow)
        .join(RetrainRow, RetrainRow.id == RetrainEventRow.retrain_id)
        .where(RetrainRow.key == key)
        .order_by(RetrainEventRow.seq)
    )
    return [Event(r.at, r.kind, r.words, r.actor) for r in session.scalars(query)]
