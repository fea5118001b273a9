"""Silences: what they fit, when they are in force, and that they always end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.core.alerting.matcher import LABELS, Matcher, any_of, parse
from monitoring.core.alerting.silence import Silence, checked
from monitoring.core.recurrence import Recurrence

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ETA = {"model": "eta", "owner": "desk", "check": "drift.feature", "column": "distance", "slice": "origin=EWR"}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def silence(matchers: str = 'model="eta"', **more: Any) -> Silence:
    values: dict[str, Any] = dict(starts=NOON, ends=NOON + 8 * HOUR, author="ada", reason="moving the feed")
    return Silence(parse(matchers), **(values | more))


@pytest.mark.parametrize(
    ("matchers", "fits"),
    [
        ("model=eta", True), ("model=risk", False), ("model!=risk", True), ("model!=eta", False),
        ('check=~"drift.*"', True), ('check=~"drift"', False), ('check=~"drift|drift.feature"', True),
        ('check=~"feature"', False), ('check!~"drift.*"', False), ('check!~"slo.*"', True),
        ("model=eta owner=desk", True), ("model=eta owner=else", False), ('slice=~"origin=.+" model=eta', True),
        # a label that is not there is the empty string
        ("version=", True), ("version!=", False), ('version=~".*"', True),
        ('version=~".+"', False), ("version!=v1", True),
    ],
)  # fmt: skip
def test_matchers_are_alertmanagers(matchers: str, fits: bool) -> None:
    found = parse(matchers)
    assert all(m.matches(ETA) for m in found) is fits


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ()),
        ("{}", ()),
        ("model=eta", (Matcher("model", "=", "eta"),)),
        ('{model="eta", check=~"slo.*"}', (Matcher("model", "=", "eta"), Matcher("check", "=~", "slo.*"))),
        ("model = eta check !~ 'x'", (Matcher("model", "=", "eta"), Matcher("check", "!~", "'x'"))),
        ('slice="origin=\\"E, W\\""', (Matcher("slice", "=", 'origin="E, W"'),)),
        ('slice="a\\\\b"', (Matcher("slice", "=", "a\\b"),)),
        ("slice=origin=EWR", (Matcher("slice", "=", "origin=EWR"),)),
    ],
)
def test_matchers_are_read_as_alertmanager_writes_them(text: str, found: tuple[Matcher, ...]) -> None:
    assert parse(text) == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("modell=eta", "no label is called 'modell'; the labels are model"),
        ("model", "write label="),
        ('model="eta', "write label="),
        ('model="eta"check="x"', "write label="),
        ("model==eta x", "write label="),
        ('check=~"(a"', "no regular expression: missing"),
        ('check=~"(?=a)"', "no regular expression"),
    ],
)
def test_what_is_no_matcher_is_said(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse(text)


@given(st.lists(st.builds(Matcher, st.sampled_from(LABELS), st.sampled_from(["=", "!="]), st.text(max_size=20))))
def test_what_was_written_is_read_back(matchers: list[Matcher]) -> None:
    assert parse("{" + ", ".join(map(str, matchers)) + "}") == tuple(matchers)


@given(st.lists(st.text(max_size=8), min_size=1, max_size=4), st.text(max_size=8))
def test_any_of_some_values_fits_those_and_no_other(values: list[str], other: str) -> None:
    found = any_of("model", values)
    assert found is not None
    assert all(found.matches({"model": value}) for value in values)
    assert found.matches({"model": other}) is (other in values)


def test_no_pattern_hangs_it() -> None:
    assert not Matcher("slice", "=~", "(a*)*(a*)*(a*)*b").matches({"slice": "a" * 400}), (
        "an engine that goes back would not end"
    )


def test_it_is_in_force_from_its_start_until_its_end() -> None:
    one = silence()
    moment = timedelta(microseconds=1)
    assert [one.matches(ETA, at) for at in (NOON - moment, NOON, NOON + 8 * HOUR - moment, NOON + 8 * HOUR)] == [
        False, True, True, False,
    ]  # fmt: skip
    assert not one.matches(ETA | {"model": "risk"}, NOON)
    assert one.until(NOON) == NOON + 8 * HOUR and one.until(NOON - moment) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ends": NOON}, "end after it starts"),
        ({"ends": NOON + 800 * DAY}, "two years"),
        ({"author": " "}, "author and a reason"),
        ({"reason": ""}, "author and a reason"),
        ({"matchers": ""}, "silence everything"),
        ({"matchers": 'model=~".*"'}, "silence everything"),
        ({"matchers": 'model!="eta"'}, "silence everything"),
        ({"recurrence": Recurrence("FREQ=WEEKLY;BYDAY=SU", "UTC", HOUR)}, "no window opens"),
    ],
)
def test_a_silence_that_nobody_should_make_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        checked(silence(**change))


# Maintenance windows


def windows(rule: str, zone: str, opens: str, hours: float, first: str, last: str) -> list[str]:
    from monitoring.core.wall_time import moment_of

    made = Recurrence(rule, zone, timedelta(hours=hours))
    start = moment_of(datetime.fromisoformat(opens), zone)
    return [f"{a:%m-%d %H:%M} {b:%H:%M}" for a, b in made.windows(start, utc(first), utc(last))]


@pytest.mark.parametrize(
    ("rule", "zone", "opens", "hours", "first", "last", "found"),
    [
        ("FREQ=DAILY", "UTC", "2026-03-01 02:00", 2, "2026-03-02", "2026-03-04",
         ["03-02 02:00 04:00", "03-03 02:00 04:00"]),
        ("FREQ=DAILY;INTERVAL=2", "UTC", "2026-03-01 02:00", 2, "2026-03-02", "2026-03-06",
         ["03-03 02:00 04:00", "03-05 02:00 04:00"]),
        ("FREQ=WEEKLY;BYDAY=TU,TH", "UTC", "2026-03-02 20:00", 1, "2026-03-02", "2026-03-08",
         ["03-03 20:00 21:00", "03-05 20:00 21:00"]),
        ("FREQ=MONTHLY;BYDAY=2TU", "UTC", "2026-03-01 20:00", 1, "2026-03-01", "2026-05-01",
         ["03-10 20:00 21:00", "04-14 20:00 21:00"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "UTC", "2026-01-01 20:00", 1, "2026-02-01", "2026-04-01",
         ["02-28 20:00 21:00", "03-31 20:00 21:00"]),
        # one that is open already, and one that reaches over midnight
        ("FREQ=DAILY", "UTC", "2026-03-01 22:00", 4, "2026-03-03 00:30", "2026-03-03 23:00",
         ["03-02 22:00 02:00", "03-03 22:00 02:00"]),
        # by the clocks on the wall, whatever they do
        ("FREQ=WEEKLY;BYDAY=SU", "Europe/Berlin", "2026-03-22 01:00", 3, "2026-03-21", "2026-04-06",
         ["03-22 00:00 03:00", "03-29 00:00 02:00", "04-04 23:00 02:00"]),
        ("FREQ=WEEKLY;BYDAY=SU", "Europe/Berlin", "2026-10-18 01:00", 3, "2026-10-17", "2026-11-02",
         ["10-17 23:00 02:00", "10-24 23:00 03:00", "11-01 00:00 03:00"]),
        ("FREQ=DAILY", "Australia/Lord_Howe", "2026-10-03 02:00", 1, "2026-10-02 12:00", "2026-10-04 20:00",
         ["10-02 15:30 16:30", "10-03 15:30 16:00", "10-04 15:00 16:00"]),
        # one of days, and one that is over at the very moment
        ("FREQ=WEEKLY;BYDAY=FR", "UTC", "2026-03-06 00:00", 72, "2026-03-08 12:00", "2026-03-08 13:00",
         ["03-06 00:00 00:00"]),
        ("FREQ=DAILY", "UTC", "2026-03-01 02:00", 2, "2026-03-02 04:00", "2026-03-03 02:00", []),
        # one that opened before clocks were put back past its opening
        ("FREQ=DAILY", "Europe/Berlin", "2026-10-20 02:50", 1, "2026-10-25 01:10", "2026-10-25 01:11",
         ["10-25 00:50 02:50"]),
        # one that the clocks skip is none
        ("FREQ=DAILY", "Europe/Berlin", "2026-03-28 02:00", 1, "2026-03-27 12:00", "2026-03-30 12:00",
         ["03-28 01:00 02:00", "03-30 00:00 01:00"]),
    ],
)  # fmt: skip
def test_windows_recur_by_the_clocks_on_the_wall(
    rule: str, zone: str, opens: str, hours: float, first: str, last: str, found: list[str]
) -> None:
    assert windows(rule, zone, opens, hours, first, last) == found


@pytest.mark.parametrize(
    "rule",
    [
        "", "WEEKLY", "FREQ=SECONDLY", "FREQ=HOURLY", "FREQ=YEARLY", "FREQ=DAILY;COUNT=3", "FREQ=DAILY;UNTIL=20270101",
        "FREQ=DAILY;BYHOUR=3", "FREQ=WEEKLY;BYDAY=XX", "FREQ=MONTHLY;BYMONTHDAY=45", "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=x", "FREQ=WEEKLY;BYDAY=2TU", "FREQ=DAILY\nEXDATE:20260301", "FREQ=DAILY;FREQ=WEEKLY",
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_used_is_refused(rule: str) -> None:
    with pytest.raises(ValueError):
        Recurrence(rule, "UTC", HOUR)


def test_a_rule_that_never_comes_is_refused() -> None:
    with pytest.raises(ValueError, match="no window opens"):
        never = Recurrence("FREQ=MONTHLY;BYMONTHDAY=31;BYDAY=1MO", "UTC", HOUR)
        checked(silence(recurrence=never, ends=NOON + 30 * DAY))


def test_a_maintenance_window_silences_in_its_windows_until_it_ends() -> None:
    nightly = Recurrence("FREQ=DAILY", "UTC", 2 * HOUR)
    one = silence(recurrence=nightly, ends=NOON + 3 * DAY + HOUR)
    assert one.windows(NOON - DAY, NOON + 9 * DAY) == [
        (NOON, NOON + 2 * HOUR), (NOON + DAY, NOON + DAY + 2 * HOUR), (NOON + 2 * DAY, NOON + 2 * DAY + 2 * HOUR),
        (NOON + 3 * DAY, NOON + 3 * DAY + HOUR),
    ]  # fmt: skip
    assert one.matches(ETA, NOON + DAY) and not one.matches(ETA, NOON + 3 * HOUR)
    assert one.until(NOON + DAY) == NOON + DAY + 2 * HOUR
    assert one.until(NOON + 3 * DAY) == NOON + 3 * DAY + HOUR


@given(
    st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kolkata"]),
    st.integers(10, 3000),
)
def test_a_moment_is_silent_when_it_lies_in_a_window(at: datetime, zone: str, minutes: int) -> None:
    one = silence(
        starts=at - 3 * DAY, ends=at + 20 * DAY, recurrence=Recurrence("FREQ=DAILY", zone, timedelta(minutes=minutes))
    )
    inside = any(start <= at < end for start, end in one.windows(at - 3 * DAY, at + 3 * DAY))
    assert one.in_force(at) is inside


@pytest.mark.parametrize("rule", ["FREQ=DAILY", "FREQ=WEEKLY;INTERVAL=2", "FREQ=WEEKLY;BYDAY=SU", "FREQ=MONTHLY"])
def test_laid_back_a_year_the_windows_are_the_same(rule: str) -> None:
    made = Recurrence(rule, "Europe/Berlin", 2 * HOUR)
    again = made.windows(made.year_before(NOON), NOON, NOON + 90 * DAY)
    assert again == made.windows(NOON, NOON, NOON + 90 * DAY) != []
