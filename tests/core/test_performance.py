"""Realised performance from counts: agreement with scikit-learn on raw rows, and intervals that hold the truth."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk
from sklearn.linear_model import LogisticRegression

from monitoring.core.grid import NumericGrid
from monitoring.core.histogram import Histogram, from_cells, merge
from monitoring.core.outcome import NO_SCORE, REGRESSION_SUMS, SCORE_GRID, binary_code
from monitoring.core.performance.curves import MIDDLE
from monitoring.core.performance.metric import (
    MAIN,
    Better,
    Estimate,
    UnknownMetric,
    central,
    get,
    metrics_for,
    proportion,
)
from monitoring.core.performance.outcome import (
    BinaryOutcome,
    MulticlassOutcome,
    RegressionOutcome,
    binary,
    multiclass,
    regression,
)
from monitoring.core.performance.threshold import automatic

STEADY = settings(deadline=None, derandomize=True, max_examples=50)
SCORES = SCORE_GRID
EXACT = 1e-12
BINARY, MULTICLASS, REGRESSION = "binary_classification", "multiclass_classification", "regression"

SCORED = (
    "roc_auc", "average_precision", "log_loss", "brier", "calibration_error", "calibration_in_the_large",
    "calibration_slope",
)  # fmt: skip
BOUNDS = {
    shape: dict(zip(SCORED, bounds, strict=True))
    for shape, bounds in {
        "usual": (3e-4, 5e-3, 1e-4, 5e-5, 5e-5, 5e-5, 2e-3),
        "uniform": (1e-4, 5e-3, 1e-4, 5e-5, 5e-5, 5e-5, 2e-3),
        "undecided": (5e-4, 5e-3, 1e-4, 5e-5, 5e-5, 5e-5, 2e-3),
        "nearly certain": (1e-4, 2e-3, 1e-4, 5e-5, 5e-5, 5e-5, 2e-3),
        "rare": (1e-3, 5e-3, 1e-4, 1e-5, 5e-5, 5e-5, 5e-3),
        "one in a thousand": (1e-2, 1e-2, 1e-4, 1e-5, 5e-5, 5e-5, 2e-2),
    }.items()
}
"""Largest error against scikit-learn on 20,000 raw rows, by how the scores lie; some twenty positives are all there is
of events of one in a thousand."""

SHAPES = {
    "usual": (1.0, 4.0),
    "uniform": (1.0, 1.0),
    "undecided": (20.0, 20.0),
    "nearly certain": (0.05, 0.3),
    "rare": (0.5, 30.0),
    "one in a thousand": (0.3, 300.0),
}
CONFUSION = {
    "accuracy": sk.accuracy_score,
    "balanced_accuracy": sk.balanced_accuracy_score,
    "precision": sk.precision_score,
    "recall": sk.recall_score,
    "specificity": lambda y, p: sk.recall_score(y, p, pos_label=0),
    "f1": sk.f1_score,
    "mcc": sk.matthews_corrcoef,
}


def ones(codes: np.ndarray) -> Histogram:
    return from_cells(codes, np.ones(len(codes), dtype=np.int64))


def binary_of(score: np.ndarray, predicted: np.ndarray, label: np.ndarray) -> BinaryOutcome:
    return binary(ones(SCORES.code(score) * 4 + predicted * 2 + label))


def multiclass_of(scores: np.ndarray, predicted: np.ndarray, label: np.ndarray) -> MulticlassOutcome:
    k = scores.shape[1]
    per_class = [ones(SCORES.code(scores[:, j]) * 2 + (label == j)) for j in range(k)]
    return multiclass(tuple("abcdefghij"[:k]), ones(predicted * k + label), per_class)


def regression_of(predicted: np.ndarray, label: np.ndarray, half_width: float = 1.0) -> RegressionOutcome:
    error = predicted - label
    size, one = np.abs(error), np.ones(len(error))
    percentage = np.divide(size, np.abs(label), out=np.zeros_like(size), where=label != 0)
    sums = dict(
        n=one,
        error=error,
        absolute_error=size,
        squared_error=error**2,
        label=label,
        squared_label=label**2,
        absolute_label=np.abs(label),
        absolute_percentage_error=percentage,
        n_percentage=(label != 0) * 1.0,
        covered=(size <= half_width) * 1.0,
        n_interval=one,
        fourth_power_error=error**4,
    )
    grid = NumericGrid(0.0, float(np.quantile(size, 0.6827)) or 1.0)
    return regression(ones(grid.code(error)), grid, np.stack([sums[name] for name in REGRESSION_SUMS], axis=1))


def calibration_error(label: np.ndarray, score: np.ndarray) -> float:
    """Expected calibration error of raw rows over 20 equal bins (Naeini et al. 2015)."""
    of = np.minimum((score * 20).astype(int), 19)
    return sum(abs(score[of == b].sum() - label[of == b].sum()) for b in range(20)) / len(score)


def calibration_slope(label: np.ndarray, score: np.ndarray) -> float:
    """Slope of the recalibration of raw rows (Cox 1958), scores held as far off 0 and 1 as ours are."""
    inside = np.clip(score, 1e-4, 1 - 1e-4)
    x = np.log(inside / (1 - inside))[:, None]
    return float(LogisticRegression(C=1e10, tol=1e-8).fit(x, label).coef_[0, 0])


def gap(label: np.ndarray, score: np.ndarray) -> float:
    return float(score.mean() - label.mean())


def top_label(of_rows: Callable[[np.ndarray, np.ndarray], float]) -> Callable[[np.ndarray, np.ndarray], float]:
    """The same of the top label's probability, where that is above one half."""

    def found(label: np.ndarray, scores: np.ndarray) -> float:
        top = scores.max(axis=1)
        return of_rows((scores.argmax(axis=1) == label)[top > 0.5].astype(int), top[top > 0.5])

    return found


def value(name: str, task: str, outcome: object) -> float:
    found = get(name, task).compute(outcome).value
    assert found is not None
    return found


def sample(shape: str, seed: int, n: int = 20_000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, predictions and labels of a well calibrated model."""
    rng = np.random.default_rng(seed)
    score = rng.beta(*SHAPES[shape], n)
    return score, (score > 0.3).astype(int), (rng.random(n) < score).astype(int)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("name", "of_rows"),
    [
        ("roc_auc", sk.roc_auc_score),
        ("average_precision", sk.average_precision_score),
        ("log_loss", sk.log_loss),
        ("brier", sk.brier_score_loss),
        ("calibration_error", calibration_error),
        ("calibration_in_the_large", gap),
        ("calibration_slope", calibration_slope),
    ],
)
def test_metrics_of_scores_agree_with_raw_rows_within_their_bounds(name, of_rows, shape, seed):
    score, predicted, label = sample(shape, seed)
    found = value(name, BINARY, binary_of(score, predicted, label))
    assert found == pytest.approx(of_rows(label, score), abs=BOUNDS[shape][name])


@pytest.mark.parametrize("name", CONFUSION)
@pytest.mark.parametrize("shape", ["usual", "uniform", "nearly certain"])
def test_metrics_of_predictions_are_exactly_those_of_raw_rows(name, shape):
    score, predicted, label = sample(shape, 4)
    found = value(name, BINARY, binary_of(score, predicted, label))
    assert found == pytest.approx(CONFUSION[name](label, predicted), abs=EXACT)


def test_every_binary_metric_is_held_against_raw_rows_here():
    assert {m.name for m in metrics_for(BINARY)} == {*CONFUSION, *BOUNDS["usual"]}


def three_classes(seed: int, n: int = 20_000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    scores = rng.dirichlet((3.0, 2.0, 1.0), n)
    label = (scores.cumsum(axis=1)[:, :-1] < rng.random(n)[:, None]).sum(axis=1)
    return scores, scores.argmax(axis=1), label


def brier_multiclass(label: np.ndarray, scores: np.ndarray) -> float:
    return float(((scores - np.eye(scores.shape[1])[label]) ** 2).sum(axis=1).mean())


MULTICLASS_METRICS: dict[str, tuple[Callable[..., float], bool, float]] = {
    "accuracy": (sk.accuracy_score, False, EXACT),
    "balanced_accuracy": (sk.balanced_accuracy_score, False, EXACT),
    "precision_macro": (lambda y, p: sk.precision_score(y, p, average="macro", zero_division=0), False, EXACT),
    "recall_macro": (lambda y, p: sk.recall_score(y, p, average="macro", zero_division=0), False, EXACT),
    "f1_macro": (lambda y, p: sk.f1_score(y, p, average="macro"), False, EXACT),
    "mcc": (sk.matthews_corrcoef, False, EXACT),
    "roc_auc_ovr": (lambda y, s: sk.roc_auc_score(y, s, multi_class="ovr"), True, 1e-4),
    "brier": (brier_multiclass, True, 5e-5),
    "log_loss": (sk.log_loss, True, 2e-4),
    "calibration_error": (top_label(calibration_error), True, 1e-4),
    "calibration_in_the_large": (top_label(gap), True, 1e-4),
    "calibration_slope": (top_label(calibration_slope), True, 1e-2),
}


@pytest.mark.parametrize("seed", [5, 6])
@pytest.mark.parametrize("name", MULTICLASS_METRICS)
def test_multiclass_metrics_agree_with_raw_rows_within_their_bounds(name, seed):
    of_rows, of_scores, bound = MULTICLASS_METRICS[name]
    scores, predicted, label = three_classes(seed)
    found = value(name, MULTICLASS, multiclass_of(scores, predicted, label))
    assert found == pytest.approx(of_rows(label, scores if of_scores else predicted), abs=bound)


def test_every_multiclass_metric_is_held_against_raw_rows_here():
    assert {m.name for m in metrics_for(MULTICLASS)} == set(MULTICLASS_METRICS)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "precision_macro", "recall_macro", "f1_macro"])
@pytest.mark.parametrize(
    ("what", "label", "predicted"),
    [
        ("a class never predicted", [0, 0, 1, 1, 2, 2], [0, 1, 1, 1, 0, 0]),
        ("a class predicted that never occurs", [0, 0, 1, 1, 1, 0], [0, 1, 1, 2, 2, 0]),
        ("a class that is neither", [0, 0, 1, 1, 1, 0], [0, 1, 1, 1, 0, 0]),
    ],
)
def test_classes_that_are_absent_are_treated_as_scikit_learn_does(name, what, label, predicted):
    y, p = np.array(label), np.array(predicted)
    found = value(name, MULTICLASS, multiclass(("a", "b", "c"), ones(p * 3 + y), []))
    assert found == pytest.approx(MULTICLASS_METRICS[name][0](y, p), abs=EXACT), what


REGRESSION_METRICS: dict[str, tuple[Callable[..., float], float]] = {
    "mae": (sk.mean_absolute_error, 1e-9),
    "rmse": (sk.root_mean_squared_error, 1e-9),
    "bias": (lambda y, p: float((p - y).mean()), 1e-9),
    "median_absolute_error": (sk.median_absolute_error, 0.025),
    "mape": (sk.mean_absolute_percentage_error, 1e-9),
    "wape": (lambda y, p: float(np.abs(p - y).sum() / np.abs(y).sum()), 1e-9),
    "r2": (sk.r2_score, 1e-9),
    "pinball": (lambda y, p: sk.mean_pinball_loss(y, p, alpha=0.5), 1e-9),
    "interval_coverage": (lambda y, p: float((np.abs(p - y) <= 1).mean()), 1e-9),
}
"""scikit-learn's, and the largest relative error: exact sums, but for the median, which is read off the error grid."""


@pytest.mark.parametrize("name", REGRESSION_METRICS)
@pytest.mark.parametrize(
    ("centre", "noise"), [(20.0, 1.0), (1013.0, 0.5), (-5.0, 30.0)], ids=["usual", "far from zero", "mostly noise"]
)
def test_regression_metrics_agree_with_raw_rows_within_their_bounds(name, centre, noise):
    rng = np.random.default_rng(7)
    label = rng.normal(centre, 8, 20_000)
    predicted = label + rng.normal(0.1, noise, 20_000)
    of_rows, bound = REGRESSION_METRICS[name]
    assert value(name, REGRESSION, regression_of(predicted, label)) == pytest.approx(
        of_rows(label, predicted), rel=bound
    )


def test_every_regression_metric_is_held_against_raw_rows_here():
    assert {m.name for m in metrics_for(REGRESSION)} == set(REGRESSION_METRICS)


@dataclass(frozen=True)
class Simulation:
    """A world whose metrics' true values are those of a very large sample of it."""

    task: str
    draw: Callable[[np.random.Generator, int], object]
    rows: int


def draw_binary(rng: np.random.Generator, n: int) -> BinaryOutcome:
    score = rng.beta(1, 3, n)
    return binary_of(score, (score > 0.3).astype(int), (rng.random(n) < score).astype(int))


def draw_multiclass(rng: np.random.Generator, n: int) -> MulticlassOutcome:
    scores = rng.dirichlet((1.0, 1.0, 1.0), n)
    label = (scores.cumsum(axis=1)[:, :-1] < rng.random(n)[:, None]).sum(axis=1)
    return multiclass_of(scores, scores.argmax(axis=1), label)


def draw_regression(noise: float) -> Callable[[np.random.Generator, int], RegressionOutcome]:
    def draw(rng: np.random.Generator, n: int) -> RegressionOutcome:
        predicted = rng.normal(20, 1, n)
        return regression_of(predicted, predicted - noise * rng.normal(0.1, 1, n), 1.5 * noise)

    return draw


WORLDS = {
    "binary": Simulation(BINARY, draw_binary, 600),
    "three classes": Simulation(MULTICLASS, draw_multiclass, 600),
    "a close regression": Simulation(REGRESSION, draw_regression(0.3), 400),
    "a loose regression": Simulation(REGRESSION, draw_regression(1.5), 400),
}
RUNS = 200


@cache
def held_in(world: str) -> dict[str, float]:
    """The share of runs in which each metric's interval holds its true value."""
    simulation = WORLDS[world]
    metrics = [m for m in metrics_for(simulation.task) if m.name != "mape"]
    large = simulation.draw(np.random.default_rng(10_000), 500_000)
    truth = {m.name: m.compute(large).value for m in metrics}
    held = dict.fromkeys(truth, 0)
    for seed in range(RUNS):
        outcome = simulation.draw(np.random.default_rng(seed), simulation.rows)
        for m in metrics:
            found = m.compute(outcome)
            held[m.name] += found.lower <= truth[m.name] <= found.upper
    return {name: hits / RUNS for name, hits in held.items()}


@pytest.mark.parametrize("world", WORLDS)
def test_95_percent_intervals_hold_the_truth_in_at_least_9_of_10_runs(world):
    assert {name: share for name, share in held_in(world).items() if share < 0.9} == {}


CONSERVATIVE = {"calibration_error", "median_absolute_error", "roc_auc_ovr", "brier", "r2"}
"""Metrics whose interval is wider than it need be in some worlds, and says so."""


@pytest.mark.parametrize("world", ["binary", "three classes", "a close regression"])
def test_intervals_are_not_so_wide_that_they_always_hold_the_truth(world):
    assert {name for name, share in held_in(world).items() if share == 1.0} <= CONSERVATIVE


@pytest.mark.parametrize("task", [BINARY, MULTICLASS, REGRESSION])
def test_an_interval_holds_its_value_and_narrows_with_more_rows(task):
    draw = {BINARY: draw_binary, MULTICLASS: draw_multiclass, REGRESSION: draw_regression(1.0)}[task]
    few, many = draw(np.random.default_rng(8), 300), draw(np.random.default_rng(9), 30_000)
    for m in metrics_for(task):
        if m.name == "mape":
            continue
        small, large = m.compute(few), m.compute(many)
        assert small.lower <= small.value <= small.upper, m.name
        assert large.upper - large.lower < (small.upper - small.lower) / 5, m.name


EMPTY = {
    BINARY: binary(Histogram()),
    MULTICLASS: multiclass(("a", "b"), Histogram(), [Histogram(), Histogram()]),
    REGRESSION: regression(Histogram(), NumericGrid(0.0, 1.0), np.zeros((0, 0))),
}


@pytest.mark.parametrize("task", EMPTY)
def test_without_a_label_every_metric_is_undefined_and_says_why(task):
    for m in metrics_for(task):
        found = m.compute(EMPTY[task])
        assert (found.value, found.lower, found.upper, found.n) == (None, None, None, 0), m.name
        assert found.reason, m.name


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("name", ["roc_auc", "average_precision", "balanced_accuracy", "mcc"])
def test_labels_of_one_class_leave_what_compares_classes_undefined(name, label):
    score = np.random.default_rng(12).random(50)
    found = get(name, BINARY).compute(binary_of(score, (score > 0.5).astype(int), np.full(50, label)))
    assert found.value is None
    assert "one class" in found.reason


@pytest.mark.parametrize(
    ("name", "predicted", "label"),
    [("precision", 0, 1), ("recall", 1, 0), ("specificity", 0, 1), ("f1", 0, 0)],
)
def test_a_share_of_nothing_is_undefined(name, predicted, label):
    outcome = binary_of(np.full(9, 0.5), np.full(9, predicted), np.full(9, label))
    assert get(name, BINARY).compute(outcome).value is None


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (3, 10), (10, 10), (1, 200), (450, 1000)])
def test_the_interval_of_a_share_is_wilsons(hits, n):
    found = proportion(hits, n, n, "")
    expected = stats.binomtest(hits, n).proportion_ci(method="wilson")
    assert (found.lower, found.upper) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_rows_without_a_score_count_for_predictions_and_not_for_ranking():
    score, predicted, label = sample("usual", 13, 500)
    without = ones(np.array([binary_code(NO_SCORE, 1, 0)] * 40))
    outcome = binary(merge([ones(SCORES.code(score) * 4 + predicted * 2 + label), without]))
    assert outcome.n == 540
    assert get("roc_auc", BINARY).compute(outcome) == get("roc_auc", BINARY).compute(binary_of(score, predicted, label))
    assert value("accuracy", BINARY, outcome) == pytest.approx((predicted == label).sum() / 540)


@pytest.mark.parametrize(("positives", "above"), [(1, 0.0), (10, 0.5), (1000, 0.99)])
def test_a_perfect_ranking_has_an_interval_that_narrows_with_its_positives(positives, above):
    label = np.repeat([0, 1], [5000, positives])
    found = get("average_precision", BINARY).compute(binary_of(np.where(label, 0.9, 0.1), label, label))
    assert (found.value, found.upper) == (1.0, 1.0)
    assert above < found.lower < 1


@pytest.mark.parametrize(
    ("what", "score", "auc"),
    [("perfect", [0.1, 0.2, 0.8, 0.9], 1.0), ("reversed", [0.9, 0.8, 0.2, 0.1], 0.0), ("all alike", [0.4] * 4, 0.5)],
)
def test_the_auc_of_a_known_ranking(what, score, auc):
    outcome = binary_of(np.array(score), np.zeros(4, int), np.array([0, 0, 1, 1]))
    assert value("roc_auc", BINARY, outcome) == auc, what


@settings(STEADY, max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, SCORE_GRID.top), st.integers(0, 1), st.integers(0, 1)), min_size=4, max_size=60)
)
def test_metrics_of_scores_on_the_grid_are_exact(rows):
    """A score that is its class's middle loses nothing."""
    code, predicted, label = np.array(rows).T
    if len(set(label.tolist())) < 2:
        return
    score = MIDDLE[code]
    outcome = binary_of(score, predicted, label)
    assert value("roc_auc", BINARY, outcome) == pytest.approx(sk.roc_auc_score(label, score), abs=EXACT)
    assert value("average_precision", BINARY, outcome) == pytest.approx(
        sk.average_precision_score(label, score), abs=EXACT
    )
    assert value("brier", BINARY, outcome) == pytest.approx(sk.brier_score_loss(label, score), abs=EXACT)


@settings(STEADY, max_examples=20)
@given(st.integers(1, 3000), st.integers(0, 2999))
def test_metrics_of_a_window_are_those_of_its_parts_together(seed, at):
    score, predicted, label = sample("usual", seed, 3000)
    codes = SCORES.code(score) * 4 + predicted * 2 + label
    together = binary(merge([ones(codes[:at]), ones(codes[at:])]))
    np.testing.assert_array_equal(together.cells, binary(ones(codes)).cells)


def test_a_constant_label_has_no_r2_and_zero_labels_no_percentage():
    predicted = np.random.default_rng(14).normal(0, 1, 100)
    assert (
        get("r2", REGRESSION).compute(regression_of(predicted, np.full(100, 1013.25))).reason
        == "every label is the same"
    )
    zero = regression_of(predicted, np.zeros(100))
    assert (
        get("mape", REGRESSION).compute(zero).reason
        == get("wape", REGRESSION).compute(zero).reason
        == "every label is 0"
    )


def test_a_perfect_regression_has_no_error():
    label = np.random.default_rng(15).normal(5, 2, 100)
    outcome = regression_of(label, label)
    assert [value(name, REGRESSION, outcome) for name in ("mae", "rmse", "bias", "median_absolute_error", "r2")] == [
        0,
        0,
        0,
        0,
        1,
    ]


@pytest.mark.parametrize("task", [BINARY, MULTICLASS, REGRESSION])
def test_every_metric_has_a_title_a_direction_and_a_sentence(task):
    for m in metrics_for(task):
        assert m.title, m.name
        assert m.better in get_args(Better), m.name
        assert (m.compute.__doc__ or "").strip().endswith("."), m.name
    assert MAIN[task] in {m.name for m in metrics_for(task)}


def test_an_unknown_metric_is_refused_with_the_known_ones():
    with pytest.raises(UnknownMetric, match=r"'gini'.*roc_auc"):
        get("gini", BINARY)


def chunks_of(values: list[float], error: float = 0.01, n: int = 1000) -> list[Estimate]:
    return [Estimate(v, v - 1.96 * error, v + 1.96 * error, n) for v in values]


def chunk(error: float = 0.01, n: int = 1000) -> Estimate:
    return chunks_of([0.7], error, n)[0]


@pytest.mark.parametrize(("better", "sign"), [("higher", -1), ("lower", 1)])
def test_automatic_levels_lie_towards_worse_and_breached_beyond_warning(better, sign):
    level = automatic(chunks_of([0.70, 0.71, 0.69, 0.72, 0.68, 0.70]), better, chunk(), 1 / 91)
    assert 0 < sign * (level.warning - 0.70) < sign * (level.breached - 0.70)
    assert level.explanation.startswith("automatic: reference 0.") and "from 6 chunks" in level.explanation


def test_automatic_levels_widen_with_the_spread_of_the_chunks_and_the_error_of_this_one():
    calm, wild = [0.70, 0.71, 0.69, 0.70, 0.70], [0.60, 0.80, 0.65, 0.75, 0.70]
    levels = [
        automatic(chunks_of(v), "higher", chunk(e), 1 / 91).breached
        for v, e in ((calm, 0.01), (calm, 0.05), (wild, 0.05))
    ]
    assert levels == sorted(levels, reverse=True)
    assert len(set(levels)) == 3


def test_a_smaller_false_alarm_budget_moves_both_levels_away():
    wide, narrow = (automatic(chunks_of([0.7] * 9), "higher", chunk(), chance) for chance in (1 / 13, 1 / 2184))
    assert narrow.warning < wide.warning and narrow.breached < wide.breached


def test_the_error_of_a_chunk_is_taken_no_smaller_than_the_reference_says_of_its_rows():
    """Three events that happen to lie well have a small error; it is not believed."""
    past = chunks_of([0.7] * 9, error=0.04, n=100)
    believed, lucky = (automatic(past, "higher", chunk(e, n=100), 1 / 91) for e in (0.04, 0.001))
    assert lucky.warning == pytest.approx(believed.warning)
    many = automatic(past, "higher", chunk(0.001, n=10_000), 1 / 91)
    assert many.warning > believed.warning


def test_days_that_differ_by_a_factor_are_taken_by_it():
    """MAE of 10, and of 20 or 5 on other days: half is as usual as twice."""
    past = chunks_of([10.0, 20.0, 5.0] * 5, error=0.01)
    level = automatic(past, "lower", Estimate(10.0, 9.98, 10.02, 1000), 1 / 91)
    assert level.explanation.startswith("automatic: reference 10,")
    assert level.warning > 10 * 2**2


@pytest.mark.parametrize(
    ("reference", "error"), [([], 0.01), ([Estimate(None, None, None, 0)] * 9, 0.01), (chunks_of([0.7] * 9), math.inf)]
)
def test_without_a_reference_or_an_error_there_is_no_automatic_level(reference, error):
    assert automatic(reference, "higher", chunk(error), 1 / 91) is None


def test_few_chunks_of_reference_are_said_to_be_few():
    found = automatic(chunks_of([0.7, 0.71]), "higher", chunk(), 1 / 91)
    assert "sampling error alone (2 chunks" in found.explanation


@pytest.mark.parametrize(
    ("name", "rows", "days"),
    [("roc_auc", 200, 0.0), ("roc_auc", 1000, 0.0), ("mae", 200, 0.0), ("mae", 200, 0.15)],
)
def test_automatic_levels_keep_to_their_false_alarms(name, rows, days):
    """Logs of 30 days of reference and 60 more, on which nothing happens; `days` is by what days differ."""
    rng = np.random.default_rng(16)

    def day() -> Estimate:
        if name == "mae":
            label = rng.normal(100, 20, rows)
            error = rng.normal(0, 1, rows) * math.exp(rng.normal(0, days))
            return get(name, REGRESSION).compute(regression_of(label + error, label))
        label = (rng.random(rows) < 0.3).astype(int)
        score = 1 / (1 + np.exp(1 - rng.normal(0, 1, rows) - label))
        return get(name, BINARY).compute(binary_of(score, (score > 0.5).astype(int), label))

    warned = breached = windows = 0
    for _ in range(15):
        reference = [day() for _ in range(30)]
        for found in (day() for _ in range(60)):
            level = automatic(reference, get(name, REGRESSION if name == "mae" else BINARY).better, found, 1 / 30)
            sign = 1 if name == "mae" else -1
            windows += 1
            warned += sign * found.value > sign * level.warning
            breached += sign * found.value > sign * level.breached
    assert warned / windows < 1.2 / 30
    assert breached / windows < 2 / 300


@pytest.mark.parametrize("n", [1, 2, 3, 40, 41, 400])
def test_the_middle_95_percent_are_those_of_numpy(n: int) -> None:
    values = np.random.default_rng(n).normal(size=n)
    assert central(values) == tuple(np.quantile(values, [0.025, 0.975]).tolist())
