"""Hellinger distance."""

from __future__ import annotations

import numpy as np

from monitoring.core.binned import Binned
from monitoring.stattests.counts import shares
from monitoring.stattests.registry import Result, stattest


@stattest("hellinger", title="Hellinger distance", warning=0.1, breached=0.2)
def hellinger(binned: Binned) -> Result:
    """Distance between the root shares: 0 the same, 1 nothing in common.

    sqrt(1 - sum sqrt(p_cur p_ref)). Missing rows are a class. No p-value of its own. Biased upward in small windows:
    verdicts ask for evidence as well. Source: Le Cam & Yang, Asymptotics in Statistics (2000).

    >>> round(hellinger(Binned("categorical", np.array([50., 50.]), np.array([60., 40.]), np.full(2, np.nan),
    ...     np.full(2, np.nan))).statistic, 3)
    0.071
    """
    p, q = shares(binned)
    return Result(float(np.sqrt(max(0.0, 1.0 - np.sqrt(p * q).sum()))))
