"""Change points: none where nothing changed, and the right day where something did."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from monitoring.core import change_point
from monitoring.core.change_point import Pattern, change_points, change_points_of

WINDOWS, RUNS = 90, 200
ALLOWED = 1 / 20
Draw = Callable[[np.random.Generator, int], np.ndarray]
NOISE: dict[str, Draw] = {
    "normal": lambda random, n: random.normal(size=n),
    "heavy-tailed": lambda random, n: random.standard_t(4, n) / np.sqrt(2),
    "skewed": lambda random, n: (np.exp(0.7 * random.normal(size=n)) - 1.28) / 1.02,
}


def series(random: np.random.Generator, n: int, correlation: float, draw: Draw = NOISE["normal"]) -> np.ndarray:
    """An autoregressive series of deviation 1."""
    shocks = draw(random, n + 50)
    out = np.zeros(n + 50)
    for at in range(1, n + 50):
        out[at] = correlation * out[at - 1] + shocks[at]
    return out[50:] * np.sqrt(1 - correlation**2)


def weekdays(n: int) -> Pattern:
    return Pattern(7, np.arange(n) % 7)


@pytest.mark.parametrize("correlation", [0.0, 0.3])
@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("week", [0.0, 3.0])
def test_at_most_one_in_twenty_series_without_a_change_gets_one(noise: str, correlation: float, week: float) -> None:
    random = np.random.default_rng(20)
    falsely = 0
    for _ in range(RUNS):
        pattern = weekdays(WINDOWS)
        values = series(random, WINDOWS, correlation, NOISE[noise]) + week * (pattern.phase >= 5)
        falsely += bool(change_points(values, patterns=[pattern]))
    assert falsely <= ALLOWED * RUNS


@pytest.mark.parametrize("n", [12, 24, 200])
def test_short_and_long_series_keep_the_rate(n: int) -> None:
    random = np.random.default_rng(21)
    falsely = sum(bool(change_points(series(random, n, 0.3), patterns=[weekdays(n)])) for _ in range(RUNS))
    assert falsely <= ALLOWED * RUNS


@pytest.mark.parametrize(("size", "after", "found"), [(5.0, 5, 0.9), (3.0, 15, 0.9), (2.0, 40, 0.9)])
def test_a_clear_change_is_dated_within_two_windows(size: float, after: int, found: float) -> None:
    random = np.random.default_rng(22)
    near = 0
    for _ in range(RUNS):
        values = series(random, WINDOWS, 0.0)
        values[-after:] += size
        places = change_points(values, patterns=[weekdays(WINDOWS)])
        near += bool(places) and abs(places[-1] - (WINDOWS - after)) <= 2
    assert near >= found * RUNS


def test_one_odd_window_is_no_new_level() -> None:
    values = series(np.random.default_rng(23), WINDOWS, 0.0)
    values[50] += 40
    assert change_points(values) == []


def test_a_change_and_its_end_are_two() -> None:
    values = series(np.random.default_rng(24), WINDOWS, 0.0)
    values[40:60] += 8
    assert change_points(values) == [40, 60]


def test_a_constant_series_has_none_and_a_clean_step_is_found_where_it_is() -> None:
    assert change_points([0.0] * 30) == []
    assert change_points([0.0] * 20 + [1.0] * 10) == [20]


def test_a_step_below_what_matters_is_no_change() -> None:
    assert change_points([0.0] * 20 + [1.0] * 10, floor=5.0) == []


def test_shares_that_are_mostly_nought_do_not_change_by_a_few_rows() -> None:
    random = np.random.default_rng(25)
    falsely = sum(bool(change_points(random.poisson(0.1, WINDOWS) / 1000, floor=0.0)) for _ in range(RUNS))
    assert falsely <= ALLOWED * RUNS


def test_windows_with_a_large_error_are_believed_less() -> None:
    random = np.random.default_rng(26)
    values, errors = series(random, WINDOWS, 0.0), np.ones(WINDOWS)
    values[-6:] += 4
    assert change_points(values, errors) != []
    errors[-6:] = 10
    assert change_points(values, errors) == []


def test_windows_of_few_rows_are_believed_less() -> None:
    values, rows = series(np.random.default_rng(27), WINDOWS, 0.0), np.full(WINDOWS, 1000)
    values[-4:] += 5
    assert change_points(values, rows=rows) != []
    rows[-4:] = 50
    assert change_points(values, rows=rows) == []


def test_before_the_week_is_known_a_level_must_last_one() -> None:
    values = np.zeros(14) + 0.01 * np.random.default_rng(28).normal(size=14)
    values[-3:] += 1
    assert change_points(values, patterns=[weekdays(14)]) == []
    values[-7:-3] += 1
    assert change_points(values, patterns=[weekdays(14)]) == [7]


def test_days_without_a_value_are_no_noughts() -> None:
    """Gaps are windows that are not there; the phase says which weekday the others are."""
    random = np.random.default_rng(29)
    kept = np.flatnonzero(random.random(WINDOWS) > 0.3)
    values = 50 + series(random, WINDOWS, 0.0)[kept] + 3 * (kept % 7 >= 5)
    assert change_points(values, patterns=[Pattern(7, kept % 7)]) == []


values = arrays(float, st.integers(10, 40), elements=st.floats(-1e6, 1e6))


@given(values)
def test_places_are_within_the_series_in_order_and_apart(found: np.ndarray) -> None:
    places = [0, *change_points(found), len(found)]
    assert all(b - a >= change_point.SHORTEST for a, b in pairwise(places))


@given(values, st.floats(0.5, 2.0), st.floats(-100, 100))
def test_another_unit_changes_nothing_where_there_is_noise(found: np.ndarray, scale: float, shift: float) -> None:
    found = np.round(found / 1e4) + series(np.random.default_rng(1), len(found), 0.0)
    assert change_points(found * scale + shift) == change_points(found)


@given(arrays(float, 9, elements=st.floats(-10, 10)), st.floats(0.1, 30))
def test_no_other_partition_is_cheaper(found: np.ndarray, penalty: float) -> None:
    weights = np.linspace(1, 2, 9)

    def cost(cuts: tuple[int, ...]) -> float:
        ends = [0, *cuts, 9]
        total = 0.0
        for a, b in pairwise(ends):
            part, w = found[a:b], weights[a:b]
            total += float((w * (part - np.average(part, weights=w)) ** 2).sum())
        return total + penalty * len(cuts)

    every = [c for size in range(4) for c in combinations(range(2, 8), size)]
    every = [c for c in every if all(b - a >= 2 for a, b in zip((0, *c), (*c, 9), strict=True))]
    best = min(cost(c) for c in every)
    cuts = change_point._partitions(found[None], weights[None], penalty, 2)[0]
    assert cost(tuple(cuts)) == pytest.approx(best, abs=1e-6)


def test_a_series_among_many_has_the_change_points_that_it_has_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(8)
    values = random.normal(0, 1, (40, 60)) + 3.0 * (np.arange(60) >= random.integers(5, 55, 40)[:, None])
    values[3], values[4], rows = 7.0, values[4] * 1e9, random.integers(10, 2000, values.shape).astype(float)
    errors = np.where(np.arange(40)[:, None] % 3 == 0, np.nan, random.uniform(0.01, 1, values.shape))
    floors, patterns = random.uniform(0, 2, 40), [weekdays(60)]
    alone = [
        change_points(v, None if np.isnan(e).any() else e, n, patterns, f)
        for v, e, n, f in zip(values, errors, rows, floors, strict=True)
    ]
    assert sum(map(len, alone)) > 10
    assert change_points_of(values, errors, rows, patterns, floors) == alone
    monkeypatch.setattr(change_point, "ROOM", 3 * 61**2)
    assert change_points_of(values, errors, rows, patterns, floors) == alone
