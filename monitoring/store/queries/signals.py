"""The verdicts that alerts go by: the newest few windows of every series of models, and of parts that may alert."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from monitoring.core.alerting.reading import RECENT
from monitoring.core.alerting.rules import patterns
from monitoring.core.alerting.signal import Signal
from monitoring.core.alerting.signals import signals as read
from monitoring.core.alerting.waits import Waits
from monitoring.core.verdict import Verdict
from monitoring.fleet import parse_model
from monitoring.fleet.thresholds import WAITS, Rule
from monitoring.store import rules
from monitoring.store.tables import ModelRow, VerdictRow
from monitoring.store.verdicts import from_row

_MANY = re.compile(r"[*?\[]")


def signals(session: Session, models: Collection[str], now: datetime) -> list[Signal]:
    """What is said now of some models, by key. A model without a verdict says nothing."""
    names = (ModelRow.id, ModelRow.key, ModelRow.name, ModelRow.owner, ModelRow.document)
    about = session.execute(select(*names).where(ModelRow.key.in_(models))).all()
    found = _recent(session, {id_: key for id_, key, *_ in about})
    of_fleet = rules.rules(session)
    return [
        one
        for id_, key, name, owner, document in about
        for one in read(key, name, owner, found[id_], now, _waits(document, of_fleet))
    ]


def _waits(document: dict[str, Any], of_fleet: Sequence[Rule]) -> Sequence[Waits]:
    """What is stated of a model's waits; most say nothing, and are not parsed."""
    stated = [t for t in document.get("thresholds") or () if not t.keys().isdisjoint(WAITS)]
    if not stated and not any(rule.threshold().waits for rule in of_fleet):
        return ()
    return parse_model(document, document["key"]).under(of_fleet).waits


def _of(checks: Sequence[str]) -> ColumnElement[bool]:
    """Whether a verdict's check is one of these patterns, as far as SQL can tell: by their beginnings."""
    plain = [name for name in checks if not _MANY.search(name)]
    beginnings = {_MANY.split(name)[0] for name in checks if _MANY.search(name)}
    return or_(VerdictRow.check.in_(plain), *(VerdictRow.check.startswith(start) for start in sorted(beginnings)))


def _recent(session: Session, keys: dict[int, str]) -> dict[int, list[Verdict]]:
    """By model, in order of time: the newest of each series that are final, and as many that are provisional."""
    v = VerdictRow
    names = (v.model_id, v.check, v.column, v.slice, v.version, v.method, v.provisional)
    place = func.row_number().over(partition_by=names, order_by=(VerdictRow.first_slot.desc(), VerdictRow.id.desc()))
    whole = and_(v.slice == "", v.version == "")
    wanted = or_(and_(whole, _of(patterns())), _of(patterns(parts=True)))
    numbered = select(VerdictRow.id, place.label("place")).where(VerdictRow.model_id.in_(keys), wanted).subquery()
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
