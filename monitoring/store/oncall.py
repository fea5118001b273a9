"""People, teams and overrides in the database: applied from a file or a form, exported, and taken out."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from monitoring.core.oncall.schedule import Override
from monitoring.errors import FleetError
from monitoring.fleet.oncall import parse_person, parse_team
from monitoring.store import references
from monitoring.store.roster import Roster, roster
from monitoring.store.tables import AuditRow, OverrideRow, PersonRow, TeamRow, WrittenRow

TABLES: dict[str, type[WrittenRow]] = {"person": PersonRow, "team": TeamRow}


def apply(
    session: Session, people: Iterable[dict[str, Any]], teams: Iterable[dict[str, Any]], actor: str, now: datetime
) -> dict[str, str]:
    """Add or change people and teams; what was done (added | changed | unchanged), by "person KEY" or "team KEY".

    Others are left alone. Raises FleetError where one names a person, a schedule or a channel that is not there.
    """
    done = {}
    persons, of_teams = [(parse_person(p), p) for p in people], [(parse_team(t), t) for t in teams]
    for person, document in persons:
        done[f"person {person.key}"] = _keep(session, PersonRow, person.key, document, actor, now)
    for team, document in of_teams:
        done[f"team {team.key}"] = _keep(session, TeamRow, team.key, document, actor, now)
    session.flush()
    references.check(session, [person for person, _ in persons], [team for team, _ in of_teams])
    _hangs_together(session, roster(session))
    return done


def remove(session: Session, kind: str, key: str, actor: str, now: datetime, reason: str = "") -> None:
    """Take out a person or a team (with its overrides). Raises FleetError where a team still names them."""
    _delete(session, kind, key, actor, now, reason)
    _nobody_names(session, kind, [key], now)


def prune(session: Session, file: dict[str, list[dict[str, Any]]], actor: str, now: datetime) -> list[str]:
    """Take out the people and teams that a fleet file does not hold, where it has such a list at all; their names."""
    gone: dict[str, list[str]] = {}
    for kind, section in (("team", "teams"), ("person", "people")):
        kept = {document["key"] for document in file.get(section, ())}
        every = session.scalars(select(TABLES[kind].key).order_by(TABLES[kind].id)).all() if section in file else ()
        gone[kind] = [key for key in every if key not in kept]
        for key in gone[kind]:
            _delete(session, kind, key, actor, now, "")
    for kind, keys in gone.items():
        _nobody_names(session, kind, keys, now)
    return [f"{kind} {key}" for kind, keys in gone.items() for key in keys]


def export(session: Session) -> dict[str, list[dict[str, Any]]]:
    """The documents of all people and teams as they were written, in the order in which they were first applied."""
    return {
        "people": list(session.scalars(select(PersonRow.document).order_by(PersonRow.id))),
        "teams": list(session.scalars(select(TeamRow.document).order_by(TeamRow.id))),
    }


def override(
    session: Session, team: str, schedule: str, change: Override, actor: str, now: datetime, reason: str = ""
) -> int:
    """Keep a change of a schedule; its id. Raises FleetError where team, schedule or person is not there."""
    known = roster(session, now)
    if team not in known.teams or schedule not in {s.key for s in known.teams[team].schedules}:
        raise FleetError(f"no schedule is called {team}/{schedule}", where="on call")
    for person in (change.add, change.remove):
        if person is not None and person not in known.people:
            raise FleetError(f"nobody is called {person!r}", where="on call", mend="Add the person first.")
    if change.end <= now:
        raise FleetError("the time is over already", where="on call", mend="Choose an end that lies ahead.")
    team_id = session.scalars(select(TeamRow.id).where(TeamRow.key == team)).one()
    row = OverrideRow(
        team_id=team_id, schedule=schedule, starts=change.start, ends=change.end, added=change.add or "",
        removed=change.remove or "", author=actor, reason=reason, created_at=now,
    )  # fmt: skip
    session.add(row)
    session.add(_audit(now, actor, "override added", f"{team}/{schedule}", _told(row)))
    session.flush()
    return row.id


def remove_override(session: Session, id_: int, actor: str, now: datetime) -> None:
    """Take a change of a schedule back: what of it lies ahead no longer holds, what is past stays as it was."""
    row = session.get(OverrideRow, id_)
    if row is None or row.ends <= now:
        raise FleetError("this override is over, or was removed already", where="on call")
    team = session.scalars(select(TeamRow.key).where(TeamRow.id == row.team_id)).one()
    session.add(_audit(now, actor, "override removed", f"{team}/{row.schedule}", _told(row)))
    if row.starts < now:
        row.ends = now
    else:
        session.delete(row)


def _keep(
    session: Session, table: type[WrittenRow], key: str, document: dict[str, Any], actor: str,
    now: datetime,
) -> str:  # fmt: skip
    kind = table.__tablename__
    row = session.scalar(select(table).where(table.key == key))
    if row is not None and row.document == document:
        return "unchanged"
    before = None if row is None else row.document
    done = "added" if row is None else "changed"
    if row is None:
        row = table(key=key)
        session.add(row)
    row.document, row.updated_at = document, now
    session.add(_audit(now, actor, f"{kind} {done}", key, {"document": document, "before": before}))
    return done


def _delete(session: Session, kind: str, key: str, actor: str, now: datetime, reason: str) -> None:
    row = session.scalar(select(TABLES[kind]).where(TABLES[kind].key == key))
    if row is None:
        raise FleetError(f"no {kind} is called {key!r}", where="on call")
    session.add(_audit(now, actor, f"{kind} removed", key, {"reason": reason, "document": row.document}))
    session.delete(row)
    session.flush()


def _nobody_names(session: Session, kind: str, gone: Collection[str], now: datetime) -> None:
    """Whoever is gone would be told nothing, and those who named them would not know."""
    if who := references.naming(session, kind, gone):
        raise FleetError(
            f"is named by {', '.join(who)}", where=f"{kind} {', '.join(gone)}", mend="Take it out there first."
        )
    for team, planned in roster(session, now).overrides.items():
        for key in {p.override.add for p in planned if kind == "person"} & set(gone):
            raise FleetError(
                f"{key} takes a shift of {team} that is not over", where="on call", mend="Remove the override first."
            )


def _hangs_together(session: Session, known: Roster) -> None:
    """Whoever and whatever a team names is there, and no two teams have the same owner. Channels are not looked at: one
    that went before this was seen to must not stop what has nothing to do with it."""
    references.check(session, (), known.teams.values(), channels=False)
    owners: dict[str, str] = {}
    for team in known.teams.values():
        for owner in {team.key, *team.owners}:
            if owners.setdefault(owner, team.key) != team.key:
                raise FleetError(f"{owner!r} is the owner of {owners[owner]} already", where=f"team {team.key}")


def _told(row: OverrideRow) -> dict[str, Any]:
    return {
        "starts": row.starts.isoformat(), "ends": row.ends.isoformat(), "added": row.added, "removed": row.removed,
        "reason": row.reason,
    }  # fmt: skip


def _audit(now: datetime, actor: str, action: str, subject: str, detail: dict[str, Any]) -> AuditRow:
    return AuditRow(at=now, actor=actor, action=action, subject=subject, detail=detail)
