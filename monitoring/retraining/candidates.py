"""Candidates held against the champion, and promoted versions against the one before, on the rows logged since."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from monitoring.comparing.asked import Side
from monitoring.comparing.compare import compare
from monitoring.core.comparison.comparison import Comparison, as_document
from monitoring.core.comparison.words import sentence
from monitoring.core.retraining import serving
from monitoring.core.retraining.request import RetrainRequest
from monitoring.core.retraining.state import CHOICE, State
from monitoring.core.retraining.trouble import UNCOMPARED
from monitoring.errors import LeewayError
from monitoring.ingest import Progress
from monitoring.retraining import trouble
from monitoring.store import retrains
from monitoring.store.database import reading, transaction
from monitoring.store.models import Watched, watched

REST = timedelta(minutes=10)
"""Between two comparisons of one request: labels come in slowly, and rows are read again for each."""
LATELY = timedelta(days=30)
"""A promotion that was verified before it could be measured is measured for so long."""


def step(store: Engine, now: datetime, progress: Progress) -> int:
    """Compare what is to be compared by now; how many that were. One's trouble is its own, and noted in its history."""
    with reading(store) as session:
        found = retrains.in_states(session, [*CHOICE, State.PROMOTED, State.VERIFIED])
        due = [request for request in found if _due(request, now)]
        fleet = {model.key: model for model in watched(session)} if due else {}
    due = [request for request in due if request.model in fleet]
    for request in due:
        try:
            examine(store, fleet[request.model], request, now, progress)
        except SQLAlchemyError:
            raise
        except Exception as error:
            trouble.met(store, request.key, UNCOMPARED, error, now, partial(serving.uncompared, now=now))
    return len(due)


def _due(request: RetrainRequest, now: datetime) -> bool:
    if request.state == State.VERIFIED:
        lately = request.promoted_at is not None and now - request.promoted_at < LATELY
        if request.measured is not None or not lately:
            return False
    return request.compared_at is None or now - request.compared_at >= REST


def examine(store: Engine, model: Watched, request: RetrainRequest, now: datetime, progress: Progress) -> None:
    """Compare one request's versions, and write what came of it: also that it cannot be done yet, and why."""
    promoted = request.state not in CHOICE
    old, new = Side(request.champion, promoted), Side(request.version, not promoted)
    try:
        since = request.promoted_at if promoted else request.train_until
        made = compare(
            model.model, model.base, old, new, since=since, as_of=now, shadow=model.model.retraining.shadow,
            progress=progress,
        )  # fmt: skip
    except LeewayError as error:
        act = partial(serving.uncompared, words=error.sentence, now=now)
    else:
        gain = gain_of(made)
        act = partial(serving.measured, gain=gain, now=now)
        if not promoted:
            act = partial(
                serving.evaluated, comparison=as_document(made), gain=gain, words=sentence(made), now=now
            )  # fmt: skip
    with transaction(store) as session:
        retrains.change(session, request.key, act, now, "worker", "candidate compared")
        trouble.over(session, request.key, UNCOMPARED, now)


def gain_of(found: Comparison) -> dict[str, Any] | None:
    """What the challenger brings in the metric that decides, above zero where it is better; None where undefined."""
    main = found.main
    if main.gain is None:
        return None
    return {
        "metric": main.title, "value": main.gain.value, "lower": main.gain.lower, "upper": main.gain.upper,
        "unit": main.unit, "rows": found.about.rows,
    }  # fmt: skip
