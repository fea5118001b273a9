"""What a model's rows are judged by: a metric that is made of a loss a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from monitoring.core.diagnosis.interval import Floats, Statistic

LEAST = 1e-6
"""Probabilities nearer to 0 or 1 are taken for this near, so that one row's log loss stays finite."""

Name = Literal["mae", "rmse", "roc_auc", "brier", "log_loss", "accuracy"]
TITLES: dict[Name, str] = {
    "mae": "MAE",
    "rmse": "RMSE",
    "roc_auc": "ROC AUC",
    "brier": "Brier score",
    "log_loss": "log loss",
    "accuracy": "accuracy",
}
RANKING = ("roc_auc", "average_precision")
CERTAIN = ("accuracy",)


@dataclass(frozen=True, slots=True)
class RowMetric:
    """A metric as a mean of losses of rows. Its answers and truths are numbers: values, or the chance of class 1."""

    name: Name

    @property
    def title(self) -> str:
        """In a sentence."""
        return TITLES[self.name]

    @property
    def better(self) -> Literal["higher", "lower"]:
        """Which way is better."""
        return "higher" if self.name in ("roc_auc", "accuracy") else "lower"

    @property
    def in_unit(self) -> bool:
        """Whether it is in the label's unit."""
        return self.name in ("mae", "rmse")

    @property
    def sign(self) -> float:
        """1 where higher is better, else -1: a change times this is a gain."""
        return 1.0 if self.better == "higher" else -1.0

    def losses(self, answer: Floats, truth: Floats) -> Floats:
        """The loss of each row. Their mean is the metric (of RMSE: its square; of AUC and accuracy: 1 minus it).

        `truth` may be a chance where it is a class: the loss is then the expected one. Of the AUC, a row's loss is
        its placement (DeLong, DeLong & Clarke-Pearson 1988): the share of rows of the other class on the wrong side
        of it, each class weighted to half.
        """
        if self.name == "mae":
            return np.abs(answer - truth)
        if self.name == "rmse":
            return np.asarray((answer - truth) ** 2)
        if self.name == "brier":
            return np.asarray(truth * (1 - answer) ** 2 + (1 - truth) * answer**2)
        if self.name == "log_loss":
            safe = np.clip(answer, LEAST, 1 - LEAST)
            return np.asarray(-truth * np.log(safe) - (1 - truth) * np.log(1 - safe))
        if self.name == "accuracy":
            sure = (answer >= 0.5).astype(float)
            return np.asarray(truth * (1 - sure) + (1 - truth) * sure)
        return _placements(answer, truth)

    def statistic(self, answer: Floats, truth: Floats) -> Statistic:
        """The metric as a function of the rows' weights."""
        if self.name == "roc_auc":
            return _auc(answer, truth)
        return self.of_losses(self.losses(answer, truth))

    def of_losses(self, losses: Floats) -> Statistic:
        """The same from losses; not of the AUC, which is no mean of them once rows have weights."""
        if self.name == "roc_auc":
            raise ValueError("the AUC is no mean of losses: give answers and truths")

        def value(weights: Floats) -> float:
            total = weights.sum()
            if total <= 0:
                return float("nan")
            mean = float(weights @ losses / total)
            return 1 - mean if self.name == "accuracy" else mean**0.5 if self.name == "rmse" else mean

        return value


def row_metric(metric: str, task: str, scored: bool) -> RowMetric:
    """The row metric nearest to a metric that a model is judged by: the metric itself where it has losses of rows."""
    if task == "regression":
        return RowMetric("rmse" if metric in ("rmse", "r2") else "mae")
    if task == "multiclass_classification" or not scored or metric in CERTAIN:
        return RowMetric("accuracy")
    if metric in RANKING:
        return RowMetric("roc_auc")
    return RowMetric("log_loss" if metric == "log_loss" else "brier")


def _auc(answer: Floats, truth: Floats) -> Statistic:
    """Of the rows' weights; `truth` may be chances (a row then counts in both classes)."""
    ranks = np.unique(answer, return_inverse=True)[1]
    size = int(ranks.max()) + 1 if len(ranks) else 0

    def value(weights: Floats) -> float:
        hits = np.bincount(ranks, weights * truth, size)
        misses = np.bincount(ranks, weights * (1 - truth), size)
        pairs = hits.sum() * misses.sum()
        if pairs <= 0:
            return float("nan")
        return float(hits @ (np.cumsum(misses) - misses / 2) / pairs)

    return value


def _placements(answer: Floats, truth: Floats) -> Floats:
    ranks = np.unique(answer, return_inverse=True)[1]
    size = int(ranks.max()) + 1 if len(ranks) else 0
    hits, misses = np.bincount(ranks, truth, size), np.bincount(ranks, 1 - truth, size)
    positive, negative = hits.sum(), misses.sum()
    if positive <= 0 or negative <= 0:
        return np.full(len(answer), np.nan)
    above = (negative - np.cumsum(misses) + misses / 2)[ranks] / negative  # of a 1: negatives that score higher
    below = (np.cumsum(hits) - hits / 2)[ranks] / positive  # of a 0: positives that score lower
    n = positive + negative
    return np.asarray(truth * above * n / (2 * positive) + (1 - truth) * below * n / (2 * negative))
