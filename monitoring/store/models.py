"""The fleet in the database: applied from a file or a form, exported as it was written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from monitoring.errors import FleetError
from monitoring.fleet import Model, Slo, parse_model
from monitoring.store.revisions import PART, record
from monitoring.store.rules import rules
from monitoring.store.tables import AuditRow, ModelRow


@dataclass(frozen=True, slots=True)
class Watched:
    """A model under watch. `base` is the folder that its relative locations start from."""

    id: int
    key: str
    model: Model
    base: Path
    judged: str

    @property
    def log(self) -> str:
        """Where the prediction log is, so that two models that read the same one are seen to."""
        log = self.model.predictions
        return log.place if log.location is None else str((self.base / log.location).resolve())


def apply(
    session: Session, documents: Sequence[dict[str, Any]], base: Path, actor: str, now: datetime, reason: str = "",
    undoes: int | None = None,
) -> dict[str, str]:  # fmt: skip
    """Add or change models; what was done (added | changed | unchanged), by key. Others are left alone.

    Other thresholds and other objectives are a new revision of them, with `reason`; `undoes` is the one it takes back.
    """
    done = {}
    for document in documents:
        model = parse_model(document, "the fleet")
        row = session.scalar(select(ModelRow).where(ModelRow.key == model.key))
        if row is not None and row.document == document and row.base == str(base):
            done[model.key] = "unchanged"
            continue
        done[model.key] = "added" if row is None else "changed"
        for kind, part in PART.items():
            before = [] if row is None else row.document.get(part) or []
            record(session, kind, model.key, before, document.get(part) or [], actor, now, reason, undoes)
        if row is None:
            row = ModelRow(key=model.key, created_at=now)
            session.add(row)
        row.name, row.owner, row.task = model.title, model.owner, model.task
        row.mode, row.target = model.mode, model.target
        row.document, row.base, row.updated_at = document, str(base), now
        _audit(session, now, actor, f"model {done[model.key]}", model.key, document)
    session.flush()
    return done


def take_objectives(
    session: Session, objectives: Mapping[str, Sequence[Slo]], actor: str, now: datetime, reason: str = ""
) -> dict[str, str]:
    """Put objectives in the place of those that models have; what was done, by key. Raises FleetError for a model that
    is not watched, and changes nothing then."""
    rows = {row.key: row for row in session.scalars(select(ModelRow).where(ModelRow.key.in_(objectives)))}
    if missing := [key for key in objectives if key not in rows]:
        raise unknown(missing[0], list(session.scalars(select(ModelRow.key))))
    done: dict[str, str] = {}
    for key, slos in objectives.items():
        document = {**rows[key].document, "slos": [slo.model_dump(mode="json", exclude_none=True) for slo in slos]}
        done |= apply(session, [document], Path(rows[key].base), actor, now, reason)
    return done


def remove(session: Session, key: str, actor: str, now: datetime, reason: str = "") -> None:
    """Stop watching a model and forget its summaries and verdicts; the reason is audited. Its logs are not touched."""
    row = session.scalar(select(ModelRow).where(ModelRow.key == key))
    if row is None:
        raise unknown(key, [])
    _audit(session, now, actor, "model removed", key, {"reason": reason, "document": row.document})
    session.delete(row)


def export(session: Session) -> list[dict[str, Any]]:
    """The documents of all models, in the order in which they were first applied."""
    return list(session.scalars(select(ModelRow.document).order_by(ModelRow.id)))


def documents(session: Session) -> list[tuple[int, dict[str, Any]]]:
    """The number and the document of every model, in the same order."""
    return [
        (id_, document)
        for id_, document in session.execute(select(ModelRow.id, ModelRow.document).order_by(ModelRow.id))
    ]


def watched(session: Session, key: str | None = None) -> list[Watched]:
    """The models under watch, with what fleet-wide rules say of them; one of them, where a key is given. Raises
    FleetError for a key that is not known."""
    query = select(ModelRow).order_by(ModelRow.id)
    rows = list(session.scalars(query if key is None else query.where(ModelRow.key == key)))
    if key is not None and not rows:
        raise unknown(key, list(session.scalars(select(ModelRow.key))))
    of_fleet = rules(session)
    return [Watched(r.id, r.key, parse_model(r.document, r.key).under(of_fleet), Path(r.base), r.judged) for r in rows]


def unknown(key: str, keys: Sequence[str]) -> FleetError:
    """The error for a model that is not there."""
    known = f"Known: {', '.join(keys[:20])}." if keys else ""
    return FleetError(f"no model is called {key!r}", where="the fleet", mend=known)


def _audit(session: Session, now: datetime, actor: str, action: str, subject: str, detail: dict[str, Any]) -> None:
    session.add(AuditRow(at=now, actor=actor, action=action, subject=subject, detail=detail))
