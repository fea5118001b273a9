"""The verdicts that alerts go by: the newest few windows of every series of the models as a whole."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from monitoring.core.alerting.reading import RECENT
from monitoring.core.alerting.rules import patterns
from monitoring.core.alerting.signal import Signal
from monitoring.core.alerting.signals import signals as read
from monitoring.core.verdict import Verdict
from monitoring.store.tables import ModelRow, VerdictRow
from monitoring.store.verdicts import from_row

_BEGINNINGS = sorted({re.split(r"[*?\[]", pattern)[0] for pattern in patterns() if re.search(r"[*?\[]", pattern)})
_NAMES = sorted(pattern for pattern in patterns() if not re.search(r"[*?\[]", pattern))


def signals(session: Session, models: Collection[str], now: datetime) -> list[Signal]:
    """What is said now of some models, by key. A model without a verdict says nothing."""
    about = {
        id_: (key, name, owner)
        for id_, key, name, owner in session.execute(
            select(ModelRow.id, ModelRow.key, ModelRow.name, ModelRow.owner).where(ModelRow.key.in_(models))
        )
    }
    found = _recent(session, {id_: key for id_, (key, _, _) in about.items()})
    return [one for id_, (key, name, owner) in about.items() for one in read(key, name, owner, found[id_], now)]


def _recent(session: Session, keys: dict[int, str]) -> dict[int, list[Verdict]]:
    """By model, in order of time: the newest of each series that are final, and as many that are provisional."""
    names = (VerdictRow.model_id, VerdictRow.check, VerdictRow.column, VerdictRow.method, VerdictRow.provisional)
    place = func.row_number().over(partition_by=names, order_by=(VerdictRow.first_slot.desc(), VerdictRow.id.desc()))
    wanted = or_(VerdictRow.check.in_(_NAMES), *(VerdictRow.check.startswith(start) for start in _BEGINNINGS))
    numbered = (
        select(VerdictRow.id, place.label("place"))
        .where(VerdictRow.model_id.in_(keys), VerdictRow.slice == "", VerdictRow.version == "", wanted)
        .subquery()
    )
    query = (
        select(VerdictRow)
        .join(numbered, numbered.c.id == VerdictRow.id)
        .where(numbered.c.place <= RECENT)
        .order_by(VerdictRow.first_slot, VerdictRow.id)
    )
    out: dict[int, list[Verdict]] = defaultdict(list)
    for row in session.scalars(query):
        out[row.model_id].append(from_row(row, keys[row.model_id]))
    return out
