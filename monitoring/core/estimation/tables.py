"""Metrics of many outcome tables of a binary classification at once, as bands need them: NaN where undefined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitoring.core.performance.confusion import matthews, per_class, ratio
from monitoring.core.performance.curves import MIDDLE

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """Many tables: `negative` and `positive` rows by score, shape (tables, scores), rows without a score left out;
    `score` (scores,), ascending; `confusion` (tables, 2, 2) as [predicted, label] of all rows."""

    negative: Floats
    positive: Floats
    score: Floats
    confusion: Floats


def outcomes(rows: Floats, hits: Floats, predicted: NDArray[np.bool_], at: NDArray[np.integer]) -> Outcomes:
    """From cells, each of a score class `at` (ascending; past the last score: none) and predicted positive or not:
    `rows` and `hits` (positives among them) of shape (tables, cells)."""
    misses = rows - hits
    sides = np.stack([~predicted, predicted], axis=1).astype(float)
    confusion = np.stack([misses @ sides, hits @ sides], axis=2)
    scored = int(np.searchsorted(at, len(MIDDLE)))
    if scored == 0:
        nothing = np.zeros((len(rows), 1))
        return Outcomes(nothing, nothing, np.zeros(1), confusion)
    classes, first = np.unique(at[:scored], return_index=True)
    negative, positive = misses[:, :scored], hits[:, :scored]
    if len(classes) < scored:  # a class that is predicted so and so
        negative, positive = (np.add.reduceat(part, first, axis=1) for part in (negative, positive))
    return Outcomes(negative, positive, MIDDLE[classes], confusion)


def roc_auc(found: Outcomes) -> Floats:
    """Area under the ROC curve; ties count half."""
    below = np.cumsum(found.negative, axis=1)
    negatives = below[:, -1].copy()
    below -= found.negative / 2
    below *= found.positive
    return ratio(below.sum(axis=1), found.positive.sum(axis=1) * negatives)


def average_precision(found: Outcomes) -> Floats:
    """Precision over steps of recall, from the highest score down."""
    positive = found.positive[:, ::-1]
    hits, below = np.cumsum(positive, axis=1), np.cumsum(found.negative[:, ::-1], axis=1)
    positives, negatives = hits[:, -1].copy(), below[:, -1].copy()
    below += hits  # rows from the top, of either label
    hits *= positive
    hits /= np.maximum(below, 1e-300, out=below)
    return np.where(negatives > 0, ratio(hits.sum(axis=1), positives), np.nan)


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
    total = found.negative @ of_negative + found.positive @ of_positive
    return ratio(total, found.negative.sum(axis=1) + found.positive.sum(axis=1))
