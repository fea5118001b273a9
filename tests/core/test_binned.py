"""Two windows put on common classes: nothing is lost, and missing rows are counted apart."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.core.binned import align
from monitoring.core.grid import MISSING, REST, UNSEEN, CategoricalGrid, NumericGrid
from monitoring.core.histogram import Histogram, from_cells

STEADY = settings(deadline=None, derandomize=True, max_examples=50)
NUMBERS = st.lists(st.sampled_from([math.nan, math.inf, -3.0, 0.0, 0.5, 2.0, 1e6]), max_size=30)
GRID = NumericGrid(0.0, 1.0)


def counted(values: list[float]) -> Histogram:
    codes = GRID.code(np.asarray(values, dtype=float))
    return from_cells(codes, np.ones(len(codes), dtype=np.int64))


@STEADY
@given(NUMBERS, NUMBERS)
def test_no_row_is_lost(reference, current):
    binned = align(GRID, counted(reference), counted(current))
    assert (binned.n_reference, binned.n_current) == (len(reference), len(current))
    assert binned.current_missing == sum(not math.isfinite(x) for x in current)
    assert len(binned.reference) == len(binned.current) == len(binned.lower) == len(binned.upper)


@STEADY
@given(NUMBERS, NUMBERS)
def test_numeric_classes_ascend(reference, current):
    binned = align(GRID, counted(reference), counted(current))
    assert (np.diff(binned.middle) > 0).all()


@STEADY
@given(NUMBERS, NUMBERS)
def test_swapping_the_windows_swaps_the_counts(reference, current):
    one = align(GRID, counted(reference), counted(current))
    two = align(GRID, counted(current), counted(reference))
    np.testing.assert_array_equal(one.reference, two.current)
    np.testing.assert_array_equal(one.current, two.reference)


def test_categories_come_by_code_then_rare_then_never_seen():
    grid = CategoricalGrid(("AA", "UA"), ("OO",))
    reference = from_cells(np.array([0, 1, REST]), np.array([5, 3, 1]))
    current = from_cells(np.array([1, UNSEEN, MISSING]), np.array([4, 2, 6]))
    binned = align(grid, reference, current)
    assert binned.kind == "categorical"
    assert binned.reference.tolist() == [5, 3, 1, 0]
    assert binned.current.tolist() == [0, 4, 0, 2]
    assert (binned.reference_missing, binned.current_missing) == (0, 6)
    assert np.isnan(binned.lower).all()


def test_two_empty_windows_have_no_class():
    binned = align(GRID, Histogram(), Histogram())
    assert (len(binned.reference), binned.n_reference, binned.n_current) == (0, 0, 0)
