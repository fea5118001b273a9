"""Stored verdicts: the newest of every check, and their course over time."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from monitoring.core.verdict import Verdict
from monitoring.core.window import slot_of
from monitoring.store.models import unknown
from monitoring.store.tables import ModelRow, VerdictRow
from monitoring.store.verdicts import from_row

FRAME = (
    "check", "column", "slice", "version", "method", "window_start", "window_end", "chunk", "n", "value", "lower",
    "upper", "p_value", "threshold", "warning", "breached", "status", "flag", "automatic", "provisional", "reason",
    "drift_score", "null_quantile", "false_alarms", "effect", "since", "evaluated_at",
)  # fmt: skip


def newest(session: Session, key: str) -> list[Verdict]:
    """The newest verdict of every check, column, slice, version and method of a model."""
    model_id = _id(session, key)
    names = (VerdictRow.check, VerdictRow.column, VerdictRow.slice, VerdictRow.version, VerdictRow.method)
    last = (
        select(*names, func.max(VerdictRow.first_slot).label("slot"))
        .where(VerdictRow.model_id == model_id)
        .group_by(*names)
        .subquery()
    )
    same = [last.c[name.key] == name for name in names]
    query = select(VerdictRow).join(
        last, (last.c.slot == VerdictRow.first_slot) & same[0] & same[1] & same[2] & same[3] & same[4]
    )
    return [from_row(row, key) for row in session.scalars(query.where(VerdictRow.model_id == model_id))]


def history(
    session: Session,
    key: str,
    check: str,
    start: datetime | None = None,
    end: datetime | None = None,
    column: str | None = None,
    slice_: str | None = "",
    version: str | None = "",
) -> pd.DataFrame:
    """Verdicts of one check over time, columns as FRAME. `check` may end in "%". None takes all columns, slices or
    versions. `start` and `end` leave logs without real time alone."""
    query = select(*(getattr(VerdictRow, name) for name in FRAME)).where(VerdictRow.model_id == _id(session, key))
    query = query.where(VerdictRow.check.like(check) if check.endswith("%") else VerdictRow.check == check)
    for name, wanted in ((VerdictRow.column, column), (VerdictRow.slice, slice_), (VerdictRow.version, version)):
        if wanted is not None:
            query = query.where(name == wanted)
    if start is not None:
        query = query.where((VerdictRow.first_slot >= slot_of(start)) | VerdictRow.chunk.is_not(None))
    if end is not None:
        query = query.where((VerdictRow.first_slot <= slot_of(end)) | VerdictRow.chunk.is_not(None))
    rows = session.execute(query.order_by(VerdictRow.first_slot, VerdictRow.id)).all()
    return pd.DataFrame([tuple(row) for row in rows], columns=list(FRAME))


def _id(session: Session, key: str) -> int:
    found = session.scalar(select(ModelRow.id).where(ModelRow.key == key))
    if found is None:
        raise unknown(key, list(session.scalars(select(ModelRow.key).limit(20))))
    return found
