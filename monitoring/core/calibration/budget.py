"""The false-alarm budget: how surprising a window must be, for chance to raise no more alarms than were allowed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

QUARTER = 91 * 24
"""Hours in a quarter. A log without real time has 91 chunks of rows to one."""
MOST = 0.05
"""However few windows a quarter has, a window more likely than this by chance is no alarm."""


def windows_per_quarter(hours: int | None) -> float:
    """Windows of a chunk of `hours` (None: of rows) in a quarter."""
    return 91.0 if hours is None else QUARTER / hours


def level(false_alarms: float, hours: int | None) -> float:
    """The probability that a window may be flagged by chance, for a budget of false alarms a quarter."""
    return min(MOST, false_alarms / windows_per_quarter(hours))


def limits(p_values: Sequence[float] | NDArray[np.float64], at: float) -> NDArray[np.float64]:
    """For each of several p-values the limit at or below which it counts: Benjamini & Hochberg (1995).

    Where nothing has changed at all, the chance that any counts is `at`: so a family keeps one budget.
    """
    p = np.asarray(p_values, dtype=float)
    if len(p) == 0:
        return p
    order = np.sort(p)
    steps = at * np.arange(1, len(p) + 1) / len(p)
    passed = np.flatnonzero(order <= steps)
    limit = steps[passed[-1]] if len(passed) else steps[0]
    return np.full(len(p), limit)


def score(p_value: float) -> float:
    """A p-value as the standard deviations of a normal that is as surprising, both sides counted."""
    from scipy.special import ndtri

    return float(-ndtri(max(min(p_value, 1.0), 1e-300) / 2)) if math.isfinite(p_value) else math.nan
