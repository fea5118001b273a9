"""Who is on call: hand-overs by the clocks on the wall, across every kind of change of clocks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.core.oncall.rotation import Hours, Rotation
from monitoring.core.oncall.schedule import Override, Schedule, Span, gaps, on_call, spans
from monitoring.core.wall_time import moment_of, wall_of

ZONES = (
    "America/New_York",  # forward at 02:00 in March, back in November
    "Europe/Berlin",  # at 01:00 UTC
    "Europe/Dublin",  # "summer" is its standard time: daylight saving is negative
    "Australia/Lord_Howe",  # half an hour
    "Australia/Sydney",  # the southern summer
    "Pacific/Auckland",
    "America/Santiago",  # at midnight: a day begins at 01:00
    "America/Havana",  # at midnight, too
    "Africa/Casablanca",  # back for Ramadan, then forward again
    "Africa/Cairo",  # on a Friday at midnight, again since 2023
    "America/Sao_Paulo",  # gave it up in 2019
    "Asia/Kolkata",  # never, and half an hour off
    "Asia/Kathmandu",  # never, and a quarter off
    "Pacific/Apia",  # skipped 30 December 2011 whole
)
NINE = datetime(2026, 1, 5, 9)
"""A Monday."""
DAY, WEEK = timedelta(days=1), timedelta(days=7)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


def rotation(
    *people: str | None, zone: str = "UTC", start: datetime = NINE, turn: timedelta = DAY, hours: Hours | None = None
) -> Rotation:
    return Rotation(people, zone, start, turn, hours)


def told(found: Sequence[Span]) -> list[str]:
    return [f"{s.start:%m-%d %H:%M} {'+'.join(s.people) or 'nobody'}" for s in found]


# Changes of clocks


@pytest.mark.parametrize(
    ("zone", "shown", "moment"),
    [
        # a time that there is
        ("Europe/Berlin", "2026-07-01 09:00", "2026-07-01 07:00"),
        ("Asia/Kathmandu", "2026-07-01 09:00", "2026-07-01 03:15"),
        # one that there is not: the next that there is
        ("America/New_York", "2026-03-08 02:00", "2026-03-08 07:00"),
        ("America/New_York", "2026-03-08 02:59", "2026-03-08 07:00"),
        ("America/New_York", "2026-03-08 03:00", "2026-03-08 07:00"),
        ("Europe/Berlin", "2026-03-29 02:30", "2026-03-29 01:00"),
        ("Europe/Dublin", "2026-03-29 01:30", "2026-03-29 01:00"),
        ("Australia/Lord_Howe", "2026-10-04 02:15", "2026-10-03 15:30"),
        ("Australia/Sydney", "2026-10-04 02:30", "2026-10-03 16:00"),
        ("Pacific/Auckland", "2026-09-27 02:30", "2026-09-26 14:00"),
        ("America/Santiago", "2026-09-06 00:00", "2026-09-06 04:00"),
        ("America/Havana", "2026-03-08 00:30", "2026-03-08 05:00"),
        ("Africa/Casablanca", "2025-04-06 02:30", "2025-04-06 02:00"),
        ("Africa/Cairo", "2026-04-24 00:00", "2026-04-23 22:00"),
        ("America/Sao_Paulo", "2018-11-04 00:00", "2018-11-04 03:00"),
        ("Pacific/Apia", "2011-12-30 12:00", "2011-12-30 10:00"),
        # one that there is twice: the first
        ("America/New_York", "2026-11-01 01:30", "2026-11-01 05:30"),
        ("Europe/Berlin", "2026-10-25 02:30", "2026-10-25 00:30"),
        ("Europe/Dublin", "2026-10-25 01:30", "2026-10-25 00:30"),
        ("Australia/Lord_Howe", "2026-04-05 01:45", "2026-04-04 14:45"),
        ("Australia/Sydney", "2026-04-05 02:30", "2026-04-04 15:30"),
        ("Pacific/Auckland", "2026-04-05 02:30", "2026-04-04 13:30"),
        ("America/Santiago", "2026-04-04 23:30", "2026-04-05 02:30"),
        ("America/Havana", "2026-11-01 00:30", "2026-11-01 04:30"),
        ("Africa/Casablanca", "2025-02-23 02:30", "2025-02-23 01:30"),
        ("Africa/Cairo", "2026-10-29 23:30", "2026-10-29 20:30"),
    ],
)  # fmt: skip
def test_a_wall_time_is_the_next_there_is_or_the_first_of_two(zone: str, shown: str, moment: str) -> None:
    assert moment_of(wall(shown), zone) == utc(moment)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("America/New_York", "2026-03-07", 23), ("America/New_York", "2026-10-31", 25),
        ("Europe/Berlin", "2026-03-28", 23), ("Europe/Berlin", "2026-10-24", 25),
        ("Europe/Dublin", "2026-03-28", 23), ("Europe/Dublin", "2026-10-24", 25),
        ("Australia/Lord_Howe", "2026-10-03", 23.5), ("Australia/Lord_Howe", "2026-04-04", 24.5),
        ("Australia/Sydney", "2026-10-03", 23), ("Australia/Sydney", "2026-04-04", 25),
        ("Pacific/Auckland", "2026-09-26", 23), ("Pacific/Auckland", "2026-04-04", 25),
        ("America/Santiago", "2026-09-05", 23), ("America/Santiago", "2026-04-04", 25),
        ("America/Havana", "2026-03-07", 23), ("America/Havana", "2026-10-31", 25),
        ("Africa/Casablanca", "2025-04-05", 23), ("Africa/Casablanca", "2025-02-22", 25),
        ("Africa/Cairo", "2026-04-23", 23), ("Africa/Cairo", "2026-10-29", 25),
        ("America/Sao_Paulo", "2026-10-17", 24), ("Asia/Kolkata", "2026-03-28", 24),
        ("Asia/Kathmandu", "2026-03-28", 24),
    ],
)  # fmt: skip
def test_a_turn_of_a_day_is_handed_over_at_the_same_wall_time_however_long_the_day(
    zone: str, day: str, hours: float
) -> None:
    start = wall(f"{day} 09:00") - 10 * DAY
    schedule = Schedule((rotation("ada", "grace", zone=zone, start=start),))
    first = moment_of(wall(f"{day} 09:00"), zone)
    found = spans(schedule, first, first + 2 * DAY)
    assert found[0].people == ("ada",) and found[1].people == ("grace",)
    assert (found[0].end - found[0].start) == timedelta(hours=hours)
    assert wall_of(found[0].end, zone) == wall(f"{day} 09:00") + DAY


def test_a_turn_that_clocks_skip_is_nobodys_and_one_they_repeat_is_twice_as_long() -> None:
    hourly = rotation("a", "b", "c", zone="Europe/Berlin", start=wall("2026-03-29 00:00"), turn=timedelta(hours=1))
    found = told(spans(Schedule((hourly,)), utc("2026-03-28 23:00"), utc("2026-03-29 03:00")))
    assert found == ["03-28 23:00 a", "03-29 00:00 b", "03-29 01:00 a", "03-29 02:00 b"], "c's hour is skipped"
    hourly = rotation("a", "b", "c", zone="Europe/Berlin", start=wall("2026-10-25 01:00"), turn=timedelta(hours=1))
    found = told(spans(Schedule((hourly,)), utc("2026-10-24 23:00"), utc("2026-10-25 03:00")))
    assert found == ["10-24 23:00 a", "10-25 00:00 b", "10-25 02:00 c"]


def test_a_whole_skipped_day_has_no_turn() -> None:
    daily = rotation("a", "b", "c", zone="Pacific/Apia", start=wall("2011-12-29 00:00"))
    found = spans(Schedule((daily,)), moment_of(wall("2011-12-29 00:00"), "Pacific/Apia"), utc("2011-12-31 12:00"))
    assert [s.people for s in found] == [("a",), ("c",), ("a",)]
    assert found[0].end == utc("2011-12-30 10:00")


def test_a_week_with_a_change_of_clocks_is_an_hour_shorter_or_longer() -> None:
    weekly = rotation("ada", "grace", zone="America/New_York", turn=WEEK)
    found = spans(Schedule((weekly,)), utc("2026-03-02 14:00"), utc("2026-03-16 13:00"))
    assert [s.end - s.start for s in found] == [timedelta(hours=167), timedelta(hours=168)]


# Rotations


def test_people_take_turns_in_their_order_from_the_first_hand_over_on() -> None:
    schedule = Schedule((rotation("ada", "grace", "linus"),))
    assert told(spans(schedule, utc("2026-01-04 00:00"), utc("2026-01-09 00:00"))) == [
        "01-04 00:00 nobody", "01-05 09:00 ada", "01-06 09:00 grace", "01-07 09:00 linus", "01-08 09:00 ada",
    ]  # fmt: skip


def test_the_moment_of_handing_over_belongs_to_the_next() -> None:
    schedule = Schedule((rotation("ada", "grace"),))
    handoff = utc("2026-01-06 09:00")
    assert on_call(schedule, handoff - timedelta(microseconds=1)) == ("ada",)
    assert on_call(schedule, handoff) == ("grace",)


def test_an_empty_slot_is_a_gap() -> None:
    schedule = Schedule((rotation("ada", None),))
    assert told(gaps(schedule, utc("2026-01-05 09:00"), 4 * DAY)) == ["01-06 09:00 nobody", "01-08 09:00 nobody"]


def test_a_schedule_without_a_rotation_is_one_gap() -> None:
    now = utc("2026-01-05 09:00")
    assert gaps(Schedule(()), now) == [Span(now, now + 7 * DAY, ())]


def test_office_hours_leave_nights_and_the_weekend_open() -> None:
    office = Hours(time(9), time(17), frozenset(range(5)))
    schedule = Schedule((rotation("ada", zone="Europe/Berlin", hours=office),))
    found = told(spans(schedule, utc("2026-01-09 06:00"), utc("2026-01-12 12:00")))
    assert found == ["01-09 06:00 nobody", "01-09 08:00 ada", "01-09 16:00 nobody", "01-12 08:00 ada"]


def test_hours_past_midnight_belong_to_the_day_on_which_they_begin() -> None:
    friday_night = Hours(time(22), time(6), frozenset({4}))
    schedule = Schedule((rotation("ada", hours=friday_night),))
    found = told(spans(schedule, utc("2026-01-09 00:00"), utc("2026-01-11 00:00")))
    assert found == ["01-09 00:00 nobody", "01-09 22:00 ada", "01-10 06:00 nobody"]
    assert on_call(schedule, utc("2026-01-10 02:00")) == ("ada",) and on_call(schedule, utc("2026-01-09 02:00")) == ()


def test_hours_that_end_as_they_begin_are_a_whole_day() -> None:
    monday = Hours(time(0), time(0), frozenset({0}))
    schedule = Schedule((rotation("ada", start=wall("2026-01-01"), hours=monday),))
    found = told(spans(schedule, utc("2026-01-11"), utc("2026-01-14")))
    assert found == ["01-11 00:00 nobody", "01-12 00:00 ada", "01-13 00:00 nobody"]


def test_the_sun_is_followed_from_zone_to_zone() -> None:
    day = Hours(time(8), time(16))
    schedule = Schedule(
        tuple(
            rotation(who, zone=zone, start=wall("2026-01-01"), hours=day)
            for who, zone in (
                ("berlin", "Europe/Berlin"),
                ("denver", "America/Denver"),
                ("sydney", "Australia/Brisbane"),
            )
        )
    )
    found = told(spans(schedule, utc("2026-01-08 00:00"), utc("2026-01-09 00:00")))
    assert found == [
        "01-08 00:00 sydney", "01-08 06:00 nobody", "01-08 07:00 berlin", "01-08 15:00 denver",
        "01-08 22:00 denver+sydney", "01-08 23:00 sydney",
    ]  # fmt: skip


def test_all_rotations_are_on_call_together_each_person_once() -> None:
    schedule = Schedule((rotation("ada", "grace"), rotation("grace")))
    at = utc("2026-01-05 12:00")
    assert on_call(schedule, at) == ("ada", "grace") and on_call(schedule, at + DAY) == ("grace",)


# Overrides

FROM, TO = utc("2026-01-06 12:00"), utc("2026-01-06 18:00")


@pytest.mark.parametrize(
    ("overrides", "during"),
    [
        ([Override(FROM, TO, add="linus")], ("grace", "linus")),
        ([Override(FROM, TO, add="grace")], ("grace",)),
        ([Override(FROM, TO, remove="grace")], ()),
        ([Override(FROM, TO, remove="ada")], ("grace",)),
        ([Override(FROM, TO, add="linus", remove="grace")], ("linus",)),
        ([Override(FROM, TO, add="linus", remove="ada")], ("grace",)),
        # a later one beats an earlier one
        ([Override(FROM, TO, add="linus", remove="grace"), Override(FROM, TO, add="ada", remove="linus")], ("ada",)),
        ([Override(FROM, TO, remove="grace"), Override(FROM, TO, add="grace")], ("grace",)),
        ([Override(FROM, TO, add="linus"), Override(FROM, TO, add="linus", remove="grace")], ("linus",)),
    ],
)
def test_overrides_beat_rotations(overrides: list[Override], during: tuple[str, ...]) -> None:
    schedule = Schedule((rotation("ada", "grace"),), tuple(overrides))
    moment = timedelta(microseconds=1)
    assert on_call(schedule, FROM - moment) == ("grace",)
    assert on_call(schedule, FROM) == during
    assert on_call(schedule, TO - moment) == during
    assert on_call(schedule, TO) == ("grace",)


def test_what_lies_at_the_ends_of_the_time_asked_for_makes_no_span_of_no_length() -> None:
    schedule = Schedule((rotation("ada"),), (Override(FROM, TO, add="linus"), Override(TO, TO + DAY, remove="ada")))
    assert spans(schedule, FROM, TO) == [Span(FROM, TO, ("ada", "linus"))]
    assert spans(schedule, FROM, FROM) == []


def test_a_replacement_follows_the_turns_of_whom_it_replaces() -> None:
    away = Override(utc("2026-01-05 00:00"), utc("2026-01-10 00:00"), add="linus", remove="ada")
    found = told(
        spans(Schedule((rotation("ada", "grace"),), (away,)), utc("2026-01-05 09:00"), utc("2026-01-12 09:00"))
    )
    assert found == [
        "01-05 09:00 linus", "01-06 09:00 grace", "01-07 09:00 linus", "01-08 09:00 grace", "01-09 09:00 linus",
        "01-10 00:00 ada", "01-10 09:00 grace", "01-11 09:00 ada",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (lambda: Override(TO, FROM, add="ada"), "end after it starts"),
        (lambda: Override(FROM, FROM, add="ada"), "end after it starts"),
        (lambda: Override(FROM, TO), "adds somebody"),
        (lambda: Override(FROM, TO, add="ada", remove="ada"), "replace themselves"),
        (lambda: rotation(), "needs people"),
        (lambda: rotation("ada", turn=timedelta()), "a minute or more"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(kind: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        kind()  # type: ignore[operator]


# Properties

moments = st.datetimes(datetime(2005, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
zones = st.sampled_from(ZONES)
names = st.sampled_from(["ada", "grace", "linus", "barbara"])
turns = st.one_of(
    st.sampled_from([DAY, WEEK, timedelta(hours=12), timedelta(hours=1)]),
    st.integers(20, 20_000).map(lambda m: timedelta(minutes=m)),
)
wall_times = st.datetimes(datetime(2004, 1, 1), datetime(2004, 12, 1)).map(lambda d: d.replace(second=0, microsecond=0))


@st.composite
def near_a_change(draw: st.DrawFn, zone: str) -> datetime:
    """A moment within two days of a change of clocks in a zone, where it has one in that year; any, where not."""
    moment = draw(moments)
    for days in range(0, 366):
        day = moment + timedelta(days=days)
        if day.astimezone(ZoneInfo(zone)).utcoffset() != (day + DAY).astimezone(ZoneInfo(zone)).utcoffset():
            return day + timedelta(minutes=draw(st.integers(-1440, 2880)))
    return moment


@st.composite
def staffed(draw: st.DrawFn) -> tuple[Rotation, datetime]:
    zone = draw(zones)
    people = tuple(draw(st.lists(names, min_size=1, max_size=4, unique=True)))
    return Rotation(people, zone, draw(wall_times), draw(turns)), draw(near_a_change(zone))


@st.composite
def schedules(draw: st.DrawFn) -> tuple[Schedule, datetime]:
    zone = draw(zones)
    first = draw(near_a_change(zone))
    hours = st.builds(
        Hours, st.times().map(lambda t: t.replace(second=0, microsecond=0)),
        st.times().map(lambda t: t.replace(second=0, microsecond=0)), st.frozensets(st.integers(0, 6), min_size=1),
    )  # fmt: skip
    slots = st.lists(st.one_of(st.none(), names), min_size=1, max_size=4).map(tuple)
    made = st.builds(Rotation, slots, st.one_of(st.just(zone), zones), wall_times, turns, st.one_of(st.none(), hours))

    @st.composite
    def overrides(draw: st.DrawFn) -> Override:
        start = first + timedelta(minutes=draw(st.integers(-2000, 4000)))
        who = draw(st.lists(names, min_size=2, max_size=2, unique=True))
        kind = draw(st.sampled_from(["add", "remove", "replace"]))
        return Override(
            start, start + timedelta(minutes=draw(st.integers(1, 3000))),
            add=None if kind == "remove" else who[0], remove=None if kind == "add" else who[1],
        )  # fmt: skip

    layers = draw(st.lists(made, max_size=3))
    return Schedule(tuple(layers), tuple(draw(st.lists(overrides(), max_size=3)))), first


@given(zones, moments, st.timedeltas(timedelta(), timedelta(days=3)))
def test_a_later_wall_time_is_never_an_earlier_moment(zone: str, moment: datetime, length: timedelta) -> None:
    shown = wall_of(moment, zone)
    assert moment_of(shown, zone) <= moment_of(shown + length, zone)


@given(st.data())
def test_a_wall_time_is_shown_at_its_moment_or_not_at_all(data: st.DataObject) -> None:
    zone = data.draw(zones)
    moment = data.draw(near_a_change(zone)).replace(microsecond=0)
    shown = wall_of(moment, zone)
    found = moment_of(shown, zone)
    assert found <= moment and wall_of(found, zone) == shown, "it is shown, and this is the first time"
    skipped = shown + timedelta(minutes=data.draw(st.integers(0, 120)))
    there = wall_of(moment_of(skipped, zone), zone)
    before = wall_of(moment_of(skipped, zone) - timedelta(seconds=1), zone)
    assert there == skipped or before < skipped < there


@given(staffed())
def test_every_moment_of_a_staffed_rotation_has_exactly_one_person(made: tuple[Rotation, datetime]) -> None:
    turns_of, first = made
    last = first + timedelta(days=3)
    found = spans(Schedule((turns_of,)), first, last)
    assert all(len(span.people) == 1 for span in found)
    number = turns_of.turn_at(first)
    assert number is not None
    assert turns_of.handoff(number) <= first < turns_of.handoff(number + 1)


@given(schedules(), st.lists(st.integers(0, 3 * 86_400 - 1), min_size=5, max_size=5))
def test_spans_tile_time_and_say_what_on_call_says(made: tuple[Schedule, datetime], seconds: list[int]) -> None:
    schedule, first = made
    last = first + timedelta(days=3)
    found = spans(schedule, first, last)
    assert found[0].start == first and found[-1].end == last
    assert all(a.end == b.start and a.people != b.people for a, b in pairwise(found))
    assert all(span.start < span.end for span in found)
    for at in [first + timedelta(seconds=s) for s in seconds] + [s.start for s in found]:
        assert next(s.people for s in found if s.start <= at < s.end) == on_call(schedule, at)
    assert gaps(schedule, first, last - first) == [s for s in found if not s.people]
