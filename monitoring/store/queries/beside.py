"""Two versions of a model side by side, from summaries: performance, predictions, latency and slices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from monitoring.core.binned import align
from monitoring.core.grid import MISSING, NONFINITE, CategoricalGrid, NumericGrid
from monitoring.core.performance.metric import Estimate, get, metrics_for
from monitoring.core.profile import Column, Profile
from monitoring.core.slo.burn import quantile
from monitoring.core.summaries import Summaries
from monitoring.core.summary import BLOCK, Kind, Series
from monitoring.core.window import Slots, moment_of, slot_ceiling, slot_of
from monitoring.store.queries.performance import outcome_of
from monitoring.store.queries.summaries import PERCENTILES, Distribution, baseline
from monitoring.store.summaries import load
from monitoring.store.tables import ModelRow

COMMON = 0.5
"""Share of the days of the version with fewer that have to be the other one's, too, for both to be held to them."""
ANSWERS = {
    "binary_classification": (Kind.SCORE, Kind.PREDICTION),
    "multiclass_classification": (Kind.SCORE, Kind.PREDICTION),
    "regression": (Kind.PREDICTION,),
}
KINDS = (Kind.ROWS, Kind.OUTCOME, Kind.SCORE, Kind.PREDICTION, Kind.LATENCY)


@dataclass(frozen=True, slots=True)
class OfVersion:
    """A version over its days: rows, metrics by name, one metric by slice, latency quantiles in ms by share."""

    version: str
    rows: int
    labelled: int
    metrics: dict[str, Estimate]
    slices: dict[str, Estimate]
    latency: dict[float, float | None]


@dataclass(frozen=True, slots=True)
class Beside:
    """Two versions. `days` are those that both answered on, where they are COMMON or more; else each has its own.

    `predictions` are how both answered: the first version's counts as reference, the other's as current.
    """

    first: OfVersion
    second: OfVersion
    common: bool
    days: tuple[int, int]
    start: datetime
    end: datetime
    predictions: tuple[Distribution, ...]


def beside(
    session: Session, key: str, first: str, second: str, start: datetime, end: datetime, main: str
) -> Beside | None:
    """Both over [start, end), in whole days; `main` is the metric by slices. None before the first evaluation, for a
    log without real time, and where one has no row in the range."""
    frozen = baseline(session, key)
    row = session.execute(select(ModelRow.task, ModelRow.document).where(ModelRow.key == key)).first()
    if frozen is None or row is None or isinstance(row.document.get("chunk"), dict):
        return None
    window = Slots(slot_of(start) // BLOCK * BLOCK, -(-slot_ceiling(end) // BLOCK) * BLOCK)
    found = load(session, frozen.id, "current", window, KINDS, (first, second))
    days = [_days(found, version) for version in (first, second)]
    if not all(days):
        return None
    shared = days[0] & days[1]
    common = len(shared) >= COMMON * min(len(d) for d in days)
    own = [shared, shared] if common else days
    only = [_only(found, version, of) for version, of in zip((first, second), own, strict=True)]
    sides = [_of(s, frozen.profile, row.task, v, window, main) for s, v in zip(only, (first, second), strict=True)]
    drawn = tuple(_distribution(c, only, window) for c in frozen.profile.columns if c.kind in ANSWERS[row.task])
    every = own[0] | own[1]
    return Beside(
        sides[0], sides[1], common, (len(own[0]), len(own[1])), moment_of(min(every) * BLOCK),
        moment_of((max(every) + 1) * BLOCK), drawn,
    )  # fmt: skip


def _days(found: Summaries, version: str) -> frozenset[int]:
    """The blocks in which a version answered."""
    return frozenset(found.packed.get(Series(Kind.ROWS, "", version, ""), {}))


def _only(found: Summaries, version: str, days: frozenset[int]) -> Summaries:
    """The summaries of one version and some days."""
    packed = {
        series: kept
        for series, blocks in found.packed.items()
        if series.version == version and (kept := {b: p for b, p in blocks.items() if b in days})
    }
    return Summaries(packed)


def _of(found: Summaries, profile: Profile, task: str, version: str, window: Slots, main: str) -> OfVersion:
    whole = outcome_of(profile, found, window, task, "") if profile.find(Kind.OUTCOME, "") is not None else None
    slices = {}
    for name in found.slices() if whole is not None else []:
        part = outcome_of(profile, found, window, task, name)
        if part.n:
            slices[name] = get(main, task).compute(part)
    return OfVersion(
        version,
        found.rows(window),
        whole.n if whole is not None else 0,
        {m.name: m.compute(whole) for m in metrics_for(task)} if whole is not None and whole.n else {},
        slices,
        _latency(found, profile, window),
    )


def _latency(found: Summaries, profile: Profile, window: Slots) -> dict[float, float | None]:
    column = next((c for c in profile.columns if c.kind == Kind.LATENCY), None)
    if column is None or not isinstance(column.grid, NumericGrid):
        return {}
    counts = found.histogram(Kind.LATENCY, column.name, window)
    kept = ~np.isin(counts.codes, (MISSING, NONFINITE))
    lower, upper = column.grid.limits(counts.codes[kept])
    return {q: quantile(lower, upper, counts.counts[kept], q) for q in PERCENTILES}


def _distribution(column: Column, only: list[Summaries], window: Slots) -> Distribution:
    first, second = (s.histogram(column.kind, column.name, window) for s in only)
    names: tuple[str, ...] = ()
    if isinstance(column.grid, CategoricalGrid):
        codes = np.union1d(first.codes, second.codes)
        names = tuple(column.grid.name(int(c)) for c in codes if int(c) not in (MISSING, NONFINITE))
    return Distribution(column.name, "categorical" if names else "numeric", align(column.grid, first, second), names)
