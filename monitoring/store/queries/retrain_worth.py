"""What waiting costs each open request, and how often each model should be retrained, from stored verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from monitoring.core.diagnosis.episode import mature
from monitoring.core.performance.metric import get
from monitoring.core.retraining.cadence import Aged, Cadence, cadence
from monitoring.core.retraining.state import CHOICE, WAITING
from monitoring.core.retraining.worth import THOUSAND, Worth, worth
from monitoring.core.verdict import Verdict
from monitoring.store import retrains
from monitoring.store.models import Watched, watched
from monitoring.store.queries.performance import labels
from monitoring.store.queries.retrain_evidence import training_span
from monitoring.store.verdicts import course

LATELY = timedelta(days=7)
"""How far back rows a day are counted."""


@dataclass(frozen=True, slots=True)
class Advised:
    """A model's cadence beside what its fleet file says. `metric` and `unit` are what the decay is in."""

    model: str
    name: str
    metric: str
    unit: str
    cadence: Cadence
    every: timedelta | None


def worths(session: Session, now: datetime) -> dict[str, Worth]:
    """By the key of a request that waits for a decision: what waiting costs, where that is known."""
    fleet = {model.key: model for model in watched(session)}
    found = {}
    for request in retrains.in_states(session, [*WAITING, *CHOICE]):
        model = fleet.get(request.model)
        if model is None:
            continue
        settings = model.model.retraining
        made = worth(
            request.gain or request.evidence.get("gain"), _level(session, model), _rows_a_day(session, model.key, now),
            settings.value, settings.cost,
        )  # fmt: skip
        if made is not None:
            found[request.key] = made
    return found


def cadences(session: Session, now: datetime) -> list[Advised]:
    """Of the models that can be retrained, in their order."""
    found = []
    for model in watched(session):
        settings = model.model.retraining
        if settings.dispatcher is None or model.model.chunk.rows is not None:
            continue
        check = f"performance.{model.model.main_metric}"
        metric = get(check.removeprefix("performance."), model.model.task)
        trained = training_span(session, model.model, retrains.of_model(session, model.key), now)[0]
        stored = sorted(mature(_course(session, model, check), check), key=lambda v: v.window.end or now)
        aged = [
            Aged((v.window.end - trained) / timedelta(days=1), v.value)
            for v in stored
            if trained is not None and v.window.end is not None and v.window.end > trained and v.value is not None
        ]
        a_day = None if settings.value is None else settings.value * _rows_a_day(session, model.key, now) / THOUSAND
        warning = next((v.warning for v in reversed(stored) if v.warning is not None), None)
        warning = warning if warning is not None else next((v.threshold for v in reversed(stored)), None)
        if metric.better != "higher" and metric.better != "lower":
            continue  # of calibration: it is recalibrated, not retrained
        made = cadence(aged, metric.better, warning, settings.cost, a_day)
        unit = model.model.unit if metric.unit == "label" else ""
        found.append(Advised(model.key, model.model.title, metric.title, unit, made, settings.every))
    return found


def _course(session: Session, model: Watched, check: str) -> list[Verdict]:
    return [v for _, v in course(session, model.id, model.key, (), {check}, 0)]


def _level(session: Session, model: Watched) -> float | None:
    """The main metric in the newest mature window."""
    check = f"performance.{model.model.main_metric}"
    values = [v.value for v in mature(_course(session, model, check), check) if v.value is not None]
    return values[-1] if values else None


def _rows_a_day(session: Session, key: str, now: datetime) -> float:
    seen = labels(session, key, now - LATELY, now)
    return 0.0 if seen is None else seen.rows / LATELY.days
