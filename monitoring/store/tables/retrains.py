"""The tables of retraining: requests and their history."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from monitoring.core.retraining.state import OPEN
from monitoring.store.tables.base import Base

IS_OPEN = text(f"state IN ({', '.join(repr(str(state)) for state in sorted(OPEN))})")


class RetrainRow(Base):
    """A request, as core.retraining.request.RetrainRequest. One of a model is open at most, and the same occasion makes
    one once: the database sees to both. A model's requests outlive it."""

    __tablename__ = "retrain"
    __table_args__ = (
        UniqueConstraint("model", "number"),
        UniqueConstraint("idempotency"),
        Index("retrain_open", "model", unique=True, sqlite_where=IS_OPEN, postgresql_where=IS_OPEN),
        Index("retrain_by_state", "state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(100), unique=True)
    model: Mapped[str] = mapped_column(String(80))
    number: Mapped[int]
    model_name: Mapped[str] = mapped_column(String(200))
    owner: Mapped[str] = mapped_column(String(200))
    cause: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(Text)
    requester: Mapped[str] = mapped_column(String(200))
    idempotency: Mapped[str] = mapped_column(String(100))
    state: Mapped[str] = mapped_column(String(20))
    opened_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    policy: Mapped[dict[str, Any]]
    evidence: Mapped[dict[str, Any]]
    flagged_at: Mapped[datetime | None]
    objections: Mapped[list[Any]]
    approver: Mapped[str] = mapped_column(String(200))
    override: Mapped[str] = mapped_column(Text)
    champion: Mapped[str] = mapped_column(String(200))
    version: Mapped[str] = mapped_column(String(200))
    train_until: Mapped[datetime | None]
    order: Mapped[str] = mapped_column(String(120))
    orders: Mapped[int]
    pending: Mapped[str] = mapped_column(String(20))
    run: Mapped[str] = mapped_column(String(300))
    progress: Mapped[float | None]
    message: Mapped[str] = mapped_column(Text)
    metrics: Mapped[dict[str, Any]]
    comparison: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    compared_at: Mapped[datetime | None]
    gain: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    measured: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    roll_back: Mapped[str] = mapped_column(Text)
    cost: Mapped[float | None]
    approved_at: Mapped[datetime | None]
    deadline: Mapped[datetime | None]
    dispatched_at: Mapped[datetime | None]
    candidate_at: Mapped[datetime | None]
    promoted_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    events: Mapped[int] = mapped_column(default=0)


class RetrainEventRow(Base):
    """A line of a request's history. Only ever added to."""

    __tablename__ = "retrain_event"
    __table_args__ = (UniqueConstraint("retrain_id", "seq"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    retrain_id: Mapped[int] = mapped_column(ForeignKey("retrain.id", ondelete="CASCADE"))
    seq: Mapped[int]
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(30))
    words: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(String(200))
