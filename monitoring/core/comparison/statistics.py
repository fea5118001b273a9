"""Every metric of core.performance that is better high or low, as a function of the rows' weights."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from monitoring.core.comparison.rows import Answers, Sides, Task
from monitoring.core.diagnosis.interval import Floats, Statistic
from monitoring.core.diagnosis.row_metric import LEAST, RowMetric
from monitoring.core.performance.confusion import Tables, matthews, per_class, ratio
from monitoring.core.performance.metric import Metric, metrics_for

OfTable = Callable[[Tables], Floats]


def _recall_macro(tables: Tables) -> Floats:
    occurs = (tables.sum(axis=1) > 0) | (tables.sum(axis=2) > 0)
    return np.asarray(np.nanmean(np.where(occurs, np.nan_to_num(per_class(tables)[1]), np.nan), axis=1))


OF_TABLE: dict[Task, dict[str, OfTable]] = {
    "binary_classification": {
        "accuracy": lambda t: np.trace(t, axis1=1, axis2=2) / t.sum(axis=(1, 2)),
        "precision": lambda t: ratio(t[:, 1, 1], t[:, 1].sum(axis=1)),
        "recall": lambda t: ratio(t[:, 1, 1], t[:, :, 1].sum(axis=1)),
        "specificity": lambda t: ratio(t[:, 0, 0], t[:, :, 0].sum(axis=1)),
        "f1": lambda t: per_class(t)[2][:, 1],
        "balanced_accuracy": lambda t: per_class(t)[1].mean(axis=1),
        "mcc": matthews,
    },
    "multiclass_classification": {
        "accuracy": lambda t: np.trace(t, axis1=1, axis2=2) / t.sum(axis=(1, 2)),
        "balanced_accuracy": lambda t: np.nanmean(per_class(t)[1], axis=1),
        "precision_macro": lambda t: np.nanmean(per_class(t)[0], axis=1),
        "recall_macro": _recall_macro,
        "f1_macro": lambda t: np.nanmean(per_class(t)[2], axis=1),
        "mcc": matthews,
    },
    "regression": {},
}
"""Metrics of a table of counts by [predicted, label], shape (tables, classes, classes): one value a table."""
OF_ROWS: dict[Task, tuple[str, ...]] = {
    "binary_classification": ("roc_auc", "average_precision", "log_loss", "brier"),
    "multiclass_classification": ("roc_auc_ovr", "brier", "log_loss"),
    "regression": ("mae", "rmse", "median_absolute_error", "mape", "wape", "r2"),
}


def metrics_of(sides: Sides) -> list[Metric]:
    """The metrics that both sides have, in the order of core.performance."""
    both = (sides.champion, sides.challenger)
    scored, decided = all(a.score is not None for a in both), all(a.decided for a in both)
    known = [*OF_ROWS[sides.task], *OF_TABLE[sides.task]]
    return [
        m for m in metrics_for(sides.task) if m.name in known and (scored if m.needs_score else decided)
    ]  # fmt: skip


def statistic(name: str, task: Task, answers: Answers, classes: int) -> Statistic:
    """A metric of one version's rows, by their weights; NaN where it is undefined."""
    if (of := OF_TABLE[task].get(name)) is not None:
        return _of_table(of, answers, max(classes, 2))
    if task == "regression":
        return _of_errors(name, answers)
    assert answers.score is not None
    if task == "multiclass_classification":
        return _of_scores(name, answers, answers.score)
    if name == "average_precision":
        return _average_precision(answers.score, answers.truth)
    return RowMetric(name).statistic(answers.score, answers.truth)  # type: ignore[arg-type]


def _of_table(of: OfTable, answers: Answers, classes: int) -> Statistic:
    cells = answers.predicted.astype(np.int64) * classes + answers.truth.astype(np.int64)

    def value(weights: Floats) -> float:
        table: Tables = np.bincount(cells, weights, classes * classes).astype(float)
        return float(of(table.reshape(1, classes, classes))[0]) if table.sum() > 0 else math.nan

    return value


def _of_errors(name: str, answers: Answers) -> Statistic:
    said, truth = answers.predicted, answers.truth
    if name in ("mae", "rmse"):
        return RowMetric(name).statistic(said, truth)  # type: ignore[arg-type]
    size = np.abs(said - truth)
    if name == "median_absolute_error":
        return quantile(size, 0.5)
    if name == "mape":
        there = truth != 0
        return _over(np.divide(size, np.abs(truth), out=np.zeros_like(size), where=there), there.astype(float))
    if name == "wape":
        return _over(size, np.abs(truth))

    def explained(weights: Floats) -> float:
        total = weights.sum()
        if total <= 0:
            return math.nan
        spread = weights @ (truth - weights @ truth / total) ** 2
        return float(1 - weights @ size**2 / spread) if spread > 0 else math.nan

    return explained


def _over(above: Floats, below: Floats) -> Statistic:
    def value(weights: Floats) -> float:
        under = weights @ below
        return float(weights @ above / under) if under > 0 else math.nan

    return value


def _of_scores(name: str, answers: Answers, score: Floats) -> Statistic:
    """Of the chances of all classes, shape (n, classes)."""
    truth = answers.truth.astype(np.int64)
    one = np.eye(score.shape[1])[truth]
    if name == "roc_auc_ovr":
        parts = [RowMetric("roc_auc").statistic(score[:, c], one[:, c]) for c in range(score.shape[1])]

        def value(weights: Floats) -> float:
            found = np.asarray([part(weights) for part in parts])
            return float(np.nanmean(found)) if np.isfinite(found).any() else math.nan

        return value
    if name == "brier":
        return _over(((score - one) ** 2).sum(axis=1), np.ones(len(truth)))
    hit = np.clip(score[np.arange(len(truth)), truth], LEAST, 1 - LEAST)
    return _over(-np.log(hit), np.ones(len(truth)))


def _average_precision(score: Floats, truth: Floats) -> Statistic:
    """Precision summed over the steps of recall, from the highest score down, ties at once (scikit-learn's)."""
    order = np.argsort(-score, kind="stable")
    hits, ends = truth[order], np.flatnonzero(np.append(np.diff(score[order]) != 0, True))

    def value(weights: Floats) -> float:
        w = weights[order]
        upto, all_rows = np.cumsum(w * hits)[ends], np.cumsum(w)[ends]
        if upto[-1] <= 0 or upto[-1] >= all_rows[-1]:
            return math.nan
        precision = np.divide(upto, all_rows, out=np.zeros_like(upto), where=all_rows > 0)
        return float(np.diff(upto, prepend=0.0) @ precision / upto[-1])

    return value


def quantile(values: Floats, q: float) -> Statistic:
    """A quantile of values by weights: the smallest that so large a share of them does not exceed."""
    order = np.argsort(values, kind="stable")
    ascending = values[order]

    def value(weights: Floats) -> float:
        upto = np.cumsum(weights[order])
        if len(upto) == 0 or upto[-1] <= 0:
            return math.nan
        return float(ascending[min(int(np.searchsorted(upto, q * upto[-1] * (1 - 1e-12))), len(upto) - 1)])

    return value
