"""Watched models, the logs they are read from, and the evaluations of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from monitoring.store.tables.base import Base


class ModelRow(Base):
    """A watched model: its part of the fleet file, and the folder that relative locations start from.

    `judged` is the fingerprint of the document its stored verdicts were decided by: another one judges all again.
    """

    __tablename__ = "model"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(80), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    owner: Mapped[str] = mapped_column(String(200), default="")
    task: Mapped[str] = mapped_column(String(40))
    mode: Mapped[str] = mapped_column(String(40))
    target: Mapped[str] = mapped_column(String(40))
    document: Mapped[dict[str, Any]]
    base: Mapped[str] = mapped_column(Text)
    judged: Mapped[str] = mapped_column(String(64), default="")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class SourceRow(Base):
    """The state of one log of a model at the last evaluation. `role`: predictions | labels | reference."""

    __tablename__ = "source"

    model_id: Mapped[int] = mapped_column(ForeignKey("model.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[str] = mapped_column(String(12), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    place: Mapped[str] = mapped_column(Text)
    rows: Mapped[int] = mapped_column(BigInteger)
    last_at: Mapped[datetime | None]
    checked_at: Mapped[datetime]
    error: Mapped[str] = mapped_column(Text, default="")
    notices: Mapped[list[Any]]


class EvaluationRow(Base):
    """One evaluation of one model. `now` is the moment it was evaluated as of."""

    __tablename__ = "evaluation"

    id: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("model.id", ondelete="CASCADE"), index=True)
    now: Mapped[datetime]
    started_at: Mapped[datetime]
    seconds: Mapped[float]
    slots_read: Mapped[int]
    rows_read: Mapped[int] = mapped_column(BigInteger)
    error: Mapped[str] = mapped_column(Text, default="")
