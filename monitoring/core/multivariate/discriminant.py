"""Telling two sets of rows apart: a linear discriminant on a quadratic basis, judged on rows it did not see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitoring.core.multivariate.encoding import Floats, Integers, Rows
from monitoring.core.multivariate.ridge import fit

FOLDS = 4
TERMS = 15
"""Few: a window has few rows, and what tells it is mostly little."""


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """How well rows are told apart (`auc`), and which feature has what share of it (`shares`, summing to 1)."""

    auc: float
    shares: Floats


def tell(rest: Rows, window: Rows, owner: Integers, seed: int, terms: int = TERMS) -> Told:
    """Tell rows of a window from those of the rest of the reference, each side weighing as much, out of fold.

    Regression on the side is Fisher's linear discriminant (Fisher 1936; Hastie, Tibshirani & Friedman 2009, 4.2).
    """
    rows = Rows.stacked([rest, window])
    inside = np.arange(len(rows)) >= len(rest)
    weights = np.where(inside, 1 / len(window), 1 / len(rest))
    side = np.where(inside, 1.0, -1.0)
    fold = np.empty(len(rows), dtype=np.int64)
    draw = np.random.default_rng(seed)
    for part in (~inside, inside):  # each fold holds the same share of either
        fold[part] = draw.permutation(int(part.sum())) % FOLDS
    scores, gaps = np.empty(len(rows)), np.zeros(int(owner.max(initial=-1)) + 1)
    for number in range(FOLDS):
        out = fold == number
        known = fit(rows.take(~out), side[~out], weights[~out], terms)
        scores[out] = known.predict(rows.take(out))
        gaps += known.gap(rows.take(out & inside), rows.take(out & ~inside), owner)
    raised = np.maximum(gaps, 0.0)
    return Told(auc(scores[~inside], scores[inside]), raised / raised.sum() if raised.sum() > 0 else raised)


def auc(below: Floats, above: Floats) -> float:
    """Share of pairs in which the one of `above` is larger, ties by half: Mann & Whitney (1947)."""
    order = np.sort(below)
    sides = [np.searchsorted(order, above, side=side).sum() for side in ("left", "right")]
    return float((sides[0] + sides[1]) / 2 / (len(below) * len(above)))
