"""What has been read of a model's logs, and how they are doing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from monitoring.errors import LeewayError
from monitoring.fleet import Log, Model
from monitoring.store.tables import BaselineRow, PartRow, SlotRow, SourceRow


@dataclass(frozen=True, slots=True)
class PartState:
    """A part as it was when last read: its stamp, and the slots [first, last) of its rows."""

    stamp: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class State:
    """How a log is doing: its newest row, and the rows in it where that is known otherwise than by slots."""

    last_at: datetime | None
    rows: int | None


Read = dict[str, PartState]


def recall(session: Session, baseline_id: int, role: str) -> Read:
    """The parts read so far."""
    query = select(PartRow).where(PartRow.baseline_id == baseline_id, PartRow.role == role)
    return {row.name: PartState(row.stamp, row.first_slot, row.last_slot) for row in session.scalars(query)}


def remember(session: Session, baseline_id: int, role: str, read: Read) -> None:
    """Replace what is known of the parts."""
    if recall(session, baseline_id, role) == read:
        return
    session.execute(delete(PartRow).where(PartRow.baseline_id == baseline_id, PartRow.role == role))
    rows = [
        dict(baseline_id=baseline_id, role=role, name=name, stamp=p.stamp, first_slot=p.first, last_slot=p.last)
        for name, p in read.items()
    ]
    if rows:
        session.execute(insert(PartRow), rows)


def logs_of(model: Model) -> dict[str, Log]:
    """A model's logs by role."""
    found = {"predictions": model.predictions, "labels": model.labels, "reference": model.reference}
    return {role: log for role, log in found.items() if isinstance(log, Log)}


def save_sources(
    session: Session,
    model_id: int,
    model: Model,
    now: datetime,
    states: dict[str, State],
    notices: list[str],
    bad: dict[str, str],
) -> None:
    """How each log did. Where nothing was read, what was known stays; only the time of checking moves."""
    rows = session.scalar(
        select(func.coalesce(func.sum(SlotRow.rows), 0))
        .join(BaselineRow, BaselineRow.id == SlotRow.baseline_id)
        .where(BaselineRow.model_id == model_id, BaselineRow.active, SlotRow.role == "current")
    )
    for role, log in logs_of(model).items():
        row = _row(session, model_id, role, log, now)
        row.error = ""
        state = states.get(role)
        if role == "predictions":
            row.rows = int(rows or 0)
        if state is not None or bad:
            if state is not None and state.last_at is not None:
                row.last_at = max(filter(None, (row.last_at, state.last_at)))
            mine = [text for name, text in bad.items()] if role == "predictions" else []
            row.notices = [*mine, *(notices if role == "predictions" else [])]


def save_failure(session: Session, model_id: int, model: Model, now: datetime, error: Exception) -> None:
    """The logs could not be used; the reason stands with the prediction log."""
    sentence = error.sentence if isinstance(error, LeewayError) else f"{type(error).__name__}: {error}"
    row = _row(session, model_id, "predictions", model.predictions, now)
    row.error = sentence


def _row(session: Session, model_id: int, role: str, log: Log, now: datetime) -> SourceRow:
    row = session.get(SourceRow, (model_id, role))
    if row is None:
        row = SourceRow(model_id=model_id, role=role, rows=0, last_at=None, notices=[], error="")
        session.add(row)
    row.kind, row.place, row.checked_at = log.source, log.place, now
    return row
