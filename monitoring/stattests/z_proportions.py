"""z-test of proportions."""

from __future__ import annotations

import numpy as np

from monitoring.core.binned import Binned
from monitoring.stattests.counts import shares, with_missing
from monitoring.stattests.registry import Result, stattest


@stattest("z_proportions", title="z-test of proportions", kinds=("categorical",), warning=0.05, breached=0.1)
def z_proportions(binned: Binned) -> Result:
    """Largest change of one class's share.

    |p_cur - p_ref| of the class that moved most; two-sided z-test with the pooled share, times the number of
    classes (Bonferroni) when there are more than two. Missing rows are a class.
    Source: Fleiss, Statistical Methods for Rates and Proportions (2003), 3.1.

    >>> round(z_proportions(Binned("categorical", np.array([50., 50.]), np.array([60., 40.]), np.full(2, np.nan),
    ...     np.full(2, np.nan))).statistic, 3)
    0.1
    """
    from scipy.special import ndtr

    reference, current = with_missing(binned)
    n, m = reference.sum(), current.sum()
    if n == 0 or m == 0:
        return Result(0.0, 1.0)
    p, q = shares(binned)
    pooled_share = (reference + current) / (n + m)
    spread = np.sqrt(pooled_share * (1 - pooled_share) * (1 / n + 1 / m))
    z = np.divide(np.abs(p - q), spread, out=np.zeros_like(spread), where=spread > 0)
    times = len(p) if len(p) > 2 else 1
    return Result(float(np.abs(p - q).max()), float(min(1.0, times * 2 * ndtr(-z.max()))))
