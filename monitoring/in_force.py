"""What every check of every model is held against now, and where that comes from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy.orm import Session

from monitoring.core.alerting.signal import Subject
from monitoring.core.alerting.waits import stated
from monitoring.core.verdict import Status
from monitoring.fleet import Threshold, parse_model
from monitoring.store import models, rules
from monitoring.store.queries.thresholds import newest
from monitoring.verdicts.multivariate import CHECK as MULTIVARIATE
from monitoring.verdicts.rejudge import held_by

Origin = Literal["own", "rule", "automatic", "default", "none"]
LEARNED = ("performance.", "estimated.", "quality.labels")
"""Checks whose levels, where nobody set any, come from the model's own past."""


@dataclass(frozen=True, slots=True)
class InForce:
    """A check of a model as a whole, or of one of its columns, as it was last judged. `threshold` is what was set for
    it, None where nothing was; `rule` the fleet-wide rule it comes from; `waits` how long its alert waits to fire and
    to be resolved, None where nothing is stated."""

    model: str
    name: str
    owner: str
    check: str
    column: str
    method: str
    origin: Origin
    rule: str
    threshold: Threshold | None
    waits: tuple[timedelta | None, timedelta | None]
    status: Status
    value: float | None
    warning: float | None
    breached: float | None
    reason: str
    at: datetime | None


def in_force(session: Session) -> list[InForce]:
    """Every check of every model that can have a threshold, model by model."""
    of_fleet = rules.rules(session)
    found = newest(session)
    out = []
    for id_, document in models.documents(session):
        model = parse_model(document, document["key"]).under(of_fleet)
        for v in found.get(id_, ()):
            held = held_by(model, v.check, v.column or None)
            if held is not None and v.check not in (MULTIVARIATE, "drift") and held.method not in (None, v.method):
                held = None  # of another method of the same check
            levels = v.warning is not None or v.breached is not None
            waits = stated(Subject(model.key, v.check, v.column), model.waits)
            out.append(
                InForce(
                    model.key, model.title, model.owner, v.check, v.column, v.method, _origin(held, v.check, levels),
                    held.rule if held else "", held, waits, Status(v.status), v.value, v.warning, v.breached, v.reason,
                    v.at,
                )
            )  # fmt: skip
    return out


def _origin(held: Threshold | None, check: str, levels: bool) -> Origin:
    if held is not None:
        return "rule" if held.rule else "own"
    if check.startswith(LEARNED):
        return "automatic" if levels else "none"
    return "default"
