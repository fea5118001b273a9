"""Epps-Singleton."""

from __future__ import annotations

import numpy as np

from monitoring.core.binned import Binned
from monitoring.stattests.counts import Floats, effective, missing_moved
from monitoring.stattests.registry import Result, stattest

AT = np.array([0.4, 0.8])


@stattest("epps_singleton", title="Epps–Singleton", kinds=("numeric",), warning=0.15, breached=0.3)
def epps_singleton(binned: Binned) -> Result:
    """Distance of the characteristic functions: sees changes of shape that cumulative tests miss.

    W2 = n_eff g' S^-1 g at t = 0.4 and 0.8 over the semi-interquartile range; the statistic is sqrt(W2 / n_eff) capped
    at 1, the p-value chi-square with 4 degrees. The change of the missing share is added. Source:
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
    w2 = total * float((a - b) @ np.linalg.pinv(covariance) @ (a - b))
    size = float(np.sqrt(max(w2, 0.0) / max(effective(n, m), 1.0)))
    return Result(min(1.0, size) + moved, float(chdtrc(np.linalg.matrix_rank(covariance), max(w2, 0.0))))


def _moments(waves: Floats, counts: Floats) -> tuple[Floats, Floats]:
    mean = waves @ counts / counts.sum()
    apart = waves - mean[:, None]
    return mean, (apart * counts) @ apart.T / counts.sum()


def _semi_interquartile(middle: Floats, counts: Floats) -> float:
    upto = np.cumsum(counts) / counts.sum()
    low, high = middle[np.searchsorted(upto, 0.25)], middle[np.searchsorted(upto, 0.75)]
    return float(high - low) / 2 or 1.0
