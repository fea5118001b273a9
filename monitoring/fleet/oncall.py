"""People and teams in the fleet file: who takes turns, when, and who is told next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Any

from pydantic import Field, ValidationError, model_validator

from monitoring.core.oncall import rotation as turns
from monitoring.core.oncall.schedule import Override, Schedule
from monitoring.errors import FleetError
from monitoring.fleet.strict import Strict
from monitoring.fleet.times import Clock, Turn, Wall, Zone

KEY = r"^[a-z0-9-]+$"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Named:
    """Something that a person or a team names: where in its document, of which kind (person, channel, or schedule as
    TEAM/KEY), and what."""

    place: str
    kind: str
    name: str


class Person(Strict):
    """Somebody who can be told. `email` is the address they sign in with; `channels` are tried in their order."""

    key: str = Field(pattern=KEY, max_length=80)
    name: str = ""
    email: str = ""
    zone: Zone = "UTC"
    channels: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The name on screen."""
        return self.name or self.key

    @property
    def names(self) -> list[Named]:
        """All that it names."""
        return [Named("channels", "channel", name) for name in self.channels]


class Hours(Strict):
    """The hours of a week that a rotation covers; `to` at or before `from` is on the next day."""

    start: Clock = Field(alias="from", default=time())
    end: Clock = Field(alias="to", default=time())
    days: tuple[str, ...] = DAYS

    @model_validator(mode="after")
    def _days_are_days(self) -> Hours:
        unknown = [day for day in self.days if day not in DAYS]
        if unknown or not self.days:
            raise ValueError(f"days are {', '.join(DAYS)}, not {', '.join(unknown) or 'none'}")
        return self


class Rotation(Strict):
    """People who take turns, in their order from `start` on; null is an empty slot, which the whole team has."""

    people: tuple[str | None, ...] = Field(min_length=1)
    start: Wall
    turn: Turn = timedelta(weeks=1)
    zone: Zone | None = None
    hours: Hours | None = None

    def of(self, zone: str) -> turns.Rotation:
        """The same as a value; `zone` holds where it names none."""
        hours = self.hours
        covered = None
        if hours is not None:
            covered = turns.Hours(hours.start, hours.end, frozenset(DAYS.index(day) for day in hours.days))
        return turns.Rotation(self.people, self.zone or zone, self.start, self.turn, covered)


class OnCallSchedule(Strict):
    """A schedule of a team: rotations that are on call together."""

    key: str = Field(pattern=KEY, max_length=80)
    rotations: tuple[Rotation, ...] = ()


class EscalationStep(Strict):
    """Who is told, and the minutes to wait for an answer before the next step."""

    targets: tuple[str, ...] = Field(min_length=1)
    minutes: int = Field(default=15, ge=1, le=1440)

    @model_validator(mode="after")
    def _targets_can_be_told(self) -> EscalationStep:
        for target in self.targets:
            kind, _, name = target.partition(":")
            if target != DEFAULT and (kind not in ("person", "schedule", "channel") or not name):
                raise ValueError(f"a target is person:KEY, schedule:KEY, channel:NAME or {DEFAULT}, not {target!r}")
        return self


class Escalation(Strict):
    """Steps in order; after the last they begin again, `loops` times."""

    steps: tuple[EscalationStep, ...] = Field(min_length=1)
    loops: int = Field(default=0, ge=0, le=10)


class Team(Strict):
    """Who has models: those whose `owner` is the team's key, or one of `owners`."""

    key: str = Field(pattern=KEY, max_length=80)
    name: str = ""
    owners: tuple[str, ...] = ()
    zone: Zone = "UTC"
    members: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    schedules: tuple[OnCallSchedule, ...] = ()
    escalation: Escalation | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Team:
        keys = [schedule.key for schedule in self.schedules]
        if twice := sorted({key for key in keys if keys.count(key) > 1}):
            raise ValueError(f"schedules of a team have keys of their own; used twice: {', '.join(twice)}")
        for step in self.escalation.steps if self.escalation else ():
            for target in step.targets:
                kind, _, name = target.partition(":")
                if kind == "schedule" and "/" not in name and name not in keys:
                    known = f"its schedules are {', '.join(keys)}" if keys else "it has none"
                    raise ValueError(f"the team has no schedule {name!r}; {known}")
        return self

    @property
    def title(self) -> str:
        """The name on screen."""
        return self.name or self.key

    @property
    def names(self) -> list[Named]:
        """All that it names, but its own schedules."""
        found = [Named("members", "person", key) for key in self.members]
        found += [Named("channels", "channel", name) for name in self.channels]
        for schedule in self.schedules:
            turns_of = [key for rotation in schedule.rotations for key in rotation.people if key is not None]
            found += [Named(f"schedule {schedule.key}", "person", key) for key in turns_of]
        for number, step in enumerate(self.escalation.steps if self.escalation else (), start=1):
            told = [target.partition(":") for target in step.targets if target != DEFAULT]
            found += [
                Named(f"escalation, step {number}", kind, name)
                for kind, _, name in told
                if kind != "schedule" or "/" in name
            ]
        return found

    @property
    def people(self) -> set[str]:
        """Everybody whom it names, by key."""
        return {one.name for one in self.names if one.kind == "person"}

    def has(self, owner: str) -> bool:
        """Whether models of an owner are the team's."""
        return owner == self.key or owner in self.owners

    def schedule(self, key: str, overrides: Iterable[Override] = ()) -> Schedule:
        """One of its schedules as a value. KeyError where there is none."""
        rotations = {schedule.key: schedule.rotations for schedule in self.schedules}[key]
        return Schedule(tuple(rotation.of(self.zone) for rotation in rotations), tuple(overrides))


def parse_person(document: Any) -> Person:
    """Validate one person. Raises FleetError that says what is wrong."""
    try:
        return Person.model_validate(document)
    except ValidationError as error:
        raise _refused("person", document, error) from error


def parse_team(document: Any) -> Team:
    """Validate one team, but not that those whom it names are there. Raises FleetError that says what is wrong."""
    try:
        return Team.model_validate(document)
    except ValidationError as error:
        raise _refused("team", document, error) from error


def _refused(kind: str, document: Any, error: ValidationError) -> FleetError:
    name = document.get("key", "") if isinstance(document, dict) else ""
    lines = []
    for problem in error.errors():
        place = " › ".join(str(part) for part in problem["loc"])
        unknown = problem["type"] == "extra_forbidden"
        words = "no such field" if unknown else problem["msg"].removeprefix("Value error, ")
        lines.append(f"{place}: {words}" if place else words)
    found = FleetError("; ".join(lines), where=f"{kind} {name}".strip(), mend="Mend it and save again.")
    found.problems = tuple(lines)
    return found
