"""Summaries as pages draw them: distributions, traffic and latency."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from monitoring.core.binned import Binned, align
from monitoring.core.grid import CategoricalGrid, Grid, NumericGrid, no_value
from monitoring.core.histogram import from_cells
from monitoring.core.outcome import CLIENT_ERROR, SERVER_ERROR
from monitoring.core.profile import Profile, from_document, is_current
from monitoring.core.summaries import Summaries
from monitoring.core.summary import FINE, Kind
from monitoring.core.window import HOUR, Slots, slot_ceiling, slot_of
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


def baseline(session: Session, key: str) -> Frozen | None:
    """The active baseline; None before the first evaluation, also the first after an update with other grids."""
    row = session.scalar(
        select(BaselineRow)
        .join(ModelRow, ModelRow.id == BaselineRow.model_id)
        .where(ModelRow.key == key, BaselineRow.active)
    )
    if row is None or not is_current(row.profile):
        return None
    profile = from_document(row.profile)
    return Frozen(row.id, profile, "current" if profile.first is not None else "reference")


def distribution(
    session: Session, key: str, kind: str, column: str, start: datetime | None, end: datetime | None,
    slice_: str = "", chunk: int | None = None,
) -> Distribution | None:  # fmt: skip
    """A column's counts in the reference and in [start, end), or a chunk of rows; None where not summarised."""
    frozen = baseline(session, key)
    if frozen is None:
        return None
    grid = _grid(frozen.profile, Kind(kind), column)
    if grid is None:
        return None
    of_outcome = frozen.profile.find(Kind(kind), column) is None
    stored = Kind.OUTCOME if of_outcome else Kind(kind)
    window = (
        Slots(chunk or 0, (chunk or 0) + 1)
        if start is None or end is None
        else Slots(slot_of(start), slot_ceiling(end))
    )
    past = load(session, frozen.id, frozen.role, frozen.span, [stored, Kind.ROWS])
    span = frozen.span or past.span() or Slots(0, 1)
    current = load(session, frozen.id, "current", window, [stored, Kind.ROWS]).histogram(
        stored, column, window, None, slice_
    )
    reference = past.histogram(stored, column, span, None, slice_)
    if of_outcome:
        size = len(frozen.profile.classes) or 2
        reference, current = (from_cells(h.codes % size, h.counts) for h in (reference, current))
    names: tuple[str, ...] = ()
    if isinstance(grid, CategoricalGrid):
        codes = np.union1d(reference.codes, current.codes)
        names = tuple(grid.name(int(c)) for c in codes if abs(int(c)) != 30_000)
    return Distribution(column, "categorical" if names else "numeric", align(grid, reference, current), names)


def _grid(profile: Profile, kind: Kind, column: str) -> Grid | None:
    """A column's grid. The label of a classification is kept with the outcome, and its classes are its categories."""
    found = profile.find(kind, column)
    if found is not None:
        return found.grid
    outcome = profile.find(Kind.OUTCOME, "")
    if kind != Kind.LABEL or outcome is None or isinstance(outcome.grid, NumericGrid):
        return None
    return CategoricalGrid(profile.classes or ("0", "1"))


def traffic(session: Session, key: str, start: datetime, end: datetime) -> pd.DataFrame:
    """By hour: moment, requests, errors, client_errors, error_share, and latency p50, p95, p99 in milliseconds."""
    frozen = baseline(session, key)
    empty = pd.DataFrame(columns=["moment", "requests", "errors", "client_errors", "error_share", "p50", "p95", "p99"])
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
    frame["error_share"] = frame["errors"] / frame["requests"]
    quantiles = _quantiles(summaries, frozen.profile, hours)
    for name, values in zip(("p50", "p95", "p99"), quantiles, strict=True):
        frame[name] = values
    return frame


def _quantiles(summaries: Summaries, profile: Profile, hours: NDArray[np.int32]) -> list[list[float | None]]:
    """The PERCENTILES of every hour at once: interpolated inside the class they fall in, as core.slo.burn.quantile."""
    column = next((c for c in profile.columns if c.kind == Kind.LATENCY), None)
    nothing: list[list[float | None]] = [[None] * len(hours) for _ in PERCENTILES]
    if column is None or not isinstance(column.grid, NumericGrid) or not len(hours):
        return nothing
    parts = list(summaries.every(Kind.LATENCY, column.name, Slots(int(hours[0]), int(hours[-1]) + 1)))
    if not parts:
        return nothing
    slots, codes, counts = (np.concatenate([getattr(p, name) for p in parts]) for name in ("slots", "codes", "counts"))
    kept = ~no_value(codes) & np.isin(slots, hours)
    classes, column_of = np.unique(codes[kept], return_inverse=True)
    if not len(classes):
        return nothing
    row_of = np.searchsorted(hours, slots[kept])
    table = np.zeros((len(hours), len(classes)), dtype=np.int64)
    np.add.at(table, (row_of, column_of), counts[kept])
    lower, upper = column.grid.limits(classes)
    upto, every = table.cumsum(axis=1), np.arange(len(hours))
    total = upto[:, -1]
    out: list[list[float | None]] = []
    for q in PERCENTILES:
        at = np.minimum((upto < (q * total)[:, None]).sum(axis=1), len(classes) - 1)
        inside = (q * total - (upto[every, at] - table[every, at])) / np.maximum(table[every, at], 1)
        values = lower[at] + (upper[at] - lower[at]) * np.clip(inside, 0.0, 1.0)
        out.append([float(v) if n else None for v, n in zip(values, total, strict=True)])
    return out
