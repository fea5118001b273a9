"""Revisions of thresholds and objectives: who changed what from what to what, when and why."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from monitoring.errors import FleetError
from monitoring.store.tables import AuditRow, RevisionRow

Kind = Literal["model", "rule", "objectives"]
Written = Sequence[dict[str, Any]]
THRESHOLDS: tuple[Kind, ...] = ("model", "rule")
OBJECTIVES: tuple[Kind, ...] = ("objectives",)
PART: dict[Kind, str] = {"model": "thresholds", "objectives": "slos"}
"""What of a model's document is kept by revisions, by their kind."""
UNSAID = "Changed together with the rest of the model; no reason was given."


@dataclass(frozen=True, slots=True)
class Revision:
    """A change of the thresholds of a model or of a rule, or of the objectives of a model, as in RevisionRow."""

    kind: Kind
    name: str
    number: int
    at: datetime
    author: str
    reason: str
    before: tuple[dict[str, Any], ...]
    after: tuple[dict[str, Any], ...]
    undoes: int | None


def record(
    session: Session, kind: Kind, name: str, before: Written, after: Written, author: str, at: datetime,
    reason: str, undoes: int | None = None,
) -> bool:  # fmt: skip
    """Keep a change and audit it; False where nothing changes."""
    if list(before) == list(after):
        return False
    newest = session.scalar(
        select(func.max(RevisionRow.number)).where(RevisionRow.kind == kind, RevisionRow.name == name)
    )
    number = (newest or 0) + 1
    session.add(
        RevisionRow(
            kind=kind, name=name, number=number, at=at, author=author, reason=reason or UNSAID, before=list(before),
            after=list(after), undoes=undoes,
        )
    )  # fmt: skip
    detail = {"revision": number, "reason": reason or UNSAID, "before": list(before), "after": list(after)}
    subject = f"rule {name}" if kind == "rule" else name
    action = f"{PART.get(kind, 'thresholds').replace('slos', 'objectives')} {'changed' if undoes is None else 'undone'}"
    session.add(AuditRow(at=at, actor=author, action=action, subject=subject, detail=detail))
    session.flush()
    return True


def history(session: Session, kinds: Collection[Kind], name: str | None = None, limit: int = 200) -> list[Revision]:
    """The revisions of some kinds, of the fleet or of one model or rule, newest first."""
    query = select(RevisionRow).where(RevisionRow.kind.in_(kinds))
    query = query.order_by(RevisionRow.at.desc(), RevisionRow.id.desc()).limit(limit)
    if name is not None:
        query = query.where(RevisionRow.name == name)
    return [_value(row) for row in session.scalars(query)]


def one(session: Session, kind: Kind, name: str, number: int) -> Revision:
    """A revision by its number. Raises FleetError for one that is not there."""
    query = select(RevisionRow).where(RevisionRow.kind == kind, RevisionRow.name == name, RevisionRow.number == number)
    row = session.scalar(query)
    if row is None:
        raise FleetError(f"{name} has no revision {number}", where=kind)
    return _value(row)


def _value(row: RevisionRow) -> Revision:
    kinds: dict[str, Kind] = {"model": "model", "rule": "rule", "objectives": "objectives"}
    return Revision(
        kinds[row.kind],
        row.name,
        row.number,
        row.at,
        row.author,
        row.reason,
        tuple(row.before),
        tuple(row.after),
        row.undoes,
    )
