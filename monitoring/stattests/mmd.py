"""Maximum mean discrepancy."""

from __future__ import annotations

import numpy as np

from monitoring.core.binned import Binned
from monitoring.stattests.counts import deviation, missing_moved, moments
from monitoring.stattests.registry import Result, stattest

FEATURES = np.linspace(0.25, 4.0, 16)


@stattest("mmd", title="Maximum mean discrepancy", kinds=("numeric",), warning=0.1, breached=0.2)
def mmd(binned: Binned) -> Result:
    """Largest difference of means a smooth function can show between the windows.

    Square root of the weighted squared gap of the characteristic functions, which is the MMD of a Gaussian kernel as
    wide as the reference's deviation (Sriperumbudur et al. 2010, theorem 9), summed over 16 frequencies. The change of
    the missing share is added. No p-value of its own. Source: Gretton et al. 2012.

    >>> mmd(Binned("numeric", np.array([5., 5.]), np.array([5., 5.]), np.array([0., 1.]),
    ...     np.array([1., 2.]))).statistic
    0.0
    """
    n, m, moved = binned.reference.sum(), binned.current.sum(), missing_moved(binned)
    if n == 0 or m == 0:
        return Result(moved)
    reference = moments(binned.middle, binned.reference)
    z = np.outer(FEATURES, (binned.middle - reference.mean) / deviation(binned))
    gap = np.exp(1j * z) @ (binned.reference / n - binned.current / m)
    weight = np.exp(-(FEATURES**2) / 2)
    return Result(float(np.sqrt((weight * np.abs(gap) ** 2).sum() / weight.sum())) + moved)
