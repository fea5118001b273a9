"""Total variation."""

from __future__ import annotations

import numpy as np

from monitoring.core.binned import Binned
from monitoring.stattests.counts import shares
from monitoring.stattests.evidence import evidence
from monitoring.stattests.registry import Result, stattest


@stattest("total_variation", title="Total variation", warning=0.1, breached=0.2)
def total_variation(binned: Binned) -> Result:
    """Share of rows that would have to change class to make both windows alike.

    sum |p_cur - p_ref| / 2, 0 to 1. Missing rows are a class. p-value of the pooled G-test.
    Source: Levin & Peres, Markov Chains and Mixing Times (2017), 4.1.

    >>> round(total_variation(Binned("categorical", np.array([50., 50.]), np.array([60., 40.]), np.full(2, np.nan),
    ...     np.full(2, np.nan))).statistic, 3)
    0.1
    """
    p, q = shares(binned)
    return Result(float(np.abs(p - q).sum() / 2), evidence(binned))
