"""Kullback–Leibler divergence."""

from __future__ import annotations

import numpy as np

from monitoring.core.binned import Binned
from monitoring.stattests.counts import with_missing
from monitoring.stattests.registry import Result, stattest


@stattest("kl", title="Kullback–Leibler divergence", warning=0.05, breached=0.1)
def kl(binned: Binned) -> Result:
    """Surprise, in nats, of a current row to somebody who knows the reference only.

    sum p_cur ln(p_cur / p_ref). Half a row is added to every class, so that a new class gives a large number
    instead of infinity. Missing rows are a class. No p-value of its own. Source: scipy.stats.entropy(p_cur, p_ref).

    >>> round(kl(Binned("categorical", np.array([50., 50.]), np.array([60., 40.]), np.full(2, np.nan),
    ...     np.full(2, np.nan))).statistic, 3)
    0.02
    """
    from scipy.special import rel_entr

    reference, current = (c + 0.5 for c in with_missing(binned))
    divergence = np.sum(rel_entr(current / current.sum(), reference / reference.sum()))
    return Result(max(0.0, float(divergence)))
