"""Slots and chunks: time is cut without gap or overlap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.core.window import HOURS_OF, Chunk, Slots, chunks, moment_of, slot_ceiling, slot_of

STEADY = settings(deadline=None, derandomize=True, max_examples=50)
MOMENTS = st.datetimes(datetime(1950, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))
CHUNKS = st.sampled_from([Chunk(hours=h) for h in HOURS_OF.values()] + [Chunk(hours=None, rows=5000)])
SPANS = st.tuples(st.integers(-5000, 500_000), st.integers(1, 2000)).map(lambda s: Slots(s[0], s[0] + s[1]))
ANCHORS = st.none() | st.integers(-1000, 500_000)


@STEADY
@given(MOMENTS)
def test_a_moment_lies_in_its_slot(moment):
    slot = slot_of(moment)
    assert moment_of(slot) <= moment < moment_of(slot + 1)


@STEADY
@given(MOMENTS)
def test_the_slot_ceiling_is_the_first_slot_that_begins_at_or_after(moment):
    slot = slot_ceiling(moment)
    assert moment_of(slot - 1) < moment <= moment_of(slot)


@STEADY
@given(st.integers(-100_000, 1_000_000))
def test_a_slot_begins_in_itself(slot):
    assert slot_of(moment_of(slot)) == slot == slot_ceiling(moment_of(slot))


def test_moments_of_other_zones_are_read_in_utc():
    kolkata = timezone(timedelta(hours=5, minutes=30))
    assert slot_of(datetime(1970, 1, 2, 5, 0, tzinfo=kolkata)) == 23


@STEADY
@given(CHUNKS, SPANS, ANCHORS)
def test_chunks_cover_the_span_without_gap_or_overlap(chunk, span, anchor):
    found = list(chunks(chunk, span, anchor))
    assert found[0].first <= span.first < found[0].last
    assert found[-1].first < span.last <= found[-1].last
    assert all(a.last == b.first for a, b in pairwise(found))
    assert {len(c) for c in found} == {chunk.slots}


@STEADY
@given(CHUNKS, SPANS, SPANS, ANCHORS)
def test_a_chunk_is_the_same_whichever_span_is_asked_for(chunk, one, two, anchor):
    first = {c.first for c in chunks(chunk, one, anchor)}
    assert all((c.first - min(first)) % chunk.slots == 0 for c in chunks(chunk, two, anchor))


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("1h", datetime(2013, 7, 10, 13, tzinfo=UTC)),
        ("1d", datetime(2013, 7, 10, tzinfo=UTC)),
        ("7d", datetime(2013, 7, 8, tzinfo=UTC)),
    ],
)
def test_chunks_lie_on_the_hour_the_day_and_the_monday_of_utc(name, begins):
    slot = slot_of(datetime(2013, 7, 10, 13, 30, tzinfo=UTC))
    (found,) = chunks(Chunk(hours=HOURS_OF[name]), Slots(slot, slot + 1))
    assert moment_of(found.first) == begins


def test_long_chunks_count_from_the_anchor_and_days_do_not():
    anchor = slot_of(datetime(2013, 3, 1, 5, tzinfo=UTC))
    span = Slots(anchor + 800, anchor + 801)
    assert next(chunks(Chunk(hours=720), span, anchor)).first == anchor + 720
    assert moment_of(next(chunks(Chunk(hours=24), span, anchor)).first).hour == 0


def test_an_empty_span_on_a_border_has_no_chunk():
    assert list(chunks(Chunk(hours=24), Slots(48, 48))) == []


@pytest.mark.parametrize(
    ("chunk", "name", "slots"),
    [
        (Chunk(), "1d", 24),
        (Chunk(hours=1), "1h", 1),
        (Chunk(hours=168), "7d", 168),
        (Chunk(hours=720), "30d", 720),
        (Chunk(hours=None, rows=5000), "5,000 rows", 1),
    ],
)
def test_a_chunk_has_the_name_of_the_fleet_file(chunk, name, slots):
    assert (chunk.name, chunk.slots) == (name, slots)


@pytest.mark.parametrize(("slot", "inside"), [(9, False), (10, True), (19, True), (20, False)])
def test_a_range_of_slots_holds_its_first_and_not_its_last(slot, inside):
    assert (slot in Slots(10, 20)) is inside


def test_a_range_that_ends_before_it_begins_is_empty():
    assert len(Slots(5, 3)) == 0
