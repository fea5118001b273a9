"""Windows of time, and the chunks a log is cut into.

A *slot* is the unit summaries are kept in: an hour since 1970-01-01T00:00Z, or, for a log without real
time, the number of a chunk of rows, from 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

HOUR = 3600
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MONDAY = 4 * 24
"""The slot of the first Monday, 1970-01-05T00:00Z: weeks begin on Mondays."""
HOURS_IN = {"m": 1 / 60, "h": 1.0, "d": 24.0}
HOURS_OF = {"1h": 1, "1d": 24, "7d": 168, "30d": 720}


@dataclass(frozen=True, slots=True)
class Chunk:
    """How a log is cut: every `hours` hours, or every `rows` rows. Exactly one of them is set."""

    hours: int | None = 24
    rows: int | None = None

    @property
    def slots(self) -> int:
        """How many slots one chunk spans."""
        return self.hours or 1

    @property
    def name(self) -> str:
        """As in the fleet file: 1h, 1d, 7d, 30d, or "5,000 rows"."""
        if self.rows is not None:
            return f"{self.rows:,} rows"
        return next(name for name, hours in HOURS_OF.items() if hours == self.hours)


@dataclass(frozen=True, slots=True, order=True)
class Slots:
    """Half-open range of slots [first, last)."""

    first: int
    last: int

    def __len__(self) -> int:
        return max(0, self.last - self.first)

    def __contains__(self, slot: int) -> bool:
        return self.first <= slot < self.last


def slot_of(moment: datetime) -> int:
    """The hour slot an aware moment falls into."""
    return int((moment - EPOCH).total_seconds() // HOUR)


def slot_ceiling(moment: datetime) -> int:
    """The first hour slot that begins at or after the moment."""
    return -int((EPOCH - moment).total_seconds() // HOUR)


@lru_cache(maxsize=4096)
def moment_of(slot: int) -> datetime:
    """Where an hour slot begins, in UTC."""
    return EPOCH + timedelta(seconds=slot * HOUR)


def chunks(chunk: Chunk, span: Slots, anchor: int | None = None) -> Iterator[Slots]:
    """The chunks that touch `span`, whole and in order.

    Hours and days lie on the hour and the day of UTC. Longer chunks count from `anchor` (where the
    reference window begins), else from a Monday.
    """
    length = chunk.slots
    origin = 0 if length <= 24 else (MONDAY if anchor is None else anchor)
    first = (span.first - origin) // length
    last = -((origin - span.last) // length)
    for number in range(first, last):
        yield Slots(origin + number * length, origin + (number + 1) * length)


def said(moment: datetime, now: datetime) -> str:
    """A moment in UTC in words: "14 May 06:00"; without the hour at midnight, and with the year where it is another."""
    there = moment.astimezone(UTC)
    day = f"{there.day} {there:%B}" + (f" {there.year}" if there.year != now.astimezone(UTC).year else "")
    return day if (there.hour, there.minute) == (0, 0) else f"{day} {there:%H:%M}"


def hours_in(text: str) -> float:
    """Hours of a span such as 30m, 4h or 2d. Raises ValueError for other text."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([mhd])", text)
    if match is None:
        raise ValueError(f"{text!r} is no span of time such as 30m, 4h or 2d")
    return float(match[1]) * HOURS_IN[match[2]]
