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
    if table.shape[1] < 2 or (table.sum(axis=1) == 0).any():
        return 1.0
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    g = 2.0 * float((xlogy(table, table) - xlogy(table, expected)).sum())
    return float(chdtrc(table.shape[1] - 1, max(g, 0.0)))


def also_missing(binned: Binned, p_value: float) -> float:
    """A p-value of the values alone and that of the missing share together: twice the smaller (Bonferroni).

    The p-value itself where nothing is missing.
    """
    import numpy as np

    if not binned.reference_missing and not binned.current_missing:
        return p_value
    reference, current = (np.full(1, counts.sum()) for counts in (binned.reference, binned.current))
    limit = np.full(1, np.nan)
    share = Binned("categorical", reference, current, limit, limit, binned.reference_missing, binned.current_missing)
    return min(1.0, 2 * min(p_value, evidence(share)))
