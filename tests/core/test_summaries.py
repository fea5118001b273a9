"""All summaries of a model: any window, version and slice is the sum of its rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.core.codec import encode, encode_total
from monitoring.core.histogram import Histogram, from_cells
from monitoring.core.summaries import Packed, Summaries
from monitoring.core.summary import BLOCK, FINE, Kind, Series, cells
from monitoring.core.window import Slots

STEADY = settings(deadline=None, derandomize=True, max_examples=50)
FIRST, SPAN = 240, 96
RNG = np.random.default_rng(9)
SLOT = FIRST + RNG.integers(0, SPAN, 3000)
CODE = RNG.integers(-20, 20, 3000)
VERSIONS = RNG.choice(["v1", "v2"], 3000)
ORIGINS = RNG.choice(["EWR", "JFK"], 3000)


def packed(slots: np.ndarray, codes: np.ndarray, length: int) -> dict[int, Packed]:
    blocks = {}
    for block in np.unique(slots // length):
        chosen = slots // length == block
        one = cells(slots[chosen], slots[chosen], codes[chosen], np.ones(chosen.sum(), dtype=np.int64))
        blocks[int(block)] = Packed(encode_total(one.histogram()), encode(one))
    return blocks


def rows_of(version: str | None = None, origin: str = "") -> np.ndarray:
    """Which rows are of a version and an origin; None and "" are all."""
    of_version = np.array([version in (None, v) for v in VERSIONS])
    return of_version & np.array([origin in ("", o) for o in ORIGINS])


def summaries() -> Summaries:
    series = {}
    for version in ("v1", "v2"):
        for slice_ in ("", "origin=EWR", "origin=JFK"):
            chosen = rows_of(version, slice_.removeprefix("origin="))
            series[Series(Kind.FEATURE, "x", version, slice_)] = packed(SLOT[chosen], CODE[chosen], BLOCK)
            series[Series(Kind.ROWS, "", version, slice_)] = packed(SLOT[chosen], CODE[chosen] * 0, BLOCK)
        chosen = rows_of(version)
        series[Series(Kind.SERVICE, "", version)] = packed(SLOT[chosen] * FINE + 5, CODE[chosen], BLOCK * FINE)
    return Summaries(series)


WHOLE = summaries()
WINDOWS = st.tuples(st.integers(FIRST - 30, FIRST + SPAN), st.integers(0, SPAN + 60)).map(
    lambda w: Slots(w[0], w[0] + w[1])
)


def of_rows(chosen: np.ndarray) -> Histogram:
    return from_cells(CODE[chosen], np.ones(chosen.sum(), dtype=np.int64))


@STEADY
@given(WINDOWS, st.sampled_from([None, "v1", "v2"]), st.sampled_from(["", "EWR", "JFK"]))
def test_any_window_version_and_slice_is_the_sum_of_its_rows(window, version, origin):
    chosen = (window.first <= SLOT) & (window.last > SLOT)
    chosen &= rows_of(version, origin)
    slice_ = f"origin={origin}" if origin else ""
    assert WHOLE.histogram(Kind.FEATURE, "x", window, version, slice_) == of_rows(chosen)
    assert WHOLE.rows(window, version, slice_) == chosen.sum()


@STEADY
@given(WINDOWS)
def test_five_minute_counts_of_a_window_are_those_of_its_hours(window):
    assert WHOLE.histogram(Kind.SERVICE, "", window) == of_rows((window.first <= SLOT) & (window.last > SLOT))


@STEADY
@given(WINDOWS, st.integers(0, 200))
def test_two_adjoining_windows_add_up_to_the_one_they_make(window, at):
    border = min(window.first + at, window.last)
    parts = [WHOLE.rows(Slots(window.first, border)), WHOLE.rows(Slots(border, window.last))]
    assert sum(parts) == WHOLE.rows(window)


def test_the_span_reaches_from_the_first_row_to_past_the_last():
    assert WHOLE.span() == Slots(int(SLOT.min()), int(SLOT.max()) + 1)
    assert Summaries({}).span() is None


def test_versions_and_slices_are_those_seen():
    assert WHOLE.versions == ["v1", "v2"]
    assert WHOLE.slices() == ["origin=EWR", "origin=JFK"]


@pytest.mark.parametrize(("column", "version"), [("y", None), ("x", "v3")])
def test_a_column_or_version_never_seen_has_no_rows(column, version):
    assert WHOLE.histogram(Kind.FEATURE, column, Slots(FIRST, FIRST + SPAN), version) == Histogram()
