"""The false-alarm budget: how surprising a window must be, for chance to raise no more alarms than were allowed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from monitoring.core.verdict import Status

QUARTER = 91 * 24
"""Hours in a quarter. A log without real time has 91 chunks of rows to one."""
AT_ONCE = 0.1
"""Share of the budget's level that breaches in one window; anything less sure needs two in a row."""
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
    return np.full(len(p_values), family_limit(p_values, at))


def family_limit(p_values: Sequence[float] | NDArray[np.float64], at: float) -> float:
    """The limit that all of a family have. In plain Python: of a dozen p-values it takes a third of the time, and there
    is one call a window."""
    n, passed = len(p_values), 1
    for place, p in enumerate(sorted(p_values), start=1):
        if p > at:
            break
        if p <= at * (place / n):
            passed = place
    return at * (passed / n) if n else at


def shared_out(
    p_values: Sequence[float], own: Sequence[float | None], shared: float, hours: int | None
) -> NDArray[np.float64]:
    """The limit of each of a window's p-values: by its own budget of false alarms a quarter, or (None) by the one that
    the others share."""
    family = family_limit([p for p, b in zip(p_values, own, strict=True) if b is None], level(shared, hours))
    return np.asarray([family if b is None else level(b, hours) for b in own], dtype=float)


def evident(status: Status, p_value: float, limit: float, earlier: float | None) -> Status:
    """What remains of a status by effect alone, once evidence is asked for.

    Nothing, where chance goes as far often enough; of a breach a warning, where it is not surely beyond chance and
    `earlier`, the p-value of the window before, was not beyond either.
    """
    if status not in (Status.WARNING, Status.BREACHED):
        return status
    if p_value > limit:
        return Status.OK
    lasting = earlier is not None and earlier <= limit
    if status == Status.BREACHED and p_value > AT_ONCE * limit and not lasting:
        return Status.WARNING
    return status


def score(p_value: float) -> float:
    """A p-value as the standard deviations of a normal that is as surprising, both sides counted."""
    from scipy.special import ndtri

    return float(-ndtri(max(min(p_value, 1.0), 1e-300) / 2)) if math.isfinite(p_value) else math.nan
