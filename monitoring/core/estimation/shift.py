"""How much more often rows like those of the reference occur in a window: weights that make one look like the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FAR = 4.0
"""Deviations beyond which an input counts as no further away."""
ENOUGH = 5_000
LARGEST = 100.0
"""No row stands for more than so many."""


def weights(reference: Floats, window: Floats, seed: int) -> Floats:
    """Weights of the reference's rows, mean 1, shape (rows,), by the odds of a logistic regression that tells the two
    apart (Bickel, Brückner & Scheffer 2009), with a unit ridge; of a larger reference, fitted on ENOUGH rows drawn by
    `seed`. Both hold the same inputs, shape (rows, inputs), NaN where one is missing.
    """
    n, m = len(reference), len(window)
    if not m or not reference.shape[1]:
        return np.ones(n)
    every = _design(reference, reference)
    drawn = every if n <= ENOUGH else every[np.random.default_rng(seed).choice(n, ENOUGH, replace=False)]
    x = np.concatenate([drawn, _design(window, reference)])
    x = np.concatenate([np.ones((len(x), 1)), x], axis=1)
    of_window = np.arange(len(x)) >= len(drawn)
    each = np.where(of_window, 1 / m, 1 / len(drawn)) * min(len(drawn), m)
    theta, ridge = np.zeros(x.shape[1]), np.r_[1e-9, np.ones(x.shape[1] - 1)]
    for _ in range(25):
        p = 1 / (1 + np.exp(-np.clip(x @ theta, -30, 30)))
        gradient = x.T @ (each * (of_window - p)) - ridge * theta
        curvature = (x * (each * p * (1 - p))[:, None]).T @ x + np.diag(ridge)
        step = np.clip(np.linalg.solve(curvature, gradient), -2, 2)
        theta = theta + step
        if np.abs(step).max() < 1e-6:
            break
    odds = np.exp(np.clip(theta[0] + every @ theta[1:], -30, 30))
    found: Floats = np.minimum(odds / odds.mean(), LARGEST)
    found /= found.mean()
    return found


def _design(rows: Floats, like: Floats) -> Floats:
    """Inputs made comparable: standardised by the rows `like`, held within FAR, missing ones at the mean."""
    known = np.isfinite(like)
    n = np.maximum(known.sum(axis=0), 1)
    centre = np.where(known, like, 0.0).sum(axis=0) / n
    spread = np.sqrt((np.where(known, like - centre, 0.0) ** 2).sum(axis=0) / n)
    usable = spread > 0
    z = (rows[:, usable] - centre[usable]) / spread[usable]
    found: Floats = np.clip(np.where(np.isfinite(z), z, 0.0), -FAR, FAR)
    return found
