"""The test that may be looked at any time: its evidence, its guarantee by simulation, and the order of its rows."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.core.comparison.betting import ALPHA, NEEDED, STAKES, inflation, played
from monitoring.core.comparison.differences import BURN_IN, DAY, differences
from monitoring.core.comparison.judge import sequential
from monitoring.core.comparison.rows import Sides
from monitoring.core.comparison.words import so_far
from tests.core.test_comparison import BETTER, answers, measured, scored

GAINS = st.lists(st.floats(-1, 1), min_size=1, max_size=30)
UNKNOWN = answers([])


@given(GAINS)
def test_the_e_value_is_the_mean_capital_of_all_stakes_less_the_toll(gains: list[float]) -> None:
    course = played(np.asarray(gains))
    more = inflation(np.asarray(gains))[-1] - 1
    tolls = {stake: math.exp(-(stake**2) / 2 * more * sum(x * x for x in gains)) for stake in STAKES}
    capital = np.mean([tolls[stake] * math.prod(1 + stake * x for x in gains) for stake in STAKES])
    other = np.mean([tolls[stake] * math.prod(1 - stake * x for x in gains) for stake in STAKES])
    assert all(0 < toll <= 1 for toll in tolls.values()), "or the guarantee would not be kept"
    assert course.log_e[0][-1] == pytest.approx(math.log(capital), abs=1e-9)
    assert course.log_e[1][-1] == pytest.approx(math.log(other), abs=1e-9)


@given(GAINS)
def test_the_confidence_sequence_holds_the_mean_seen_and_ends_where_the_evidence_does(gains: list[float]) -> None:
    wealth = played(np.asarray(gains)).at(len(gains))
    lower, upper = wealth.ends()
    assert -1 <= lower <= upper <= 1
    assert lower - 1e-9 <= wealth.mean <= upper + 1e-9
    assert (lower > 1e-9) <= (wealth.log_e_above >= math.log(NEEDED) - 1e-6)
    assert (upper < -1e-9) <= (wealth.log_e_below >= math.log(NEEDED) - 1e-6)


@given(GAINS)
def test_what_is_better_for_one_side_is_worse_for_the_other(gains: list[float]) -> None:
    one, other = played(np.asarray(gains)), played(-np.asarray(gains))
    assert np.array_equal(one.log_e[0], other.log_e[1])
    lower, upper = one.at(len(gains)).ends()
    assert other.at(len(gains)).ends() == pytest.approx((-upper, -lower), abs=1e-9)


@given(st.lists(st.floats(-1, 1), min_size=5, max_size=40))
def test_how_much_more_the_mean_varies_is_by_the_correlation_with_those_before(gains: list[float]) -> None:
    x = np.asarray(gains)
    for n in range(1, len(x) + 1):
        about = x[:n] - x[:n].mean()
        if n < 4 or (about**2).sum() < 1e-6:
            continue
        alike = [(about[lag:] * about[:-lag]).sum() / (about**2).sum() + 1 / n for lag in range(1, 1 + min(4, n // 4))]
        one = min(max(alike[0], 0), 0.9)
        assert inflation(x)[n - 1] == pytest.approx(
            max((1 + one) / (1 - one), 1 + 2 * sum(alike)) if one else 1.0, rel=1e-6
        )


def test_days_that_resemble_those_before_under_noise_pay_more_than_the_one_before_tells() -> None:
    random = np.random.default_rng(8)
    weather = np.repeat(random.choice([-0.3, 0.3], 20), 8)  # eight days each
    found = inflation(weather + random.uniform(-0.6, 0.6, len(weather)))[-1]
    assert found > 2.5 and inflation(random.uniform(-0.6, 0.6, 160))[-1] < 1.6


def test_differences_that_turn_every_time_or_never_differ_pay_no_toll() -> None:
    assert np.array_equal(inflation(np.tile([0.5, -0.5], 20)), np.ones(40))
    assert np.array_equal(inflation(np.full(40, 0.3)), np.ones(40))


def test_a_stake_that_could_lose_more_than_all_is_refused() -> None:
    with pytest.raises(ValueError, match="must lie in"):
        played(np.asarray([0.0, 1.01]))
    with pytest.raises(ValueError, match="must lie in"):
        played(np.asarray([np.nan]))


def test_nothing_is_known_of_no_difference() -> None:
    course = played(np.zeros(0))
    assert course.at(0).ends() == (-1.0, 1.0) and course.crossed() == (0, 0)


def test_peeking_after_every_row_declares_an_equal_challenger_rarely() -> None:
    """400 runs of 500 differences, looked at after each: at most 5 % (and chance) are declared something."""
    draw = np.random.default_rng(11)
    wrong = sum(any(played(draw.choice([-1.0, 0, 0, 1], 500)).crossed()) for _ in range(400))
    assert wrong <= ALPHA * 400


def test_days_that_resemble_the_day_before_declare_an_equal_challenger_rarely() -> None:
    """400 runs of 90 days, each correlated by .5 with the one before: without the toll some 10 % were declared."""
    draw = np.random.default_rng(13)
    wrong = 0
    for _ in range(400):
        days = draw.normal(0, 0.3, 90)
        for number in range(1, 90):
            days[number] = 0.5 * days[number - 1] + 0.75**0.5 * days[number]
        wrong += any(played(np.clip(days, -1, 1)).crossed())
    assert wrong <= ALPHA * 400


def test_a_mean_that_drifts_is_covered_at_every_time_and_not_declared_before_it_is_positive() -> None:
    """200 runs: the challenger is worse at first and better later; up to the end its mean so far is below 0."""
    draw = np.random.default_rng(12)
    means = np.where(np.arange(600) < 300, -0.2, 0.18)
    so_far_means = np.cumsum(means) / np.arange(1, 601)
    assert (so_far_means < 0).all()
    declared = outside = 0
    for _ in range(200):
        course = played(np.clip(means + draw.uniform(-0.8, 0.8, 600), -1, 1))
        declared += course.crossed()[0] > 0
        ends = [course.at(t).ends() for t in (50, 300, 400, 600)]
        truth = [so_far_means[t - 1] for t in (50, 300, 400, 600)]
        outside += any(not lower <= m <= upper for (lower, upper), m in zip(ends, truth, strict=True))
    assert declared <= ALPHA / 2 * 200 and outside <= ALPHA * 200


def test_a_better_challenger_is_found_soon() -> None:
    found = sequential(BETTER, "brier", "")
    assert found.declared == "better" and 5 < found.declared_days < 34
    assert found.course[-1].days == 34 and found.course[-1].rows == 3900 and found.course[-1].lower > 0
    assert "may be declared better" in so_far(found) and f"{found.declared_days} days of bets" in so_far(found)


def test_an_equal_challenger_is_declared_nothing_and_said_to_be_so() -> None:
    found = sequential(replace(BETTER, challenger=BETTER.champion), "brier", "")
    assert found.declared == "" and "Nothing may be declared" in so_far(found)
    assert found.course[-1].lower < 0 < found.course[-1].upper


def test_without_rows_or_with_few_days_it_says_so() -> None:
    empty = Sides("regression", UNKNOWN, UNKNOWN, True)
    few = Sides("regression", *(a.take(np.arange(4000) < 500) for a in (measured(1, 2), measured(2, 1))), paired=True)
    for pair in (empty, few):
        assert so_far(sequential(pair, "mae", "min")).startswith("The sequential test has nothing to bet on yet")


@pytest.mark.parametrize("metric", ["brier", "log_loss", "accuracy", "roc_auc", "f1"])
def test_the_metric_says_what_is_bet_on(metric: str) -> None:
    found = differences(BETTER, metric)
    assert len(found.gains) == 40 - 1 - BURN_IN and np.abs(found.gains).max() <= 1 and found.gains.mean() > 0
    assert (np.diff(found.at) > 0).all() and found.at[0] % DAY == 0 and 0 < found.scale < 1
    assert f"±{found.scale:.3g}" in found.words


def test_a_gain_is_the_mean_of_a_day_by_the_day_of_the_label_in_the_unit_of_the_metric() -> None:
    pair = Sides("regression", measured(5, 9.0), measured(6, 3.0), True)
    found = differences(pair, "mae", "min")
    size = [np.abs(a.predicted - a.truth) for a in (pair.champion, pair.challenger)]
    day = ((pair.champion.observed - pair.champion.observed[0]) // DAY).astype(int)
    assert (pair.champion.observed[0] % DAY) == 600
    means = np.bincount(day, size[0] - size[1]) / np.bincount(day)
    assert found.scale == pytest.approx(1.5 * np.abs(means[:BURN_IN]).max()) and found.in_unit
    assert found.gains * found.scale == pytest.approx(np.clip(means[BURN_IN:39], -found.scale, found.scale))
    assert f"±{found.scale:.3g} min" in found.words
    assert sequential(pair, "mae", "min").unit == "min"


def test_the_last_day_counts_once_it_is_over() -> None:
    end = float(BETTER.champion.observed.max())
    assert len(differences(BETTER, "brier", closed=end).gains) == 34
    assert len(differences(BETTER, "brier", closed=end + 2 * DAY).gains) == 35


def test_days_with_few_rows_are_put_together() -> None:
    few = [a.take(np.arange(4000) % 10 == 0) for a in (BETTER.champion, BETTER.challenger)]  # 10 a day
    found = differences(Sides("binary_classification", few[0], few[1], True), "brier")
    assert len(found.gains) == 19 - BURN_IN and set(np.diff(found.at)) == {2 * DAY}


@given(st.integers(0, 1000), st.integers(8, 38), st.integers(0, 5))
@settings(max_examples=15, deadline=None)
@pytest.mark.parametrize("metric", ["brier", "roc_auc", "accuracy"])
def test_what_is_known_early_is_the_beginning_of_what_is_known_later(
    metric: str, seed: int, days: int, delay: int
) -> None:
    """Labels come late and in any order: the test at a moment is the later one, stopped there."""
    draw = np.random.default_rng(seed)
    observed = BETTER.champion.moment + draw.exponential(delay * DAY, 4000)
    sides = [replace(a, observed=observed) for a in (BETTER.champion, BETTER.challenger)]
    moment = float(BETTER.champion.moment[0]) + days * DAY + draw.uniform(0, DAY)
    whole = differences(Sides("binary_classification", sides[0], sides[1], True), metric)
    known = Sides("binary_classification", *(s.take(observed <= moment) for s in sides), paired=True)
    part = differences(known, metric, closed=moment)
    assert len(part.gains) < len(whole.gains)
    assert np.array_equal(part.gains, whole.gains[: len(part.gains)])
    assert np.array_equal(part.at, whole.at[: len(part.at)])


def test_sides_that_are_not_paired_are_compared_day_by_day_as_well() -> None:
    fewer = scored(6, 0.3, 3000)
    found = differences(Sides("binary_classification", scored(5, 1.5), fewer, False), "brier")
    assert len(found.gains) == 34 and found.rows[-1] == 2925
