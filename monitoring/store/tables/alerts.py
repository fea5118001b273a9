"""The tables of alerts: episodes, their history, and the groups that notifications go in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from monitoring.store.tables.base import Base

OPEN = text("closed_at IS NULL")


class AlertRow(Base):
    """An episode, as core.alerting.alert.Alert. One of a fingerprint is open at most: the database sees to it.

    `useful` is what a person said of it: true, false for noise, null where nobody did. A model's alerts outlive it.
    """

    __tablename__ = "alert"
    __table_args__ = (
        UniqueConstraint("fingerprint", "episode"),
        Index("alert_open", "fingerprint", unique=True, sqlite_where=OPEN, postgresql_where=OPEN),
        Index("alert_of_model", "model_key", "opened_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(40), unique=True)
    fingerprint: Mapped[str] = mapped_column(String(20))
    episode: Mapped[int]
    model_key: Mapped[str] = mapped_column(String(80))
    model_name: Mapped[str] = mapped_column(String(200))
    owner: Mapped[str] = mapped_column(String(200))
    check: Mapped[str] = mapped_column(String(60))
    column: Mapped[str] = mapped_column(String(300))
    slice: Mapped[str] = mapped_column(String(400))
    version: Mapped[str] = mapped_column(String(200))
    method: Mapped[str] = mapped_column(String(60))
    rule: Mapped[str] = mapped_column(String(60))
    kind: Mapped[str] = mapped_column(String(20))
    severity: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(10))
    condition: Mapped[str] = mapped_column(String(10))
    summary: Mapped[str] = mapped_column(Text)
    value: Mapped[float | None]
    threshold: Mapped[float | None]
    window_start: Mapped[datetime | None]
    window_end: Mapped[datetime | None]
    opened_at: Mapped[datetime]
    last_seen: Mapped[datetime]
    fired_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None] = mapped_column(index=True)
    clear_since: Mapped[datetime | None]
    transitions: Mapped[list[Any]]
    flapping: Mapped[bool]
    acked_by: Mapped[str] = mapped_column(String(200))
    acked_at: Mapped[datetime | None]
    acked_until: Mapped[datetime | None]
    policy: Mapped[dict[str, Any]]
    step: Mapped[int]
    loop: Mapped[int]
    escalates_at: Mapped[datetime | None]
    asked_by: Mapped[str] = mapped_column(String(200))
    group: Mapped[str] = mapped_column(String(60), index=True)
    wait_seconds: Mapped[float | None]
    keep_seconds: Mapped[float | None]
    events: Mapped[int] = mapped_column(default=0)
    useful: Mapped[bool | None]
    judged_by: Mapped[str] = mapped_column(String(200), default="", server_default="")


class AlertEventRow(Base):
    """A line of an alert's history. Only ever added to."""

    __tablename__ = "alert_event"
    __table_args__ = (UniqueConstraint("alert_id", "seq"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    alert_id: Mapped[int] = mapped_column(ForeignKey("alert.id", ondelete="CASCADE"))
    seq: Mapped[int]
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(String(200))


class NotificationGroupRow(Base):
    """What is sent together, as core.alerting.grouping.Group. One of a name is open at most."""

    __tablename__ = "notification_group"
    __table_args__ = (Index("group_open", "name", unique=True, sqlite_where=OPEN, postgresql_where=OPEN),)

    id: Mapped[str] = mapped_column(String(60), primary_key=True)
    name: Mapped[str] = mapped_column(String(400))
    owner: Mapped[str] = mapped_column(String(200))
    model: Mapped[str] = mapped_column(String(80))
    model_name: Mapped[str] = mapped_column(String(200))
    title: Mapped[str] = mapped_column(Text)
    opened_at: Mapped[datetime]
    changed_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None] = mapped_column(index=True)
    number: Mapped[int]
    told: Mapped[dict[str, Any]]
    channels: Mapped[list[Any]]
