"""Jensen–Shannon distance."""

from __future__ import annotations

import numpy as np

from monitoring.core.binned import Binned
from monitoring.stattests.counts import shares
from monitoring.stattests.registry import Result, stattest


@stattest("jensen_shannon", title="Jensen–Shannon distance", warning=0.1, breached=0.2)
def jensen_shannon(binned: Binned) -> Result:
    """Root of the mean divergence from the pooled shares, base 2: 0 the same, 1 nothing in common.

    sqrt((KL(p | m) + KL(q | m)) / 2), m = (p + q) / 2. Missing rows are a class. No p-value of its own.
    Source: scipy.spatial.distance.jensenshannon(base=2).

    >>> round(jensen_shannon(Binned("categorical", np.array([50., 50.]), np.array([60., 40.]), np.full(2, np.nan),
    ...     np.full(2, np.nan))).statistic, 3)
    0.085
    """
    from scipy.special import rel_entr

    p, q = shares(binned)
    m = (p + q) / 2
    divergence = float((rel_entr(p, m) + rel_entr(q, m)).sum()) / 2 / np.log(2)
    return Result(float(np.sqrt(max(0.0, divergence))))
