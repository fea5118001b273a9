"""Diagnoses in the database: one a model, check and windows; made again, it takes the place of the older."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from monitoring.core.diagnosis.diagnosis import Attempt, as_document, from_document
from monitoring.core.window import Slots
from monitoring.store.tables import DiagnosisRow


def save(session: Session, model_id: int, made: Attempt) -> None:
    """Write one in the place of an older one of the same windows."""
    session.execute(
        delete(DiagnosisRow).where(
            DiagnosisRow.model_id == model_id,
            DiagnosisRow.check == made.check,
            DiagnosisRow.first_slot == made.window.first,
            DiagnosisRow.last_slot == made.window.last,
            DiagnosisRow.automatic == made.automatic,
        )
    )
    session.add(
        DiagnosisRow(
            model_id=model_id, check=made.check, first_slot=made.window.first, last_slot=made.window.last,
            automatic=made.automatic, made_at=made.made_at, error=made.error, state=made.state,
            content=None if made.content is None else as_document(made.content),
        )
    )  # fmt: skip


def newest(session: Session, model_id: int, check: str) -> Attempt | None:
    """The newest diagnosis that an evaluation made."""
    row = session.scalar(
        select(DiagnosisRow)
        .where(DiagnosisRow.model_id == model_id, DiagnosisRow.check == check, DiagnosisRow.automatic)
        .order_by(DiagnosisRow.last_slot.desc(), DiagnosisRow.id.desc())
        .limit(1)
    )
    return None if row is None else from_stored(row)


def from_stored(row: DiagnosisRow) -> Attempt:
    """A stored diagnosis as a value; of one that another version wrote otherwise, an error."""
    content, error = None, row.error
    if row.content is not None:
        try:
            content = from_document(row.content)
        except (KeyError, TypeError, ValueError):
            error = "It was made by another version of Leeway. Diagnose it again."
    window = Slots(row.first_slot, row.last_slot)
    return Attempt(row.check, window, row.made_at, content, error, row.state, row.automatic)


def forget(session: Session, model_id: int) -> None:
    """Drop what evaluations diagnosed: the baseline is another now."""
    session.execute(delete(DiagnosisRow).where(DiagnosisRow.model_id == model_id, DiagnosisRow.automatic))
