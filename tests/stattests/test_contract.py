"""One contract for every drift test: a new file in monitoring/stattests is held to it by being there."""

from __future__ import annotations

import doctest
import importlib
import math
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import monitoring.stattests
from monitoring.core.binned import Binned, align
from monitoring.core.grid import REST, CategoricalGrid, Grid
from monitoring.core.histogram import Histogram, from_cells
from monitoring.logs.profiling import fitted
from monitoring.stattests.counts import pooled
from monitoring.stattests.evidence import evidence
from monitoring.stattests.registry import Result, Stattest, UnknownStattest, all_stattests, default_for, get

STEADY = settings(deadline=None, derandomize=True, max_examples=40)
TESTS = all_stattests()
NOT_TESTS = {"__init__", "registry", "counts", "evidence"}
SYMMETRIC = {
    "ks", "cramer_von_mises", "anderson_darling", "mann_whitney", "epps_singleton", "chi_square", "g_test",
    "jensen_shannon", "hellinger", "total_variation", "z_proportions",
}  # fmt: skip
"""Tests that say the same with the windows swapped; the others are told in the reference's own unit, parts or logs."""

VOCABULARY = CategoricalGrid(("AA", "UA", "DL"), ("OO",))
EACH = pytest.mark.parametrize("test", TESTS, ids=lambda t: t.name)
BOTH = [pytest.param(t, kind, id=f"{t.name}-{kind}") for t in TESTS for kind in t.kinds]
EACH_KIND = pytest.mark.parametrize(("test", "kind"), BOTH)


def histogram(grid: Grid, rows: np.ndarray) -> Histogram:
    codes = rows if isinstance(grid, CategoricalGrid) else grid.code(rows)
    return from_cells(codes, np.ones(len(codes), dtype=np.int64))


def numeric(reference: np.ndarray, current: np.ndarray) -> Binned:
    grid = fitted(reference)
    return align(grid, histogram(grid, reference), histogram(grid, current))


def rows(kind: str, seed: int, n: int, shift: float = 0.0) -> np.ndarray:
    """Rows of a kind: normal around `shift` deviations, or categories of which `shift` thirds moved to the rare."""
    rng = np.random.default_rng(seed)
    if kind == "numeric":
        return 50 + 4 * rng.normal(shift, 1, n)
    return rng.choice([0, 1, 2, REST], n, p=[0.5 - shift / 3, 0.3, 0.15, 0.05 + shift / 3])


def windows(kind: str, reference: np.ndarray, current: np.ndarray) -> Binned:
    if kind == "numeric":
        return numeric(reference, current)
    return align(VOCABULARY, histogram(VOCABULARY, reference), histogram(VOCABULARY, current))


def emptied(binned: Binned, reference: bool, current: bool) -> Binned:
    return Binned(
        binned.kind,
        binned.reference * (not reference),
        binned.current * (not current),
        binned.lower,
        binned.upper,
    )


def with_nulls(binned: Binned, reference: float, current: float) -> Binned:
    """The same windows with these shares of their rows turned into nulls."""
    n, m = binned.reference.sum(), binned.current.sum()
    return Binned(
        binned.kind,
        binned.reference * (1 - reference),
        binned.current * (1 - current),
        binned.lower,
        binned.upper,
        float(n * reference),
        float(m * current),
    )


def swapped(binned: Binned) -> Binned:
    return Binned(
        binned.kind,
        binned.current,
        binned.reference,
        binned.lower,
        binned.upper,
        binned.current_missing,
        binned.reference_missing,
    )


def sound(result: Result) -> bool:
    """A finite statistic of at least 0, and a p-value, if any, between 0 and 1; both plain floats."""
    p = result.p_value
    plain = type(result.statistic) is float and (p is None or type(p) is float)
    return plain and math.isfinite(result.statistic) and result.statistic >= 0 and (p is None or 0 <= p <= 1)


def test_every_file_is_a_test_named_as_its_file():
    files = {path.stem for path in Path(monitoring.stattests.__path__[0]).glob("*.py")} - NOT_TESTS
    assert {t.name for t in TESTS} == files
    assert len(TESTS) >= 17


@EACH
def test_a_test_has_a_title_levels_and_the_kinds_it_is_for(test: Stattest):
    assert test.title
    assert 0 < test.warning < test.breached
    assert set(test.kinds) <= {"numeric", "categorical"}
    assert test.kinds


@EACH
def test_its_help_is_a_sentence_an_explanation_and_a_source(test: Stattest):
    first, *rest = test.help.splitlines()
    assert len(first) > 20
    assert first.endswith(".")
    explanation = " ".join(" ".join(rest).split())
    assert "Source: " in explanation
    assert "issing" in explanation
    assert ">>> " in explanation


@EACH
def test_the_example_in_its_help_holds(test: Stattest):
    found = doctest.testmod(importlib.import_module(f"monitoring.stattests.{test.name}"))
    assert found.attempted >= 1
    assert found.failed == 0


@EACH_KIND
def test_a_window_compared_with_itself_has_not_drifted(test: Stattest, kind: str):
    same = rows(kind, 1, 5000)
    result = test.run(windows(kind, same, same))
    assert sound(result)
    assert result.statistic == pytest.approx(0, abs=1e-6)
    assert result.p_value is None or result.p_value > 0.99


@EACH_KIND
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_another_sample_of_the_same_stays_below_the_warning(test: Stattest, kind: str, seed: int):
    result = test.run(windows(kind, rows(kind, seed, 20_000), rows(kind, seed + 100, 5000)))
    assert sound(result)
    assert result.statistic < test.warning


@EACH_KIND
def test_a_clear_shift_goes_beyond_breached(test: Stattest, kind: str):
    binned = windows(kind, rows(kind, 5, 5000), rows(kind, 6, 5000, shift=1.0))
    result = test.run(binned)
    assert sound(result)
    assert result.statistic > test.breached
    assert (evidence(binned) if result.p_value is None else result.p_value) < 1e-6


@EACH_KIND
def test_a_larger_shift_gives_a_larger_statistic(test: Stattest, kind: str):
    reference = rows(kind, 7, 5000)
    found = [test.run(windows(kind, reference, rows(kind, 8, 5000, shift))).statistic for shift in (0, 0.3, 0.6, 0.9)]
    assert found == sorted(found)
    assert len(set(found)) == 4


@EACH_KIND
def test_the_statistic_does_not_grow_with_the_rows_behind_it(test: Stattest, kind: str):
    binned = windows(kind, rows(kind, 9, 5000), rows(kind, 10, 5000, shift=0.5))
    tenfold = Binned(binned.kind, binned.reference * 10, binned.current * 10, binned.lower, binned.upper)
    smoothed = 0.2 if test.name == "kl" else 0.03
    assert test.run(tenfold).statistic == pytest.approx(test.run(binned).statistic, rel=smoothed)


@EACH_KIND
def test_a_p_value_falls_with_the_rows_behind_it(test: Stattest, kind: str):
    binned = windows(kind, rows(kind, 9, 400), rows(kind, 10, 400, shift=0.2))
    tenfold = Binned(binned.kind, binned.reference * 10, binned.current * 10, binned.lower, binned.upper)
    few, many = test.run(binned).p_value, test.run(tenfold).p_value
    assert (few is None) == (many is None)
    assert few is None or many < few


@EACH_KIND
def test_swapping_the_windows_stays_sound_and_is_even_where_it_is_said_to_be(test: Stattest, kind: str):
    binned = windows(kind, rows(kind, 11, 5000), rows(kind, 12, 800, shift=0.7))
    there, back = test.run(binned), test.run(swapped(binned))
    assert sound(back)
    assert back.statistic > test.warning
    if test.name in SYMMETRIC:
        assert back.statistic == pytest.approx(there.statistic, rel=1e-9)
        assert back.p_value == (None if there.p_value is None else pytest.approx(there.p_value, rel=1e-6))


@EACH_KIND
def test_a_rise_of_nulls_is_seen(test: Stattest, kind: str):
    same = rows(kind, 13, 5000)
    binned = with_nulls(windows(kind, same, same), 0.0, 0.3)
    result = test.run(binned)
    assert sound(result)
    assert result.statistic > test.warning
    assert (evidence(binned) if result.p_value is None else result.p_value) < 1e-6


@EACH_KIND
def test_a_fall_of_nulls_is_seen_as_well(test: Stattest, kind: str):
    same = rows(kind, 13, 5000)
    result = test.run(with_nulls(windows(kind, same, same), 0.4, 0.0))
    assert sound(result)
    assert result.statistic > test.warning


@EACH_KIND
def test_a_shift_is_seen_beside_nulls_that_stay(test: Stattest, kind: str):
    binned = with_nulls(windows(kind, rows(kind, 5, 5000), rows(kind, 6, 5000, shift=1.0)), 0.2, 0.2)
    result = test.run(binned)
    assert sound(result)
    assert result.statistic > test.warning
    assert (evidence(binned) if result.p_value is None else result.p_value) < 1e-6


@EACH_KIND
def test_as_many_nulls_as_ever_are_no_drift(test: Stattest, kind: str):
    same = rows(kind, 13, 5000)
    result = test.run(with_nulls(windows(kind, same, same), 0.2, 0.2))
    assert sound(result)
    assert result.statistic == pytest.approx(0, abs=1e-6)


@EACH_KIND
@pytest.mark.parametrize(("before", "after"), [(0.0, 1.0), (1.0, 0.0)], ids=["all is null now", "all was null before"])
def test_a_column_that_is_all_null_in_one_window_has_drifted(test: Stattest, kind: str, before: float, after: float):
    same = rows(kind, 14, 2000)
    result = test.run(with_nulls(windows(kind, same, same), before, after))
    assert sound(result)
    assert result.statistic > test.breached


@EACH_KIND
@pytest.mark.parametrize(("reference", "current"), [(True, False), (False, True), (True, True)])
def test_a_window_without_rows_is_no_evidence(test: Stattest, kind: str, reference: bool, current: bool):
    result = test.run(emptied(windows(kind, rows(kind, 15, 500), rows(kind, 16, 500, 0.5)), reference, current))
    assert sound(result)
    assert result.p_value in (None, 1.0)


CONSTANTS = [0.0, 0.1, 7.0, 1013.25, -1e9]


@EACH
@pytest.mark.parametrize("constant", CONSTANTS)
@pytest.mark.parametrize(("n", "m"), [(1000, 300), (997, 301), (30, 31)])
def test_a_column_that_stays_constant_has_not_drifted(test: Stattest, constant: float, n: int, m: int):
    if "numeric" in test.kinds:
        binned = numeric(np.full(n, constant), np.full(m, constant))
    else:
        binned = windows("categorical", np.zeros(n, int), np.zeros(m, int))
    result = test.run(binned)
    assert sound(result)
    assert result.statistic == pytest.approx(0, abs=1e-9)
    assert result.p_value in (None, pytest.approx(1.0))


@EACH
@pytest.mark.parametrize(("before", "after"), [(7.0, 9.0), (0.0, 5.0), (1013.25, 1020.0), (0.1, 0.1004)])
def test_a_constant_that_became_another_has_drifted(test: Stattest, before: float, after: float):
    if "numeric" in test.kinds:
        binned = numeric(np.full(1000, before), np.full(300, after))
    else:
        binned = windows("categorical", np.zeros(1000, int), np.ones(300, int))
    result = test.run(binned)
    assert sound(result)
    assert test.breached < result.statistic < 100
    assert (evidence(binned) if result.p_value is None else result.p_value) < 1e-6


@EACH
def test_a_constant_that_began_to_vary_and_the_other_way_round_has_drifted(test: Stattest):
    varied = rows("numeric", 17, 1000)
    for reference, current in ((np.full(1000, 50.0), varied), (varied, np.full(1000, 62.0))):
        if "numeric" in test.kinds:
            binned = numeric(reference, current)
        else:
            binned = windows("categorical", (reference > 50).astype(int), (current > 55).astype(int))
        result = test.run(binned)
        assert sound(result)
        if test.name not in {"t_test", "mann_whitney"} or current is not varied:
            assert result.statistic > test.warning


@pytest.mark.parametrize("test", [t for t in TESTS if "numeric" in t.kinds], ids=lambda t: t.name)
@pytest.mark.parametrize(("times", "plus"), [(1000.0, 0.0), (1.0, 1e6), (0.001, -3.0)])
def test_another_unit_of_measure_changes_nothing(test: Stattest, times: float, plus: float):
    reference, current = rows("numeric", 18, 3000), rows("numeric", 19, 1000, shift=0.4)
    plain = test.run(numeric(reference, current)).statistic
    elsewhere = numeric(reference * times + plus, current * times + plus)
    assert test.run(elsewhere).statistic == pytest.approx(plain, rel=0.01)


@pytest.mark.parametrize("test", [t for t in TESTS if "categorical" in t.kinds], ids=lambda t: t.name)
def test_the_order_of_categories_does_not_matter(test: Stattest):
    binned = windows("categorical", rows("categorical", 20, 3000), rows("categorical", 21, 1000, 0.4))
    turned = Binned(binned.kind, binned.reference[::-1], binned.current[::-1], binned.lower, binned.upper)
    assert test.run(turned).statistic == pytest.approx(test.run(binned).statistic, rel=1e-9)


@pytest.mark.parametrize("test", [t for t in TESTS if "numeric" in t.kinds], ids=lambda t: t.name)
def test_one_outlier_does_not_hide_a_shift(test: Stattest):
    reference = rows("numeric", 22, 5000)
    current = np.append(rows("numeric", 23, 5000, shift=1.0), 1e9)
    assert test.run(numeric(reference, current)).statistic > test.breached


COUNTS = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=25)
NULLS = st.tuples(st.integers(0, 300), st.integers(0, 300))


@EACH_KIND
@STEADY
@given(counts=COUNTS, nulls=NULLS, step=st.sampled_from([1e-6, 1.0, 1e6]), origin=st.sampled_from([0.0, 1013.0, -1e8]))
def test_no_counts_whatever_give_an_unsound_result(test: Stattest, kind: str, counts, nulls, step, origin):
    reference, current = np.array(counts, dtype=float).T
    edges = origin + step * np.arange(len(counts) + 1) if kind == "numeric" else np.full(len(counts) + 1, np.nan)
    binned = Binned(kind, reference, current, edges[:-1], edges[1:], float(nulls[0]), float(nulls[1]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sound(test.run(binned))


@STEADY
@given(counts=COUNTS, nulls=NULLS, kind=st.sampled_from(["numeric", "categorical"]))
def test_pooling_loses_no_row_and_leaves_at_most_20_numeric_classes_that_expect_five_rows(counts, nulls, kind):
    reference, current = np.array(counts, dtype=float).T
    edges = np.arange(len(counts) + 1.0)
    binned = Binned(kind, reference, current, edges[:-1], edges[1:], float(nulls[0]), float(nulls[1]))
    table = pooled(binned)
    assert table.sum(axis=1).tolist() == [binned.n_reference, binned.n_current]
    if table.shape[1] > 1:
        assert (np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum() >= 5 - 1e-9).all()
    if kind == "numeric":
        assert table.shape[1] <= 20


@pytest.mark.parametrize("kind", ["numeric", "categorical"])
def test_evidence_is_rare_without_drift(kind: str):
    """p below 0.01 in about one of a hundred: at most 3 of 100 pairs here, and not never below 0.2."""
    found = [evidence(windows(kind, rows(kind, s, 3000), rows(kind, s + 5000, 500))) for s in range(100)]
    assert sum(p < 0.01 for p in found) <= 3
    assert 8 <= sum(p < 0.2 for p in found) <= 35


def test_an_unknown_test_is_refused_with_the_known_ones():
    with pytest.raises(UnknownStattest, match=r"'kolmogorov'.*ks"):
        get("kolmogorov")


@pytest.mark.parametrize("kind", ["numeric", "categorical"])
def test_the_default_test_is_for_its_kind_and_has_a_p_value(kind):
    test = default_for(kind)
    assert kind in test.kinds
    assert test.run(windows(kind, rows(kind, 24, 500), rows(kind, 25, 500))).p_value is not None
