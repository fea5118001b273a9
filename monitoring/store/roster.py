"""Everybody who may be on call, as the database has them, and whom an alert reaches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from monitoring.core.alerting.escalation import DEFAULT, Policy, Step
from monitoring.core.oncall.schedule import Override, on_call
from monitoring.fleet.oncall import Person, Team, parse_person, parse_team
from monitoring.store.tables import OverrideRow, PersonRow, TeamRow

FIRST_ANSWER = 15
"""Minutes that the first on call have, where a team has a schedule and no escalation."""


@dataclass(frozen=True, slots=True)
class Planned:
    """An override as it is kept, with who made it and why."""

    id: int
    schedule: str
    override: Override
    author: str
    reason: str


@dataclass(frozen=True, slots=True)
class Target:
    """Who is told, and over which channels, in the order to try them. `person` is "" where it is only a channel."""

    person: str
    name: str
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Roster:
    """All people and teams by key, and each team's overrides in the order they were made."""

    people: dict[str, Person]
    teams: dict[str, Team]
    overrides: dict[str, tuple[Planned, ...]]

    def team_of(self, owner: str) -> Team | None:
        """The team that has an owner's models."""
        return next((team for team in self.teams.values() if team.has(owner)), None)

    def overrides_of(self, team: str, schedule: str) -> tuple[Override, ...]:
        """Those of one schedule."""
        return tuple(p.override for p in self.overrides.get(team, ()) if p.schedule == schedule)

    def on_call(self, team: str, schedule: str, at: datetime) -> tuple[str, ...]:
        """Who is on call by a schedule; none in a gap."""
        return on_call(self.teams[team].schedule(schedule, self.overrides_of(team, schedule)), at)

    def reached(self, person: str, team: Team | None) -> Target:
        """A person with their channels; with the team's, where they have none of their own."""
        known = self.people.get(person)
        own = known.channels if known else ()
        return Target(person, known.title if known else person, own or (team.channels if team else ()))


def roster(session: Session, since: datetime | None = None) -> Roster:
    """Everything of who is on call; of overrides those that end after `since`, where it is given."""
    people = {row.key: parse_person(row.document) for row in session.scalars(select(PersonRow).order_by(PersonRow.id))}
    rows = list(session.scalars(select(TeamRow).order_by(TeamRow.id)))
    keys = {row.id: row.key for row in rows}
    query = select(OverrideRow).order_by(OverrideRow.id)
    overrides: dict[str, tuple[Planned, ...]] = {}
    for o in session.scalars(query if since is None else query.where(OverrideRow.ends > since)):
        value = Override(o.starts, o.ends, o.added or None, o.removed or None)
        planned = Planned(o.id, o.schedule, value, o.author, o.reason)
        overrides[keys[o.team_id]] = (*overrides.get(keys[o.team_id], ()), planned)
    return Roster(people, {row.key: parse_team(row.document) for row in rows}, overrides)


def policy_of(session: Session, owner: str) -> Policy | None:
    """The escalation of the team that has an owner's models; None where no team has them, or it can reach nobody.

    A team with a schedule and no escalation tells whoever is on call, then everybody on the channels that fit.
    """
    team = roster(session).team_of(owner)
    if team is None:
        return None
    if team.escalation is not None:
        steps = tuple(Step(s.minutes, tuple(_qualified(t, team) for t in s.targets)) for s in team.escalation.steps)
        return Policy(steps, team.escalation.loops)
    if team.schedules:
        first = Step(FIRST_ANSWER, (_qualified(f"schedule:{team.schedules[0].key}", team),))
        return Policy((first, Step(FIRST_ANSWER, (DEFAULT,))))
    if team.channels:
        return Policy((Step(FIRST_ANSWER, tuple(f"channel:{name}" for name in team.channels)),))
    return None


def targets(session: Session, target: str, at: datetime) -> list[Target]:
    """Whom `person:KEY`, `schedule:TEAM/KEY` or `channel:NAME` means at a moment; none where it is gone.

    Where nobody is on call by a schedule, all members of its team are told, or else the team's channels.
    """
    kind, _, name = target.partition(":")
    if kind == "channel":
        return [Target("", name, (name,))]
    known = roster(session, at)
    if kind == "person":
        team = next((team for team in known.teams.values() if name in team.members), None)
        return [known.reached(name, team)] if name in known.people else []
    key, _, schedule = name.partition("/")
    team = known.teams.get(key)
    if team is None or schedule not in {s.key for s in team.schedules}:
        return []
    people = known.on_call(key, schedule, at) or team.members
    if not people and team.channels:
        return [Target("", team.title, team.channels)]
    return [known.reached(p, team) for p in people]


def _qualified(target: str, team: Team) -> str:
    """A schedule with the team it is of, so that it can be found wherever it is named."""
    kind, _, name = target.partition(":")
    return f"schedule:{team.key}/{name}" if kind == "schedule" and "/" not in name else target
