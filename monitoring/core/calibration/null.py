"""How often chance alone takes a window as far from the reference as this one is.

The reference's own windows, of the same length and matched by the hours of the week, show how far windows lie apart
without any drift: that holds the size of a window, the dependence of its rows on each other, days that resemble each
other, and the week's pattern. Where the reference is too short for that, rows are taken as independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from monitoring.core.calibration.between import nothing
from monitoring.core.calibration.contrasts import Contrast, Contrasts
from monitoring.core.calibration.counting import counting, others
from monitoring.core.calibration.linear import linear
from monitoring.core.calibration.shares import shares
from monitoring.core.calibration.together import together
from monitoring.core.calibration.windows import Known, Windows

Floats = NDArray[np.float64]
LEAST, MOST = 1e-290, 0.99
"""p-values beyond which none is more, or less, surprising."""

FEW = 7.0
"""Windows, beyond one a class, at which the shares of the budget are half as far from even as was meant."""
LATER = 0.2
"""And what one after the reference is worth of those: it tells how far windows differ, and nothing of their shape."""


@dataclass(frozen=True, slots=True, eq=False)
class Chance:
    """`p_values` by window: the probability that chance takes some contrast as far, NaN for a window without rows.

    `counts_as` is how many independent windows would tell the mean of the first contrast as well as the reference's do.
    """

    p_values: Floats
    counts_as: float


def chance(known: Known, windows: Windows, contrasts: Contrasts, side: int = 0) -> Chance:
    """Of windows beside the reference. `side` +1 or -1 looks one way only, along the first contrast."""
    known = known.useful()
    if not len(known.rows):
        return Chance(np.full(len(windows.counts), np.nan), 0.0)
    single = contrasts.single[:1] if side else contrasts.single
    tails, counts_as = _tails(known, windows, single, others(known, contrasts.aside))
    found, parts = [], [contrast.share for contrast in single]
    for contrast, (up, down) in zip(single, tails, strict=True):
        way = side or contrast.side
        both = np.minimum(1.0, np.minimum(up / contrast.upward, down / (1 - contrast.upward)))
        found.append(both if not way else up if way > 0 else down)
    if contrasts.share and not side:
        found.append(together(known, windows, contrasts))
        parts.append(contrasts.share)
    best = found[0] if side else combined(np.stack(found), evened(known, contrasts, np.asarray(parts)))
    usable = (windows.rows > 0) & (known.heaps[windows.matched] > 0)
    return Chance(np.where(usable, np.clip(best, 0.0, 1.0), np.nan), counts_as)


def _tails(
    known: Known, windows: Windows, single: Sequence[Contrast], rare: Floats | None
) -> tuple[list[tuple[Floats, Floats]], float]:
    """Upper and lower p-values of each contrast, and as how many windows the reference counts. `rare` marks the classes
    beside one that most rows share."""
    rows_alone = nothing(known.size, len(known.rows))
    if known.independent and all(contrast.indicator for contrast in single):
        marks, beside = np.stack([c.weights for c in single], axis=1), np.asarray([c.beside for c in single])
        up, down = shares(known, marks, beside, windows)
        return list(zip(up.T, down.T, strict=True)), rows_alone.counts_as
    found, counts_as = [], 0.0
    for contrast in single:
        if known.longer > 1:  # a week's own spread holds that between its days, which no day of the reference has
            contrast = replace(contrast, around=None)
        up, down, learned = linear(known, contrast, windows)
        counts_as = counts_as or learned.counts_as
        if contrast.indicator:
            more, less = counting(known, contrast.weights, windows, learned, contrast.beside)
            up, down = np.where(np.isnan(more), up, more), np.where(np.isnan(less), down, less)
        elif rare is not None:
            few = np.fmin(*counting(known, rare, windows, rows_alone))
            up, down = np.fmax(up, few), np.fmax(down, few)
        found.append((up, down))
    return found, counts_as


def evened(known: Known, contrasts: Contrasts, parts: Floats) -> Floats:
    """Shares of the budget, the more even the fewer windows a numeric column's reference has: no p-value gets small
    with few of them, and a small share would have no say."""
    if known.independent or not contrasts.ranked:
        return parts
    degrees = max(float(len(known.rows) - (known.windows > 0).sum()), 1.0) + LATER * known.later
    even = np.asarray(parts ** (degrees / (degrees + FEW)))
    return np.asarray(even * (parts.sum() / even.sum()))


def combined(p_values: Floats, shares: Floats) -> Floats:
    """One p-value of several, shape (tests, windows), each with its share of the budget: the Cauchy combination of Liu
    and Xie (2020), which holds whatever they depend on each other, where it matters: in the tail."""
    summed = shares @ (1 / np.tan(np.pi * np.clip(p_values, LEAST, MOST)))
    return np.asarray(np.where(summed > 1e6, 1 / (np.pi * np.maximum(summed, 1.0)), 0.5 - np.arctan(summed) / np.pi))
