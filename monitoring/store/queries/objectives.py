"""Objectives from summaries: their events, where they stand, and their course."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from sqlalchemy import select
from sqlalchemy.orm import Session

from monitoring.core.grid import BucketGrid
from monitoring.core.label_arrivals import answered
from monitoring.core.profile import Profile
from monitoring.core.slo import freshness, quality, series
from monitoring.core.slo.burn import Budget, Burn, budget, burns, last_slot
from monitoring.core.slo.quality import Provisional
from monitoring.core.slo.series import MINUTES, ServiceSeries
from monitoring.core.slo.windows import period
from monitoring.core.summaries import Summaries
from monitoring.core.summary import FINE, Kind
from monitoring.core.window import EPOCH, HOUR, Slots, slot_ceiling, slot_of
from monitoring.store.queries.summaries import baseline
from monitoring.store.summaries import load
from monitoring.store.tables import ModelRow

DAY = 24
"""Hours before a period that are looked at, so that an age at its beginning is known."""


@dataclass(frozen=True, slots=True)
class ObjectiveState:
    """An objective now, and its course: a frame of moment, valid, bad, good (share), the budget left, and of quality
    what it would be with the predictions that still wait for labels (`waiting`). `waits` are these."""

    budget: Budget
    burns: tuple[Burn, ...]
    course: pd.DataFrame
    waits: Provisional | None = None


def kinds(sli: str) -> list[Kind]:
    """The summaries that an objective is counted from."""
    return [Kind.OUTCOME if sli == "quality" else Kind.SERVICE, Kind.ROWS]


def events(
    summaries: Summaries, profile: Profile, task: str, sli: str, limit: float | None, window: Slots
) -> tuple[ServiceSeries, float | None]:
    """Good and bad events of a window, and the limit really used: see `quality.within` and `series.within`."""
    if sli == "freshness":
        return freshness.events(freshness.predicted(summaries, window), window.last * FINE, limit or 0.0), limit
    if sli == "quality":
        right, used = quality.right(profile, task, limit)
        return quality.events(summaries.every(Kind.OUTCOME, "", window), right, window.last), used
    parts = list(summaries.every(Kind.SERVICE, "", window))
    if sli == "availability":
        return series.availability(parts), None
    column = profile.find(Kind.SERVICE, "")
    assert column is not None and isinstance(column.grid, BucketGrid) and limit is not None
    return series.latency(parts, column.grid, limit)


def objective(
    session: Session, key: str, sli: str, share: float, period_name: str, limit: float | None, now: datetime,
    start: datetime, end: datetime, settled: datetime | None = None,
) -> ObjectiveState | None:  # fmt: skip
    """An objective at `now`, with its course over [start, end) by hour.

    `limit` is the latency's threshold in milliseconds, the hours of a freshness objective, or the tolerance of one of
    quality, which is judged as of the moment up to which it is `settled`.
    """
    frozen = baseline(session, key)
    if frozen is None:
        return None
    whole = period(period_name)
    first = min(slot_of(start), slot_ceiling(settled or now)) - whole.minutes // 60 - DAY
    window = Slots(first, slot_ceiling(now))
    slot, until = (int((at - EPOCH).total_seconds() // (MINUTES * 60)) for at in (now, settled or now))
    row = session.execute(select(ModelRow.task, ModelRow.document).where(ModelRow.key == key)).one()
    with_status = bool(row.document["predictions"].get("columns", {}).get("status"))
    counted = answered(frozen.profile, with_status)
    wanted = [*kinds(sli), *([counted[0]] if sli == "quality" else [])]
    summaries = load(session, frozen.id, "current", window, wanted)
    every, _ = events(summaries, frozen.profile, row.task, sli, limit, window)
    found = every.until(until)
    last = last_slot(found, until)
    course = _course(found, Slots(slot_of(start), slot_ceiling(end)), last, share, whole.minutes)
    waits = None
    if settled is not None:
        made = summaries.histogram(*counted, Slots(until // FINE, max(until, slot) // FINE)).n
        waits = quality.provisional(every, made, until, slot, share, whole)
        later = Slots(max(slot_of(start), until // FINE - 1), min(slot_ceiling(end), slot // FINE))
        course = _joined(course, _course(every.until(slot), later, slot, share, whole.minutes))
    return ObjectiveState(
        budget(found, last, share, whole),
        () if sli == "freshness" else tuple(burns(found, last, share, whole)),
        course,
        waits,
    )


def _joined(settled: pd.DataFrame, waiting: pd.DataFrame) -> pd.DataFrame:
    """The settled course, and after it what waits; the last settled hour is in both, so that their lines meet."""
    later = waiting[~waiting["moment"].isin(settled["moment"])].rename(columns={"left": "waiting"})
    meeting = settled["moment"] == settled["moment"].max()
    out = pd.concat([settled.assign(waiting=settled["left"].where(meeting)), later], ignore_index=True)
    return out[[*settled.columns, "waiting"]]


def _course(found: ServiceSeries, hours: Slots, end: int, share: float, minutes: int) -> pd.DataFrame:
    """Hour by hour, up to slot `end`: events, and the budget left of the period that ends there."""
    every = np.arange(hours.first, max(hours.first, min(hours.last, -(-end // FINE))))
    upto = np.minimum((every + 1) * FINE, end)
    valid, bad = found.before(upto, 60)
    whole_valid, whole_bad = found.before(upto, minutes)
    with np.errstate(invalid="ignore", divide="ignore"):
        good = np.where(valid > 0, 1 - bad / valid, np.nan)
        left = np.where(whole_valid > 0, 1 - whole_bad / ((1 - share) * whole_valid), np.nan)
    moments = pd.to_datetime(every * HOUR, unit="s", utc=True)
    return pd.DataFrame({"moment": moments, "valid": valid, "bad": bad, "good": good, "left": left})
