"""Epps-Singleton."""

from __future__ import annotations

import numpy as np

from monitoring.core.binned import Binned
from monitoring.stattests.counts import Floats, effective, missing_moved
from monitoring.stattests.evidence import also_missing
from monitoring.stattests.registry import Result, stattest

AT = np.array([0.4, 0.8])
FLAT = 1e-9
"""Variance below which a direction does not vary: the waves are of size 1, and rounding leaves about 1e-30."""


@stattest("epps_singleton", title="Epps–Singleton", kinds=("numeric",), warning=0.15, breached=0.3)
def epps_singleton(binned: Binned) -> Result:
    """Distance of the characteristic functions: sees changes of shape that cumulative tests miss.

    W2 = n_eff g' S^-1 g at t = 0.4 and 0.8 over the semi-interquartile range; the statistic is sqrt(W2 / n_eff) capped
    at 1, the p-value chi-square with 4 degrees, or as many as S has directions that vary. Windows that differ where
    neither varies are wholly apart: 1. The change of the missing share is added, and tested beside it. Source:
    scipy.stats.epps_singleton_2samp (Goerg & Kaiser 2009), without its small-sample correction.

    >>> epps_singleton(Binned("numeric", np.array([5., 5.]), np.array([5., 5.]), np.array([0., 1.]),
    ...     np.array([1., 2.]))).statistic
    0.0
    """
    from scipy.special import chdtrc

    n, m, moved = binned.reference.sum(), binned.current.sum(), missing_moved(binned)
    if min(n, m) < 5:
        return Result(moved, None)
    scale = _semi_interquartile(binned.middle, binned.reference + binned.current)
    z = np.outer(AT, binned.middle / scale)
    waves = np.vstack([np.cos(z), np.sin(z)])
    (a, spread_a), (b, spread_b) = (_moments(waves, c) for c in (binned.reference, binned.current))
    total = n + m
    covariance = total / n * spread_a + total / m * spread_b
    variances, directions = np.linalg.eigh(covariance)
    gap, varies = directions.T @ (a - b), variances > FLAT
    if (np.abs(gap[~varies]) > np.sqrt(FLAT)).any():
        return Result(1.0 + moved, 0.0)
    if not varies.any():
        return Result(moved, also_missing(binned, 1.0))
    w2 = total * float((gap[varies] ** 2 / variances[varies]).sum())
    size = float(np.sqrt(w2 / max(effective(n, m), 1.0)))
    return Result(min(1.0, size) + moved, also_missing(binned, float(chdtrc(varies.sum(), w2))))


def _moments(waves: Floats, counts: Floats) -> tuple[Floats, Floats]:
    mean = waves @ counts / counts.sum()
    apart = waves - mean[:, None]
    return mean, (apart * counts) @ apart.T / counts.sum()


def _semi_interquartile(middle: Floats, counts: Floats) -> float:
    upto = np.cumsum(counts) / counts.sum()
    low, high = middle[np.searchsorted(upto, 0.25)], middle[np.searchsorted(upto, 0.75)]
    return float(high - low) / 2 or 1.0
