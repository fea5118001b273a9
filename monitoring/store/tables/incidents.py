"""What moved, and the causes that several models share."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from monitoring.store.tables.base import Base


class MovementRow(Base):
    """Something of a model that is not as it was, as in core.movement.Movement. `of` is "" where no move is known."""

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
