"""How often chance takes all classes together as far."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitoring.core.calibration.contrasts import Contrasts
from monitoring.core.calibration.course import serial_dependence
from monitoring.core.calibration.windows import Known, Windows

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
LEAST_DEGREES = 3.0
LONGER_ERRORS = 2.0
"""Standard errors on the safe side of serial dependence, where days stand for weeks, whose spread hangs on it."""
PRIOR_WINDOWS = 20.0
"""Windows that the theory of the statistic's spread is worth, beside the reference's own (Wilson & Hilferty 1931: its
cube root is nearly normal)."""
TINY = 1e-15


def together(known: Known, windows: Windows, contrasts: Contrasts) -> Floats:
    """p-values of all classes together, by window."""
    if not known.independent:
        besides = tuple(c.weights for c in contrasts.single if not c.indicator)
        return _omnibus(known, contrasts.bins(float(np.median(known.rows))), besides, windows)
    out = np.ones(len(windows.counts))
    for at, counts in enumerate(windows.counts):
        heap = known.totals[windows.matched[at]]
        if counts.sum() and heap.sum():
            # which classes are rare is judged by both together: by the reference alone, its chance lows look like gains
            bins = contrasts.bins(min(counts.sum(), heap.sum()), counts + heap)
            out[at] = _contingency(bins, heap, counts) if bins.max() > 0 else 1.0
    return out


def _omnibus(known: Known, bins: Integers, besides: tuple[Floats, ...], windows: Windows) -> Floats:
    """p-values that the bins' shares are the reference's, other than along the weights `besides`.

    Pearson's statistic against its first two moments, as Rao & Scott (1981, second order) and Thomas & Rao (1987)
    for clustered rows; and against what it is for the reference's own windows.
    """
    from scipy.special import fdtrc, stdtr

    onto = _onto(bins)
    held, counts, mine = known.totals @ onto, windows.counts @ onto, known.counts @ onto
    whole = held.sum(axis=0)
    root = np.sqrt(np.maximum(whole / max(whole.sum(), 1.0), TINY))
    free = _complement(root, [(known.totals.sum(axis=0) * w) @ onto / np.maximum(whole, 1.0) for w in besides])
    size = free.shape[1]
    if size < 1:
        return np.ones(len(counts))
    shares = held / np.maximum(held.sum(axis=1, keepdims=True), 1.0)
    at, rows, own = windows.matched, np.maximum(counts.sum(axis=1), 1.0), np.maximum(mine.sum(axis=1), 1.0)
    pearson = ((((counts / rows[:, None] - shares[at]) / root) @ free) ** 2).sum(axis=1)
    sampling = 1 / rows + 1 / np.maximum(held.sum(axis=1), 1.0)[at]
    apart = ((mine / own[:, None] - shares[known.matched]) / root) @ free
    scaled = apart / np.sqrt(np.maximum(known.lever, TINY))[:, None]
    covariance = scaled.T @ scaled / len(scaled)
    trace, usual = float(np.trace(covariance)), float((1 / own).mean())
    between = max(0.0, trace - usual * size)
    serial = serial_dependence(apart, between / max(trace, TINY), 1.0 if known.longer == 1 else LONGER_ERRORS)
    degrees = max(float(len(own) - int((known.windows > 0).sum())), 3.0)
    square = degrees**2 / ((degrees - 1) * (degrees + 2)) * (float((covariance**2).sum()) - trace**2 / degrees)
    between_square = square - 2 * usual * between - usual**2 * size
    between_square = float(np.clip(between_square, between**2 / size, between**2))
    factor = _apart(known, serial, at) / _shrunk(known, serial)
    expected = sampling * size + factor * between
    square_expected = sampling**2 * size + 2 * sampling * factor * between + factor**2 * between_square
    dimensions = expected**2 / square_expected
    # degrees of freedom of a variance of dependent windows: Bayley & Hammersley (1946)
    effective = max(LEAST_DEGREES, degrees * (1 - serial**2) / (1 + serial**2))
    by_moments = fdtrc(dimensions, dimensions * effective, pearson / expected)
    # moments know nothing of days that differ in other than straight lines; the reference's own windows do
    seen = np.cbrt((scaled**2).sum(axis=1) / max(usual * size + between, TINY))
    beyond = np.cbrt(pearson / expected) - seen.mean()
    theory = 2 / (9 * float(np.mean(dimensions)))
    pooled = float(((seen - seen.mean()) ** 2).sum()) + PRIOR_WINDOWS * theory
    spread = np.sqrt(pooled / (len(seen) - 1 + PRIOR_WINDOWS) * (1 + 1 / len(seen)))
    return np.asarray(np.maximum(by_moments, stdtr(effective + PRIOR_WINDOWS, -beyond / spread)))


def _contingency(bins: Integers, heap: Floats, counts: Floats) -> float:
    """The p-value of Pearson's chi-square test on the contingency table of all reference rows and the window's."""
    from scipy.special import chdtrc

    onto = _onto(bins)
    before, after = heap @ onto, counts @ onto
    rows, whole = max(float(after.sum()), 1.0), max(float(before.sum()), 1.0)
    apart = (after / rows - before / whole) ** 2 / np.maximum((before + after) / (rows + whole), TINY)
    return float(chdtrc(onto.shape[1] - 1, apart.sum() / (1 / rows + 1 / whole)))


def _onto(bins: Integers) -> Floats:
    """What adds classes up to their bins."""
    onto = np.zeros((len(bins), int(bins.max()) + 1))
    onto[bins >= 0, bins[bins >= 0]] = 1.0
    return onto


def _complement(root: Floats, others: list[Floats]) -> Floats:
    """An orthonormal basis, in coordinates of share / root, of all that is uncorrelated with `others`."""
    columns = [root, *(root * other for other in others)]
    basis, singular, _ = np.linalg.svd(np.stack(columns, axis=1), full_matrices=True)
    return np.asarray(basis[:, int((singular > 1e-9 * singular[0]).sum()) :])


def _apart(known: Known, serial: float, at: Integers) -> Floats:
    """Variance of a window less its centre, in units of the variance between windows."""
    m, lags = float(len(known.rows)), np.arange(1, known.longer)
    own = (1 + 2 * float(((1 - lags / known.longer) * serial**lags).sum())) / known.longer
    return np.asarray(own + (1 + serial) / (1 - serial) / m + 1.0 / np.maximum(known.windows[at], 1.0) - 1.0 / m)


def _shrunk(known: Known, serial: float) -> float:
    """By how much dependence makes the reference's windows look more alike than they are."""
    m = len(known.rows)
    return float(max(0.3, 1 - ((1 + serial) / (1 - serial) - 1) / max(m - 1, 1)))
