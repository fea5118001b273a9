"""Metrics of many outcome tables of a binary classification at once, as bands need them: NaN where undefined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from monitoring.core.performance.confusion import matthews, per_class, ratio
from monitoring.core.performance.curves import MIDDLE

Floats = NDArray[np.float64]
TINY = 1e-300


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Many tables: `rows` and `positive` ones by score, shape (tables, scores), rows without a score left out; one row
    of `rows` where all tables share it. `score` (scores,), ascending; `confusion` (tables, 2, 2) as [predicted, label]
    of all rows."""

    rows: Floats
    positive: Floats
    score: Floats
    confusion: Floats

    @cached_property
    def rows_upto(self) -> Floats:
        """Rows up to each score."""
        return np.cumsum(self.rows, axis=1)

    @cached_property
    def positive_upto(self) -> Floats:
        """Positives up to each score: what metrics of ranks cost."""
        return np.cumsum(self.positive, axis=1)


def outcomes(rows: Floats, hits: Floats, predicted: NDArray[np.bool_], at: NDArray[np.integer]) -> Outcomes:
    """From cells, each of a score class `at` (ascending; past the last score: none) and predicted positive or not:
    `rows`, of shape (tables, cells) or of one row for all, and `hits` (positives among them), shape (tables, cells)."""
    sides = np.stack([~predicted, predicted], axis=1).astype(float)
    positive = hits @ sides
    confusion = np.stack([rows @ sides - positive, positive], axis=2)
    scored = int(np.searchsorted(at, len(MIDDLE)))
    if scored == 0:
        nothing = np.zeros((len(hits), 1))
        return Outcomes(nothing, nothing, np.zeros(1), confusion)
    classes, first = np.unique(at[:scored], return_index=True)
    rows, hits = rows[:, :scored], hits[:, :scored]
    if len(classes) < scored:  # a class that is predicted so and so
        rows, hits = (np.add.reduceat(part, first, axis=1) for part in (rows, hits))
    return Outcomes(rows, hits, MIDDLE[classes], confusion)


def roc_auc(found: Outcomes) -> Floats:
    """Area under the ROC curve; ties count half."""
    positives = found.positive_upto[:, -1]
    below = found.rows_upto - found.positive_upto  # negatives up to each score, half of its own less
    below -= (found.rows - found.positive) / 2
    below *= found.positive
    return ratio(below.sum(axis=1), positives * (found.rows_upto[:, -1] - positives))


def average_precision(found: Outcomes) -> Floats:
    """Precision over steps of recall, from the highest score down."""
    positives, rows = found.positive_upto[:, -1:], found.rows_upto[:, -1:]
    hits = positives - found.positive_upto  # from the top
    hits += found.positive
    hits *= found.positive
    hits /= np.maximum(rows - found.rows_upto + found.rows, TINY)
    return np.where((rows > positives)[:, 0], ratio(hits.sum(axis=1), positives[:, 0]), np.nan)


def log_loss(found: Outcomes) -> Floats:
    """Mean negative log likelihood of the labels, each score at its class's middle."""
    p = np.clip(found.score, 1e-6, 1 - 1e-6)
    return _mean(found, -np.log(1 - p), -np.log(p))


def brier(found: Outcomes) -> Floats:
    """Mean squared difference of score and label."""
    return _mean(found, found.score**2, (1 - found.score) ** 2)


def accuracy(found: Outcomes) -> Floats:
    """Share of rows predicted right."""
    return ratio(np.trace(found.confusion, axis1=1, axis2=2), found.confusion.sum(axis=(1, 2)))


def precision(found: Outcomes) -> Floats:
    """Share of predicted positives that are positive."""
    return ratio(found.confusion[:, 1, 1], found.confusion[:, 1].sum(axis=1))


def recall(found: Outcomes) -> Floats:
    """Share of positives that were predicted."""
    return ratio(found.confusion[:, 1, 1], found.confusion[:, :, 1].sum(axis=1))


def specificity(found: Outcomes) -> Floats:
    """Share of negatives that were predicted negative."""
    return ratio(found.confusion[:, 0, 0], found.confusion[:, :, 0].sum(axis=1))


def f1(found: Outcomes) -> Floats:
    """Harmonic mean of precision and recall."""
    value: Floats = per_class(found.confusion)[2][:, 1]
    return value


def balanced_accuracy(found: Outcomes) -> Floats:
    """Mean of recall and specificity."""
    value: Floats = per_class(found.confusion)[1].mean(axis=1)
    return value


def mcc(found: Outcomes) -> Floats:
    """Correlation of prediction and label."""
    return matthews(found.confusion)


SCORED: dict[str, Callable[[Outcomes], Floats]] = {
    "roc_auc": roc_auc, "average_precision": average_precision, "log_loss": log_loss, "brier": brier,
}  # fmt: skip
"""Metrics of the scores alone."""
PREDICTED: dict[str, Callable[[Outcomes], Floats]] = {
    "accuracy": accuracy, "precision": precision, "recall": recall, "specificity": specificity, "f1": f1,
    "balanced_accuracy": balanced_accuracy, "mcc": mcc,
}  # fmt: skip
"""Metrics of the predicted class."""


def _mean(found: Outcomes, of_negative: Floats, of_positive: Floats) -> Floats:
    total = found.rows @ of_negative + found.positive @ (of_positive - of_negative)
    return ratio(total, np.broadcast_to(found.rows.sum(axis=1), total.shape))
