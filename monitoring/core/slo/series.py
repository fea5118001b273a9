"""Good and bad events by 5-minute slot, and the indicators they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitoring.core.grid import BucketGrid
from monitoring.core.histogram import Histogram
from monitoring.core.outcome import OK, SERVER_ERROR
from monitoring.core.summary import Cells

MINUTES = 5
"""Minutes in a service slot."""


@dataclass(frozen=True, slots=True, eq=False)
class ServiceSeries:
    """Valid and bad events by slot (5-minute numbers since 1970), ascending."""

    slots: NDArray[np.int64]
    valid: NDArray[np.int64]
    bad: NDArray[np.int64]

    def within(self, end: int, minutes: int) -> tuple[int, int]:
        """Valid and bad events in the `minutes` before slot `end`."""
        low, high = np.searchsorted(self.slots, [end - minutes // MINUTES, end])
        return int(self.valid[low:high].sum()), int(self.bad[low:high].sum())

    def before(self, ends: NDArray[np.int64], minutes: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The same for many ends at once."""
        low, high = np.searchsorted(self.slots, ends - minutes // MINUTES), np.searchsorted(self.slots, ends)
        valid, bad = (np.concatenate([[0], np.cumsum(x)]) for x in (self.valid, self.bad))
        return valid[high] - valid[low], bad[high] - bad[low]

    def until(self, slot: int) -> ServiceSeries:
        """What there is before a slot."""
        kept = np.searchsorted(self.slots, slot)
        return ServiceSeries(self.slots[:kept], self.valid[:kept], self.bad[:kept])


class Stretch:
    """The events of the slots [first, last), added up once: what any windows in it hold is one subtraction each."""

    def __init__(self, found: ServiceSeries, first: int, last: int) -> None:
        self.first = first
        low, high = np.searchsorted(found.slots, [first, last])
        at = found.slots[low:high] - first
        self._sums = []
        for counts in (found.valid, found.bad):
            dense = np.zeros(last - first + 1, dtype=np.int64)
            dense[at + 1] = counts[low:high]
            self._sums.append(dense.cumsum())

    def within(self, ends: NDArray[np.int64], minutes: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Valid and bad events in the `minutes` before each slot of `ends`, as far as they lie in the stretch."""
        upto = ends - self.first
        since = np.maximum(upto - minutes // MINUTES, 0)
        valid, bad = (sums[upto] - sums[since] for sums in self._sums)
        return valid, bad


Judge = Callable[[NDArray[np.integer], NDArray[np.integer]], tuple[NDArray[np.bool_], NDArray[np.bool_]]]
"""Of a latency bucket and a status class: whether the event is valid, and whether it is bad."""


def answered(bucket: NDArray[np.integer], status: NDArray[np.integer]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Valid: answered, or failed by the server. Bad: failed by the server. A client's own errors are left out."""
    return np.isin(status, (OK, SERVER_ERROR)), status == SERVER_ERROR


def within(grid: BucketGrid, threshold_ms: float) -> tuple[Judge, float]:
    """Valid: answered, with a latency. Bad: above the threshold. With the threshold really used.

    A threshold that is no bucket limit is snapped down to one, so that none too slow counts as good.
    """
    below = [c for c in grid.cuts if c <= threshold_ms]
    effective = max(below) if below else grid.cuts[0]
    limit = grid.cuts.index(effective)
    return lambda bucket, status: ((status == OK) & (bucket >= 0), bucket > limit), effective


def availability(parts: Iterable[Cells]) -> ServiceSeries:
    """The series of `answered`."""
    return _series(parts, answered)


def latency(parts: Iterable[Cells], grid: BucketGrid, threshold_ms: float) -> tuple[ServiceSeries, float]:
    """The series of `within`, with the threshold really used."""
    judge, effective = within(grid, threshold_ms)
    return _series(parts, judge), effective


def events(counts: Histogram, judge: Judge) -> tuple[int, int]:
    """Valid and bad events among service counts."""
    valid, bad = judge(counts.codes // 4, counts.codes % 4)
    return int(counts.counts[valid].sum()), int(counts.counts[valid & bad].sum())


def _series(parts: Iterable[Cells], judge: Judge) -> ServiceSeries:
    every = list(parts)
    if not every:
        empty = np.zeros(0, np.int64)
        return ServiceSeries(empty, empty, empty)
    slots = np.concatenate([p.slots for p in every]).astype(np.int64)
    codes = np.concatenate([p.codes for p in every])
    counts = np.concatenate([p.counts for p in every])
    valid, bad = judge(codes // 4, codes % 4)
    return added(slots, counts * valid, counts * (valid & bad))


def added(slots: NDArray[np.int64], valid: NDArray[np.int64], bad: NDArray[np.int64]) -> ServiceSeries:
    """A series of events, those of a slot added up."""
    unique, at = np.unique(slots, return_inverse=True)
    sums = [np.bincount(at, weights=w, minlength=len(unique)).astype(np.int64) for w in (valid, bad)]
    return ServiceSeries(unique, sums[0], sums[1])
