"""Kolmogorov-Smirnov."""

from __future__ import annotations

import numpy as np

from monitoring.core.binned import Binned
from monitoring.stattests.counts import effective, with_missing
from monitoring.stattests.registry import Result, stattest


@stattest("ks", title="Kolmogorov–Smirnov", kinds=("numeric",), warning=0.1, breached=0.2)
def ks(binned: Binned) -> Result:
    """Largest gap between the two cumulative shares.

    Reads as "this share of rows moved to the other side of some value". D = max |F_cur - F_ref|, at class
    limits; p = 2 sum (-1)^(k-1) exp(-2 k^2 x^2), x = D (sqrt(n) + 0.12 + 0.11 / sqrt(n)) at the effective n
    (Stephens 1970). Missing rows are a class below all values. Source: scipy.stats.ks_2samp on raw rows.

    >>> ks(Binned("numeric", np.array([5., 5.]), np.array([2., 8.]), np.array([0., 1.]), np.array([1., 2.]))).statistic
    0.3
    """
    from scipy.special import kolmogorov

    reference, current = with_missing(binned)
    n, m = reference.sum(), current.sum()
    if n == 0 or m == 0:
        return Result(0.0, 1.0)
    d = float(np.abs(np.cumsum(reference) / n - np.cumsum(current) / m).max())
    root = np.sqrt(effective(n, m))
    return Result(round(d, 12), float(kolmogorov(d * (root + 0.12 + 0.11 / root))))
