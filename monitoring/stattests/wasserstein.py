"""Wasserstein distance."""

from __future__ import annotations

import numpy as np

from monitoring.core.binned import Binned
from monitoring.stattests.counts import deviation, missing_moved
from monitoring.stattests.registry import Result, stattest


@stattest("wasserstein", title="Wasserstein, normed", kinds=("numeric",), warning=0.1, breached=0.25)
def wasserstein(binned: Binned) -> Result:
    """Mean distance the rows moved, in standard deviations of the reference.

    int |F_cur - F_ref| dx / sd_ref, each class at its middle. Each share of rows that became missing counts as moved
    by one deviation. No p-value of its own. Source: scipy.stats.wasserstein_distance; the norm as in Evidently's.

    >>> wasserstein(Binned("numeric", np.array([5., 5.]), np.array([5., 5.]), np.array([0., 1.]),
    ...     np.array([1., 2.]))).statistic
    0.0
    """
    moved = missing_moved(binned)
    n, m = binned.reference.sum(), binned.current.sum()
    if n == 0 or m == 0:
        return Result(moved)
    gap = np.abs(np.cumsum(binned.reference) / n - np.cumsum(binned.current) / m)[:-1]
    return Result(float((gap * np.diff(binned.middle)).sum() / deviation(binned)) + moved)
