"""How often chance takes one contrast as far: its variance between windows, and the sampling of its rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitoring.core.calibration.between import Between, between, nothing
from monitoring.core.calibration.contrasts import Contrast
from monitoring.core.calibration.course import shape_of
from monitoring.core.calibration.windows import Known, Windows, angles

Floats = NDArray[np.float64]
TINY = 1e-15
LEAST, MOST = 1e-300, 1 - 1e-16
HALF = 0.5
"""Rows by which a class never seen may have been missed: no variance is quite zero."""


def linear(known: Known, contrast: Contrast, windows: Windows) -> tuple[Floats, Floats, Between]:
    """Upper and lower p-values of a contrast by window, and what they were learned from."""
    from scipy.special import ndtri, stdtr

    variance, third, usual = _moments(known, contrast)
    own, centre = _centred(known, contrast, usual)
    at, rows = windows.matched, np.maximum(windows.rows, 1.0)
    heaps = np.maximum(known.heaps, 1.0)
    learned, skewed, tails = nothing(known.size, len(known.rows)), 0.0, 0.0
    if not known.independent:
        sampling = float(variance[known.matched].mean() / known.rows.mean())
        learned = between(known.arranged, own, sampling, known.windows, prior=known.prior(contrast.name))
        skewed, tails = shape_of(own)
    of_rows = variance[at] * (1 / rows + 1 / heaps[at])
    up, down = learned.tails(_value(windows, contrast, usual) - centre[at], at, of_rows)
    share = learned.usual / learned.spread(at, of_rows)  # of the variance, that lies between windows
    skew = third[at] / rows**2 / learned.spread(at, of_rows) ** 1.5 + skewed * share**1.5
    z_up, z_down = -ndtri(np.clip(up, LEAST, MOST)), -ndtri(np.clip(down, LEAST, MOST))
    up, down = np.maximum(up, _gamma_tail(z_up, skew)), np.maximum(down, _gamma_tail(z_down, -skew))
    if tails > 0:
        degrees = 4 + 6 / np.maximum(tails * share**2, TINY)
        up, down = np.maximum(up, stdtr(degrees, -z_up)), np.maximum(down, stdtr(degrees, -z_down))
    return up, down, learned


def apart(known: Known, contrast: Contrast) -> tuple[Floats, float]:
    """How far each of the reference's windows lies from the mean of its class, and the variance that its rows give one
    of as many as they have on average."""
    variance, _, usual = _moments(known, contrast)
    return _centred(known, contrast, usual)[0], float(variance[known.matched].mean() / known.rows.mean())


def _centred(known: Known, contrast: Contrast, usual: float) -> tuple[Floats, Floats]:
    """The windows' own values less the mean of their class, and those means, which are what a window is compared
    with."""
    own = _value(known, contrast, usual)
    centre = known.means(own)
    return own - centre[known.matched], centre


def _moments(known: Known, contrast: Contrast) -> tuple[Floats, Floats, float]:
    """What a row adds to the variance of a window's value and to its third central moment, by class of windows; and
    the usual spread around the centre, where the contrast is of that."""
    heaps, weights = np.maximum(known.heaps, 1.0), contrast.weights
    if contrast.indicator:  # the angle's variance is that of a row by itself, whatever the share
        return np.ones(known.size), np.zeros(known.size), 0.0
    rows = weights[None, :] - np.zeros((known.size, 1))
    if contrast.around is not None:
        rows = (contrast.around[None, :] - (known.totals @ contrast.around / heaps)[:, None]) ** 2
    middle = (known.totals * rows).sum(axis=1) / heaps
    off = rows - middle[:, None]
    greatest = float((rows[:, known.totals.sum(axis=0) > 0] ** 2).max(initial=0.0))
    variance = (known.totals * off**2).sum(axis=1) / heaps + greatest * HALF / heaps
    third = (known.totals * off**3).sum(axis=1) / heaps
    if contrast.around is None:
        return variance, third, 0.0
    middle = np.maximum(middle, TINY)
    relative = variance / middle**2  # of a logarithm, by the delta method to the second order
    usual = float((middle * heaps).sum() / heaps.sum())
    return relative, third / middle**3 - 3 * relative**2, usual


def _value(windows: Windows, contrast: Contrast, usual: float) -> Floats:
    """A contrast's value by window: of a share its angle; of a spread its logarithm, with half a row that is as far as
    usual (`usual`), so that no spread is zero."""
    if contrast.indicator:
        return angles(windows, contrast.weights)
    counts, rows = windows.counts, np.maximum(windows.rows, 1.0)
    mean = (counts @ contrast.weights) / rows
    if contrast.around is None:
        return np.asarray(mean)
    spread = np.maximum(mean - ((counts @ contrast.around) / rows) ** 2, 0.0)
    return np.asarray(np.log(spread + max(usual, TINY) * HALF / rows))


def _gamma_tail(z: Floats, skew: Floats) -> Floats:
    """Upper tail of a standardised sum with this skewness: Pearson's type III."""
    from scipy.special import gammainc, gammaincc

    flat = np.abs(skew) < 0.01
    safe = np.where(flat, 1.0, skew)
    shape = 4.0 / safe**2
    at = shape + z * np.sqrt(shape) * np.sign(safe)
    tail = np.where(safe > 0, gammaincc(shape, np.maximum(at, 0.0)), gammainc(shape, np.maximum(at, 0.0)))
    return np.where(flat, 0.0, tail)
