"""Metrics of a multiclass classification. Macro: the mean over the classes that occur."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from monitoring.core.performance import curves, reliability
from monitoring.core.performance.confusion import matthews, per_class, redrawn
from monitoring.core.performance.metric import Z95, Estimate, metric, proportion, undefined
from monitoring.core.performance.outcome import MulticlassOutcome

TASK = "multiclass_classification"
NONE = "no labelled row"
NO_SCORE = "no score column a class is mapped"


@metric("accuracy", TASK, "Accuracy (micro F1)")
def accuracy(outcome: MulticlassOutcome) -> Estimate:
    """Share of rows predicted right; equal to precision, recall and F1 over all classes together (micro)."""
    return proportion(float(np.trace(outcome.confusion)), float(outcome.n), outcome.n, NONE)


@metric("balanced_accuracy", TASK, "Balanced accuracy")
def balanced_accuracy(outcome: MulticlassOutcome) -> Estimate:
    """Mean recall of the classes that occur."""
    return redrawn(outcome.confusion, lambda t: np.nanmean(per_class(t)[1], axis=1), NONE)


@metric("precision_macro", TASK, "Precision, macro")
def precision_macro(outcome: MulticlassOutcome) -> Estimate:
    """Mean precision of the classes."""
    return redrawn(outcome.confusion, lambda t: np.nanmean(per_class(t)[0], axis=1), NONE)


@metric("recall_macro", TASK, "Recall, macro")
def recall_macro(outcome: MulticlassOutcome) -> Estimate:
    """Mean recall of the classes; 0 for one that is predicted but never occurs, as in scikit-learn."""
    return redrawn(outcome.confusion, _recall_macro, NONE)


@metric("f1_macro", TASK, "F1, macro")
def f1_macro(outcome: MulticlassOutcome) -> Estimate:
    """Mean F1 of the classes."""
    return redrawn(outcome.confusion, lambda t: np.nanmean(per_class(t)[2], axis=1), NONE)


@metric("mcc", TASK, "Matthews correlation")
def mcc(outcome: MulticlassOutcome) -> Estimate:
    """Correlation of prediction and label."""
    return redrawn(outcome.confusion, matthews, "predictions or labels are all of one class")


@metric("roc_auc_ovr", TASK, "ROC AUC, one against the rest", needs_score=True)
def roc_auc_ovr(outcome: MulticlassOutcome) -> Estimate:
    """Mean over classes of the AUC of each against the rest. Interval: see _mean_over."""
    return _mean_over(outcome, curves.auc)


@metric("brier", TASK, "Brier score", "lower", needs_score=True)
def brier(outcome: MulticlassOutcome) -> Estimate:
    """Squared error of all class probabilities together, 0 to 2."""
    one = _mean_over(outcome, curves.brier)
    if one.value is None or one.lower is None or one.upper is None:
        return one
    size = len(outcome.classes)
    return Estimate(one.value * size, one.lower * size, one.upper * size, one.n)


@metric("log_loss", TASK, "Log loss", "lower", needs_score=True)
def log_loss(outcome: MulticlassOutcome) -> Estimate:
    """Mean negative log probability of the true class."""
    if outcome.scores is None:
        return undefined(outcome.n, NO_SCORE)
    hits = outcome.scores[:, :-1, 1].sum(axis=0)
    table = np.stack([np.zeros_like(hits), hits], axis=1)
    return curves.log_loss(table)


@metric("calibration_error", TASK, "Calibration error", "lower", needs_score=True)
def calibration_error(outcome: MulticlassOutcome) -> Estimate:
    """Mean gap between the top label's probability, where above one half, and the share that is right."""
    return _of_top_label(outcome, curves.calibration_error)


@metric("calibration_in_the_large", TASK, "Calibration in the large", "zero", needs_score=True)
def calibration_in_the_large(outcome: MulticlassOutcome) -> Estimate:
    """Mean probability of the top label, where above one half, less the share that is right."""
    return _of_top_label(outcome, reliability.gap)


@metric("calibration_slope", TASK, "Calibration slope", "one", needs_score=True)
def calibration_slope(outcome: MulticlassOutcome) -> Estimate:
    """Steepness of the top label's observed log odds over those it says: below 1 it is over-confident."""
    return _of_top_label(outcome, reliability.slope)


def _of_top_label(outcome: MulticlassOutcome, of: Callable[[NDArray[np.int64]], Estimate]) -> Estimate:
    table = reliability.table_of(outcome)
    return undefined(outcome.n, NO_SCORE) if table is None else of(table)


def _recall_macro(tables: np.ndarray) -> np.ndarray:
    occurs = (tables.sum(axis=1) > 0) | (tables.sum(axis=2) > 0)
    recall: np.ndarray = np.nanmean(np.where(occurs, np.nan_to_num(per_class(tables)[1]), np.nan), axis=1)
    return recall


def _mean_over(outcome: MulticlassOutcome, of: object) -> Estimate:
    """Mean over classes. Probabilities add up to one, so what one class gains others lose.

    The interval takes the k classes' values as correlated by 1 / (k - 1): exact for two classes, which are one
    another's mirror image, and a little wide for more.
    """
    if outcome.scores is None:
        return undefined(outcome.n, NO_SCORE)
    assert callable(of)
    parts = [of(table[:-1]) for table in outcome.scores]
    usable = [p for p in parts if p.value is not None]
    if not usable:
        return undefined(outcome.n, "all labels are of one class")
    value = float(np.mean([p.value for p in usable]))
    errors = np.asarray([p.error for p in usable])
    shared = 1 / (len(usable) - 1) if len(usable) > 1 else 0.0
    half = Z95 * float(np.sqrt((1 - shared) * (errors**2).sum() + shared * errors.sum() ** 2)) / len(usable)
    return Estimate(value, value - half, value + half, outcome.n)
