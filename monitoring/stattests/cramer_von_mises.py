"""Cramér-von Mises."""

from __future__ import annotations

import numpy as np

from monitoring.core.binned import Binned
from monitoring.stattests.counts import with_missing
from monitoring.stattests.evidence import evidence
from monitoring.stattests.registry import Result, stattest


@stattest("cramer_von_mises", title="Cramér–von Mises", kinds=("numeric",), warning=0.06, breached=0.12)
def cramer_von_mises(binned: Binned) -> Result:
    """Root mean squared gap between the cumulative shares, over the pooled rows.

    Like KS, but of the whole range instead of its worst point. Statistic sqrt(int (F_cur - F_ref)^2 dH), H
    the pooled distribution; SciPy's T is n m / (n + m) times its square (Anderson 1962). The p-value is that of
    the pooled G-test. Missing rows are a class below all values. Source: scipy.stats.cramervonmises_2samp.

    >>> round(cramer_von_mises(Binned("numeric", np.array([5., 5.]), np.array([2., 8.]), np.array([0., 1.]),
    ...     np.array([1., 2.]))).statistic, 3)
    0.177
    """
    reference, current = with_missing(binned)
    n, m = reference.sum(), current.sum()
    if n == 0 or m == 0:
        return Result(0.0, 1.0)
    gap = np.cumsum(reference) / n - np.cumsum(current) / m
    weight = (reference + current) / (n + m)
    return Result(float(np.sqrt((gap**2 * weight).sum())), evidence(binned))
