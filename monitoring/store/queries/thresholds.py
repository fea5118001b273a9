"""The newest verdicts of all models on checks that can have a threshold."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, or_, select
from sqlalchemy.orm import Session

from monitoring.store.tables import VerdictRow

FIXED = ("quality.schema", "drift.false_alarms")
"""Checks of these families that have no threshold."""
FINAL = 100_000_000
"""More slots than there are: a window with a final value counts before every other."""
FAMILIES = ("drift", "quality.%", "drift.%", "performance.%", "estimated.%")


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest final verdict of a check, column and method of a model as a whole."""

    check: str
    column: str
    method: str
    status: str
    value: float | None
    warning: float | None
    breached: float | None
    reason: str
    at: datetime | None


def newest(session: Session) -> dict[int, list[Newest]]:
    """By model, in order of check and column. One without a final value stands only where there is no other."""
    names = (VerdictRow.model_id, VerdictRow.check, VerdictRow.column, VerdictRow.method)
    whole = (VerdictRow.slice == "", VerdictRow.version == "", VerdictRow.check.not_in(FIXED))
    wanted = or_(*(VerdictRow.check.like(family) for family in FAMILIES))
    final = case(((VerdictRow.value.is_not(None)) & (VerdictRow.provisional.is_(False)), FINAL), else_=0)
    place = (VerdictRow.first_slot + final).label("place")
    last = select(*names, func.max(place).label("place")).where(*whole, wanted).group_by(*names).subquery()
    same = [last.c[name.key] == name for name in names]
    query = (
        select(
            VerdictRow.model_id, VerdictRow.check, VerdictRow.column, VerdictRow.method, VerdictRow.status,
            VerdictRow.value, VerdictRow.warning, VerdictRow.breached, VerdictRow.reason, VerdictRow.window_end,
        )
        .join(last, (last.c.place == place) & same[0] & same[1] & same[2] & same[3])
        .where(*whole)
        .order_by(VerdictRow.check, VerdictRow.column, VerdictRow.method)
    )  # fmt: skip
    out: dict[int, list[Newest]] = defaultdict(list)
    for id_, *fields in session.execute(query):
        out[id_].append(Newest(*fields))
    return out
