"""The mergeable count: any order and grouping of additions gives the same histogram."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.core.grid import MISSING, NONFINITE
from monitoring.core.histogram import Histogram, from_cells, merge, subtract

STEADY = settings(deadline=None, derandomize=True, max_examples=50)
CELLS = st.lists(
    st.tuples(st.sampled_from([MISSING, -7, -1, 0, 1, 5, 90, NONFINITE, 10**6]), st.integers(1, 10**12)), max_size=25
)


def histogram(cells: list[tuple[int, int]]) -> Histogram:
    codes, counts = np.array(cells, dtype=np.int64).reshape(-1, 2).T
    return from_cells(codes, counts)


HISTOGRAMS = CELLS.map(histogram)


@STEADY
@given(CELLS)
def test_cells_that_repeat_a_code_are_added_up(cells):
    whole = histogram(cells)
    assert {int(c): whole.count(int(c)) for c in whole.codes} == {
        code: sum(n for c, n in cells if c == code) for code, _ in cells
    }
    assert whole.n == sum(n for _, n in cells)


@STEADY
@given(HISTOGRAMS)
def test_codes_ascend_and_counts_are_positive(one):
    assert (np.diff(one.codes) > 0).all()
    assert (one.counts > 0).all()


@STEADY
@given(HISTOGRAMS, HISTOGRAMS)
def test_merging_is_commutative(one, two):
    assert merge([one, two]) == merge([two, one])


@STEADY
@given(HISTOGRAMS, HISTOGRAMS, HISTOGRAMS)
def test_merging_is_associative(one, two, three):
    assert merge([merge([one, two]), three]) == merge([one, merge([two, three])]) == merge([one, two, three])


@STEADY
@given(HISTOGRAMS)
def test_the_empty_histogram_changes_nothing(one):
    assert merge([one, Histogram()]) == one == merge([one])


def test_merging_nothing_gives_the_empty_histogram():
    assert merge([]) == Histogram()
    assert Histogram().n == 0


@STEADY
@given(CELLS, st.randoms(use_true_random=False))
def test_any_split_of_the_rows_merges_to_the_same_histogram(cells, random):
    parts: list[list[tuple[int, int]]] = [[], [], []]
    for cell in cells:
        random.choice(parts).append(cell)
    assert merge(histogram(part) for part in parts) == histogram(cells)


@STEADY
@given(HISTOGRAMS, HISTOGRAMS)
def test_subtracting_undoes_merging(one, two):
    assert subtract(merge([one, two]), two) == one


@pytest.mark.parametrize("part", [[(1, 3)], [(2, 1)]], ids=["more rows than there are", "a class that is not there"])
def test_subtracting_what_is_not_contained_is_refused(part):
    with pytest.raises(ValueError, match="the whole does not"):
        subtract(histogram([(1, 2)]), histogram(part))


def test_a_class_never_seen_counts_zero():
    one = histogram([(1, 2), (5, 3)])
    assert [one.count(code) for code in (0, 1, 3, 5, 9)] == [0, 2, 0, 3, 0]


def test_histograms_with_other_counts_are_not_equal():
    assert histogram([(1, 2)]) != histogram([(1, 3)])
    assert histogram([(1, 2)]) != histogram([(2, 2)])
