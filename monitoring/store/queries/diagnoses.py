"""The diagnoses of a model's breaches, for the pages."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from monitoring.core.diagnosis.diagnosis import Attempt
from monitoring.store.diagnoses import from_stored
from monitoring.store.tables import DiagnosisRow, ModelRow

NEWEST = 30
"""Diagnoses that can be looked at."""


def diagnoses(session: Session, key: str) -> list[Attempt]:
    """The newest diagnoses of a model, those made last first."""
    query = (
        select(DiagnosisRow)
        .join(ModelRow, ModelRow.id == DiagnosisRow.model_id)
        .where(ModelRow.key == key)
        .order_by(DiagnosisRow.made_at.desc(), DiagnosisRow.id.desc())
        .limit(NEWEST)
    )
    return [from_stored(row) for row in session.scalars(query)]
