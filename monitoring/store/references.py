"""Whether what people, teams and channels name is there, and who names it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from monitoring.errors import FleetError, nearest
from monitoring.fleet.oncall import Named, Person, Team, parse_person, parse_team
from monitoring.store.tables import ChannelRow, PersonRow, TeamRow

NOT_THERE = {
    "person": "nobody is called",
    "channel": "no channel is called",
    "schedule": "no team's schedule is called",
}
SECTION = {"person": "people", "channel": "channels", "schedule": "teams"}
"""Where in the fleet file it would be written."""


def check(session: Session, people: Iterable[Person], teams: Iterable[Team], channels: bool = True) -> None:
    """Raise FleetError where these name a person, a schedule or (unless told otherwise) a channel that the database
    does not hold: what, where, what may have been meant, and how to mend it."""
    every = [parse_team(document) for document in session.scalars(select(TeamRow.document))]
    there: Mapping[str, Collection[str]] = {
        "person": set(session.scalars(select(PersonRow.key))),
        "channel": set(session.scalars(select(ChannelRow.name))),
        "schedule": {f"{team.key}/{schedule.key}" for team in every for schedule in team.schedules},
    }
    named = [(f"person {one.key}", one.names) for one in people] + [(f"team {one.key}", one.names) for one in teams]
    missing = [
        (who, name)
        for who, names in named
        for name in names
        if name.name not in there[name.kind] and (channels or name.kind != "channel")
    ]
    if missing:
        raise _refused(missing, there)


def naming(session: Session, kind: str, names: Collection[str]) -> list[str]:
    """Who names one of some people, channels or teams (their schedules): people, teams, and channels that fall back on
    it."""
    people = [parse_person(document) for document in session.scalars(select(PersonRow.document))]
    teams = [parse_team(document) for document in session.scalars(select(TeamRow.document))]
    found = [(f"person {one.key}", one.names) for one in people] + [(f"team {one.key}", one.names) for one in teams]
    out = [who for who, every in found if any(_is_of(named, kind, names) for named in every)]
    if kind == "channel":
        rows = session.execute(select(ChannelRow.name, ChannelRow.document).order_by(ChannelRow.id))
        out += [f"channel {name}" for name, document in rows if set(document.get("fallbacks", [])) & set(names)]
    return out


def _is_of(named: Named, kind: str, names: Collection[str]) -> bool:
    if kind == "team":
        return named.kind == "schedule" and named.name.partition("/")[0] in names
    return named.kind == kind and named.name in names


def _refused(missing: list[tuple[str, Named]], there: Mapping[str, Collection[str]]) -> FleetError:
    by_place: dict[tuple[str, str, str, str], None] = {(w, n.place, n.kind, n.name): None for w, n in missing}
    lines = [f"{who} › {place}: {NOT_THERE[kind]} {name!r}" for who, place, kind, name in by_place]
    hints: dict[str, None] = {}
    for _, _, kind, name in by_place:
        hints[nearest(name, there[kind])] = None
    sections = " or ".join(sorted({f"`{SECTION[kind]}:`" for _, _, kind, _ in by_place}))
    mend = f"{' '.join(hints)} Add what is missing to {sections}, or mend the name."
    found = FleetError("; ".join(lines), mend=mend)
    found.problems = tuple(lines) if len(lines) > 1 else ()
    return found
