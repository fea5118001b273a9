"""Movements: something of one model that is not as it was, since about when, and how far it went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

ALIKE = 1 / 3
"""Share of the longer of two moves that both must have in common, to be the same move."""
FINE = 2
"""Windows in a row that must be fine again for a movement to be over."""
WORDS = {
    "drift": "moved",
    "missing": "went missing",
    "values": "left the known values",
    "schema": "changed its columns",
    "volume": "changed its volume",
    "duplicates": "repeats ids",
    "freshness": "came late",
    "latency": "became slow",
    "availability": "failed",
    "unreadable": "cannot be read",
}
"""What can happen, and how it is said of its subject."""


@dataclass(frozen=True, slots=True)
class Move:
    """How far something went. `of` names it (median, missing, or a category's share); both ends are in its unit."""

    of: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Movement:
    """Something of one model that is not as it was.

    `what` is a key of WORDS; `column` is "" where it is the log as a whole; `log` and `feed` say where it comes from.
    It `began` between `earliest` and `latest`, as far as windows tell; `began` is the best guess. `words` is the
    effect in plain words.
    """

    model: str
    what: str
    column: str
    log: str
    feed: str
    began: datetime
    earliest: datetime
    latest: datetime
    words: str = ""
    move: Move | None = None


def run(bad: Sequence[bool]) -> int | None:
    """Where the run of bad windows began that lasts to now; None where there is none. FINE windows end it."""
    first, fine = None, 0
    for at in range(len(bad) - 1, -1, -1):
        fine = 0 if bad[at] else fine + 1
        if fine >= FINE:
            break
        first = at if bad[at] else first
    return first


def span(first: datetime, since: datetime | None, window: timedelta) -> tuple[datetime, datetime, datetime]:
    """When a movement began: the best guess, and the ends of the time it can have begun in.

    `first` is the first bad window of the run, `since` the change point, where there is one. A window to either side
    is allowed for: a change shows late where there are few rows.
    """
    change = since or first
    return change, min(first, change) - window, max(first, change) + 2 * window


def alike(one: Move | None, other: Move | None) -> bool:
    """Whether two moves are of the same thing, in the same direction and over much the same ground."""
    if one is None or other is None or one.of != other.of:
        return False
    if (one.after > one.before) != (other.after > other.before):
        return False
    (a, b), (c, d) = (sorted((m.before, m.after)) for m in (one, other))
    longest = max(b - a, d - c)
    return longest > 0 and min(b, d) - max(a, c) >= ALIKE * longest
