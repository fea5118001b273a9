"""Tables of who is on call, and of what is silent. People and teams are kept as they were written, like models."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from monitoring.store.tables.base import Base


class WrittenRow(Base):
    """A part of the fleet file, as it was written."""

    __abstract__ = True

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(80), unique=True)
    document: Mapped[dict[str, Any]]
    updated_at: Mapped[datetime]


class PersonRow(WrittenRow):
    """Somebody who can be told."""

    __tablename__ = "person"


class TeamRow(WrittenRow):
    """A team, with its members, schedules, rotations and escalation."""

    __tablename__ = "team"


class OverrideRow(Base):
    """A change of a schedule for a time, as in core.oncall.schedule.Override; "" where nobody is added or removed."""

    __tablename__ = "override"
    __table_args__ = (
        CheckConstraint("ends > starts", name="override_ends_after_it_starts"),
        CheckConstraint("added <> removed", name="override_changes_something"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("team.id", ondelete="CASCADE"), index=True)
    schedule: Mapped[str] = mapped_column(String(80))
    starts: Mapped[datetime]
    ends: Mapped[datetime] = mapped_column(index=True)
    added: Mapped[str] = mapped_column(String(80), default="")
    removed: Mapped[str] = mapped_column(String(80), default="")
    author: Mapped[str] = mapped_column(String(200))
    reason: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime]


class SilenceRow(Base):
    """A silence, as in core.alerting.silence.Silence. `rule` is "" for one that does not recur."""

    __tablename__ = "silence"
    __table_args__ = (CheckConstraint("ends > starts", name="silence_ends_after_it_starts"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    matchers: Mapped[list[Any]]
    starts: Mapped[datetime]
    ends: Mapped[datetime] = mapped_column(index=True)
    rule: Mapped[str] = mapped_column(String(200), default="")
    zone: Mapped[str] = mapped_column(String(64), default="")
    minutes: Mapped[int] = mapped_column(Integer, default=0)
    author: Mapped[str] = mapped_column(String(200))
    reason: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
