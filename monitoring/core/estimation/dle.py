"""Direct loss estimation of a regression (DLE): what errors are to be expected of rows, and how sure that is.

Models fitted on the reference's labelled rows say what loss (absolute error, squared error, …) to expect of a row by
its features and its prediction. Each is fitted without one block of the reference, so that for every row of it there is
a loss expected by a model that has not seen it. It holds where P(label | features) is as in the
reference: concept drift is out of its sight.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitoring.core.estimation.tilt import CHANCE, FEWEST
from monitoring.core.performance.metric import Estimate, undefined

Floats = NDArray[np.float64]

BINS = 10
LOSSES: dict[str, Callable[[Floats, Floats], Floats]] = {
    "absolute": lambda prediction, label: np.abs(prediction - label),
    "squared": lambda prediction, label: (prediction - label) ** 2,
    "error": lambda prediction, label: prediction - label,
    "percentage": lambda prediction, label: np.abs(prediction - label) / np.where(label == 0, np.nan, np.abs(label)),
    "label": lambda prediction, label: np.abs(label),
}
"""Losses of a row by name; NaN where one is undefined."""
NEEDS = {
    "mae": "absolute", "rmse": "squared", "bias": "error", "mape": "percentage", "wape": "absolute",
    "pinball": "absolute",
}  # fmt: skip
"""The loss whose mean each metric comes from; "wape" needs that of "label" besides."""


@dataclass(frozen=True, slots=True, eq=False)
class Trust:
    """How far the mean of a loss may lie from the mean expected, learned out of fold on the reference.

    `gap` is how much more each row of the reference lost than was expected of it, `surprise` by how much its square is
    above what `noise` says; both are NaN where its loss is undefined. `level` and `variance` are points of a curve: the
    variance of the gap by how much was expected. `between` is the
    variance of whole windows beyond it, from `pieces` of the reference; of the logarithm of the mean where `relative`:
    losses that cannot fall below 0 are off by a factor, not by a sum.
    """

    gap: Floats
    surprise: Floats
    level: Floats
    variance: Floats
    between: float
    pieces: int
    relative: bool

    def noise(self, expected: Floats) -> Floats:
        """Variance of each row's loss; past the curve's end it grows as the square of what is expected."""
        inside = np.interp(expected, self.level, self.variance)
        beyond = np.maximum(np.abs(expected) / max(abs(float(self.level[-1])), 1e-300), 1.0) ** 2
        return np.where(expected > self.level[-1], inside * beyond, inside)


def trust(loss: Floats, expected: Floats, piece: NDArray[np.integer], relative: bool) -> Trust:
    """From the reference's losses (NaN where undefined), those expected out of fold, and the piece each row is of."""
    gap = loss - expected
    usable = np.flatnonzero(np.isfinite(gap))
    order = usable[np.argsort(expected[usable], kind="stable")]
    bins = np.array_split(order, min(BINS, max(1, len(order) // 50)))
    level = np.asarray([expected[rows].mean() for rows in bins])
    variance = np.asarray([np.mean((gap[rows] - gap[rows].mean()) ** 2) for rows in bins])
    every = Trust(gap, gap, level, variance, 0.0, 0, relative).noise(expected)
    noise = every[usable]
    of = np.unique(piece[usable], return_inverse=True)[1]
    n = np.bincount(of).astype(float)
    came, awaited, own = (np.bincount(of, v) / n for v in (loss[usable], expected[usable], noise / n[of]))
    if relative:
        kept = (came > 0) & (awaited > 0)
        off, own = np.log(came[kept] / awaited[kept]), np.log1p(own[kept] / awaited[kept] ** 2)
    else:
        off = came - awaited
    return Trust(gap, gap**2 - every, level, variance, _between(off, own), len(off), relative)


def _between(off: Floats, own: Floats) -> float:
    """Variance of pieces beyond their `own` (DerSimonian & Laird 1986); 0 where it is no more than chance."""
    from scipy.special import chdtri

    if len(off) < FEWEST:
        return 0.0
    weight = 1 / np.maximum(own, 1e-300)
    centre = float(np.average(off, weights=weight))
    if float((weight * (off - centre) ** 2).sum()) < chdtri(len(off) - 1, CHANCE):
        return 0.0
    return max(0.0, float(off.var(ddof=1)) - float(own.mean()))


def estimate(
    metric: str,
    expected: Mapping[str, Floats],
    known: Mapping[str, Trust],
    weights: Floats,
    rows: int,
    labelled: float,
) -> Estimate:
    """A metric to expect of a window, with the band that 95 % of realised values are to fall into.

    `expected` are losses by name, shape (sampled rows,); the window has `rows`, of which the share `labelled` usually
    gets a label. `weights` make the reference's rows look like the window's: what they lost beyond what was expected of
    them is expected of the window, too (the doubly robust estimate of Robins, Rotnitzky & Zhao 1994: right if either
    the models or the weights are); the further the window is from the reference, the wider the band. Means of losses
    that cannot fall below 0 are taken as log-normal.
    """
    from scipy.special import stdtrit

    name = NEEDS[metric]
    losses, trusted = expected[name], known[name]
    if not rows or not losses.size:
        return undefined(rows, "no row to estimate from")
    sampled, realised = len(losses), max(1.0, rows * labelled)
    usable = np.isfinite(trusted.gap)
    gap, share = trusted.gap[usable], weights[usable] / weights[usable].sum()
    correction = float(share @ gap)
    value = float(losses.mean()) + correction
    chosen = float(losses.var()) * (max(0.0, 1 / sampled - 1 / rows) + (1 - labelled) / realised)
    learned = float(share**2 @ (gap - correction) ** 2)
    # inputs that moved may lie where losses scatter more than their level says: so did the reference's rows like them
    noise = float(trusted.noise(losses).mean()) + max(0.0, float(share @ trusted.surprise[usable]))
    own = noise / realised + chosen + learned
    between = trusted.between * (1 + 1 / max(trusted.pieces, 1))
    reach = float(stdtrit(trusted.pieces - 1 if trusted.between > 0 else 1000, 0.975))
    if not trusted.relative:
        half = reach * math.sqrt(own + between)
        return Estimate(value, value - half, value + half, rows)
    if value <= 0:
        return undefined(rows, "no error is expected at all")
    spread = math.log1p(own / value**2) + between
    low, high = (value * math.exp(-spread / 2 + side * reach * math.sqrt(spread)) for side in (-1, 1))
    ends = min(low, value), value, max(high, value)
    if metric == "rmse":
        low, value, high = (math.sqrt(end) for end in ends)
        return Estimate(value, low, high, rows)
    scale = 0.5 if metric == "pinball" else 1.0
    if metric == "wape":
        size = float(expected["label"].mean())
        if size <= 0:
            return undefined(rows, "every label is expected to be 0")
        scale = 1 / size
    low, value, high = (end * scale for end in ends)
    return Estimate(value, low, high, rows)
