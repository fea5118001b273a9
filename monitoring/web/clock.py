"""The present, and how long ago something was, in words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

read: Callable[[], datetime] = partial(datetime.now, UTC)
"""Where the present is read: another clock may be put in its place."""


def now() -> datetime:
    """The present."""
    return read()


def ago(moment: datetime | None, present: datetime) -> str:
    """Such as "12 s ago"; "never" for None."""
    if moment is None:
        return "never"
    return f"{span(present - moment)} ago" if moment <= present else f"in {span(moment - present)}"


def span(length: timedelta) -> str:
    """A length of time in its largest unit."""
    seconds = length.total_seconds()
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size or (seconds >= size and unit == "min"):
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def stamp(moment: datetime | None) -> str:
    """A moment in UTC, to the minute."""
    return "–" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def stamped(moment: datetime) -> str:
    """A moment in UTC; without the hour at midnight."""
    there = moment.astimezone(UTC)
    return f"{there:%Y-%m-%d}" if (there.hour, there.minute) == (0, 0) else f"{there:%Y-%m-%d %H:%M}"


def window(start: datetime | None, end: datetime | None, chunk: int | None = None) -> str:
    """A window in words: a day, its first and last day, its hours, or the number of a chunk of rows."""
    if start is None or end is None:
        return f"chunk {chunk}"
    first, last = start.astimezone(UTC), end.astimezone(UTC)
    if first.hour == last.hour == 0:
        days = (last - first).days
        return f"{first:%Y-%m-%d}" if days == 1 else f"{first:%Y-%m-%d} to {last - timedelta(days=1):%Y-%m-%d}"
    return (
        f"{first:%Y-%m-%d %H:%M} to {last:%H:%M}"
        if last - first < timedelta(days=1)
        else f"{stamp(first)} to {stamp(last)}"
    )
