"""G-test."""

from __future__ import annotations

import numpy as np

from monitoring.core.binned import Binned
from monitoring.stattests.counts import pooled
from monitoring.stattests.evidence import evidence
from monitoring.stattests.registry import Result, stattest


@stattest("g_test", title="G-test", warning=0.1, breached=0.2)
def g_test(binned: Binned) -> Result:
    """Association between window and class by likelihood: sqrt(G / 2 N), about Cramér's V.

    G = 2 sum O ln(O / E) over the pooled contingency table, both windows estimated. Missing rows are a class.
    Source: scipy.stats.chi2_contingency(lambda_="log-likelihood", correction=False).

    >>> g_test(Binned("categorical", np.array([30., 30.]), np.array([30., 30.]), np.full(2, np.nan),
    ...     np.full(2, np.nan))).statistic
    0.0
    """
    from scipy.special import xlogy

    table = pooled(binned)
    if table.shape[1] < 2 or (table.sum(axis=1) == 0).any():
        return Result(0.0, 1.0)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    g = max(0.0, 2.0 * float((xlogy(table, table) - xlogy(table, expected)).sum()))
    return Result(float(np.sqrt(g / 2 / table.sum())), evidence(binned))
