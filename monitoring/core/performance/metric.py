"""A performance metric: its name, which way is better, and how it comes from counts."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Better = Literal["higher", "lower", "zero", "one"]
"""Which way a metric is better; "zero" and "one": the nearer to it, on either side."""
Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval and the labelled rows behind it. No value: `reason` says why."""

    value: float | None
    lower: float | None
    upper: float | None
    n: int
    reason: str = ""

    @property
    def error(self) -> float:
        """Standard error, from the interval's width."""
        if self.lower is None or self.upper is None:
            return math.inf
        return (self.upper - self.lower) / (2 * Z95)


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of one task. `unit` is "" or "label" (the label's own unit)."""

    name: str
    task: str
    title: str
    better: Better
    unit: str
    needs_score: bool
    compute: Callable[[Any], Estimate]


_METRICS: dict[tuple[str, str], Metric] = {}
_MODULES = {
    "binary_classification": "binary",
    "multiclass_classification": "multiclass",
    "regression": "regression",
}
MAIN = {"binary_classification": "roc_auc", "multiclass_classification": "accuracy", "regression": "mae"}
"""The metric a model is judged by where its owner has named none."""


def main_metric(task: str, checks: Iterable[str], scored: bool) -> str:
    """The metric a model is judged by: the first that its thresholds' `checks` name, else its task's. `scored`: it
    gives a probability, and not its answer alone."""
    for check in checks:
        family, _, name = check.partition(".")
        if family == "performance":
            return name
    return "accuracy" if task == "binary_classification" and not scored else MAIN[task]


class UnknownMetric(ValueError):
    """No metric has that name for the task."""


def metric(
    name: str, task: str, title: str, better: Better = "higher", unit: str = "", needs_score: bool = False
) -> Callable[[Callable[[Any], Estimate]], Callable[[Any], Estimate]]:
    """Register a metric."""

    def register(compute: Callable[[Any], Estimate]) -> Callable[[Any], Estimate]:
        _METRICS[task, name] = Metric(name, task, title, better, unit, needs_score, compute)
        return compute

    return register


def metrics_for(task: str) -> list[Metric]:
    """The metrics of a task, in the order they are defined."""
    importlib.import_module(f"monitoring.core.performance.{_MODULES[task]}")
    return [m for (of, _), m in _METRICS.items() if of == task]


def get(name: str, task: str) -> Metric:
    """The metric of that name. Raises UnknownMetric naming the known ones."""
    known = {m.name: m for m in metrics_for(task)}
    if name not in known:
        raise UnknownMetric(f"no metric of a {task} is called {name!r}; known: {', '.join(known)}")
    return known[name]


def undefined(n: int, reason: str) -> Estimate:
    """No value, and why."""
    return Estimate(None, None, None, n, reason)


def central(values: NDArray[np.float64]) -> tuple[float, float]:
    """The 2.5 % and the 97.5 % quantile of finite values: what np.quantile gives, in a tenth of its time."""
    ordered = np.sort(values)
    return _quantile(ordered, 0.025), _quantile(ordered, 0.975)


def _quantile(ordered: NDArray[np.float64], share: float) -> float:
    place = share * (len(ordered) - 1)
    at = int(place)
    part, low, high = place - at, float(ordered[at]), float(ordered[min(at + 1, len(ordered) - 1)])
    return low + (high - low) * part if part < 0.5 else high - (high - low) * (1 - part)


def proportion(hits: float, n: float, rows: int, reason: str) -> Estimate:
    """A share with its Wilson interval (Wilson 1927); undefined without cases."""
    if n <= 0:
        return undefined(rows, reason)
    p, z2 = hits / n, Z95**2
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return Estimate(p, min(p, middle - half), max(p, middle + half), rows)


def mean(total: float, squares: float, n: float, rows: int) -> Estimate:
    """A mean with its normal interval, from the sum and the sum of squares."""
    if n <= 0:
        return undefined(rows, "no labelled row")
    value = total / n
    error = math.sqrt(max(squares / n - value * value, 0.0) / n)
    return Estimate(value, value - Z95 * error, value + Z95 * error, rows)
