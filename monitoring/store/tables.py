"""The tables. Every moment is UTC; an absent string in a unique key is '', so that uniqueness holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

MOMENTS = 8_192
"""Moments that are known in the database's own form."""


def _as_it_is(value: Any) -> Any:
    return value


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, kept as UTC. SQLite has no zone, so it is put on when reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any]:
        """From a moment to what the driver takes. Rows that go together share moments, so each is turned once."""
        return lru_cache(MOMENTS)(super().bind_processor(dialect) or _as_it_is)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        """From what the driver gives to a moment."""
        return lru_cache(MOMENTS)(super().result_processor(dialect, coltype) or _as_it_is)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive moments; store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a naive moment cannot be stored: {value!r}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give UTC back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of all tables."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime,
        dict[str, Any]: JSON,
        list[Any]: JSON,
        bytes: LargeBinary,
    }


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


class BaselineRow(Base):
    """The frozen reference of a model: grids by column, and what the reference looked like. One is active."""

    __tablename__ = "baseline"

    id: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("model.id", ondelete="CASCADE"), index=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    active: Mapped[bool]
    profile: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class SeriesRow(Base):
    """What a run of summaries is about. `role` is current | reference; `kind` as in core.summary.Kind."""

    __tablename__ = "series"
    __table_args__ = (UniqueConstraint("baseline_id", "role", "kind", "column", "version", "slice"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    baseline_id: Mapped[int] = mapped_column(ForeignKey("baseline.id", ondelete="CASCADE"))
    role: Mapped[str] = mapped_column(String(10))
    kind: Mapped[str] = mapped_column(String(12))
    column: Mapped[str] = mapped_column(String(300))
    version: Mapped[str] = mapped_column(String(200), default="")
    slice: Mapped[str] = mapped_column(String(400), default="")


class SummaryRow(Base):
    """One block (24 slots: a day) of one series. `total` is the block merged; `cells` keeps it slot by slot."""

    __tablename__ = "summary"

    series_id: Mapped[int] = mapped_column(ForeignKey("series.id", ondelete="CASCADE"), primary_key=True)
    block: Mapped[int] = mapped_column(primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger)
    total: Mapped[bytes]
    cells: Mapped[bytes]


class SlotRow(Base):
    """A log slot that has been read: how many rows, and a checksum of what was read."""

    __tablename__ = "slot"

    baseline_id: Mapped[int] = mapped_column(ForeignKey("baseline.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[str] = mapped_column(String(10), primary_key=True)
    slot: Mapped[int] = mapped_column(primary_key=True)
    rows: Mapped[int] = mapped_column(BigInteger)
    checksum: Mapped[str] = mapped_column(String(40))


class PartRow(Base):
    """A piece of a log (a file) as it was when last read: its stamp, and the slots its rows fall into."""

    __tablename__ = "part"

    baseline_id: Mapped[int] = mapped_column(ForeignKey("baseline.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[str] = mapped_column(String(12), primary_key=True)
    name: Mapped[str] = mapped_column(String(1000), primary_key=True)
    stamp: Mapped[str] = mapped_column(String(80))
    first_slot: Mapped[int]
    last_slot: Mapped[int]


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


class MovementRow(Base):
    """Something of a model that is not as it was, as in core.incident.Movement. `of` is "" where no move is known."""

    __tablename__ = "movement"

    model_id: Mapped[int] = mapped_column(ForeignKey("model.id", ondelete="CASCADE"), primary_key=True)
    what: Mapped[str] = mapped_column(String(20), primary_key=True)
    column: Mapped[str] = mapped_column(String(300), primary_key=True)
    log: Mapped[str] = mapped_column(Text)
    feed: Mapped[str] = mapped_column(String(200))
    began: Mapped[datetime]
    earliest: Mapped[datetime]
    latest: Mapped[datetime]
    words: Mapped[str] = mapped_column(Text)
    of: Mapped[str] = mapped_column(Text)
    before: Mapped[float]
    after: Mapped[float]


class IncidentRow(Base):
    """A cause that several models share, as in core.incident.Incident. It is open while `closed_at` is null."""

    __tablename__ = "incident"

    id: Mapped[int] = mapped_column(primary_key=True)
    cause: Mapped[str] = mapped_column(String(10))
    name: Mapped[str] = mapped_column(Text)
    what: Mapped[str] = mapped_column(String(20))
    since: Mapped[datetime]
    title: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    opened_at: Mapped[datetime]
    last_seen: Mapped[datetime]
    closed_at: Mapped[datetime | None] = mapped_column(index=True)


class IncidentMemberRow(Base):
    """A model's part in an incident: `words` is what moved; `left_at` is null while it has a part."""

    __tablename__ = "incident_member"

    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id", ondelete="CASCADE"), primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("model.id", ondelete="CASCADE"), primary_key=True, index=True)
    words: Mapped[str] = mapped_column(Text)
    began: Mapped[datetime]
    joined_at: Mapped[datetime]
    left_at: Mapped[datetime | None]


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


class HeartbeatRow(Base):
    """When a part of Leeway last gave a sign of life."""

    __tablename__ = "heartbeat"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    at: Mapped[datetime]
    detail: Mapped[str] = mapped_column(Text, default="")


class RequestRow(Base):
    """Work the dashboard asks of the worker: evaluate a model now, build a report, re-baseline."""

    __tablename__ = "request"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    model_key: Mapped[str] = mapped_column(String(80))
    arguments: Mapped[dict[str, Any]]
    actor: Mapped[str] = mapped_column(String(200))
    asked_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    progress: Mapped[float] = mapped_column(default=0.0)
    message: Mapped[str] = mapped_column(Text, default="")
    result: Mapped[str] = mapped_column(Text, default="")
    finished_at: Mapped[datetime | None]


class AuditRow(Base):
    """Who changed what, and when. Only ever added to."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(60))
    subject: Mapped[str] = mapped_column(String(200))
    detail: Mapped[dict[str, Any]]
