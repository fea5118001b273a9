"""A clock that a test moves, and the moment at which tests of pages look at them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

PRESENT = datetime(2026, 5, 20, 11, 37, 23, tzinfo=UTC)


class Clock:
    """Stands still until it is moved."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
