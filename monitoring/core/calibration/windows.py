"""Windows as counts: those that are judged, and the reference's own, added up by the class they are matched in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from monitoring.core.calibration.arrangement import Arrangement, arrangement

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows as counts, shape (windows, classes), each with the class of windows it is matched with."""

    counts: Floats
    matched: Integers

    @cached_property
    def rows(self) -> Floats:
        """Rows by window."""
        return np.asarray(self.counts.sum(axis=1), dtype=np.float64)


def angles(windows: Windows, marks: Floats) -> Floats:
    """The angle of each window's share of the classes that `marks` has at 1, shape (classes,) or (classes, shares): its
    variance does not grow with the share (Anscombe 1948)."""
    hits = windows.counts @ marks
    rows = np.maximum(windows.rows, 1.0).reshape(-1, *[1] * (hits.ndim - 1))
    return np.asarray(2 * np.arcsin(np.sqrt((hits + 0.375) / (rows + 0.75))))


@dataclass(frozen=True, eq=False)
class Known(Windows):
    """What chance is learned from: the reference's windows, or (`independent`) its rows as one heap.

    `times` is the day that each window lies in, or its place in the order where windows are days or longer. `longer`
    of them, one after the other, are as long as a window that is judged. `size` are the classes of windows.
    `priors` are those of how far windows differ and how much they resemble the ones before (between), by measure,
    where the log's other columns, or windows after the reference, tell it. `later` are such windows, beyond one a
    stretch of them.
    """

    times: Integers
    size: int
    independent: bool = False
    longer: int = 1
    priors: Mapping[str, Floats] = field(default_factory=dict)
    later: int = 0

    def of(self, counts: Floats) -> Known:
        """The same windows, counted by other classes."""
        return replace(self, counts=counts)

    def prior(self, name: str) -> Floats | None:
        """Of a contrast, by name; of any other than others told of, what they said in all."""
        return self.priors.get(name, self.priors.get(""))

    def useful(self) -> Known:
        """Without windows that are empty, or alone in their class: those say nothing of the spread within it."""
        kept = self.is_useful
        return replace(self, counts=self.counts[kept], matched=self.matched[kept], times=self.times[kept])

    @cached_property
    def is_useful(self) -> NDArray[np.bool_]:
        """Which windows those are."""
        alone = np.bincount(self.matched, minlength=1)[self.matched] < 2
        return np.asarray((self.rows > 0) & (~alone | self.independent))

    @cached_property
    def totals(self) -> Floats:
        """Counts by class of windows, shape (classes of windows, classes)."""
        out = np.zeros((self.size, self.counts.shape[1]))
        np.add.at(out, self.matched, self.counts)
        return out

    @cached_property
    def heaps(self) -> Floats:
        """Rows by class of windows."""
        return np.asarray(self.totals.sum(axis=1))

    @cached_property
    def windows(self) -> Floats:
        """Windows by class."""
        return np.bincount(self.matched, minlength=self.size).astype(float)

    def means(self, values: Floats) -> Floats:
        """Of values by window, shape (windows, ...), the mean over the rows of each class of windows."""
        sums = np.zeros((self.size, *values.shape[1:]))
        np.add.at(sums, self.matched, (values.T * self.rows).T)
        return np.asarray((sums.T / np.maximum(self.heaps, 1.0)).T)

    @cached_property
    def lever(self) -> Floats:
        """Variance of each window less its class's mean, of which it is a part, in units of its own."""
        return np.asarray(1.0 - self.rows / self.heaps[self.matched])

    @cached_property
    def arranged(self) -> Arrangement:
        """What follows from when the windows are."""
        return arrangement(self.matched, self.times, self.rows, self.longer)
