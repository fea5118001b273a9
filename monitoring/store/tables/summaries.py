"""Summaries of logs: what they are measured by, what they are about, and what was read of which log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from monitoring.store.tables.base import Base


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
