"""Evidence for tests that have no p-value of their own."""

from __future__ import annotations

from monitoring.core.binned import Binned
from monitoring.stattests.counts import pooled


def evidence(binned: Binned) -> float:
    """p-value of a G-test that both windows share one distribution, over at most 20 classes and the missing one.

    Source: Sokal & Rohlf, Biometry (1995), chapter 17; scipy.special.chdtrc is the chi-square's upper tail.
    """
    import numpy as np
    from scipy.special import chdtrc, xlogy

    table = pooled(binned)
    if table.shape[1] < 2:
        return 1.0
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    g = 2.0 * float((xlogy(table, table) - xlogy(table, expected)).sum())
    return float(chdtrc(table.shape[1] - 1, max(g, 0.0)))
