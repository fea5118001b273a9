"""Summaries: any order, grouping and splitting of rows gives the same cells, and the codec gives them back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.core.codec import decode, decode_sums, decode_total, encode, encode_total
from monitoring.core.grid import LIMIT, MISSING, NONFINITE, REST, UNSEEN
from monitoring.core.histogram import Histogram, from_cells
from monitoring.core.summary import EMPTY, Cells, cells, merge, without

STEADY = settings(deadline=None, derandomize=True, max_examples=50)
Row = tuple[int, int, int]

CODES = st.sampled_from([MISSING, -LIMIT, -300, -1, 0, 1, 2, 117, LIMIT, NONFINITE, REST, UNSEEN])
SLOTS = st.integers(498_000, 498_030)
ROWS = st.lists(st.tuples(SLOTS, st.integers(0, 2000), CODES), max_size=40)
"""A row: its slot, how many slots later it was known, and its code."""


def counted(rows: list[Row]) -> Cells:
    slots, delays, codes = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    return cells(slots, slots + delays, codes, np.ones(len(rows), dtype=np.int64))


def summed(rows: list[Row]) -> Cells:
    """The rows' cells, with a row of exact sums for each (slot, known)."""
    plain = counted(rows)
    if not rows:
        return plain
    keys = sorted({(slot, slot + delay) for slot, delay, _ in rows})
    values = [[float(len(rows)), slot * 0.1, -known / 3] for slot, known in keys]
    slots, known = np.array(keys, dtype=np.int64).T
    sums = (slots, known, np.array(values, dtype=np.float64))
    return cells(plain.slots, plain.known, plain.codes, plain.counts, sums)


def spread(rows: list[Row], random: object, into: int) -> list[list[Row]]:
    parts: list[list[Row]] = [[] for _ in range(into)]
    for row in rows:
        random.choice(parts).append(row)  # type: ignore[attr-defined]
    return parts


@STEADY
@given(ROWS)
def test_cells_are_in_order_each_once_and_hold_every_row(rows):
    whole = counted(rows)
    keys = list(zip(whole.slots.tolist(), whole.known.tolist(), whole.codes.tolist(), strict=True))
    assert keys == sorted(set(keys))
    assert whole.n == len(rows)


@STEADY
@given(ROWS, st.randoms(use_true_random=False), st.integers(1, 6))
def test_any_split_of_the_rows_gives_the_same_cells(rows, random, into):
    assert merge(counted(part) for part in spread(rows, random, into)) == counted(rows)


@STEADY
@given(ROWS, st.randoms(use_true_random=False))
def test_any_order_of_the_rows_gives_the_same_cells(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert counted(shuffled) == counted(rows)


@STEADY
@given(ROWS, ROWS)
def test_merging_is_commutative(one, two):
    assert merge([counted(one), counted(two)]) == merge([counted(two), counted(one)])


@STEADY
@given(ROWS, ROWS, ROWS)
def test_merging_is_associative(one, two, three):
    a, b, c = counted(one), counted(two), counted(three)
    assert merge([merge([a, b]), c]) == merge([a, merge([b, c])])


@STEADY
@given(ROWS)
def test_the_empty_cells_change_nothing(rows):
    whole = summed(rows)
    assert merge([EMPTY, whole]) == whole == merge([whole, EMPTY])


def test_merging_nothing_gives_the_empty_cells():
    assert merge([]) == EMPTY
    assert EMPTY.n == 0


@STEADY
@given(ROWS, st.integers(498_000, 498_030))
def test_parts_of_different_slots_merge_with_their_sums_in_either_order(rows, border):
    early, late = [r for r in rows if r[0] < border], [r for r in rows if r[0] >= border]
    one, two = summed(early), summed(late)
    merged = merge([one, two])
    assert merged == merge([two, one])
    np.testing.assert_array_equal(
        merged.sums.reshape(-1, 3), np.concatenate([p.sums.reshape(-1, 3) for p in (one, two)])
    )


@STEADY
@given(ROWS, ROWS, st.sets(SLOTS, max_size=10))
def test_taking_slots_out_and_merging_new_rows_replaces_them(old, new, replaced):
    slots = np.array(sorted(replaced), dtype=np.int64)
    fresh = [r for r in new if r[0] in replaced]
    kept = [r for r in old if r[0] not in replaced]
    assert merge([without(counted(old), slots), counted(fresh)]) == counted(kept + fresh)


@STEADY
@given(ROWS, st.sets(SLOTS, max_size=10))
def test_replacing_slots_by_what_they_held_changes_nothing_sums_included(rows, replaced):
    whole, slots = summed(rows), np.array(sorted(replaced), dtype=np.int64)
    others = np.setdiff1d(np.arange(498_000, 498_031), slots)
    assert merge([without(whole, slots), without(whole, others)]) == whole


@STEADY
@given(ROWS)
def test_decoding_gives_back_what_was_encoded(rows):
    for whole in (counted(rows), summed(rows)):
        again = decode(encode(whole))
        assert again == whole
        assert [getattr(again, f).dtype for f in Cells.__dataclass_fields__] == [
            getattr(whole, f).dtype for f in Cells.__dataclass_fields__
        ]


@pytest.mark.parametrize("count", [1, 127, 128, 2**31, 2**53, 2**61])
def test_counts_of_any_size_survive_the_codec(count):
    whole = cells(*(np.array([k, k + 1]) for k in (5, 5, 0)), np.array([count, 1]))
    assert decode(encode(whole)).counts.tolist() == [count, 1]


@STEADY
@given(ROWS)
def test_sums_are_had_without_the_counts(rows):
    whole, only = decode(encode(summed(rows))), decode_sums(encode(summed(rows)))
    assert len(only.slots) == 0
    for name in ("sum_slots", "sum_known", "sums"):
        np.testing.assert_array_equal(getattr(only, name), getattr(whole, name))


def test_values_that_are_not_numbers_survive_the_codec():
    one = np.array([7])
    whole = cells(one, one, one, one, (one, one, np.array([[np.nan, np.inf, -0.0]])))
    assert decode(encode(whole)) == whole


def test_a_label_known_before_its_prediction_survives_the_codec():
    whole = cells(np.array([100]), np.array([0]), np.array([3]), np.array([2]))
    assert decode(encode(whole)) == whole


@STEADY
@given(ROWS)
def test_decoding_a_total_gives_back_the_histogram(rows):
    whole = counted(rows).histogram()
    again = decode_total(encode_total(whole))
    assert again == whole
    assert (again.codes.dtype, again.counts.dtype) == (np.int32, np.int64)
    assert decode_total(encode_total(Histogram())) == Histogram()


@STEADY
@given(ROWS, SLOTS, SLOTS, st.none() | st.integers(498_000, 500_100))
def test_a_window_counts_the_rows_inside_it_known_by_then(rows, first, last, known_by):
    inside = [
        code for slot, delay, code in rows if first <= slot < last and (known_by is None or slot + delay < known_by)
    ]
    expected = from_cells(np.array(inside, dtype=np.int64), np.ones(len(inside), dtype=np.int64))
    assert counted(rows).histogram(first, last, known_by) == expected


@STEADY
@given(ROWS, SLOTS, st.none() | st.integers(498_000, 500_100))
def test_the_sums_of_a_window_are_those_of_its_slots_known_by_then(rows, first, known_by):
    whole = summed(rows)
    inside = (whole.sum_slots >= first) & (whole.sum_known < (known_by or 10**9))
    np.testing.assert_array_equal(whole.rows(first, None, known_by), whole.sums[inside])


@pytest.mark.parametrize(("known_by", "rows"), [(104, 0), (105, 2)])
def test_what_became_known_in_a_slot_is_known_from_the_next_on(known_by, rows):
    one = np.array([100]), np.array([104])
    whole = cells(*one, np.array([3]), np.array([2]), (*one, np.array([[7.0]])))
    assert whole.histogram(known_by=known_by).n == rows
    assert len(whole.rows(known_by=known_by)) == bool(rows)


def test_a_month_of_hours_takes_less_than_two_bytes_a_cell():
    rng = np.random.default_rng(8)
    slots, codes = np.repeat(np.arange(24), 500), np.round(rng.normal(0, 30, 12_000)).astype(int)
    whole = cells(slots, slots, codes, np.ones(12_000, dtype=np.int64))
    assert len(encode(whole)) < 2 * len(whole.codes)
