"""Whether predictions still follow from the features as they did in the reference.

Inputs may move without this changing: given its features, a row's prediction changes only with the model, or with
what is done to the features on their way into it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitoring.core.multivariate.encoding import Floats, Integers, Rows
from monitoring.core.multivariate.ridge import Ridge, fit

MOST, ROWS_A_TERM = 300, 15
"""Terms of the regression, and rows for each."""
PENALTY = 0.01
OUTSIDE = 0.001
"""Share of the reference below and above which a number lies outside: there a regression only guesses."""


@dataclass(frozen=True, slots=True, eq=False)
class Conditional:
    """Regressions of each target on the features, and the limits of the features within which they hold."""

    regressions: tuple[Ridge, ...]
    lower: Floats
    upper: Floats

    def inside(self, rows: Rows) -> Rows:
        """The rows with predictions whose features lie where the reference's do."""
        near = ((rows.scaled >= self.lower) & (rows.scaled <= self.upper)).all(axis=1)
        return rows.take(np.intersect1d(answered(rows), np.flatnonzero(near)))

    def residual(self, rows: Rows) -> float:
        """Mean absolute difference between a row's prediction and what its features say, in ranks; NaN without rows."""
        gaps = [np.abs(r.predict(rows) - rows.targets[:, i]) for i, r in enumerate(self.regressions)]
        return float(np.mean(gaps)) if gaps and len(rows) else float("nan")

    def explained(self, rows: Rows) -> float:
        """Share of the variance of the rows' predictions that the features explain, over all targets; below 0 where
        a constant would do better. The rows must be others than those of the fit."""
        left = sum(float(((r.predict(rows) - rows.targets[:, i]) ** 2).sum()) for i, r in enumerate(self.regressions))
        total = float(((rows.targets - rows.targets.mean(axis=0)) ** 2).sum())
        return 1.0 - left / total if total > 0 else 0.0


def answered(rows: Rows) -> Integers:
    """Places of the rows that have a prediction."""
    return np.flatnonzero(~np.isnan(rows.targets).any(axis=1))


def conditional(reference: Rows) -> Conditional:
    """Regress the reference's predictions on its features."""
    known = reference.take(answered(reference))
    lower, upper = np.quantile(reference.scaled, [OUTSIDE, 1 - OUTSIDE], axis=0)
    width = np.maximum(upper - lower, 1.0) * 0.05
    terms = max(1, min(MOST, len(known) // ROWS_A_TERM))
    weights = np.ones(len(known))
    regressions = tuple(
        fit(known, known.targets[:, i], weights, terms, PENALTY)
        for i in range(known.targets.shape[1] if len(known) else 0)
    )
    return Conditional(regressions, lower - width, upper + width)
