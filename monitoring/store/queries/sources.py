"""The logs: where they are, their last row, and what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from monitoring.store.tables import AuditRow, ModelRow, SourceRow


@dataclass(frozen=True, slots=True)
class LogState:
    """One log of one model. `rows` is known of prediction logs."""

    model: str
    role: str
    kind: str
    place: str
    rows: int
    last_at: datetime | None
    checked_at: datetime
    error: str
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A model as it was written, for the form and the YAML view."""

    key: str
    document: dict[str, Any]
    base: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """A line of the audit."""

    at: datetime
    actor: str
    action: str
    subject: str
    reason: str


def logs(session: Session, key: str | None = None) -> list[LogState]:
    """The logs of all models, or of one."""
    query = (
        select(ModelRow.key, SourceRow)
        .join(SourceRow, SourceRow.model_id == ModelRow.id)
        .order_by(ModelRow.id, SourceRow.role.desc())
    )
    if key is not None:
        query = query.where(ModelRow.key == key)
    return [
        LogState(k, r.role, r.kind, r.place, r.rows, r.last_at, r.checked_at, r.error, tuple(str(n) for n in r.notices))
        for k, r in session.execute(query)
    ]


def entries(session: Session) -> list[Entry]:
    """All models as written, in order of being applied."""
    return [
        Entry(r.key, r.document, r.base, r.updated_at) for r in session.scalars(select(ModelRow).order_by(ModelRow.id))
    ]


def changes(session: Session, limit: int = 50) -> list[Change]:
    """The newest lines of the audit."""
    query = select(AuditRow).order_by(AuditRow.id.desc()).limit(limit)
    return [Change(r.at, r.actor, r.action, r.subject, str(r.detail.get("reason", ""))) for r in session.scalars(query)]
