"""Retrain requests for the pages and the API."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from monitoring.core.retraining.request import Event, RetrainRequest
from monitoring.store.retrain_tables import RetrainEventRow, RetrainRow
from monitoring.store.retrains import from_row


def requests(session: Session, model: str | None = None, limit: int = 200) -> list[RetrainRequest]:
    """The newest requests, of all models or of one."""
    query = select(RetrainRow).order_by(RetrainRow.id.desc()).limit(limit)
    if model is not None:
        query = query.where(RetrainRow.model == model)
    return [from_row(row) for row in session.scalars(query)]


def history(session: Session, key: str) -> list[Event]:
    """What happened to a request, oldest first."""
    query = (
        select(RetrainEventRow)
        .join(RetrainRow, RetrainRow.id == RetrainEventRow.retrain_id)
        .where(RetrainRow.key == key)
        .order_by(RetrainEventRow.seq)
    )
    return [Event(r.at, r.kind, r.words, r.actor) for r in session.scalars(query)]
