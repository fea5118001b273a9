"""How a series of verdicts is read: is it beyond its threshold, between, clear, or unknown?

A series is in order of time. Hysteresis: it fires at its `breached` level and clears below its `warning` level. Where
it has but one, it clears a margin below that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from monitoring.core.alerting.signal import Condition
from monitoring.core.verdict import Flag, Status, Verdict

MARGIN = 0.02
"""Share of a lone threshold that a series must be away from it, on the good side, to be clear."""
BURN_MARGIN = 0.1
"""The same of a burn rate, which goes up and down with every request."""
RECENT = 3
"""Newest mature windows of performance that are looked at: two must be breached, as for the flag."""


@dataclass(frozen=True, slots=True)
class Read:
    """A condition, and the verdict that it was read from."""

    condition: Condition
    verdict: Verdict


def level(series: Sequence[Verdict], now: datetime) -> Read:
    """By the newest verdict that is final. One that is provisional fires nothing and clears nothing."""
    final = [v for v in series if not v.provisional]
    if not final:
        return Read(Condition.UNKNOWN, series[-1])
    return Read(_condition(final[-1]), final[-1])


def status(series: Sequence[Verdict], now: datetime) -> Read:
    """By the newest verdict's status alone: of a share near 1, where no margin makes sense."""
    last = series[-1]
    known = {Status.BREACHED: Condition.BEYOND, Status.WARNING: Condition.BETWEEN, Status.OK: Condition.CLEAR}
    return Read(known.get(last.status, Condition.UNKNOWN), last)


def stopped(series: Sequence[Verdict], now: datetime) -> Read:
    """No row in a window that is over, nor in any since: the log has stopped."""
    last = series[-1]
    if last.status != Status.NO_DATA:
        return Read(Condition.UNKNOWN if last.status == Status.FAILED else Condition.CLEAR, last)
    over = [v for v in series if v.window.end is not None and v.window.end <= now]
    if not over or over[-1].status != Status.NO_DATA:
        return Read(Condition.UNKNOWN, last)
    return Read(Condition.BEYOND, over[-1])


def unreadable(series: Sequence[Verdict], now: datetime) -> Read:
    """The model could not be evaluated at all. Any other summing-up says that it could."""
    last = series[-1]
    failed = last.status == Status.FAILED and last.flag == Flag.PAGE
    return Read(Condition.BEYOND if failed else Condition.CLEAR, last)


def needs_retraining(series: Sequence[Verdict], now: datetime) -> Read:
    """By the flag. Where a page hides it, nothing is known of it."""
    last = series[-1]
    known = {Flag.RETRAIN: Condition.BEYOND, Flag.WATCH: Condition.CLEAR, Flag.HEALTHY: Condition.CLEAR}
    condition = Condition.UNKNOWN if last.flag is None else known.get(last.flag, Condition.UNKNOWN)
    return Read(Condition.UNKNOWN if last.status == Status.NO_DATA else condition, last)


def persisting(series: Sequence[Verdict], now: datetime) -> Read:
    """Two of the three newest mature windows are breached, so that one bad day is no decay; clear when it is none."""
    mature = [v for v in series if not v.provisional][-RECENT:]
    known = [v for v in mature if v.status in (Status.OK, Status.WARNING, Status.BREACHED) and v.threshold is not None]
    if not known:
        return Read(Condition.UNKNOWN, series[-1])
    breached = [v for v in known if v.status == Status.BREACHED]
    if len(breached) >= 2:
        return Read(Condition.BEYOND, breached[-1])
    newest = known[-1]
    if mature[-1] is not newest:
        return Read(Condition.UNKNOWN, mature[-1])
    clear = not breached and _condition(newest) == Condition.CLEAR
    return Read(Condition.CLEAR if clear else Condition.BETWEEN, newest)


def fast_burn(series: Sequence[Verdict], now: datetime) -> Read | None:
    """A window pair that pages; None of another."""
    return _burn(series, fast=True)


def slow_burn(series: Sequence[Verdict], now: datetime) -> Read | None:
    """A window pair that opens a ticket; None of another."""
    return _burn(series, fast=False)


def _burn(series: Sequence[Verdict], fast: bool) -> Read | None:
    """By the newest verdict. A pair that is quiet in its short window is over, however high its long one still is."""
    last = series[-1]
    if (last.breached is not None) is not fast:
        return None
    if last.status in (Status.WARNING, Status.BREACHED):
        return Read(Condition.BEYOND, last)
    if last.status != Status.OK or last.value is None or last.threshold is None:
        return Read(Condition.UNKNOWN, last)
    near = (1 - BURN_MARGIN) * last.threshold <= last.value < last.threshold
    return Read(Condition.BETWEEN if near else Condition.CLEAR, last)


Reading = Callable[[Sequence[Verdict], datetime], Read | None]
BEGINS: Mapping[Reading, tuple[Status, ...]] = {
    level: (Status.BREACHED,),
    status: (Status.BREACHED,),
    stopped: (Status.NO_DATA,),
    unreadable: (Status.FAILED,),
    needs_retraining: tuple(Status),
    persisting: (Status.BREACHED,),
    fast_burn: (Status.WARNING, Status.BREACHED),
    slow_burn: (Status.WARNING, Status.BREACHED),
}
"""By reading, the statuses that may begin an alert: where none of the newest (`RECENT`) verdicts of a series has one of
them, the series is not beyond its threshold."""


def _condition(v: Verdict) -> Condition:
    if v.status == Status.BREACHED:
        return Condition.BEYOND
    if v.status == Status.WARNING:
        return Condition.BETWEEN
    if v.status != Status.OK:
        return Condition.UNKNOWN
    if v.breached is None or v.warning is not None or v.value is None:
        return Condition.CLEAR
    return Condition.BETWEEN if abs(v.value - v.breached) < MARGIN * abs(v.breached) else Condition.CLEAR
