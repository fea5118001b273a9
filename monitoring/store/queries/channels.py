"""What the Channels page shows: each channel with how it fares, dead letters, and what became of a test."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from monitoring.core.alerting.notification import NotifyReason
from monitoring.store.outbox import NOTIFICATION
from monitoring.store.tables import ChannelRow, OutboxRow

NEWEST = 200
"""Dead letters that are listed."""


@dataclass(frozen=True, slots=True)
class ChannelEntry:
    """A channel as it was written, and how it fares. `waiting` and `dead` are rows of the outbox."""

    name: str
    kind: str
    document: dict[str, Any]
    updated_at: datetime
    delivered_at: datetime | None
    failed_at: datetime | None
    failures: int
    last_error: str
    disabled_at: datetime | None
    disabled_reason: str
    waiting: int
    dead: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A notification that was given up: `model` and `why` are its own words, `told` the channels that have it."""

    id: int
    target: str
    model: str
    severity: str
    why: str
    error: str
    attempts: int
    created_at: datetime
    told: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Test:
    """The newest test of a channel. `state` is as in OutboxRow; `words` why it failed, or a note."""

    __test__ = False

    state: str
    words: str
    asked_at: datetime
    sent_at: datetime | None


def entries(session: Session) -> list[ChannelEntry]:
    """All channels, in the order in which they were first applied."""
    counts = {
        (target, state): count
        for target, state, count in session.execute(
            select(OutboxRow.target, OutboxRow.state, func.count())
            .where(OutboxRow.kind == NOTIFICATION)  # a model may be called as a channel is
            .group_by(OutboxRow.target, OutboxRow.state)
        )
    }
    return [
        ChannelEntry(
            r.name, r.kind, r.document, r.updated_at, r.delivered_at, r.failed_at, r.failures, r.last_error,
            r.disabled_at, r.disabled_reason,
            counts.get((r.name, "waiting"), 0) + counts.get((r.name, "leased"), 0), counts.get((r.name, "dead"), 0),
        )
        for r in session.scalars(select(ChannelRow).order_by(ChannelRow.id))
    ]  # fmt: skip


def dead_letters(session: Session) -> list[DeadLetter]:
    """What was given up and nobody has looked at yet, newest first."""
    query = select(OutboxRow).where(OutboxRow.state == "dead").order_by(OutboxRow.id.desc()).limit(NEWEST)
    rows = list(session.scalars(query))
    sent = select(OutboxRow.dedup_key, OutboxRow.target).where(
        OutboxRow.dedup_key.in_([r.dedup_key for r in rows]), OutboxRow.state == "sent"
    )
    told: dict[str, list[str]] = {}
    for key, target in session.execute(sent):
        told.setdefault(key, []).append(target)
    return [
        DeadLetter(
            r.id, r.target, str(r.payload.get("model_name") or r.payload.get("model") or "?"),
            str(r.payload.get("severity") or ""), str(r.payload.get("why") or ""), r.last_error, r.attempts,
            r.created_at, tuple(told.get(r.dedup_key, ())),
        )
        for r in rows
    ]  # fmt: skip


def dead_count(session: Session) -> int:
    """How many dead letters there are."""
    return session.scalar(select(func.count()).where(OutboxRow.state == "dead")) or 0


def newest_test(session: Session, name: str) -> Test | None:
    """The newest test of a channel; None where there was none."""
    is_test = OutboxRow.payload["reason"].as_string() == str(NotifyReason.TEST)
    query = (
        select(OutboxRow)
        .where(OutboxRow.kind == NOTIFICATION, OutboxRow.target == name, is_test)
        .order_by(OutboxRow.id.desc())
        .limit(1)
    )
    row = session.scalar(query)
    return None if row is None else Test(row.state, row.last_error, row.created_at, row.sent_at)
