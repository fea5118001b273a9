"""Summaries as pages draw them: distributions, traffic, latency and objectives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from monitoring.core.binned import Binned, align
from monitoring.core.grid import BucketGrid, CategoricalGrid, NumericGrid
from monitoring.core.outcome import CLIENT_ERROR, SERVER_ERROR
from monitoring.core.profile import Profile, from_document
from monitoring.core.slo import series
from monitoring.core.slo.burn import Budget, Burn, budget, burns
from monitoring.core.slo.burn import quantile as quantile_of
from monitoring.core.slo.series import MINUTES, ServiceSeries
from monitoring.core.slo.windows import period
from monitoring.core.summaries import Summaries
from monitoring.core.summary import FINE, Kind
from monitoring.core.window import EPOCH, HOUR, Slots, slot_ceiling, slot_of
from monitoring.store.summaries import load
from monitoring.store.tables import BaselineRow, ModelRow

PERCENTILES = (0.5, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Frozen:
    """A model's active baseline: its id, profile, and the role whose summaries hold the reference."""

    id: int
    profile: Profile
    role: str

    @property
    def span(self) -> Slots | None:
        """The reference's slots where it is a window of the log."""
        if self.profile.first is None or self.profile.last is None:
            return None
        return Slots(self.profile.first, self.profile.last)


@dataclass(frozen=True, slots=True)
class Distribution:
    """One column in two windows. For categories `names` go with the classes of `binned`."""

    column: str
    kind: str
    binned: Binned
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ObjectiveState:
    """An objective now, and its course: a frame of moment, valid, bad, good (share), and budget left over the period."""

    budget: Budget
    burns: tuple[Burn, ...]
    course: pd.DataFrame


def baseline(session: Session, key: str) -> Frozen | None:
    """The active baseline; None before the first evaluation."""
    row = session.scalar(
        select(BaselineRow).join(ModelRow, ModelRow.id == BaselineRow.model_id).where(ModelRow.key == key, BaselineRow.active)
    )
    if row is None:
        return None
    profile = from_document(row.profile)
    return Frozen(row.id, profile, "current" if profile.first is not None else "reference")


def distribution(session: Session, key: str, kind: str, column: str, start: datetime, end: datetime) -> Distribution | None:
    """A column's counts in the reference and in [start, end); None where it is not summarised."""
    frozen = baseline(session, key)
    if frozen is None:
        return None
    found = frozen.profile.find(Kind(kind), column)
    if found is None:
        return None
    window = Slots(slot_of(start), slot_ceiling(end))
    current = load(session, frozen.id, "current", window, [Kind(kind), Kind.ROWS]).histogram(Kind(kind), column, window)
    past = load(session, frozen.id, frozen.role, frozen.span, [Kind(kind), Kind.ROWS])
    span = frozen.span or past.span() or Slots(0, 1)
    reference = past.histogram(Kind(kind), column, span)
    names: tuple[str, ...] = ()
    if isinstance(found.grid, CategoricalGrid):
        codes = np.union1d(reference.codes, current.codes)
        names = tuple(found.grid.name(int(c)) for c in codes if abs(int(c)) != 30_000)
    return Distribution(column, "categorical" if names else "numeric", align(found.grid, reference, current), names)


def traffic(session: Session, key: str, start: datetime, end: datetime) -> pd.DataFrame:
    """By hour: moment, requests, errors, client_errors, and latency quantiles p50, p95, p99 in milliseconds."""
    frozen = baseline(session, key)
    empty = pd.DataFrame(columns=["moment", "requests", "errors", "client_errors", "p50", "p95", "p99"])
    if frozen is None:
        return empty
    window = Slots(slot_of(start), slot_ceiling(end))
    summaries = load(session, frozen.id, "current", window, [Kind.SERVICE, Kind.LATENCY, Kind.ROWS])
    parts = list(summaries.every(Kind.SERVICE, "", window))
    if not parts:
        return empty
    slots = np.concatenate([p.slots for p in parts]) // FINE
    status = np.concatenate([p.codes for p in parts]) % 4
    counts = np.concatenate([p.counts for p in parts])
    kept = (slots >= window.first) & (slots < window.last)
    slots, status, counts = slots[kept], status[kept], counts[kept]
    hours, at = np.unique(slots, return_inverse=True)

    def total(wanted: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.bincount(at, weights=counts * wanted, minlength=len(hours)).astype(np.int64)

    frame = pd.DataFrame(
        {
            "moment": pd.to_datetime(hours.astype(np.int64) * HOUR, unit="s", utc=True),
            "requests": total(np.ones(len(status), dtype=bool)),
            "errors": total(status == SERVER_ERROR),
            "client_errors": total(status == CLIENT_ERROR),
        }
    )
    quantiles = _quantiles(summaries, frozen.profile, hours)
    for name, values in zip(("p50", "p95", "p99"), quantiles, strict=True):
        frame[name] = values
    return frame


def objective(
    session: Session, key: str, sli: str, share: float, period_name: str, threshold_ms: float | None, now: datetime
) -> ObjectiveState | None:
    """An availability or latency objective at `now`, with its course over the period by hour."""
    frozen = baseline(session, key)
    if frozen is None:
        return None
    whole = period(period_name)
    last = slot_ceiling(now)
    window = Slots(last - 2 * whole.minutes // 60, last)
    summaries = load(session, frozen.id, "current", window, [Kind.SERVICE, Kind.ROWS])
    parts = list(summaries.every(Kind.SERVICE, "", window))
    if sli == "availability":
        found = series.availability(parts)
    else:
        column = frozen.profile.find(Kind.SERVICE, "")
        assert column is not None and isinstance(column.grid, BucketGrid) and threshold_ms is not None
        found, _ = series.latency(parts, column.grid, threshold_ms)
    end = int((now - EPOCH).total_seconds() // (MINUTES * 60)) + 1
    return ObjectiveState(
        budget(found, end, share, whole), tuple(burns(found, end, share, whole)), _course(found, end, share, whole.minutes)
    )


def _course(found: ServiceSeries, end: int, share: float, minutes: int) -> pd.DataFrame:
    """Hour by hour over the period: events, and the budget left of the period that ends there."""
    rows = []
    for hour in range((end - minutes // MINUTES) // FINE + 1, end // FINE + 1):
        upto = min((hour + 1) * FINE, end)
        valid, bad = found.within(upto, 60)
        whole_valid, whole_bad = found.within(upto, minutes)
        left = 1 - whole_bad / ((1 - share) * whole_valid) if whole_valid else None
        moment = EPOCH + timedelta(hours=hour)
        rows.append((moment, valid, bad, 1 - bad / valid if valid else None, left))
    return pd.DataFrame(rows, columns=["moment", "valid", "bad", "good", "left"])


def _quantiles(summaries: Summaries, profile: Profile, hours: NDArray[np.int32]) -> list[list[float | None]]:
    column = next((c for c in profile.columns if c.kind == Kind.LATENCY), None)
    if column is None or not isinstance(column.grid, NumericGrid):
        return [[None] * len(hours) for _ in PERCENTILES]
    out: list[list[float | None]] = [[] for _ in PERCENTILES]
    for hour in hours:
        histogram = summaries.histogram(Kind.LATENCY, column.name, Slots(int(hour), int(hour) + 1))
        kept = np.abs(histogram.codes) != 30_000
        lower, upper = column.grid.limits(histogram.codes[kept])
        for values, q in zip(out, PERCENTILES, strict=True):
            values.append(quantile_of(lower, upper, histogram.counts[kept], q))
    return out


