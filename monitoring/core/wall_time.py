"""Wall time: what a clock on the wall of some place shows, and the moment at which it does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


def moment_of(wall: datetime, zone: str) -> datetime:
    """The moment (UTC) at which clocks in an IANA zone show a naive `wall` time.

    A time that the clocks show twice is the first of the two. One that they never show, as they are put forward over
    it, is the moment at which they are put forward: the next one that there is. So a later wall time is never an
    earlier moment.
    """
    place = ZoneInfo(zone)
    early = wall.replace(tzinfo=place, fold=0).astimezone(UTC)  # by the offset before a change
    if early.astimezone(place).replace(tzinfo=None) == wall:
        return early
    late, early = early, wall.replace(tzinfo=place, fold=1).astimezone(UTC)  # in a gap the two lie around the change
    before = early.astimezone(place).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = early + timedelta(seconds=int((late - early).total_seconds()) // 2)
        if middle.astimezone(place).utcoffset() == before:
            early = middle
        else:
            late = middle
    return late.replace(microsecond=0)


def wall_of(moment: datetime, zone: str) -> datetime:
    """What clocks in a zone show at an aware moment: a naive time."""
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
