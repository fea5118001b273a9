"""Mann-Whitney U."""

from __future__ import annotations

import numpy as np

from monitoring.core.binned import Binned
from monitoring.stattests.counts import with_missing
from monitoring.stattests.registry import Result, stattest


@stattest("mann_whitney", title="Mann–Whitney", kinds=("numeric",), warning=0.12, breached=0.25)
def mann_whitney(binned: Binned) -> Result:
    """How much likelier a current value is to be above a reference value than below it.

    |P(cur > ref) - P(cur < ref)|, ties even (the rank-biserial correlation); sees shifts, not changes of
    width. p from the normal approximation with the tie correction. Missing rows rank below all values.
    Source: scipy.stats.mannwhitneyu(method="asymptotic", use_continuity=False).

    >>> mann_whitney(Binned("numeric", np.array([4., 0.]), np.array([0., 4.]), np.array([0., 1.]),
    ...     np.array([1., 2.]))).statistic
    1.0
    """
    from scipy.special import ndtr

    reference, current = with_missing(binned)
    n, m = reference.sum(), current.sum()
    if n == 0 or m == 0:
        return Result(0.0, 1.0)
    below = np.cumsum(reference) - reference
    u = float((current * (below + reference / 2)).sum())
    total, ties = n + m, reference + current
    spread = n * m / 12 * (total + 1 - (ties**3 - ties).sum() / (total * (total - 1)))
    z = abs(u - n * m / 2) / np.sqrt(spread) if spread > 0 else 0.0
    return Result(float(abs(2 * u / (n * m) - 1)), float(2 * ndtr(-z)))
