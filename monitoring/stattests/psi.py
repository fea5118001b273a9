"""Population stability index."""

from __future__ import annotations

import numpy as np

from monitoring.core.binned import Binned
from monitoring.stattests.counts import Floats, with_missing
from monitoring.stattests.registry import Result, stattest

BINS = 10
FLOOR = 1e-4
"""Share that an empty class is given, as is usual in credit scoring (Siddiqi 2006)."""


@stattest("psi", title="Population stability index", warning=0.1, breached=0.25)
def psi(binned: Binned) -> Result:
    """Stability index over ten equal parts of the reference: below 0.1 stable, above 0.25 changed.

    sum (p_cur - p_ref) ln(p_cur / p_ref). For numbers, over deciles of the reference alone, snapped to class limits,
    so that no outlier of the current window can move the bins; for categories, over the classes. Missing rows are
    a class. No p-value of its own. Source: Siddiqi, Credit Risk Scorecards (2006).

    >>> round(psi(Binned("categorical", np.array([50., 50.]), np.array([60., 40.]), np.full(2, np.nan),
    ...     np.full(2, np.nan))).statistic, 4)
    0.0405
    """
    if binned.kind == "numeric":
        reference, current = _deciles(binned)
    else:
        reference, current = with_missing(binned)
    p = np.maximum(reference / max(reference.sum(), 1.0), FLOOR)
    q = np.maximum(current / max(current.sum(), 1.0), FLOOR)
    return Result(float(((q - p) * np.log(q / p)).sum()))


def _deciles(binned: Binned) -> tuple[Floats, Floats]:
    total = binned.reference.sum()
    if total == 0:
        return with_missing(binned)
    before = (np.cumsum(binned.reference) - binned.reference / 2) / total
    part = np.minimum((before * BINS).astype(np.int64), BINS - 1)
    counts: list[Floats] = [np.bincount(part, c, BINS).astype(np.float64) for c in (binned.reference, binned.current)]
    if binned.reference_missing or binned.current_missing:
        counts = [np.append(counts[0], binned.reference_missing), np.append(counts[1], binned.current_missing)]
    filled = (counts[0] > 0) | (counts[1] > 0)
    return counts[0][filled], counts[1][filled]
