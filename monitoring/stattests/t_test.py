"""Welch's t-test."""

from __future__ import annotations

import numpy as np

from monitoring.core.binned import Binned
from monitoring.stattests.counts import deviation, missing_moved, moments
from monitoring.stattests.evidence import also_missing
from monitoring.stattests.registry import Result, stattest


@stattest("t_test", title="Welch's t-test (Cohen's d)", kinds=("numeric",), warning=0.25, breached=0.5)
def t_test(binned: Binned) -> Result:
    """Change of the mean, in standard deviations of the reference.

    |mean_cur - mean_ref| / sd_ref; p from Welch's t. Missing rows cannot move a mean: the change of their
    share is added to the statistic, as if each stood one deviation away, and tested beside it. Without variance in
    either window there is no p-value, and the deviation is that of both together. Source:
    scipy.stats.ttest_ind(equal_var=False).

    >>> t_test(Binned("numeric", np.array([5., 5.]), np.array([5., 5.]), np.array([0., 1.]),
    ...     np.array([1., 2.]))).statistic
    0.0
    """
    from scipy.special import stdtr

    a, b = moments(binned.middle, binned.reference), moments(binned.middle, binned.current)
    moved = missing_moved(binned)
    if min(a.n, b.n) < 2:
        return Result(moved)
    size = abs(a.mean - b.mean) / deviation(binned) + moved
    if a.variance + b.variance == 0:
        return Result(size)
    error = a.variance / a.n + b.variance / b.n
    degrees = error**2 / ((a.variance / a.n) ** 2 / (a.n - 1) + (b.variance / b.n) ** 2 / (b.n - 1))
    p = float(2 * stdtr(degrees, -abs(a.mean - b.mean) / np.sqrt(error)))
    return Result(size, also_missing(binned, p))
