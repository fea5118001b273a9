"""Who is on call, as the page and the command line ask for it: now, next, and the days ahead of every schedule."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from monitoring.core.oncall.schedule import AHEAD, Span, spans
from monitoring.fleet.oncall import Person, Team
from monitoring.store.roster import Planned, Roster, roster
from monitoring.store.tables import ChannelRow, ModelRow, TeamRow

SHOWN = timedelta(days=14)
"""How far ahead a schedule is laid out."""


@dataclass(frozen=True, slots=True)
class Duty:
    """A schedule of a team from a moment on. `spans` are all of the time shown, gaps among them."""

    team: Team
    schedule: str
    spans: tuple[Span, ...]
    planned: tuple[Planned, ...]

    @property
    def name(self) -> str:
        """What tells it from every other."""
        return f"{self.team.key}/{self.schedule}"

    @property
    def now(self) -> Span:
        """Who is on call at the moment, until when."""
        return self.spans[0]

    @property
    def next(self) -> Span | None:
        """Whoever is on call after that; None where nobody else is in the time shown."""
        return next((span for span in self.spans[1:] if span.people), None)

    @property
    def gaps(self) -> list[Span]:
        """When nobody is on call in the next days, whole spans."""
        return [span for span in self.spans if not span.people and span.start < self.spans[0].start + AHEAD]

    def ends(self, span: Span) -> datetime | None:
        """When a span ends; None where that is past what is shown."""
        return None if span.end == self.spans[-1].end else span.end


@dataclass(frozen=True, slots=True)
class Board:
    """Everything of who is on call. `unowned` counts the models of each owner that no team has, `models` those that
    each team has; `channels` are the names of all there are."""

    roster: Roster
    duties: tuple[Duty, ...]
    unowned: tuple[tuple[str, int], ...]
    models: dict[str, int]
    channels: tuple[str, ...]

    def title(self, person: str) -> str:
        """A person's name."""
        known = self.roster.people.get(person)
        return known.title if known else person

    def titles(self, people: tuple[str, ...]) -> str:
        """Several in words."""
        return " and ".join(self.title(p) for p in people)

    def mute(self, duty: Duty) -> list[str]:
        """Who is on call in the time shown and cannot be told: neither they nor the team have a channel."""
        there = dict.fromkeys(p for span in duty.spans for p in span.people)
        return [p for p in there if not set(self.roster.reached(p, duty.team).channels) & set(self.channels)]


@dataclass(frozen=True, slots=True)
class Known:
    """What a board is laid out from: people and teams, the models of each owner, and the names of all channels."""

    roster: Roster
    owners: tuple[tuple[str, int], ...]
    channels: tuple[str, ...]


def known(session: Session, since: datetime) -> Known:
    """Everything of who is on call that the database holds; of overrides those that end after `since`."""
    owners = Counter(session.scalars(select(ModelRow.owner)))
    channels = tuple(session.scalars(select(ChannelRow.name).order_by(ChannelRow.id)))
    return Known(roster(session, since), tuple(sorted(owners.items())), channels)


def board(of: Known, now: datetime, shown: timedelta = SHOWN) -> Board:
    """Who is on call from a moment on."""
    duties = [duty for team in of.roster.teams.values() for duty in laid_out(team, of.roster, now, shown)]
    models: Counter[str] = Counter()
    unowned = []
    for owner, count in of.owners:
        team = of.roster.team_of(owner)
        if team is None:
            unowned.append((owner, count))
        else:
            models[team.key] += count
    return Board(of.roster, tuple(duties), tuple(unowned), dict(models), of.channels)


def laid_out(team: Team, known_: Roster, now: datetime, shown: timedelta = SHOWN) -> list[Duty]:
    """The schedules of a team from a moment on, with the overrides that are not over."""
    found = []
    for schedule in team.schedules:
        planned = [p for p in known_.overrides.get(team.key, ()) if p.schedule == schedule.key and p.override.end > now]
        value = team.schedule(schedule.key, [p.override for p in planned])
        found.append(Duty(team, schedule.key, tuple(spans(value, now, now + shown)), tuple(planned)))
    return found


def team_documents(session: Session) -> dict[str, dict[str, Any]]:
    """Every team as it was written, by key."""
    return {key: document for key, document in session.execute(select(TeamRow.key, TeamRow.document))}


def viewer(known_: Roster, email: str) -> Person | None:
    """The person who signs in with an address."""
    return next((p for p in known_.people.values() if p.email and p.email.casefold() == email.casefold()), None)
