"""P(label | score class): the curve that turns scores into probabilities, learnt from the reference's counts.

Counts by score class come as in core.performance.outcome: the classes of the score grid in order, then one for a
missing score. A table of them has shape (classes, 2), the last axis the label.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from monitoring.core.performance.curves import MIDDLE

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Kind = Literal["identity", "beta", "isotonic"]

FOLDS, BINS = 5, 20
PRIOR = 2.0
"""Rows of the beta curve that an isotonic curve takes for granted in every class: thin classes lean on it."""
CLIP = 1e-6
"""Probabilities are held this far from 0 and 1, so that their logits are finite."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """P(label = 1) of every score class, shape (classes,), and how it was chosen.

    `error` is its calibration error out of fold (ECE), `raw` that of the scores as they are.
    """

    kind: Kind
    probability: Floats
    error: float
    raw: float


def sides() -> Floats:
    """log score and -log(1 - score) at each score class's middle; shape (classes - 1, 2), as a missing score has none.

    Their sum is the score's logit.
    """
    inside = np.clip(MIDDLE, MIDDLE[0] / 2, 1 - MIDDLE[0] / 2)
    found: Floats = np.stack([np.log(inside), -np.log(1 - inside)], axis=1)
    return found


def calibrate(tables: Counts, seed: int) -> Curve:
    """The curve with the least calibration error out of fold, of: the scores as they are, beta, isotonic.

    `tables` are counts by chunk of the reference, shape (chunks, classes, 2). Folds are whole chunks, so that what is
    chosen holds from one stretch of time to the next; of fewer than 5 chunks, rows at random by `seed`. A less simple
    curve must better the simpler by more than a standard error of the folds (Breiman et al. 1984). Raises ValueError
    without a labelled row.
    """
    total = tables.sum(axis=0)
    if total.sum() == 0:
        raise ValueError("no labelled row to calibrate on")
    folds = _folds(tables, seed)
    kinds: tuple[Kind, ...] = ("identity", "beta", "isotonic")
    errors = {kind: _errors_out_of_fold(folds, kind) for kind in kinds}
    best = kinds[0]
    for kind in kinds[1:]:
        gain = errors[best] - errors[kind]
        if gain.mean() > gain.std(ddof=1) / np.sqrt(len(gain)):
            best = kind
    return Curve(best, fit(total, best), float(errors[best].mean()), float(errors["identity"].mean()))


def fit(table: Counts, kind: Kind) -> Floats:
    """The curve of that kind, fitted to counts of shape (classes, 2). It never falls as the score rises."""
    n, hits = table[:-1].sum(axis=1).astype(float), table[:-1, 1].astype(float)
    if kind == "identity" or n.sum() == 0:
        curve = MIDDLE.copy()
    else:
        curve = _beta(n, hits)
        if kind == "isotonic":
            curve = _isotonic(n + PRIOR, hits + PRIOR * curve)
    share = (table[:, 1].sum() + 0.5) / (table.sum() + 1)
    missing = (table[-1, 1] + PRIOR * share) / (table[-1].sum() + PRIOR)
    found: Floats = np.clip(np.append(curve, missing), CLIP, 1 - CLIP)
    return found


def calibration_error(gaps: Floats, n: Floats) -> float:
    """Mean gap of probability and observed share over BINS bins of about equally many rows.

    Equally many, not equally wide (Nixon et al. 2019): scores crowd in a corner, and a nearly empty bin is noise.
    `gaps` are hits less expected hits, by class.
    """
    rows = float(n.sum())
    upto = (np.cumsum(n) - n / 2) / rows
    of = np.minimum((upto * BINS).astype(int), BINS - 1)
    return float(np.abs(np.bincount(of, gaps, BINS)).sum() / rows)


def _errors_out_of_fold(folds: Counts, kind: Kind) -> Floats:
    """The error on each fold of a curve fitted to the others, shape (folds,). Fold by fold: over all folds together the
    gaps of any curve that follows the counts cancel."""
    total = folds.sum(axis=0)
    n = folds[:, :-1].sum(axis=2).astype(float)
    gaps = [fold[:-1, 1] - rows * fit(total - fold, kind)[:-1] for fold, rows in zip(folds, n, strict=True)]
    return np.asarray([calibration_error(gap, rows) if rows.sum() else 0.0 for gap, rows in zip(gaps, n, strict=True)])


def _folds(tables: Counts, seed: int) -> Counts:
    kept = tables[tables.sum(axis=(1, 2)) > 0]
    if len(kept) >= FOLDS:
        return np.stack([kept[number::FOLDS].sum(axis=0) for number in range(FOLDS)])
    left = tables.sum(axis=0).ravel()
    rng = np.random.default_rng(seed)
    out = []
    for parts in range(FOLDS, 0, -1):
        drawn = rng.binomial(left, 1 / parts)
        out.append(drawn.reshape(tables.shape[1:]))
        left = left - drawn
    return np.stack(out)


def _beta(n: Floats, hits: Floats) -> Floats:
    """Beta calibration (Kull, Silva Filho & Flach 2017): logit p = c + a log score - b log(1 - score), a, b >= 0.

    It holds the scores as they are (a = b = 1) and logistic recalibration (a = b) within it. One row's worth of ridge
    towards the score as it is keeps it finite where classes separate perfectly.
    """
    start = np.asarray([0.0, 1.0, 1.0])
    x = np.concatenate([np.ones((len(n), 1)), sides()], axis=1)
    free = np.ones(3, dtype=bool)
    for _ in range(3):
        theta = np.where(free, start, 0.0)
        for _ in range(50):
            p = 1 / (1 + np.exp(-np.clip(x @ theta, -30, 30)))
            gradient = (x.T @ (hits - n * p) - (theta - start))[free]
            curvature = ((x * (n * p * (1 - p))[:, None]).T @ x + np.eye(3))[np.ix_(free, free)]
            step = np.clip(np.linalg.solve(curvature, gradient), -2, 2)
            theta[free] += step
            if np.abs(step).max() < 1e-8:
                break
        if (theta[1:] >= 0).all():
            break
        free[1:] &= theta[1:] >= 0
    curve: Floats = 1 / (1 + np.exp(-np.clip(x @ theta, -30, 30)))
    return curve


def _isotonic(n: Floats, hits: Floats) -> Floats:
    from scipy.optimize import isotonic_regression

    found: Floats = np.asarray(isotonic_regression(hits / n, weights=n).x, dtype=np.float64)
    return found
