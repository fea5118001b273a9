"""Cached questions of the Service levels page."""

from __future__ import annotations

from datetime import datetime

import streamlit as st
from sqlalchemy.orm import Session

from monitoring import lookback
from monitoring.fleet import Slo
from monitoring.lookback import Looked
from monitoring.store import revisions
from monitoring.store.queries import objectives
from monitoring.store.queries.objectives import ObjectiveState
from monitoring.store.revisions import Revision
from monitoring.web import cached
from monitoring.web.clock import now


def objective(
    key: str, slo: Slo, at: datetime, start: datetime, end: datetime, settled: datetime | None = None
) -> ObjectiveState | None:
    """An objective at a moment, and its course over a range; of quality, as of the moment up to which it is settled."""
    limit = {"quality": slo.tolerance, "freshness": slo.max_age_hours}.get(slo.sli, slo.threshold_ms)
    minute = at.replace(second=0, microsecond=0)
    return cached.asked(
        objectives.objective, key, slo.sli, slo.objective, slo.period, limit, minute, start, end, settled
    )


def history(key: str) -> list[Revision]:
    """Changes of a model's objectives, newest first."""
    return cached.asked(revisions.history, revisions.OBJECTIVES, key)


def look_back(key: str, before: Slo | None, after: Slo | None, days: int) -> Looked:
    """What an objective and another in its place would have done, as of the last full minute."""
    present = now().replace(second=0, microsecond=0)
    texts = [None if slo is None else slo.model_dump_json() for slo in (before, after)]
    return cached.asked(_look_back, key, texts[0], texts[1], days, present, st.context.timezone or "UTC")


def _look_back(
    session: Session, key: str, before: str | None, after: str | None, days: int, present: datetime, zone: str
) -> Looked:
    slos = [None if text is None else Slo.model_validate_json(text) for text in (before, after)]
    return lookback.look_back_on(session, key, slos[0], slos[1], days, present, zone)
