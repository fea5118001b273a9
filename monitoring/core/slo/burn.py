"""Burn rates and error budgets: how fast the allowance is being spent, and how much is left.

Source: Google, The Site Reliability Workbook, chapter 5 ("Alerting on SLOs").
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitoring.core.slo.series import MINUTES, ServiceSeries, Stretch
from monitoring.core.slo.windows import Pair, Period

Floats = NDArray[np.float64]
FEWEST_LONG, FEWEST_SHORT = 5, 2
"""Bad events below which nothing fires: at 10 requests an hour and 99.9 %, one failure is a 1,000-fold burn."""
RECENT, LONGER = 360, 4320
"""Minutes whose pace the budget's end is forecast from: the last 6 hours, the last 3 days."""


@dataclass(frozen=True, slots=True)
class Burn:
    """The burn rate of one window pair. None where a window had no valid event."""

    pair: Pair
    long: float | None
    short: float | None
    factor: float
    bad_long: int
    firing: bool
    reason: str

    @property
    def known(self) -> bool:
        """Whether there were events enough to tell: where the long window burns, it is for the short one to say."""
        return self.long is not None and (self.short is not None or self.long < self.factor)


@dataclass(frozen=True, slots=True)
class Budget:
    """The error budget of a period. `good` is the share of good events; `remaining` may be below zero."""

    valid: int
    bad: int
    good: float | None
    remaining: float | None
    lasts: Forecast


@dataclass(frozen=True, slots=True)
class Forecast:
    """Hours until nothing of a budget is left, at the pace of the last 6 hours and at that of the last 3 days. As long
    as the period where it is never gone at that pace: by then all that was spent before has dropped out. Infinite where
    nothing was spent in them, None where nothing is known of them or nothing is left."""

    recent: float | None = None
    longer: float | None = None


def burn_rate(valid: int, bad: int, objective: float) -> float | None:
    """How many times faster than allowed the budget is being spent; None without valid events."""
    return None if valid == 0 else bad / valid / (1 - objective)


def last_slot(series: ServiceSeries, now: int) -> int:
    """The slot before which windows end: slot `now` has begun and is not over, so it tells nothing yet. Windows end
    with the newest event where that is up to an hour older: a log may end, or lag, without looking calm."""
    newest = int(series.slots[-1]) + 1 if len(series.slots) else now
    return newest if 0 <= now - newest <= 60 // MINUTES else now


def last_slots(series: ServiceSeries, nows: NDArray[np.int64]) -> NDArray[np.int64]:
    """`last_slot` at many moments at once, each as it was: of the events before it."""
    at = np.searchsorted(series.slots, nows) - 1
    if not len(series.slots):
        return nows
    newest = np.where(at >= 0, series.slots[at] + 1, nows)
    return np.where(nows - newest <= 60 // MINUTES, newest, nows)


def effective_factor(pair: Pair, objective: float) -> float:
    """The pair's factor, lowered where the burn rate, at most 1 / (1 - objective), could never reach it."""
    return min(pair.factor, 0.5 / (1 - objective))


def burns(series: ServiceSeries, end: int, objective: float, period: Period) -> list[Burn]:
    """Every window pair, judged at slot `end`."""
    out = []
    for pair in period.pairs:
        valid_long, bad_long = series.within(end, pair.long)
        valid_short, bad_short = series.within(end, pair.short)
        long, short = burn_rate(valid_long, bad_long, objective), burn_rate(valid_short, bad_short, objective)
        factor = effective_factor(pair, objective)
        over = long is not None and short is not None and long >= factor and short >= factor
        enough = bad_long >= FEWEST_LONG and bad_short >= FEWEST_SHORT
        in_long, in_short = pair.name.split("/")
        burning = "no event" if long is None else f"burning {long:.1f}×, {bad_long:,} bad of {valid_long:,},"
        reason = f"{burning} in {in_long}, fires at {factor:.2f}×"
        if long is not None and long >= factor and not over:
            now = "no event" if short is None else f"{short:.1f}×"
            reason += f"; held back: {now} in the last {in_short}"
        if over and not enough:
            few = (
                f"{FEWEST_LONG} bad events in {in_long}" if bad_long < FEWEST_LONG else f"{FEWEST_SHORT} in {in_short}"
            )
            reason += f"; held back: fewer than {few}"
        out.append(Burn(pair, long, short, factor, bad_long, over and enough, reason))
    return out


def budget(series: ServiceSeries, end: int, objective: float, period: Period) -> Budget:
    """The budget over the period before slot `end`."""
    valid, bad = series.within(end, period.minutes)
    if valid == 0:
        return Budget(0, 0, None, None, Forecast())
    remaining = 1 - bad / ((1 - objective) * valid)
    lasts = (
        Forecast()
        if remaining <= 0
        else Forecast(*(_lasts(series, end, objective, period, m) for m in (RECENT, LONGER)))
    )
    return Budget(valid, bad, 1 - bad / valid, remaining, lasts)


def _lasts(series: ServiceSeries, end: int, objective: float, period: Period, minutes: int) -> float | None:
    """Hours until the budget is gone, if all goes on as in the last `minutes`: slot by slot new events come at that
    pace, and old ones drop out of the period."""
    valid, bad = series.within(end, minutes)
    if not valid or not bad:
        return math.inf if valid else None
    slots = period.minutes // MINUTES
    known = Stretch(series, end - slots, end)
    ahead = np.arange(1, slots + 1)
    dropped_valid, dropped_bad = known.within(end - slots + ahead, period.minutes)
    whole_valid, whole_bad = series.within(end, period.minutes)
    paced = min(minutes // MINUTES, end - int(series.slots[0]))
    spent = whole_bad - dropped_bad + ahead * (bad / paced)
    allowed = (1 - objective) * (whole_valid - dropped_valid + ahead * (valid / paced))
    gone = spent >= allowed * (1 - 1e-9)
    return (int(np.argmax(gone)) + 1 if gone.any() else slots) * MINUTES / 60


@dataclass(frozen=True, slots=True, eq=False)
class Burning:
    """A window pair at many ends: `long` and `short`, the burn rates of its windows (NaN without a valid event);
    `reached`, how much of its factor both reach, 0 where there are too few bad events. It fires at 1."""

    long: Floats
    short: Floats
    reached: Floats

    @property
    def fires(self) -> NDArray[np.bool_]:
        """At which ends."""
        return self.reached >= 1


def burning(found: Stretch, ends: NDArray[np.int64], objective: float, pair: Pair) -> Burning:
    """A pair judged at every slot of `ends` at once. Equal to `burns`."""
    rates, enough = [], np.ones(len(ends), dtype=bool)
    for minutes, fewest in ((pair.long, FEWEST_LONG), (pair.short, FEWEST_SHORT)):
        valid, bad = found.within(ends, minutes)
        rates.append(np.divide(bad, valid, out=np.full(len(ends), np.nan), where=valid > 0) / (1 - objective))
        enough &= bad >= fewest
    reached = np.where(enough, np.minimum(*rates) / effective_factor(pair, objective), 0.0)
    return Burning(rates[0], rates[1], reached)


def left_at(found: Stretch, ends: NDArray[np.int64], objective: float, period: Period) -> Floats:
    """The budget left of the period before each slot of `ends`; NaN without a valid event."""
    valid, bad = found.within(ends, period.minutes)
    out: Floats = 1 - np.divide(bad, (1 - objective) * valid, out=np.full(len(ends), np.nan), where=valid > 0)
    return out


def quantile(
    lower: NDArray[np.float64], upper: NDArray[np.float64], counts: NDArray[np.int64], q: float
) -> float | None:
    """A quantile of binned values, by linear interpolation inside its class; None without values."""
    total = counts.sum()
    if total == 0:
        return None
    upto = np.cumsum(counts)
    at = int(np.searchsorted(upto, q * total))
    at = min(at, len(counts) - 1)
    inside = (q * total - (upto[at] - counts[at])) / max(counts[at], 1)
    return float(lower[at] + (upper[at] - lower[at]) * min(max(inside, 0.0), 1.0))
