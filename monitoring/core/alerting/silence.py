"""A silence: alerts that nobody is told of for a time. A maintenance window is one that recurs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitoring.core.alerting.matcher import Matcher, all_match
from monitoring.core.recurrence import Recurrence

LONGEST = timedelta(days=731)
"""A silence longer than two years is one that was forgotten."""


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts that all `matchers` fit are silent from `starts` until `ends`; with a `recurrence`, only in its windows.

    It always ends.
    """

    matchers: tuple[Matcher, ...]
    starts: datetime
    ends: datetime
    author: str
    reason: str
    recurrence: Recurrence | None = None

    def __post_init__(self) -> None:
        if self.ends <= self.starts:
            raise ValueError("a silence must end after it starts")

    def matches(self, labels: Mapping[str, str], at: datetime) -> bool:
        """Whether an alert of these labels is silent at a moment."""
        return self.in_force(at) and all_match(self.matchers, labels)

    def in_force(self, at: datetime) -> bool:
        """Whether it silences at a moment."""
        return any(start <= at < end for start, end in self.windows(at, at + timedelta(microseconds=1)))

    def windows(self, first: datetime, last: datetime) -> list[tuple[datetime, datetime]]:
        """The times between `first` and `last` in which it is in force."""
        first, last = max(first, self.starts), min(last, self.ends)
        if last <= first:
            return []
        if self.recurrence is None:
            return [(first, last)]
        return [(max(a, first), min(b, last)) for a, b in self.recurrence.windows(self.starts, first, last)]

    def until(self, at: datetime) -> datetime | None:
        """When the window that is in force at a moment closes; None where none is."""
        if not self.in_force(at):
            return None
        if self.recurrence is None:
            return self.ends
        open_now = self.recurrence.windows(self.starts, at, at + timedelta(microseconds=1))
        return min(self.ends, max(end for _, end in open_now))


def checked(silence: Silence) -> Silence:
    """The same, where somebody may make it. Raises ValueError where not.

    It needs an author and a reason. As in Alertmanager, one matcher at least must not fit the empty string: a silence
    of everything is always an accident.
    """
    if silence.ends - silence.starts > LONGEST:
        raise ValueError("a silence may last two years at most: make another one when it is over")
    if not silence.author.strip() or not silence.reason.strip():
        raise ValueError("a silence needs an author and a reason")
    if all_match(silence.matchers, {}):
        raise ValueError("this would silence everything: one matcher at least must not fit an empty label")
    if silence.recurrence is not None and not silence.windows(silence.starts, silence.ends):
        raise ValueError("no window opens before it ends")
    return silence
