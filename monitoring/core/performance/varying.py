"""What windows vary by beyond sampling, as pieces of a reference show it: roughly.

Chance is averaged over all that it may be, by the likelihood of what the pieces vary by, with a flat prior of its
deviation (Gelman 2006).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FEWEST_PIECES = 5
"""Pieces of a reference below which they do not say what windows vary by."""
MOST_AROUND = 0.5
"""Share of what pieces vary by, at most, that their mean takes along."""
POINTS, FARTHEST = 120, 12.0
"""Deviations that windows may have: so many, up to so many times what the pieces show, sampling error and all."""


@dataclass(frozen=True, slots=True, eq=False)
class Varying:
    """What windows may vary by beyond sampling: variances of a piece with their weights, and the dependence on the
    piece before."""

    variance: Floats
    weight: Floats
    serial: float

    def of_window(self, longer: int, pieces: int) -> Floats:
        """The variances of a window of `longer` pieces, with those of the mean of the reference's."""
        lags = np.arange(1, longer)
        own = (1 + 2 * float(((1 - lags / longer) * self.serial**lags).sum())) / longer
        return self.variance * (own + _long_run(self.serial) / max(pieces, 1))


def of_pieces(scored: Sequence[tuple[float, float]]) -> Varying:
    """From the pieces' scores and information: a score varies by its information, and by its square times what pieces
    vary by."""
    m = len(scored)
    if m < FEWEST_PIECES:
        return Varying(np.zeros(1), np.ones(1), 0.0)
    scores, information = np.maximum(np.asarray(scored).T, [[-np.inf], [1e-12]])
    held = float((information**2).sum())
    sampling, square = float(information.sum()) / held, float((scores**2).sum()) / held
    share = max(0.0, 1 - sampling * (m - 1) / m / max(square, 1e-300))
    serial = _serial_dependence(scores / information, share)
    # what pieces that depend on one another vary by around their own mean is less than around that of all time
    around = 1 - min(_long_run(serial) / m, MOST_AROUND)
    degrees = (m - 1) / (1 + 2 * share**2 * serial**2 / (1 - serial**2))  # Bayley & Hammersley 1946
    deviation = np.linspace(0.0, FARTHEST * math.sqrt(max(square, sampling)), POINTS)
    expected = deviation**2 * around + sampling * (m - 1) / m
    likelihood = -degrees / 2 * (np.log(expected) + square / expected)
    weight = np.exp(likelihood - likelihood.max())
    return Varying(deviation**2, weight / weight.sum(), serial)


def _serial_dependence(apart: Floats, between: float) -> float:
    """Dependence of what lies between pieces on the piece before, within [0, .9], towards the safe side.

    `between` is the share of its variance that is no sampling error, which would hide dependence. The bias of a short
    series is removed (Kendall 1954), and a standard error added where there is any.
    """
    square, m = float((apart**2).sum()), len(apart)
    if m < 4 or square <= 0 or between <= 0:
        return 0.0
    raw = float((apart[1:] * apart[:-1]).sum()) / square / max(between, 0.1)
    raw = min(raw + (1 + 3 * raw) / m, 0.99)
    return float(np.clip(raw + ((1 - raw**2) / m) ** 0.5 if raw > 0 else 0.0, 0.0, 0.9))


def _long_run(serial: float) -> float:
    """How many times the variance of a mean is what it would be, did no piece depend on the one before."""
    return (1 + serial) / (1 - serial)
