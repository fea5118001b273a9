"""The tables of what is to be sent, and of where to: the outbox and the channels."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from monitoring.store.tables.base import Base


class OutboxRow(Base):
    """Something to be sent to one target, written in the transaction that decided it.

    `state` is waiting | leased | sent | dead | cancelled. A leased row is its sender's until `claimed_until`, and only
    whoever knows `claim_token` may finish it. Rows of one `order_key` and target are sent in the order of their ids.
    `urgent` rows (pages) go first. `not_before` is when the receiver wants to be asked again. `fallbacks` are further
    targets, for when this one fails; `passed_on` says that one of them was told. `unclear_at` is since when the target
    may have taken it already: then it is asked, and nothing is sent again before it has answered (orders only).
    """

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("dedup_key", "target"),
        Index("outbox_by_state", "state", "due_at"),
        Index("outbox_by_lane", "target", "order_key", "state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    dedup_key: Mapped[str] = mapped_column(String(300))
    target: Mapped[str] = mapped_column(String(80))
    payload: Mapped[dict[str, Any]]
    order_key: Mapped[str] = mapped_column(String(200))
    urgent: Mapped[bool]
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime]
    not_before: Mapped[datetime | None]
    claim_token: Mapped[str] = mapped_column(String(40), default="")
    claimed_until: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    fallbacks: Mapped[list[Any]]
    passed_on: Mapped[bool] = mapped_column(default=False)
    unclear_at: Mapped[datetime | None]


class ChannelRow(Base):
    """A way to tell people, as in the fleet file, and how it fares.

    `failures` are those since the last delivery. A channel with `disabled_at` is sent nothing until it is enabled.
    """

    __tablename__ = "channel"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    kind: Mapped[str] = mapped_column(String(40))
    document: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    delivered_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str] = mapped_column(Text, default="")
    disabled_at: Mapped[datetime | None]
    disabled_reason: Mapped[str] = mapped_column(Text, default="")
