"""Chi-square."""

from __future__ import annotations

import numpy as np

from monitoring.core.binned import Binned
from monitoring.stattests.counts import pooled
from monitoring.stattests.registry import Result, stattest


@stattest("chi_square", title="Chi-square (Cramér's V)", warning=0.1, breached=0.2)
def chi_square(binned: Binned) -> Result:
    """Association between window and class: 0 none, 1 complete.

    Contingency test with both windows' shares estimated (not the goodness-of-fit test, which takes the
    reference for exact and so fires on every large window). The statistic is Cramér's V = sqrt(X2 / N); rare
    classes are pooled until every expected count is 5. Missing rows are a class. Source: scipy.stats.chi2_contingency
    (correction=False).

    >>> chi_square(Binned("categorical", np.array([30., 30.]), np.array([30., 30.]), np.full(2, np.nan),
    ...     np.full(2, np.nan))).statistic
    0.0
    """
    from scipy.special import chdtrc

    table = pooled(binned)
    if table.shape[1] < 2 or (table.sum(axis=1) == 0).any():
        return Result(0.0, 1.0)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    x2 = float(((table - expected) ** 2 / expected).sum())
    return Result(float(np.sqrt(x2 / table.sum())), float(chdtrc(table.shape[1] - 1, x2)))
