"""Incidents as the pages ask for them: those open in the fleet, and those a model is or was part of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from monitoring.store.tables import IncidentMemberRow, IncidentRow, ModelRow


@dataclass(frozen=True, slots=True)
class Member:
    """A model's part in an incident. `words` is what of it moved."""

    key: str
    name: str
    owner: str
    words: str
    began: datetime
    left_at: datetime | None


@dataclass(frozen=True, slots=True)
class IncidentEntry:
    """An incident on screen. `members` are in order of name; of an open one, those that still have a part."""

    id: int
    title: str
    reason: str
    since: datetime
    opened_at: datetime
    closed_at: datetime | None
    members: tuple[Member, ...]

    @property
    def owners(self) -> list[str]:
        """Who has the models."""
        return sorted({m.owner for m in self.members if m.owner})


def open_now(session: Session) -> list[IncidentEntry]:
    """Those that are open, of most models first."""
    rows = session.scalars(select(IncidentRow).where(IncidentRow.closed_at.is_(None)))
    return sorted(_entries(session, rows), key=lambda e: (-len(e.members), e.since, e.id))


def of_model(session: Session, key: str) -> list[IncidentEntry]:
    """Those a model is or was part of, newest first."""
    its = select(IncidentMemberRow.incident_id).join(ModelRow, ModelRow.id == IncidentMemberRow.model_id)
    rows = session.scalars(select(IncidentRow).where(IncidentRow.id.in_(its.where(ModelRow.key == key))))
    return sorted(_entries(session, rows), key=lambda e: e.opened_at, reverse=True)


def _entries(session: Session, rows: Iterable[IncidentRow]) -> list[IncidentEntry]:
    known = {row.id: row for row in rows}
    query = (
        select(IncidentMemberRow, ModelRow.key, ModelRow.name, ModelRow.owner)
        .join(ModelRow, ModelRow.id == IncidentMemberRow.model_id)
        .where(IncidentMemberRow.incident_id.in_(list(known)))
        .order_by(ModelRow.name)
    )
    members: dict[int, list[Member]] = defaultdict(list)
    for part, key, name, owner in session.execute(query):
        if known[part.incident_id].closed_at is not None or part.left_at is None:
            members[part.incident_id].append(Member(key, name, owner, part.words, part.began, part.left_at))
    return [
        IncidentEntry(r.id, r.title, r.reason, r.since, r.opened_at, r.closed_at, tuple(members[r.id]))
        for r in known.values()
    ]
