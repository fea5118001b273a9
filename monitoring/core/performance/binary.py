"""Metrics of a binary classification."""

from __future__ import annotations

from monitoring.core.performance import curves, reliability
from monitoring.core.performance.confusion import matthews, per_class, redrawn
from monitoring.core.performance.metric import Estimate, metric, proportion
from monitoring.core.performance.outcome import BinaryOutcome

TASK = "binary_classification"
ONE_CLASS = "all labels are of one class"


@metric("roc_auc", TASK, "ROC AUC", needs_score=True)
def roc_auc(outcome: BinaryOutcome) -> Estimate:
    """How often a positive is scored above a negative."""
    return curves.auc(outcome.scored)


@metric("average_precision", TASK, "Average precision", needs_score=True)
def average_precision(outcome: BinaryOutcome) -> Estimate:
    """Precision averaged over recall."""
    return curves.average_precision(outcome.scored)


@metric("log_loss", TASK, "Log loss", "lower", needs_score=True)
def log_loss(outcome: BinaryOutcome) -> Estimate:
    """Mean negative log likelihood of the labels."""
    return curves.log_loss(outcome.scored)


@metric("brier", TASK, "Brier score", "lower", needs_score=True)
def brier(outcome: BinaryOutcome) -> Estimate:
    """Mean squared error of the score."""
    return curves.brier(outcome.scored)


@metric("calibration_error", TASK, "Calibration error", "lower", needs_score=True)
def calibration_error(outcome: BinaryOutcome) -> Estimate:
    """Mean gap between score and observed share."""
    return curves.calibration_error(outcome.scored)


@metric("calibration_in_the_large", TASK, "Calibration in the large", "zero", needs_score=True)
def calibration_in_the_large(outcome: BinaryOutcome) -> Estimate:
    """Mean score less the share of positives: above 0 it over-estimates."""
    return reliability.gap(outcome.scored)


@metric("calibration_slope", TASK, "Calibration slope", "one", needs_score=True)
def calibration_slope(outcome: BinaryOutcome) -> Estimate:
    """Steepness of the observed log odds over those of the score (Cox 1958): below 1 it is over-confident."""
    return reliability.slope(outcome.scored)


@metric("accuracy", TASK, "Accuracy")
def accuracy(outcome: BinaryOutcome) -> Estimate:
    """Share of rows predicted right."""
    table = outcome.confusion
    return proportion(float(table[0, 0] + table[1, 1]), float(table.sum()), outcome.n, "no labelled row")


@metric("precision", TASK, "Precision")
def precision(outcome: BinaryOutcome) -> Estimate:
    """Share of predicted positives that are positive."""
    table = outcome.confusion
    return proportion(float(table[1, 1]), float(table[1].sum()), outcome.n, "nothing was predicted positive")


@metric("recall", TASK, "Recall")
def recall(outcome: BinaryOutcome) -> Estimate:
    """Share of positives that were predicted."""
    table = outcome.confusion
    return proportion(float(table[1, 1]), float(table[:, 1].sum()), outcome.n, "no label is positive")


@metric("specificity", TASK, "Specificity")
def specificity(outcome: BinaryOutcome) -> Estimate:
    """Share of negatives that were predicted negative."""
    table = outcome.confusion
    return proportion(float(table[0, 0]), float(table[:, 0].sum()), outcome.n, "no label is negative")


@metric("f1", TASK, "F1")
def f1(outcome: BinaryOutcome) -> Estimate:
    """Harmonic mean of precision and recall."""
    return redrawn(outcome.confusion, lambda t: per_class(t)[2][:, 1], "no positive, neither predicted nor labelled")


@metric("balanced_accuracy", TASK, "Balanced accuracy")
def balanced_accuracy(outcome: BinaryOutcome) -> Estimate:
    """Mean of recall and specificity."""
    return redrawn(outcome.confusion, lambda t: per_class(t)[1].mean(axis=1), ONE_CLASS)


@metric("mcc", TASK, "Matthews correlation")
def mcc(outcome: BinaryOutcome) -> Estimate:
    """Correlation of prediction and label."""
    return redrawn(outcome.confusion, matthews, "predictions or labels are all of one class")
