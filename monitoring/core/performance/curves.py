"""Ranking and probability measures of binned scores, shared by the binary and multiclass metrics."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from monitoring.core.outcome import SCORE_GRID
from monitoring.core.performance.metric import Z95, Estimate, mean, undefined

Floats = NDArray[np.float64]
_LOWER, _UPPER = SCORE_GRID.limits(np.arange(SCORE_GRID.top))
MIDDLE: Floats = np.append((_LOWER + _UPPER) / 2, 1.0)
"""A representative score of each score class; that of the last is exactly 1."""
ONE_CLASS = "all labels are of one class"


def auc(table: NDArray[np.int64]) -> Estimate:
    """Area under the ROC curve of [score class, label] counts; ties count half.

    Interval: DeLong, DeLong & Clarke-Pearson 1988, whose placement values are exact for binned scores.
    """
    negative, positive = table[:, 0].astype(float), table[:, 1].astype(float)
    n0, n1 = negative.sum(), positive.sum()
    rows = int(n0 + n1)
    if n0 == 0 or n1 == 0:
        return undefined(rows, ONE_CLASS)
    below = (np.cumsum(negative) - negative / 2) / n0
    above = 1 - (np.cumsum(positive) - positive / 2) / n1
    value = float((positive * below).sum() / n1)
    v1 = float((positive * (below - value) ** 2).sum() / max(n1 - 1, 1))
    v0 = float((negative * (above - value) ** 2).sum() / max(n0 - 1, 1))
    half = Z95 * math.sqrt(v1 / n1 + v0 / n0)
    return Estimate(value, max(0.0, value - half), min(1.0, value + half), rows)


def average_precision(table: NDArray[np.int64]) -> Estimate:
    """Sum of precision over steps of recall, from the highest score down (scikit-learn's definition).

    Interval: the logit one of Boyd, Eng & Page 2013, its centre held half a positive away from 0 and 1.
    """
    from scipy.special import expit, logit

    negative, positive = table[::-1, 0].astype(float), table[::-1, 1].astype(float)
    n1, rows = positive.sum(), int(table.sum())
    if n1 == 0 or n1 == rows:
        return undefined(rows, ONE_CLASS)
    tp, fp = np.cumsum(positive), np.cumsum(negative)
    precision = np.divide(tp, tp + fp, out=np.ones_like(tp), where=tp + fp > 0)
    value = float((precision * positive / n1).sum())
    inside = min(max(value, 0.5 / n1), 1 - 0.5 / n1)
    error = 1 / math.sqrt(n1 * inside * (1 - inside))
    low, high = (float(expit(logit(inside) + side * Z95 * error)) for side in (-1, 1))
    return Estimate(value, min(low, value), max(high, value), rows)


def log_loss(table: NDArray[np.int64]) -> Estimate:
    """Mean negative log likelihood, each score at its class's middle."""
    p = np.clip(MIDDLE, 1e-6, 1 - 1e-6)
    losses = np.stack([-np.log(1 - p), -np.log(p)], axis=1)
    return _mean_of(table, losses)


def brier(table: NDArray[np.int64]) -> Estimate:
    """Mean squared difference of score and label."""
    return _mean_of(table, np.stack([MIDDLE**2, (1 - MIDDLE) ** 2], axis=1))


def calibration_error(table: NDArray[np.int64], bins: int = 20) -> Estimate:
    """Expected calibration error: mean gap of score and observed share over equal bins (Naeini et al. 2015).

    The interval is of the gaps' sampling error (delta method, gaps taken as independent). A gap is never below
    0, so even a perfectly calibrated score shows some: the lower end is less by what is to be expected of one.
    """
    n = table.sum(axis=1).astype(float)
    rows = int(n.sum())
    if rows == 0:
        return undefined(rows, "no labelled row with a score")
    of = np.minimum((MIDDLE * bins).astype(int), bins - 1)
    weight, score, hits = (np.bincount(of, w, bins) for w in (n, n * MIDDLE, table[:, 1].astype(float)))
    filled = weight > 0
    share = hits[filled] / weight[filled]
    gap = np.abs(score[filled] / weight[filled] - share)
    value = float((gap * weight[filled]).sum() / rows)
    spread = weight[filled] * share * (1 - share)
    error = math.sqrt(float(spread.sum())) / rows
    chance = math.sqrt(2 / math.pi) * float(np.sqrt(spread).sum()) / rows
    return Estimate(value, max(0.0, value - chance - Z95 * error), value + Z95 * error, rows)


def _mean_of(table: NDArray[np.int64], losses: Floats) -> Estimate:
    n = int(table.sum())
    return mean(float((table * losses).sum()), float((table * losses**2).sum()), n, n)
