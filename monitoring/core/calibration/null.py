"""How often chance alone takes a window as far from the reference as this one is.

The reference's own windows, of the same length and matched by the hours of the week, show how far windows lie apart
without any drift: that holds the size of a window, the dependence of its rows on each other, days that resemble each
other, and the week's pattern. A contrast's variance is what the reference's windows show beyond their sampling error
(moments, as DerSimonian & Laird 1986), plus the sampling error at this window's size, plus the reference's own error;
a t quantile takes the number of windows into account. Where the reference is too short for that, rows are taken as
independent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitoring.core.calibration.contrasts import Contrast, Contrasts
from monitoring.core.calibration.course import Course, course, serial_dependence

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
LEAST_DEGREES = 3.0
MANY = 20
"""Expected rows of a class from which its share is normal enough, and counting would cost power."""
LONGER_ERRORS = 2.0
"""Standard errors on the safe side of serial dependence, where days stand for weeks, whose spread hangs on it."""
TINY = 1e-15


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """Windows as counts, shape (windows, classes), each with the class of windows it is matched with."""

    counts: Floats
    matched: Integers

    @property
    def rows(self) -> Floats:
        """Rows by window."""
        return np.asarray(self.counts.sum(axis=1), dtype=np.float64)


def p_values(
    reference: Counted, windows: Counted, contrasts: Contrasts, independent: bool, side: int = 0, longer: int = 1
) -> Floats:
    """The probability, by window, that chance takes some contrast as far; NaN for a window without rows.

    With `independent`, the reference is one heap of independent rows. `side` +1 or -1 looks one way only. A window is
    as long as `longer` windows of the reference, one after the other.
    """
    null = _Null(reference, independent, longer)
    best = np.ones(len(windows.counts))
    single = contrasts.single[:1] if side else contrasts.single
    for contrast in single:
        if contrast.around is not None and longer > 1:
            continue  # a week's own spread holds that between its days, which no day of the reference has
        p = null.linear(contrast, windows, side)
        if contrast.indicator:
            p = np.maximum(p, null.exact(contrast.weights, windows, side))
        best = np.minimum(best, p if side else p / contrast.share)
    if contrasts.share and not side:
        best = np.minimum(best, _together(null, windows, contrasts) / contrasts.share)
    return np.where(windows.rows > 0, np.clip(best, 0.0, 1.0), np.nan)


def _together(null: _Null, windows: Counted, contrasts: Contrasts) -> Floats:
    """p-values of all classes together."""
    if not null.independent:
        besides = tuple(c.weights for c in contrasts.single if not c.indicator)
        return null.omnibus(contrasts.bins(float(np.median(null.rows))), besides, windows)
    out = np.ones(len(windows.counts))
    for at, counts in enumerate(windows.counts):
        one = Counted(windows.counts[at : at + 1], windows.matched[at : at + 1])
        heap = null.totals[windows.matched[at]]
        if counts.sum() and heap.sum():
            # which classes are rare is judged by both together: by the reference alone, its chance lows look like gains
            bins = contrasts.bins(min(counts.sum(), heap.sum()), counts + heap)
            out[at] = null.contingency(bins, one)[0] if bins.max() > 0 else 1.0
    return out


def _complement(root: Floats, others: list[Floats]) -> Floats:
    """An orthonormal basis, in coordinates of share / root, of all that is uncorrelated with `others`."""
    columns = [root, *(root * other for other in others)]
    basis, singular, _ = np.linalg.svd(np.stack(columns, axis=1), full_matrices=True)
    return np.asarray(basis[:, int((singular > 1e-9 * singular[0]).sum()) :])


class _Null:
    """The reference's windows, added up by the class they are matched in."""

    def __init__(self, reference: Counted, independent: bool, longer: int) -> None:
        # a window alone in its class says nothing of the spread within it
        alone = np.bincount(reference.matched)[reference.matched] < 2
        kept = (reference.rows > 0) & (~alone | independent)
        matched = reference.matched[kept]
        self.counts, self.rows = reference.counts[kept], reference.rows[kept]
        self.independent, self.longer = independent, longer
        self.errors = 1.0 if longer == 1 else LONGER_ERRORS
        self.size = int(matched.max(initial=0)) + 1
        self.matched = matched
        self.windows = np.bincount(matched, minlength=self.size).astype(float)
        self.totals = np.zeros((self.size, self.counts.shape[1]))
        np.add.at(self.totals, matched, self.counts)
        self.heaps = self.totals.sum(axis=1)
        self.lever = 1.0 - self.rows / self.heaps[matched]
        self.degrees = max(len(matched) - int((self.windows > 0).sum()), 1)

    def linear(self, contrast: Contrast, windows: Counted, side: int) -> Floats:
        """Two-sided p-values of a contrast (one-sided, where `side` says so)."""
        from scipy.special import stdtr

        centre, variance, third = self._moments(contrast)
        apart = _mean(self.counts, self.rows, contrast) - centre[self.matched]
        shape = Course(0.0, 0.0, 0.0, 0.0)
        if not self.independent:
            excess = float((apart**2 / self.lever - variance[self.matched] / self.rows).mean())
            shape = course(apart, max(0.0, excess), self.errors)
        at, rows = windows.matched, np.maximum(windows.rows, 1.0)
        between = shape.variance / self._shrunk(shape.serial)
        spread = between * self._apart(shape.serial, at) + variance[at] * (1 / rows + 1 / self.heaps[at]) + TINY
        z = (_mean(windows.counts, rows, contrast) - centre[at]) / np.sqrt(spread)
        usual = self._apart(shape.serial, at) * (between + variance[at] * float((1 / self.rows).mean()))
        degrees = self._effective(shape.serial) * np.maximum(spread / np.maximum(usual, TINY), 0.25) ** 2
        if shape.tails > 0:
            degrees = np.minimum(degrees, 4 + 6 / shape.tails)
        degrees = np.full(len(rows), 1e6) if self.independent else np.clip(degrees, LEAST_DEGREES, 1e6)
        skew = (third[at] / rows**2 + shape.skew * between**1.5) / spread**1.5
        up = np.maximum(stdtr(degrees, -z), _gamma_tail(z, skew))
        down = np.maximum(stdtr(degrees, z), _gamma_tail(-z, -skew))
        if side:
            return np.asarray(up if side > 0 else down)
        return np.asarray(np.minimum(1.0, 2 * np.minimum(up, down)))

    def exact(self, weights: Floats, windows: Counted, side: int) -> Floats:
        """p-values of a share by counting, which holds for the rarest class: given all its rows, those of the window
        are binomial (Przyborowski & Wilenski 1940)."""
        from scipy.special import bdtr, bdtrc

        at = windows.matched
        hits, rows = windows.counts @ weights, windows.rows
        before, heap = (self.totals @ weights)[at], self.heaps[at]
        rare = hits + before <= (rows + heap) / 2
        few, few_before = np.where(rare, hits, rows - hits), np.where(rare, before, heap - before)
        together = np.round(few + few_before).astype(np.int64)
        part = rows / np.maximum(rows + heap, 1.0)
        many = together * np.minimum(part, 1 - part) >= MANY
        more = np.where(many, 0.0, np.where(few > 0, bdtrc(np.maximum(np.round(few) - 1, 0), together, part), 1.0))
        less = np.where(many, 0.0, bdtr(np.round(few), together, part))
        up, down = np.where(rare, more, less), np.where(rare, less, more)
        if side:
            return np.asarray(up if side > 0 else down)
        return np.asarray(np.minimum(1.0, 2 * np.minimum(more, less)))

    def omnibus(self, bins: Integers, besides: tuple[Floats, ...], windows: Counted) -> Floats:
        """p-values that the bins' shares are the reference's, other than along the weights `besides`.

        Pearson's statistic against its first two moments, as Rao & Scott (1981, second order) and Thomas & Rao (1987)
        for clustered rows; and against what it is for the reference's own windows.
        """
        from scipy.special import fdtrc, stdtr

        onto = np.zeros((len(bins), int(bins.max()) + 1))
        onto[bins >= 0, bins[bins >= 0]] = 1.0
        held, counts, mine = self.totals @ onto, windows.counts @ onto, self.counts @ onto
        whole = held.sum(axis=0)
        root = np.sqrt(np.maximum(whole / max(whole.sum(), 1.0), TINY))
        free = _complement(root, [(self.totals.sum(axis=0) * w) @ onto / np.maximum(whole, 1.0) for w in besides])
        size = free.shape[1]
        if size < 1:
            return np.ones(len(counts))
        shares = held / np.maximum(held.sum(axis=1, keepdims=True), 1.0)
        at, rows, own = windows.matched, np.maximum(counts.sum(axis=1), 1.0), np.maximum(mine.sum(axis=1), 1.0)
        pearson = ((((counts / rows[:, None] - shares[at]) / root) @ free) ** 2).sum(axis=1)
        sampling = 1 / rows + 1 / np.maximum(held.sum(axis=1), 1.0)[at]
        apart = ((mine / own[:, None] - shares[self.matched]) / root) @ free
        scaled = apart / np.sqrt(np.maximum(self.lever, TINY))[:, None]
        covariance = scaled.T @ scaled / len(scaled)
        trace, usual = float(np.trace(covariance)), float((1 / own).mean())
        between = max(0.0, trace - usual * size)
        serial = serial_dependence(apart, between / max(trace, TINY), self.errors)
        degrees = max(float(self.degrees), 3.0)
        square = degrees**2 / ((degrees - 1) * (degrees + 2)) * (float((covariance**2).sum()) - trace**2 / degrees)
        between_square = square - 2 * usual * between - usual**2 * size
        between_square = float(np.clip(between_square, between**2 / size, between**2))
        factor = self._apart(serial, at) / self._shrunk(serial)
        expected = sampling * size + factor * between
        square_expected = sampling**2 * size + 2 * sampling * factor * between + factor**2 * between_square
        dimensions = expected**2 / square_expected
        effective = self._effective(serial)
        by_moments = fdtrc(dimensions, dimensions * effective, pearson / expected)
        # moments know nothing of days that differ in other than straight lines; the reference's own windows do
        known = np.log(np.maximum((scaled**2).sum(axis=1) / (usual * size + between), TINY))
        beyond = np.log(np.maximum(pearson / expected, TINY)) - known.mean()
        by_windows = stdtr(effective, -beyond / (known.std(ddof=1) * np.sqrt(1 + 1 / len(known)) + TINY))
        return np.asarray(np.maximum(by_moments, by_windows))

    def contingency(self, bins: Integers, windows: Counted) -> Floats:
        """p-values of Pearson's chi-square test on the contingency table of all reference rows and the window's."""
        from scipy.special import chdtrc

        onto = np.zeros((len(bins), int(bins.max()) + 1))
        onto[bins >= 0, bins[bins >= 0]] = 1.0
        held, counts = (self.totals @ onto)[windows.matched], windows.counts @ onto
        rows, heaps = np.maximum(counts.sum(axis=1), 1.0), np.maximum(held.sum(axis=1), 1.0)
        together = (counts + held) / (rows + heaps)[:, None]
        apart = (counts / rows[:, None] - held / heaps[:, None]) ** 2 / np.maximum(together, TINY)
        return np.asarray(chdtrc(onto.shape[1] - 1, apart.sum(axis=1) / (1 / rows + 1 / heaps)))

    def _moments(self, contrast: Contrast) -> tuple[Floats, Floats, Floats]:
        """Mean, variance and third central moment of a row's weight, by matched class. No variance is quite zero: a
        class never seen may have been missed by half a row."""
        heaps, weights = np.maximum(self.heaps, 1.0), contrast.weights
        if contrast.indicator:  # the angle's variance is that of a row by itself, whatever the share
            centre = np.zeros(self.size)
            np.add.at(centre, self.matched, _mean(self.counts, self.rows, contrast) * self.rows)
            return centre / heaps, np.ones(self.size), np.zeros(self.size)
        rows = weights[None, :] - np.zeros((self.size, 1))
        if contrast.around is not None:
            rows = (contrast.around[None, :] - (self.totals @ contrast.around / heaps)[:, None]) ** 2
        off = rows - ((self.totals * rows).sum(axis=1) / heaps)[:, None]
        variance = (self.totals * off**2).sum(axis=1) / heaps
        third = (self.totals * off**3).sum(axis=1) / heaps
        # the mean of the windows' own values, which are what a window is compared with
        centre = np.zeros(self.size)
        np.add.at(centre, self.matched, _mean(self.counts, self.rows, contrast) * self.rows)
        return (
            centre / heaps,
            variance + float((weights[self.totals.sum(axis=0) > 0] ** 2).max(initial=0.0)) * 0.5 / heaps,
            third,
        )

    def _effective(self, serial: float) -> float:
        """Degrees of freedom of a variance of dependent windows (Bayley & Hammersley 1946)."""
        return max(LEAST_DEGREES, self.degrees * (1 - serial**2) / (1 + serial**2))

    def _apart(self, serial: float, at: Integers) -> Floats:
        """Variance of a window less its centre, in units of the variance between windows."""
        m = float(len(self.rows))
        dependent = (1 + serial) / (1 - serial)
        lags = np.arange(1, self.longer)
        own = (1 + 2 * float(((1 - lags / self.longer) * serial**lags).sum())) / self.longer
        return np.asarray(own + dependent / m + 1.0 / np.maximum(self.windows[at], 1.0) - 1.0 / m)

    def _shrunk(self, serial: float) -> float:
        """By how much dependence makes the reference's windows look more alike than they are."""
        m = len(self.rows)
        return float(max(0.3, 1 - ((1 + serial) / (1 - serial) - 1) / max(m - 1, 1)))


def _mean(counts: Floats, rows: Floats, contrast: Contrast) -> Floats:
    """A contrast's value by window. A share as its angle, whose variance does not grow with it (Anscombe 1948)."""
    if contrast.indicator:
        return np.asarray(2 * np.arcsin(np.sqrt((counts @ contrast.weights + 0.375) / (rows + 0.75))))
    mean = (counts @ contrast.weights) / rows
    if contrast.around is not None:
        mean = mean - ((counts @ contrast.around) / rows) ** 2
    return np.asarray(mean)


def _gamma_tail(z: Floats, skew: Floats) -> Floats:
    """Upper tail of a standardised sum with this skewness: Pearson's type III."""
    from scipy.special import gammainc, gammaincc

    flat = np.abs(skew) < 0.01
    safe = np.where(flat, 1.0, skew)
    shape = 4.0 / safe**2
    at = shape + z * np.sqrt(shape) * np.sign(safe)
    tail = np.where(safe > 0, gammaincc(shape, np.maximum(at, 0.0)), gammainc(shape, np.maximum(at, 0.0)))
    return np.where(flat, 0.0, tail)
