"""Movements of models, and the incidents they make, in the database. Nothing is written that has not changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from monitoring.core.incident import Incident, Known, incidents, matched
from monitoring.core.movement import WORDS, Move, Movement
from monitoring.store.tables import IncidentMemberRow, IncidentRow, ModelRow, MovementRow

PLAIN = ("what", "column", "log", "feed", "began", "earliest", "latest", "words")
UNREADABLE = "unreadable"


def movements(session: Session, model_id: int | None = None) -> list[Movement]:
    """Those of all models, or of one."""
    query = select(MovementRow, ModelRow.key).join(ModelRow, ModelRow.id == MovementRow.model_id)
    if model_id is not None:
        query = query.where(MovementRow.model_id == model_id)
    return [
        Movement(
            key, **{name: getattr(row, name) for name in PLAIN},
            move=Move(row.of, row.before, row.after) if row.of else None,
        )
        for row, key in session.execute(query)
    ]  # fmt: skip


def replace_movements(session: Session, model_id: int, found: Sequence[Movement]) -> None:
    """Put new movements of a model in the place of the old."""
    order = lambda m: (m.what, m.column)  # noqa: E731
    if sorted(movements(session, model_id), key=order) == sorted(found, key=order):
        return
    session.execute(delete(MovementRow).where(MovementRow.model_id == model_id))
    rows = []
    for m in found:
        move = m.move or Move("", 0.0, 0.0)
        rows.append(
            {"model_id": model_id, "of": move.of, "before": move.before, "after": move.after}
            | {name: getattr(m, name) for name in PLAIN}
        )
    if rows:
        session.execute(insert(MovementRow), rows)


def unreadable(session: Session, model_id: int, movement: Movement) -> None:
    """A log that cannot be read says nothing of what moved: that is all there is to say, from the first time on."""
    before = [m for m in movements(session, model_id) if m.what == UNREADABLE and m.log == movement.log]
    if before:
        movement = replace(before[0], words=movement.words)
    replace_movements(session, model_id, [movement])


def update(session: Session, now: datetime) -> list[Incident]:
    """Open, continue and close incidents by the movements there are; those that are open now."""
    found = incidents(movements(session))
    rows = {row.id: row for row in session.scalars(select(IncidentRow).where(IncidentRow.closed_at.is_(None)))}
    parts: dict[int, dict[int, IncidentMemberRow]] = {number: {} for number in rows}
    for member in session.scalars(select(IncidentMemberRow).where(IncidentMemberRow.incident_id.in_(rows))):
        parts[member.incident_id][member.model_id] = member
    keys = {id_: key for id_, key in session.execute(select(ModelRow.id, ModelRow.key))}
    ids = {key: id_ for id_, key in keys.items()}
    known = [
        Known(n, r.cause, r.name, r.what, frozenset(keys[m.model_id] for m in parts[n].values() if m.left_at is None))
        for n, r in rows.items()
    ]
    numbers = matched(found, known)
    for incident, number in zip(found, numbers, strict=True):
        _keep(session, incident, rows.get(number or 0), parts.get(number or 0, {}), ids, now)
    for number, row in rows.items():
        if number not in numbers:
            row.closed_at = now
            for member in parts[number].values():
                member.left_at = member.left_at or now
    session.flush()
    return found


def _keep(
    session: Session, incident: Incident, row: IncidentRow | None, parts: dict[int, IncidentMemberRow],
    ids: dict[str, int], now: datetime,
) -> None:  # fmt: skip
    values: dict[str, Any] = dict(
        since=incident.since, title=incident.title(now), reason=incident.reason(), last_seen=now, what=incident.what
    )
    if row is None:
        row = IncidentRow(cause=str(incident.cause), name=incident.name, opened_at=now, closed_at=None, **values)
        session.add(row)
        session.flush()
    for name, value in values.items():
        setattr(row, name, value)
    there = {ids[key]: [m for m in incident.movements if m.model == key] for key in incident.models}
    for model_id, own in there.items():
        words = "; ".join(f"{m.column or 'the log'} {m.words or WORDS[m.what]}" for m in own)
        began = min(m.began for m in own)
        member = parts.get(model_id)
        if member is None:
            session.add(
                IncidentMemberRow(
                    incident_id=row.id, model_id=model_id, words=words, began=began, joined_at=now, left_at=None
                )
            )
        else:
            member.words, member.began, member.left_at = words, began, None
    for model_id, member in parts.items():
        if model_id not in there:
            member.left_at = member.left_at or now
