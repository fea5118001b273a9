"""The mathematics of a comparison: DeLong, metrics by weights, changes, gates, verdict, words and codec."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    matthews_corrcoef,
    precision_score,
    r2_score,
    recall_score,
    roc_auc_score,
)

from monitoring.core.comparison import changes, delong, gates
from monitoring.core.comparison.calibration import calibration
from monitoring.core.comparison.comparison import (
    About,
    Comparison,
    Outcome,
    Verdict,
    as_document,
    from_document,
    verdict_of,
)
from monitoring.core.comparison.gates import Objective
from monitoring.core.comparison.judge import Incomparable, compared
from monitoring.core.comparison.rows import Answers, Sides, Task
from monitoring.core.comparison.rules import Rules
from monitoring.core.comparison.statistics import metrics_of, quantile, statistic
from monitoring.core.comparison.words import changed, e_value, lines, sentence, so_far
from monitoring.core.diagnosis.interval import Interval

START = datetime(2026, 3, 2, tzinfo=UTC).timestamp()
DAY = 86_400.0


def answers(truth: Any, score: Any = None, predicted: Any = None, **changed: Any) -> Answers:
    """Rows spread evenly over 40 days, labels ten minutes later."""
    n = len(truth)
    moment = START + np.arange(n) * 40 * DAY / max(n, 1)
    given = {
        "truth": np.asarray(truth, dtype=float),
        "predicted": np.full(n, np.nan) if predicted is None else np.asarray(predicted, dtype=float),
        "score": None if score is None else np.asarray(score, dtype=float),
        "latency": np.full(n, np.nan),
        "slices": {},
        "codes": np.arange(n) * 40 // max(n, 1),
        "moment": moment,
        "observed": moment + 600,
    }
    return Answers(**{**given, **changed})  # type: ignore[arg-type]


def scored(seed: int, noise: float, n: int = 4000, rng_truth: int = 1) -> Answers:
    """Rows with a calibrated chance, and a score that sees it through some noise; sliced by origin."""
    chance = np.random.default_rng(rng_truth).beta(2, 4, n)
    truth = (np.random.default_rng(rng_truth + 1).random(n) < chance).astype(float)
    odds = np.log(chance / (1 - chance)) + np.random.default_rng(seed).normal(0, noise, n)
    score = 1 / (1 + np.exp(-odds))
    origin = np.random.default_rng(rng_truth + 2).choice(["EWR", "JFK", "LGA"], n).astype(object)
    latency = np.random.default_rng(seed).lognormal(1, 0.3, n)
    return answers(truth, score, (score > 0.5), slices={"origin": origin}, latency=latency)


def measured(seed: int, noise: float, bias: float = 0.0, n: int = 4000) -> Answers:
    truth = np.random.default_rng(1).gamma(4, 10, n)
    return answers(truth, predicted=truth + np.random.default_rng(seed).normal(bias, noise, n))


def sides(
    task: Task, champion: Answers, challenger: Answers, paired: bool = True, classes: tuple[str, ...] = ()
) -> Sides:
    return Sides(task, champion, challenger, paired, classes)


def about(**changed: Any) -> About:
    plain = About(
        "delays", "binary_classification", "roc_auc", "1", "2", "", None, None, None, None, None, "id", 4000, 4000,
        4000, 0.0,
    )  # fmt: skip
    return replace(plain, **changed)


def judged(pair: Sides, objective: Objective | None = None, rules: Rules | None = None, **changed: Any) -> Comparison:
    return compared(
        pair, pair, about(task=pair.task, **changed), objective, rules or Rules(), lambda share, words: None
    )


BETTER = sides("binary_classification", scored(5, 1.5), scored(6, 0.3))


def naive(of: np.ndarray, to: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """DeLong's paired difference and its error straight from the definition, over all pairs."""
    placed = []
    for score in (of, to):
        positive, negative = score[truth > 0], score[truth == 0]
        wins = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
        placed.append((wins.mean(axis=1), wins.mean(axis=0)))
    (v10, v01), (w10, w01) = placed
    error = np.sqrt(np.var(w10 - v10, ddof=1) / len(v10) + np.var(w01 - v01, ddof=1) / len(v01))
    return float(w10.mean() - v10.mean()), float(error)


@given(st.integers(0, 10_000), st.integers(4, 60), st.booleans())
@settings(max_examples=60, deadline=None)
def test_delong_by_ranks_is_delong_by_all_pairs(seed: int, n: int, ties: bool) -> None:
    draw = np.random.default_rng(seed)
    truth = np.append([0.0, 0.0, 1.0, 1.0], draw.integers(0, 2, n - 4)).astype(float)
    of, to = (draw.integers(0, 4, n) / 4.0 if ties else draw.random(n) for _ in range(2))
    found = delong.auc_change(of, to, truth)
    assert found is not None
    value, error = naive(of, to, truth)
    assert found.value == pytest.approx(value, abs=1e-12)
    assert found.error == pytest.approx(error, abs=1e-12)
    assert delong.auc(to, truth).value == pytest.approx(roc_auc_score(truth, to))  # type: ignore[union-attr]


def test_with_a_block_a_row_the_clustered_error_is_that_of_independent_rows() -> None:
    a, b = BETTER.champion, BETTER.challenger
    assert a.score is not None and b.score is not None
    alone = delong.auc_change(a.score, b.score, a.truth)
    every = delong.auc_change(a.score, b.score, a.truth, np.arange(len(a)))
    assert alone is not None and every is not None and every.error == pytest.approx(alone.error, rel=0.01)


def test_rows_that_were_merely_repeated_do_not_make_the_clustered_error_smaller() -> None:
    a, b = scored(5, 1.5, 400), scored(6, 0.3, 400)
    assert a.score is not None and b.score is not None
    once = delong.auc_change(a.score, b.score, a.truth, np.arange(400))
    many = [np.repeat(x, 10) for x in (a.score, b.score, a.truth, np.arange(400))]
    again = delong.auc_change(*many)
    naive_error = delong.auc_change(*many[:3])
    assert once is not None and again is not None and naive_error is not None
    assert again.error == pytest.approx(once.error, rel=0.01)
    assert naive_error.error < 0.5 * once.error


def test_a_class_without_two_rows_has_no_interval() -> None:
    score = np.arange(5) / 5
    assert delong.auc(score, np.array([1.0, 0, 0, 0, 0])) is None
    assert delong.auc(score, np.zeros(5)) is None


def test_the_intervals_of_a_paired_change_cover_what_they_say() -> None:
    """600 runs of 400 rows in 20 days with days of their own: 95 % ± 2 of the intervals hold the true change."""
    draw = np.random.default_rng(3)
    held = {"auc": 0, "brier": 0}
    runs, n = 400, 400
    day = np.repeat(np.arange(20), n // 20)
    for _ in range(runs):
        truth = (draw.random(n) < 0.3).astype(float)
        shift = draw.normal(0, 0.3, 20)[day]
        scores = [1 / (1 + np.exp(-(2 * truth - 1 + shift + draw.normal(0, 1, n)))) for _ in range(2)]
        pair = sides("binary_classification", *(answers(truth, s, codes=day) for s in scores))
        for name, metric in (("auc", "roc_auc"), ("brier", "brier")):
            found = changes.change(pair, metric)
            assert found is not None
            held[name] += found.lower <= 0 <= found.upper
    assert all(0.92 <= count / runs <= 0.985 for count in held.values()), held


BINARY = {
    "roc_auc": roc_auc_score, "average_precision": average_precision_score,
}  # fmt: skip
BY_CLASS = {
    "precision": precision_score, "recall": recall_score, "f1": f1_score, "mcc": matthews_corrcoef,
    "balanced_accuracy": balanced_accuracy_score,
}  # fmt: skip


@pytest.mark.parametrize("name", [*BINARY, *BY_CLASS])
def test_metrics_by_weights_are_those_of_scikit_learn_on_repeated_rows(name: str) -> None:
    rows = scored(5, 1.0, 300)
    assert rows.score is not None
    weights = np.random.default_rng(0).integers(0, 4, 300)
    ours = statistic(name, "binary_classification", rows, 0)(weights.astype(float))
    truth = np.repeat(rows.truth, weights)
    said = np.repeat(rows.score if name in BINARY else rows.predicted, weights)
    assert ours == pytest.approx((BINARY | BY_CLASS)[name](truth, said))  # type: ignore[operator]


def test_metrics_of_a_regression_and_of_several_classes_are_those_of_their_definition() -> None:
    rows = measured(2, 5.0, n=300)
    ones = np.ones(300)
    error = np.abs(rows.predicted - rows.truth)
    expected = {
        "mae": error.mean(), "rmse": np.sqrt((error**2).mean()), "mape": (error / rows.truth).mean(),
        "wape": error.sum() / rows.truth.sum(), "r2": r2_score(rows.truth, rows.predicted),
        "median_absolute_error": np.sort(error)[149],
    }  # fmt: skip
    for name, value in expected.items():
        assert statistic(name, "regression", rows, 0)(ones) == pytest.approx(value), name
    draw = np.random.default_rng(0)
    truth, said = draw.integers(0, 3, 300), draw.integers(0, 3, 300)
    several = answers(truth, draw.dirichlet(np.ones(3), 300), said)
    for name, value in {
        "f1_macro": f1_score(truth, said, average="macro"),
        "recall_macro": recall_score(truth, said, average="macro"),
        "precision_macro": precision_score(truth, said, average="macro"),
    }.items():
        assert statistic(name, "multiclass_classification", several, 3)(ones) == pytest.approx(value), name
    one = np.eye(3)[truth]
    brier = statistic("brier", "multiclass_classification", several, 3)(ones)
    assert several.score is not None and brier == pytest.approx(((several.score - one) ** 2).sum(axis=1).mean())


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=40), st.floats(0.01, 0.99))
def test_a_weighted_quantile_is_the_smallest_value_that_enough_do_not_exceed(values: list[float], q: float) -> None:
    x = np.asarray(values)
    assert quantile(x, q)(np.ones(len(x))) == np.quantile(x, q, method="inverted_cdf")


def test_every_metric_offered_has_a_statistic() -> None:
    several = answers([0, 1, 2, 0], np.eye(3)[[0, 1, 2, 1]], [0, 1, 2, 1])
    for pair in (BETTER, sides("regression", measured(1, 1), measured(2, 1)),
                 sides("multiclass_classification", several, several, classes=("a", "b", "c"))):  # fmt: skip
        known = metrics_of(pair)
        assert len(known) >= 6
        for metric in known:
            assert changes.levels(pair, metric.name)[0] is not None, metric.name


@pytest.mark.parametrize(
    ("lower", "upper", "verdict"),
    [
        (0.001, 0.02, Verdict.BETTER),
        (-0.02, -0.001, Verdict.WORSE),
        (-0.02, 0.02, Verdict.UNSURE),
        (-0.004, 0.004, Verdict.EQUAL),
        (0.001, 0.004, Verdict.EQUAL),
    ],
)
def test_the_verdict_goes_by_the_whole_interval(lower: float, upper: float, verdict: Verdict) -> None:
    middle = (lower + upper) / 2
    gain = Interval(middle, (upper - middle) / 1.959963984540054, 1e9)
    assert verdict_of(gain, 0.005) == verdict


def test_no_interval_is_no_verdict() -> None:
    assert verdict_of(None, 0.005) == Verdict.UNSURE


def test_a_better_challenger_is_recommended_and_its_mirror_image_is_worse() -> None:
    found = judged(BETTER)
    assert found.verdict == Verdict.BETTER and found.recommended
    assert found.main.name == "roc_auc" and found.main.change is not None and found.main.change.lower > 0
    back = judged(sides("binary_classification", BETTER.challenger, BETTER.champion))
    assert back.verdict == Verdict.WORSE and not back.recommended
    assert back.main.change is not None and back.main.change.value == pytest.approx(-found.main.change.value)


def test_the_same_answers_are_equal() -> None:
    one = scored(5, 1.0)
    found = judged(sides("binary_classification", one, one))
    assert found.verdict == Verdict.EQUAL and not found.failed and not found.unknown
    assert found.sequential.declared == ""


def test_too_few_rows_say_nothing_whatever_they_look_like() -> None:
    found = judged(sides("binary_classification", scored(5, 2, 150), scored(6, 0.1, 150)))
    assert found.verdict == Verdict.UNSURE
    assert found.gates[0].outcome == Outcome.UNKNOWN and "200 are needed" in sentence(found)


def test_versions_that_share_no_kind_of_answer_cannot_be_compared() -> None:
    one = scored(5, 1.0)
    with pytest.raises(Incomparable):
        judged(sides("binary_classification", replace(one, score=None), replace(one, predicted=one.predicted * np.nan)))


def test_a_metric_that_the_versions_lack_gives_way_to_the_nearest() -> None:
    one, other = (replace(scored(seed, 1.0), score=None) for seed in (5, 6))
    assert judged(sides("binary_classification", one, other)).main.name == "accuracy"


def test_a_slice_that_is_certainly_worse_fails_its_gate_and_bars_the_challenger() -> None:
    a, b = scored(5, 1.5), scored(6, 0.3)
    assert b.score is not None
    turned = np.where(a.slices["origin"] == "LGA", 1 - b.score, b.score)
    found = judged(sides("binary_classification", a, replace(b, score=turned, predicted=turned > 0.5)))
    assert [s.name for s in found.slices if s.worse] == ["origin = LGA"]
    gate = next(g for g in found.gates if g.name == "slices")
    assert gate.outcome == Outcome.FAILED and "origin = LGA" in gate.words and not found.recommended


def test_of_many_slices_without_a_difference_none_is_called_worse() -> None:
    """20 slices a run of 1,500 rows, 8 runs of an equal challenger: intervals widened for all of them."""
    wrong = 0
    for run in range(8):
        rows = [scored(seed, 1.0, 1500, rng_truth=run) for seed in (1000 + run, 2000 + run)]
        cut = np.random.default_rng(run).integers(0, 20, 1500).astype(str).astype(object)
        pair = sides("binary_classification", *(replace(r, slices={"part": cut}) for r in rows))
        found = judged(pair, rules=Rules(slice_rows=50, margin=0.0))
        assert len(found.slices) == 20
        wrong += any(s.worse for s in found.slices)
    assert wrong <= 1


LATENCIES = [
    (1.0, None, Outcome.PASSED, "0% "),
    (1.6, None, Outcome.FAILED, "slower"),
    (1.6, Objective(20.0, 0.9), Outcome.PASSED, "the objective is 0.9"),
    (9.0, Objective(20.0, 0.9), Outcome.FAILED, "within 20 ms"),
]


@pytest.mark.parametrize(("factor", "objective", "outcome", "said"), LATENCIES)
def test_latency_goes_by_the_objective_else_by_the_champion(
    factor: float, objective: Objective | None, outcome: Outcome, said: str
) -> None:
    a = scored(5, 1.0)
    gate = gates.latency(sides("binary_classification", a, replace(a, latency=a.latency * factor)), objective, Rules())
    assert gate.outcome == outcome and said in gate.words and " ms" in gate.words


def test_latency_that_is_not_logged_or_of_few_answers_is_not_certain() -> None:
    a = scored(5, 1.0)
    none = gates.latency(sides("binary_classification", a, replace(a, latency=a.latency * np.nan)), None, Rules())
    few = np.where(np.arange(len(a)) < 20, a.latency, np.nan)
    some = gates.latency(sides("binary_classification", a, replace(a, latency=few)), None, Rules())
    assert none.outcome == some.outcome == Outcome.UNKNOWN
    assert "no latency of the challenger" in none.words and "too few" in some.words


def test_scores_that_no_longer_mean_what_they_say_fail_calibration_though_they_rank_as_well() -> None:
    a = scored(5, 0.3)
    assert a.score is not None
    pair = sides("binary_classification", a, replace(a, score=a.score**3))
    gate = calibration(pair, Rules())
    assert gate.outcome == Outcome.FAILED and "further from 0" in gate.words
    assert judged(pair).verdict == Verdict.EQUAL
    assert calibration(sides("binary_classification", a, a), Rules()).outcome == Outcome.PASSED


def test_a_regression_is_calibrated_by_its_mean_error_in_its_unit() -> None:
    pair = sides("regression", measured(5, 5.0), measured(6, 4.0, bias=3.0))
    found = judged(pair, metric="mae", unit="min")
    gate = next(g for g in found.gates if g.name == "calibration")
    assert gate.outcome == Outcome.FAILED and "mean error +3" in gate.words
    assert found.main.unit == "min" and " min" in changed(found.main)
    assert found.main.better == "lower" and found.main.gain is not None


def test_unpaired_sides_have_wider_intervals_than_the_same_rows_paired() -> None:
    paired = changes.change(BETTER, "brier")
    apart = changes.change(replace(BETTER, paired=False), "brier")
    assert paired is not None and apart is not None
    assert apart.value == pytest.approx(paired.value) and apart.error > paired.error


def test_a_comparison_is_the_same_after_its_codec_and_words_hold_its_numbers() -> None:
    found = judged(BETTER, Objective(20.0, 0.9), since=datetime(2026, 3, 2, tzinfo=UTC))
    assert from_document(json.loads(json.dumps(as_document(found)))) == found
    text = "\n".join(lines(found))
    assert "2 against 1: better" in text and "4,000 labelled rows, paired by id" in text
    assert "The challenger may be declared better, since 2026-03-" in so_far(found.sequential)


@pytest.mark.parametrize("broken", [{}, {"about": {}}, "figures", "verdict"])
def test_what_is_no_comparison_is_refused(broken: Any) -> None:
    document = as_document(judged(BETTER))
    document = document | {broken: [] if broken == "figures" else "best"} if isinstance(broken, str) else broken
    with pytest.raises((KeyError, TypeError, ValueError)):
        from_document(document)


def test_large_evidence_is_written_as_a_power_of_ten() -> None:
    assert e_value(0.5) == "3.16" and e_value(12.3) == "10^12"
