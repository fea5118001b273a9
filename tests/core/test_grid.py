"""Grids: every value has one class, a class is one interval, and the frozen grid keeps its resolution."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.core.grid import (
    LIMIT,
    MISSING,
    NONFINITE,
    REST,
    SCORE_LIMITS,
    STEP,
    UNSEEN,
    BucketGrid,
    CategoricalGrid,
    NumericGrid,
    ScoreGrid,
    numeric_grid,
)
from monitoring.logs.profiling import fitted

STEADY = settings(deadline=None, derandomize=True, max_examples=50)
VALUES = st.floats(-1e12, 1e12)
SCALES = st.floats(1e-3, 1e6)
CENTRES = st.floats(-1e6, 1e6)
CUTS = st.lists(st.floats(-1e7, 1e7), max_size=8, unique=True).map(sorted).map(tuple)
GRIDS = st.builds(NumericGrid, CENTRES, SCALES, CUTS)


def quantiles(sample: np.ndarray) -> dict[float, float]:
    points = (0.1, 0.25, 0.5, 0.75, 0.9)
    return dict(zip(points, np.quantile(sample, points).tolist(), strict=True))


@STEADY
@given(GRIDS, st.lists(VALUES, min_size=2, max_size=30))
def test_a_larger_value_never_has_a_smaller_code(grid, values):
    codes = grid.code(np.sort(values))
    assert (np.diff(codes) >= 0).all()


@STEADY
@given(GRIDS, st.lists(VALUES, min_size=1, max_size=30))
def test_the_limits_of_a_class_hold_every_value_in_it(grid, values):
    x = np.asarray(values)
    lower, upper = grid.limits(grid.code(x))
    rounding = 1e-9 * (np.abs(x - grid.centre) + abs(grid.centre) + grid.scale)
    assert (lower - rounding <= x).all()
    assert (x <= upper + rounding).all()


@STEADY
@given(GRIDS, st.integers(-400, 400), st.integers(1, 40))
def test_neighbouring_classes_meet_and_no_class_ends_before_it_begins(grid, first, count):
    lower, upper = grid.limits(np.arange(first, first + count))
    assert (lower <= upper).all()
    np.testing.assert_array_equal(upper[:-1], lower[1:])


@STEADY
@given(GRIDS, st.lists(VALUES, min_size=1, max_size=20))
def test_the_limits_of_a_class_do_not_depend_on_which_others_are_asked_for(grid, values):
    codes = np.unique(grid.code(values))
    together = np.stack(grid.limits(codes), axis=1)
    alone = np.concatenate([np.stack(grid.limits([code]), axis=1) for code in codes])
    np.testing.assert_allclose(together, alone, rtol=1e-12, atol=0)


def test_the_code_is_the_documented_formula():
    x = np.random.default_rng(1).normal(40, 9, 500)
    expected = np.floor(np.arcsinh((x - 40) / 9) / 0.04 + 0.5)
    np.testing.assert_array_equal(NumericGrid(40.0, 9.0).code(x), expected)
    assert STEP == 0.04


def test_a_cut_belongs_to_the_class_below_it():
    grid = NumericGrid(0.0, 100.0, (50.0,))
    below, at, above = grid.code([49.999999, 50.0, 50.000001])
    assert (below, at, above) == (at, at, at + 1)
    assert grid.limits([at])[1][0] == grid.limits([above])[0][0] == 50.0


@pytest.mark.parametrize(
    "grid", [NumericGrid(0.0, 1.0), NumericGrid(0.0, 1.0, (1.0, 2.0)), ScoreGrid(), BucketGrid((10.0, 20.0))]
)
def test_missing_and_not_finite_numbers_have_classes_of_their_own(grid):
    assert grid.code([math.nan, math.inf, -math.inf]).tolist() == [MISSING, NONFINITE, NONFINITE]
    assert MISSING not in range(-LIMIT, LIMIT + 1)
    assert NONFINITE not in range(-LIMIT, LIMIT + 1)


@pytest.mark.parametrize("value", [1e300, -1e300, 1.7e308, -1.7e308])
def test_the_largest_numbers_stay_inside_the_codes_for_values(value):
    code = int(NumericGrid(0.0, 1.0).code(value))
    assert 17_000 < abs(code) <= LIMIT
    assert math.copysign(1, code) == math.copysign(1, value)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
def test_the_limits_of_the_largest_codes_are_finite(scale):
    grid = NumericGrid(0.0, scale)
    lower, upper = grid.limits(np.unique(grid.code([-1e290, 0.0, 1e290])))
    assert np.isfinite(lower).all()
    assert np.isfinite(upper).all()


@pytest.mark.parametrize(
    ("shape", "sample"),
    [
        ("far from zero, as a pressure", np.random.default_rng(2).normal(1013, 7, 20_000)),
        ("a heavy tail", np.exp(np.random.default_rng(3).normal(0, 2, 20_000))),
        ("epoch seconds", 1.7e9 + np.random.default_rng(4).uniform(0, 2.6e6, 20_000)),
        ("two modes far apart", np.concatenate([np.random.default_rng(5).normal(m, 1, 10_000) for m in (0, 1e4)])),
    ],
)
def test_no_class_of_a_fitted_grid_is_crowded(shape, sample):
    _, counts = np.unique(fitted(sample).code(sample), return_counts=True)
    assert counts.max() / len(sample) < 0.05, shape
    assert len(counts) > 50


def test_a_fitted_grid_separates_neighbouring_integers():
    sample = np.random.default_rng(6).poisson(6, 20_000).astype(float)
    assert len(np.unique(fitted(sample).code(np.arange(20.0)))) == 20


@pytest.mark.parametrize(
    ("what", "sample", "scale"),
    [
        ("a normal column's deviation", np.random.default_rng(7).normal(5, 3, 200_000), pytest.approx(3, rel=0.02)),
        ("the interquartile range where p10 = p90", None, pytest.approx(2 / 1.349)),
        ("a tenth of the range where only outliers vary", np.array([5.0] * 99 + [25.0]), 2.0),
        ("a thousandth of the centre where nothing varies", np.full(50, 7.0), 0.007),
        ("1 where everything is 0", np.zeros(50), 1.0),
    ],
)
def test_the_scale_falls_back_to_what_varies(what, sample, scale):
    if sample is None:
        grid = numeric_grid({0.1: 4.0, 0.25: 3.0, 0.5: 4.0, 0.75: 5.0, 0.9: 4.0}, 0.0, 9.0)
    else:
        grid = numeric_grid(quantiles(sample), float(sample.min()), float(sample.max()))
    assert grid.scale == scale, what


def test_a_sample_without_a_finite_value_still_gives_a_grid():
    assert fitted(np.array([math.nan, math.inf])) == NumericGrid(0.0, 1.0)


SCORES = ScoreGrid()


@pytest.mark.parametrize("limit", [*SCORE_LIMITS, -0.5, -0.005, 1.5, 2.0])
def test_a_score_class_begins_at_its_limit_and_ends_before_the_next(limit):
    below, at = SCORES.code([np.nextafter(limit, -10), limit])
    assert at == below + 1
    lower, upper = SCORES.limits([below, at])
    assert upper[0] == lower[1] == pytest.approx(limit, abs=1e-15)


@pytest.mark.parametrize("threshold", [0.001, 0.01, 0.02, 0.05, 0.1, 0.25, 1 / 3, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999])
def test_usual_thresholds_are_limits_of_score_classes(threshold):
    assert (threshold in SCORE_LIMITS) == (threshold != 1 / 3)


def test_score_classes_lie_the_same_way_below_and_above_the_middle():
    lower, upper = SCORES.limits(np.arange(SCORES.top))
    np.testing.assert_allclose(lower, 1 - upper[::-1], atol=1e-12)
    assert (np.diff(SCORE_LIMITS) > 0).all() and (upper - lower).max() <= 0.005 + 1e-12


@pytest.mark.parametrize(
    ("score", "code"), [(0.0, 0), (1.0, SCORES.top), (1.0049, SCORES.top), (1e20, LIMIT - 200), (-1e20, -LIMIT)]
)
def test_the_ends_of_the_score_classes(score, code):
    assert int(SCORES.code(score)) == code


@STEADY
@given(st.lists(st.floats(-1e6, 1e6) | st.floats(-0.1, 1.1), min_size=2, max_size=30))
def test_score_codes_never_fall_as_scores_rise(scores):
    assert (np.diff(SCORES.code(np.sort(scores))) >= 0).all()


@pytest.mark.parametrize(
    ("value", "code"), [(-1.0, 0), (0.0, 0), (10.0, 0), (10.01, 1), (20.0, 1), (20.01, 2), (1e9, 2)]
)
def test_a_bucket_holds_its_upper_limit(value, code):
    assert int(BucketGrid((10.0, 20.0)).code(value)) == code


def test_the_last_bucket_ends_at_twice_its_lower_limit():
    lower, upper = BucketGrid((10.0, 20.0)).limits([0, 1, 2])
    assert lower.tolist() == [0.0, 10.0, 20.0]
    assert upper.tolist() == [10.0, 20.0, 40.0]


@pytest.mark.parametrize(
    ("code", "name"),
    [(0, "AA"), (1, ""), (MISSING, "(missing)"), (REST, "(rare values)"), (UNSEEN, "(never seen before)")],
)
def test_every_class_of_a_vocabulary_has_a_name(code, name):
    assert CategoricalGrid(("AA", "")).name(code) == name
