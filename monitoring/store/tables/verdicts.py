"""What was found out about models: verdicts, and the diagnoses of breaches."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from monitoring.store.tables.base import Base


class VerdictRow(Base):
    """A verdict. The newest revision of a window replaces the older; `first_slot` orders windows in time."""

    __tablename__ = "verdict"
    __table_args__ = (
        UniqueConstraint("model_id", "check", "column", "slice", "version", "method", "first_slot"),
        Index("verdict_by_check", "check", "window_end"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("model.id", ondelete="CASCADE"))
    check: Mapped[str] = mapped_column(String(60))
    column: Mapped[str] = mapped_column(String(300), default="")
    slice: Mapped[str] = mapped_column(String(400), default="")
    version: Mapped[str] = mapped_column(String(200), default="")
    method: Mapped[str] = mapped_column(String(60), default="")
    first_slot: Mapped[int] = mapped_column(Integer)
    window_start: Mapped[datetime | None]
    window_end: Mapped[datetime | None]
    chunk: Mapped[int | None]
    n: Mapped[int] = mapped_column(BigInteger)
    value: Mapped[float | None]
    lower: Mapped[float | None]
    upper: Mapped[float | None]
    p_value: Mapped[float | None]
    threshold: Mapped[float | None]
    warning: Mapped[float | None]
    breached: Mapped[float | None]
    status: Mapped[str] = mapped_column(String(20))
    flag: Mapped[str] = mapped_column(String(10), default="")
    automatic: Mapped[bool]
    provisional: Mapped[bool]
    reason: Mapped[str] = mapped_column(Text)
    drift_score: Mapped[float | None]
    null_quantile: Mapped[float | None]
    false_alarms: Mapped[float | None]
    effect: Mapped[str] = mapped_column(Text, default="", server_default="")
    since: Mapped[datetime | None]
    evaluated_at: Mapped[datetime]
    revision: Mapped[int] = mapped_column(default=1)


class DiagnosisRow(Base):
    """A diagnosis of some windows, as in core.diagnosis.diagnosis.Attempt: `content` is null where `error` prevented
    one."""

    __tablename__ = "diagnosis"
    __table_args__ = (UniqueConstraint("model_id", "check", "first_slot", "last_slot", "automatic"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("model.id", ondelete="CASCADE"))
    check: Mapped[str] = mapped_column(String(60))
    first_slot: Mapped[int]
    last_slot: Mapped[int]
    state: Mapped[str] = mapped_column(String(64), default="")
    automatic: Mapped[bool]
    made_at: Mapped[datetime]
    content: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    error: Mapped[str] = mapped_column(Text, default="")
