"""Energy distance."""

from __future__ import annotations

import numpy as np

from monitoring.core.binned import Binned
from monitoring.stattests.counts import deviation, missing_moved
from monitoring.stattests.registry import Result, stattest


@stattest("energy", title="Energy distance, normed", kinds=("numeric",), warning=0.1, breached=0.25)
def energy(binned: Binned) -> Result:
    """Energy distance between the windows, in root standard deviations of the reference.

    sqrt(2 int (F_cur - F_ref)^2 dx) / sqrt(sd_ref), each class at its middle. Each share of rows that became
    missing adds as much. No p-value of its own. Source: scipy.stats.energy_distance (Székely & Rizzo 2013).

    >>> energy(Binned("numeric", np.array([5., 5.]), np.array([5., 5.]), np.array([0., 1.]),
    ...     np.array([1., 2.]))).statistic
    0.0
    """
    moved = missing_moved(binned)
    n, m = binned.reference.sum(), binned.current.sum()
    if n == 0 or m == 0:
        return Result(moved)
    gap = (np.cumsum(binned.reference) / n - np.cumsum(binned.current) / m)[:-1]
    area = float((gap**2 * np.diff(binned.middle)).sum())
    return Result(float(np.sqrt(2 * area / deviation(binned))) + moved)
