"""Flapping: what goes over its threshold and back again and again is one alert, held open and told once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

HOUR = timedelta(hours=1)
MANY = 4
"""Transitions within the hour that make it flapping."""


def recent(transitions: Iterable[datetime], now: datetime) -> tuple[datetime, ...]:
    """Those of the last hour."""
    return tuple(moment for moment in transitions if timedelta(0) <= now - moment < HOUR)


def flaps(transitions: Iterable[datetime], now: datetime) -> bool:
    """Whether there are too many of them."""
    return len(recent(transitions, now)) >= MANY
