"""Metrics of a regression, from exact sums; quantiles of the error from its grid."""

from __future__ import annotations

import math

import numpy as np

from monitoring.core.grid import no_value
from monitoring.core.performance.metric import Z95, Estimate, mean, metric, proportion, undefined
from monitoring.core.performance.outcome import RegressionOutcome

TASK = "regression"
NONE = "no labelled row"


@metric("mae", TASK, "Mean absolute error", "lower", unit="label")
def mae(outcome: RegressionOutcome) -> Estimate:
    """Mean absolute difference of prediction and label."""
    s = outcome.sums
    return mean(s["absolute_error"], s["squared_error"], s["n"], outcome.n)


@metric("rmse", TASK, "Root mean squared error", "lower", unit="label")
def rmse(outcome: RegressionOutcome) -> Estimate:
    """Root of the mean squared difference; interval by the delta method."""
    s = outcome.sums
    squared = mean(s["squared_error"], s["fourth_power_error"], s["n"], outcome.n)
    if squared.value is None:
        return squared
    value = math.sqrt(squared.value)
    half = Z95 * squared.error / (2 * value) if value > 0 else 0.0
    return Estimate(value, max(0.0, value - half), value + half, outcome.n)


@metric("bias", TASK, "Bias", "zero", unit="label")
def bias(outcome: RegressionOutcome) -> Estimate:
    """Mean of prediction less label."""
    s = outcome.sums
    return mean(s["error"], s["squared_error"], s["n"], outcome.n)


@metric("median_absolute_error", TASK, "Median absolute error", "lower", unit="label")
def median_absolute_error(outcome: RegressionOutcome) -> Estimate:
    """Median absolute difference, read off the error grid; interval from the order statistics."""
    kept = ~no_value(outcome.errors.codes)
    codes, counts = outcome.errors.codes[kept], outcome.errors.counts[kept]
    n = int(counts.sum())
    if n == 0:
        return undefined(outcome.n, NONE)
    lower, upper = outcome.grid.limits(codes)
    size = np.abs((lower + upper) / 2)
    order = np.argsort(size)
    upto = np.cumsum(counts[order]) / n
    spread = Z95 * 0.5 / math.sqrt(n)
    low, value, high = (
        float(size[order][min(int(np.searchsorted(upto, q)), len(order) - 1)])
        for q in (max(0.0, 0.5 - spread), 0.5, min(1.0, 0.5 + spread))
    )
    return Estimate(value, low, high, outcome.n)


@metric("mape", TASK, "Mean absolute percentage error", "lower")
def mape(outcome: RegressionOutcome) -> Estimate:
    """Mean of |error| / |label| over labels that are not 0. No interval: its squares are not kept."""
    s = outcome.sums
    if s["n_percentage"] <= 0:
        return undefined(outcome.n, "every label is 0")
    value = s["absolute_percentage_error"] / s["n_percentage"]
    return Estimate(value, None, None, outcome.n)


@metric("wape", TASK, "Weighted absolute percentage error", "lower")
def wape(outcome: RegressionOutcome) -> Estimate:
    """Sum of |error| over sum of |label|; interval of the numerator alone."""
    s = outcome.sums
    if s["absolute_label"] <= 0:
        return undefined(outcome.n, "every label is 0")
    part = mean(s["absolute_error"], s["squared_error"], s["n"], outcome.n)
    scale = s["n"] / s["absolute_label"]
    if part.value is None or part.lower is None or part.upper is None:
        return part
    return Estimate(part.value * scale, part.lower * scale, part.upper * scale, outcome.n)


@metric("r2", TASK, "R²")
def r2(outcome: RegressionOutcome) -> Estimate:
    """Share of the label's variance explained.

    Interval by the delta method, with errors independent of predictions and predictions about normal; never
    narrower than that of the squared errors alone.
    """
    s = outcome.sums
    if s["n"] < 2:
        return undefined(outcome.n, "fewer than two labelled rows")
    total = s["squared_label"] - s["label"] ** 2 / s["n"]
    if total <= 1e-12 * s["squared_label"]:
        return undefined(outcome.n, "every label is the same")
    squared = mean(s["squared_error"], s["fourth_power_error"], s["n"], outcome.n)
    value = 1 - s["squared_error"] / total
    explained = max(value, 0.0)
    tails = s["n"] * s["fourth_power_error"] / s["squared_error"] ** 2 - 1 if s["squared_error"] > 0 else 0.0
    both = (1 - value) ** 2 * explained * (explained * (tails - 2) + 4) / s["n"]
    half = Z95 * max(squared.error * s["n"] / total, math.sqrt(both))
    return Estimate(value, value - half, value + half, outcome.n)


@metric("pinball", TASK, "Pinball loss (median)", "lower", unit="label")
def pinball(outcome: RegressionOutcome) -> Estimate:
    """Pinball loss at the median: half the mean absolute error."""
    half = mae(outcome)
    if half.value is None or half.lower is None or half.upper is None:
        return half
    return Estimate(half.value / 2, half.lower / 2, half.upper / 2, outcome.n)


@metric("interval_coverage", TASK, "Interval coverage")
def interval_coverage(outcome: RegressionOutcome) -> Estimate:
    """Share of labels inside the predicted interval (`lower`, `upper` mapped)."""
    s = outcome.sums
    return proportion(s["covered"], s["n_interval"], outcome.n, "no predicted interval is mapped")
