"""Whether the labels of a window are fewer than were to be expected by now, beyond chance: late, lost or stopped.

A window is held against the delay curve and against the windows before it, so that days without labels, batches once
a week and a share of predictions that never gets one are no finding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitoring.core.label_arrivals import LabelState
from monitoring.core.label_delay import MATURE, DelayCurve

WARNING, BREACHED = 0.8, 0.5
"""Levels, as shares of the labels to be expected by now: below them a window's labels are too few."""
CHANCE = 1 / 1000
"""How often a window with nothing wrong may have so few labels by chance."""
FEWEST, FEWEST_WEEKS = 5, 2
"""Earlier windows, and weeks with the same hours, without which nobody can say what is usual."""
POOL, POOL_SLOTS = 56, 28 * 24
"""Earlier windows that a window is compared with: so many, and no fewer than those of four weeks."""
WEEK, WEEKS = 168, 8
"""Slots of a week; so many earlier weeks show what is usual for a day of the week."""
PUNCTUAL, MOST = 0.95, 0.9
"""A window is due at the age by which so many of the earlier ones had come to most of their labels."""
TINY = 1e-9

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Usual:
    """The share with a label of each window of a state (NaN without predictions), and the age, in slots from a
    window's end, by which its labels are due."""

    shares: Floats
    due_age: int


def usual(state: LabelState) -> Usual:
    """What the windows came to, and how long that took."""
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = np.where(state.predictions > 0, state.labelled / state.predictions, np.nan)
    came = state.arrivals
    if not isinstance(state.curve, DelayCurve) or not len(came.of):
        return Usual(shares, 0)
    settled = (state.labelled > 0) & (state.starts >= state.since)
    settled &= state.due >= 0.99 * state.curve.ever * state.predictions
    at = np.searchsorted(state.starts, came.of, side="right") - 1
    ages = came.known + 1 - (state.starts[at] + state.length)
    order = np.lexsort((ages, at))
    before = np.concatenate([[0.0], state.labelled.cumsum()[:-1]])
    reached = np.searchsorted(came.labels[order].cumsum(), before + MOST * state.labelled - 1e-9)
    chosen = ages[order][np.minimum(reached, len(ages) - 1)][settled]
    return Usual(shares, int(np.quantile(chosen, PUNCTUAL, method="higher")) if len(chosen) else 0)


def is_due(state: LabelState, of: Usual, place: int) -> bool:
    """Whether a window has been waited for long enough to miss its labels."""
    if not isinstance(state.curve, DelayCurve):
        return False
    enough = state.due[place] >= MATURE * state.curve.ever * state.predictions[place] - 1e-9
    return bool(enough) and state.horizon - int(state.starts[place]) - state.length >= of.due_age


def levels(state: LabelState, of: Usual, place: int) -> tuple[float, float] | None:
    """Warning and breached level of the share of a window's labels to be expected that has come; both beyond chance.

    None where too few windows came before it, or too few of the same hours of the week.
    """
    pool = of.shares[max(0, place - max(POOL, POOL_SLOTS // state.length)) : place]
    pool = pool[np.isfinite(pool)]
    n = state.predictions[place]
    typical = _typical(of.shares, place, pool, state.length)
    if len(pool) < FEWEST or typical is None or not state.due[place]:
        return None
    due = float(state.due[place] / n)
    base = min(due, typical)
    limit = base - _allowance(pool, base, n) - TINY  # so that where none is usual, none is not too few
    return min(limit, WARNING * base) / due, min(limit, BREACHED * base) / due


def late(state: LabelState, of: Usual) -> frozenset[int]:
    """The first slots of the windows whose labels are too few."""
    out = []
    if isinstance(state.curve, DelayCurve):
        for place in np.flatnonzero(state.labelled <= WARNING * state.due):
            found = levels(state, of, int(place)) if is_due(state, of, int(place)) else None
            if found is not None and state.labelled[place] <= found[0] * state.due[place]:
                out.append(int(state.starts[place]))
    return frozenset(out)


def without_late(state: LabelState) -> LabelState:
    """The state with its curve learned anew without the late windows: labels that are lost change no expectation.

    They do once they are the rule: a window is late only against the median of those before it.
    """
    found = late(state, usual(state))
    if not found:
        return state
    bad = np.asarray(sorted(found))
    return state.learned_from(
        lambda slots: ~np.isin((slots - state.starts[0]) // state.length * state.length + state.starts[0], bad)
    )


def _typical(shares: Floats, place: int, pool: Floats, length: int) -> float | None:
    """The usual share of a window: the median before it; where that is less, of the same hours of earlier weeks."""
    if not len(pool):
        return None
    level = float(np.median(pool))
    if length >= WEEK:
        return level
    week = WEEK // length
    same = shares[place % week : place : week][-WEEKS:]
    same = same[np.isfinite(same)]
    return min(level, float(np.median(same))) if len(same) >= FEWEST_WEEKS else None


def _allowance(pool: Floats, base: float, n: float) -> float:
    """How much less than usual a window may have by chance: the spread of the windows before it, robust against a
    stretch of bad ones, with the error of its own share."""
    from scipy.special import stdtrit

    spread = 1.4826 * float(np.median(np.abs(pool - np.median(pool))))
    k = len(pool)
    return float(stdtrit(k - 1, 1 - CHANCE)) * math.sqrt(spread**2 * (1 + 1 / k) + base * (1 - base) / n)
