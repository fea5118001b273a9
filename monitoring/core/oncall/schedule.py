"""A schedule: rotations that are on call together, and overrides that beat them. Who is on call, and when nobody is.

As in GoAlert (github.com/target/goalert): whoever any rotation names is on call, and an override adds somebody, takes
somebody away, or puts one in the place of another while that other would be on call.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitoring.core.oncall.rotation import Rotation

AHEAD = timedelta(days=7)
"""How far ahead gaps are shown."""


@dataclass(frozen=True, slots=True)
class Override:
    """A change of the schedule from `start` until `end`: `add` joins, `remove` leaves; both together replace.

    Who replaces is on call only while the other would be.
    """

    start: datetime
    end: datetime
    add: str | None = None
    remove: str | None = None

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError("an override must end after it starts")
        if self.add is None and self.remove is None:
            raise ValueError("an override adds somebody, removes somebody, or both")
        if self.add == self.remove:
            raise ValueError("nobody can replace themselves")

    def applied(self, people: tuple[str, ...]) -> tuple[str, ...]:
        """Who is on call with it, where `people` are without."""
        if self.remove is None:
            return people if self.add in people else (*people, str(self.add))
        if self.remove not in people:
            return people
        stand_in = () if self.add is None or self.add in people else (self.add,)
        return tuple(q for p in people for q in (stand_in if p == self.remove else (p,)))


@dataclass(frozen=True, slots=True)
class Schedule:
    """Rotations, and overrides in the order they were made: a later one beats an earlier one."""

    rotations: tuple[Rotation, ...]
    overrides: tuple[Override, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which the same people are on call; nobody, where there are none."""

    start: datetime
    end: datetime
    people: tuple[str, ...]


def on_call(schedule: Schedule, at: datetime) -> tuple[str, ...]:
    """Who is on call at a moment, each once, in the order of the rotations; none where there is a gap."""
    named = (rotation.on_call(at) for rotation in schedule.rotations)
    people = tuple(dict.fromkeys(person for person in named if person is not None))
    for override in schedule.overrides:
        if override.start <= at < override.end:
            people = override.applied(people)
    return people


def spans(schedule: Schedule, first: datetime, last: datetime) -> list[Span]:
    """Who is on call from `first` until `last`: spans that follow each other without a hole, gaps among them."""
    if last <= first:
        return []
    moments = {first}
    for rotation in schedule.rotations:
        moments.update(rotation.changes(first, last))
    for override in schedule.overrides:
        moments.update(m for m in (override.start, override.end) if first < m < last)
    found: list[Span] = []
    edges = sorted(moments)
    for start, end in zip(edges, [*edges[1:], last], strict=True):
        people = on_call(schedule, start)
        if found and found[-1].people == people:
            found[-1] = Span(found[-1].start, end, people)
        else:
            found.append(Span(start, end, people))
    return found


def gaps(schedule: Schedule, now: datetime, ahead: timedelta = AHEAD) -> list[Span]:
    """When nobody is on call, from now on."""
    return [span for span in spans(schedule, now, now + ahead) if not span.people]
