"""Moments in time as people write them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time


def instant(value: str | date | datetime) -> datetime:
    """An aware moment in UTC. A bare date is its first moment; a time without a zone is read as UTC."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    elif not isinstance(value, datetime):
        value = datetime.combine(value, time())
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
