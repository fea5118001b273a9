"""How far windows differ and how much they resemble the ones before, told by several columns: on columns whose truth is
known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.core.calibration.arrangement import RHOS, arrangement
from monitoring.core.calibration.between import ALONE, RATIOS, between, general
from monitoring.core.calibration.priors import OWN_KIND, Told, priors, told, told_later
from monitoring.core.calibration.windows import Known
from monitoring.core.grid import CategoricalGrid, NumericGrid

Floats = np.ndarray
GRID = NumericGrid(0.0, 1.0)
EVERY = np.unique(GRID.code(np.linspace(-12, 12, 6001))).astype(np.int32)


def arranged(windows: int):
    return arrangement(np.zeros(windows, dtype=np.int64), np.arange(windows), np.ones(windows), 1)


def column(random: np.random.Generator, along: float, windows: int = 30, effect: float = 0.3) -> Told:
    """A normal column of 200 rows a window, whose level goes on to the next by `along`."""
    return told(GRID, EVERY, drawn(random, effect * levels(random, along, windows)))


def levels(random: np.random.Generator, along: float, windows: int) -> Floats:
    level = random.normal(size=windows)
    for at in range(1, windows):
        level[at] = along * level[at - 1] + np.sqrt(1 - along**2) * level[at]
    return level


def drawn(random: np.random.Generator, level: Floats) -> Known:
    """Windows of 200 rows around their levels."""
    codes = GRID.code(level[:, None] + random.normal(size=(len(level), 200)))
    return known(np.stack([np.bincount(np.searchsorted(EVERY, c), minlength=len(EVERY)) for c in codes]))


def known(counts: Floats) -> Known:
    return Known(counts.astype(float), np.zeros(len(counts), dtype=np.int64), np.arange(len(counts)), 1)


def of_rho(prior: Floats) -> float:
    return float(prior.sum(axis=1) @ np.asarray(RHOS))


def of_ratio(prior: Floats) -> float:
    return float(prior.sum(axis=0) @ np.log(1 + RATIOS))


@pytest.mark.parametrize("along", [0.0, 0.6, 0.9])
def test_six_columns_tell_a_seventh_how_much_days_resemble_each_other(along: float) -> None:
    random = np.random.default_rng(1)
    found = [of_rho(priors([column(random, along) for _ in range(7)])[0]["location"]) for _ in range(10)]
    assert abs(np.mean(found) - along) < abs(of_rho(general(arranged(30))) - along), "nearer than what is generally so"


@pytest.mark.parametrize("effect", [0.0, 0.15, 0.3])
def test_six_columns_tell_a_seventh_how_far_ten_days_differ(effect: float) -> None:
    random = np.random.default_rng(2)
    found = [priors([column(random, 0.0, 10, effect) for _ in range(7)])[0] for _ in range(10)]
    truth, before = np.log(1 + 200 * effect**2), of_ratio(general(arranged(10)))
    location = np.mean([of_ratio(prior["location"]) for prior in found])
    assert abs(location - truth) < abs(before - truth)
    assert np.mean([of_ratio(prior["scale"]) for prior in found]) < before, "spreads do not differ, whatever levels do"


def test_one_column_alone_knows_what_is_generally_so() -> None:
    (prior,) = priors([column(np.random.default_rng(2), 0.9)])
    assert prior["scale"].sum(axis=0) == pytest.approx(general(arranged(30), ALONE).sum(axis=0), abs=0.03)


def test_a_column_alone_is_taken_to_lie_further_apart_than_one_of_several() -> None:
    calm = [column(np.random.default_rng(seed), 0.0, 10, 0.0) for seed in range(2)]
    assert of_ratio(priors(calm[:1])[0]["location"]) > of_ratio(general(arranged(10)))
    assert of_ratio(priors(calm)[0]["location"]) < of_ratio(general(arranged(10)))


def test_a_column_told_many_times_is_no_news_to_itself_and_counts_once_for_another() -> None:
    random = np.random.default_rng(3)
    one, other = column(random, 0.9), column(random, 0.0)
    (alone,) = priors([one])
    for copy in priors([one] * 5):
        assert copy["location"] == pytest.approx(alone["location"])
    once, often = priors([other, one])[0]["location"], priors([other, *[one] * 20])[0]["location"]
    assert of_rho(once) > of_rho(priors([other])[0]["location"])
    assert often == pytest.approx(once, abs=0.05)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 12), st.sampled_from([0.0, 0.6, 0.95]), st.sampled_from([0.0, 0.3, 1.0]))
def test_columns_that_are_told_by_others_are_never_told_everything(
    seed: int, others: int, along: float, effect: float
) -> None:
    random = np.random.default_rng(seed)
    for prior in priors([column(random, along, 10, effect) for _ in range(others)]):
        for name in ("location", "scale", ""):
            assert prior[name].sum() == pytest.approx(1.0)
            assert (prior[name] >= OWN_KIND * general(arranged(10)) * (1 - 1e-9)).all(), (
                "a column may be of its own kind"
            )


def test_ten_days_that_other_columns_know_better_lie_as_far_as_they_say() -> None:
    """Where a column's ten days happen to lie close together, those of six others tell that the next may be far."""
    random = np.random.default_rng(5)
    close = np.linspace(-3.0, 3.0, 10)
    six = priors([column(random, 0.0, 10, 0.3) for _ in range(7)])[0]["location"]
    alone, helped = (between(arranged(10), close, 1.0, np.asarray([10.0]), prior=prior).usual for prior in (None, six))
    assert helped > 1.15 * alone


def test_constant_columns_say_next_to_nothing_and_heaps_nothing() -> None:
    grid, codes = CategoricalGrid(("a", "b")), np.asarray([0, 1], dtype=np.int32)
    constant = told(grid, codes, known(np.tile([50.0, 0.0], (30, 1)))).likelihood["class"]
    heap = Known(np.asarray([[5.0, 6.0]]), np.zeros(1, np.int64), np.zeros(1, np.int64), 1, independent=True)
    assert constant[:, RATIOS < 0.1].min() > 0.25
    assert not told(grid, codes, heap).likelihood


def test_a_category_that_comes_and_goes_for_days_tells_it() -> None:
    random = np.random.default_rng(5)
    share = np.where(np.arange(40) // 10 % 2 == 0, 0.3, 0.6)
    counts = random.binomial(300, share)
    sticky = told(
        CategoricalGrid(("a", "b")), np.asarray([0, 1], dtype=np.int32), known(np.stack([counts, 300 - counts], 1))
    )
    assert RHOS[int(sticky.likelihood["class"].max(axis=1).argmax())] >= 0.7


def with_later(random: np.random.Generator, effect: float, later: Floats) -> tuple[float, float]:
    """How far the windows of a column are taken to differ by ten of its reference, and by those and later ones."""
    reference = drawn(random, effect * random.normal(size=10))
    without = told(GRID, EVERY, reference)
    after = told_later(GRID, EVERY, reference, drawn(random, later))
    before, learned = (of_ratio(priors([one])[0]["location"]) for one in (without, replace(without, later=after)))
    return before, learned


@pytest.mark.parametrize("level", [0.0, 3.0])
def test_calm_windows_after_the_reference_say_that_windows_differ_little_whatever_their_level(level: float) -> None:
    random = np.random.default_rng(11)
    before, learned = np.mean([with_later(random, 0.0, np.full(10, level)) for _ in range(10)], axis=0)
    assert learned < 0.6 * before


def test_windows_after_the_reference_that_differ_say_that_they_do() -> None:
    random = np.random.default_rng(12)
    found = [with_later(random, 0.3, 0.3 * random.normal(size=30)) for _ in range(10)]
    truth = np.log(1 + 200 * 0.3**2)
    before, learned = (abs(np.mean(each) - truth) for each in zip(*found, strict=True))
    assert learned < before


@pytest.mark.parametrize(
    "drift",
    [
        pytest.param(lambda at: np.where(at >= 13, 0.5, 0.0), id="a step"),
        pytest.param(lambda at: 0.02 * at, id="a slope"),
    ],
)
def test_what_drifts_within_a_stretch_is_not_taken_for_the_usual_way_of_windows(
    drift: Callable[[Floats], Floats],
) -> None:
    random = np.random.default_rng(13)
    before, learned = np.mean([with_later(random, 0.0, drift(np.arange(30))) for _ in range(10)], axis=0)
    assert learned < before, "they lie apart by a drift, and are calm beside it"


def test_a_stretch_of_one_window_or_of_none_that_is_useful_says_nothing() -> None:
    random = np.random.default_rng(14)
    reference = drawn(random, np.zeros(10))
    one = told_later(GRID, EVERY, reference, drawn(random, np.zeros(1)))
    assert all((each == 1.0).all() for each in one.values())


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 30), st.floats(-50, 50), st.sampled_from([0.0, 0.3, 30.0]))
def test_priors_with_later_windows_are_probabilities_of_which_none_is_impossible(
    seed: int, many: int, level: float, effect: float
) -> None:
    random = np.random.default_rng(seed)
    reference = drawn(random, np.zeros(10))
    after = told_later(GRID, EVERY, reference, drawn(random, np.clip(level + effect * random.normal(size=many), -7, 7)))
    for prior in priors([replace(told(GRID, EVERY, reference), later=after), column(random, 0.0, 10)]):
        for name in ("location", "scale", ""):
            assert prior[name].sum() == pytest.approx(1.0) and (prior[name] > 0).all()
