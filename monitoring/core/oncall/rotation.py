"""A rotation: people who take turns, handed over at a wall time of some zone, at all hours or at some."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from monitoring.core.wall_time import moment_of, wall_of

DAY = timedelta(days=1)
ALL_DAYS = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class Hours:
    """The hours of a week that a rotation covers, by the clocks of its zone.

    `days` are the weekdays (Monday is 0) on which they begin. `end` is exclusive; where it is not after `start`, it is
    that of the next day, so equal ones are a whole day.
    """

    start: time
    end: time
    days: frozenset[int] = ALL_DAYS

    def around(self, at: datetime, zone: str) -> Iterator[tuple[datetime, datetime]]:
        """The covered spans (UTC) that begin on the day before, of and after a moment, as they are in the zone."""
        today = datetime.combine(wall_of(at, zone).date(), time())
        for day in (today - DAY, today, today + DAY):
            if day.weekday() in self.days:
                last = day if self.end > self.start else day + DAY
                yield (
                    moment_of(datetime.combine(day, self.start), zone),
                    moment_of(datetime.combine(last, self.end), zone),
                )


@dataclass(frozen=True, slots=True)
class Rotation:
    """People who take turns. `people[0]` has the first one; None is a slot that nobody has.

    `start` (naive) is the wall time of the first hand-over, `turn` how long a turn is by the clocks of the zone: turns
    of a day change hands at the same wall time each day, be the day 23, 24 or 25 hours long. Before `start` there is
    nobody.
    """

    people: tuple[str | None, ...]
    zone: str
    start: datetime
    turn: timedelta
    hours: Hours | None = None

    def __post_init__(self) -> None:
        if not self.people:
            raise ValueError("a rotation needs people")
        if self.turn < timedelta(minutes=1):
            raise ValueError("a turn lasts a minute or more")

    def handoff(self, number: int) -> datetime:
        """The moment at which turn `number` (from 0) begins."""
        return moment_of(self.start + number * self.turn, self.zone)

    def turn_at(self, at: datetime) -> int | None:
        """The turn that a moment falls into; None before the first.

        A turn that clocks skip has no length and is nobody's; of hours that clocks show twice it has both.
        """
        number = (wall_of(at, self.zone) - self.start) // self.turn
        while self.handoff(number) > at:
            number -= 1
        while self.handoff(number + 1) <= at:
            number += 1
        return None if number < 0 else number

    def on_call(self, at: datetime) -> str | None:
        """Who has the turn at a moment; None outside the hours, before the start, and in an empty slot."""
        if self.hours is not None and not any(a <= at < b for a, b in self.hours.around(at, self.zone)):
            return None
        number = self.turn_at(at)
        return None if number is None else self.people[number % len(self.people)]

    def changes(self, first: datetime, last: datetime) -> Iterator[datetime]:
        """The moments between `first` and `last` at which somebody else may be on call."""
        number = self.turn_at(first)
        number = 0 if number is None else number + 1
        while (moment := self.handoff(number)) < last:
            yield moment
            number += 1
        day = first
        while self.hours is not None and day < last + DAY:
            for span in self.hours.around(day, self.zone):
                yield from (moment for moment in span if first < moment < last)
            day += DAY
