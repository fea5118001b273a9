"""The alert decision run over the past: what would have been opened, and when somebody would have been woken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.core.alerting.alert import Alert
from monitoring.core.alerting.desk import Desk
from monitoring.core.alerting.reading import BEGINS, RECENT, Reading
from monitoring.core.alerting.rules import RULES
from monitoring.core.alerting.signal import Condition
from monitoring.core.alerting.signals import signals
from monitoring.core.alerting.simulated import simulate
from monitoring.core.alerting.waits import Waits
from monitoring.core.backtest import Course, Judged, Period, Tally, course, delays
from monitoring.core.verdict import Flag, Status, Verdict, Window

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
WORDS = {
    ".": Status.OK, "~": Status.WARNING, "!": Status.BREACHED, "?": Status.FAILED, " ": Status.NO_DATA,
}  # fmt: skip


def series(script: str, check: str = "drift", length: timedelta = DAY, column: str | None = None) -> list[Verdict]:
    """A verdict a window. A small letter p behind a sign: provisional."""
    out: list[Verdict] = []
    for sign in script:
        if sign == "p":
            out[-1] = out[-1]._replace(provisional=True)
            continue
        start = START + len(out) * length
        value = {".": 0.0, "~": 0.25, "!": 0.5}.get(sign)
        out.append(
            Verdict(
                "eta", check, Window(start, start + length, 100), WORDS[sign], sign, column=column, value=value,
                threshold=0.5, warning=0.2, breached=0.5, method="m",
            )
        )  # fmt: skip
    return out


def at_end(v: Verdict) -> datetime | None:
    return v.window.end


def spans(alerts: tuple[Alert, ...]) -> list[tuple[int, int | None]]:
    """The days on which each was opened and closed."""
    return [((a.opened_at - START).days, None if a.closed_at is None else (a.closed_at - START).days) for a in alerts]


STORIES: dict[str, tuple[str, str, list[tuple[int, int | None]]]] = {
    "quiet": ("drift", "......", []),
    "a breach that clears": ("drift", "..!...", [(3, 4)]),
    "a warning opens nothing, and holds what is open": ("drift", ".~!~~.", [(3, 6)]),
    "what cannot be judged neither opens nor closes": ("drift", ".!??.?", [(2, 5)]),
    "still open at the end": ("drift", "...!!!", [(4, None)]),
    "again is another episode": ("drift", "!.!.", [(1, 2), (3, 4)]),
    "one bad day is no decay": ("performance.mae", ".!..!.", []),
    "two bad days of three are": ("performance.mae", ".!.!....", [(4, 7)]),
    "what is provisional is not heard": ("drift", ".!p...", []),
    "a check that raises no alert": ("drift.feature", "!!!!", []),
}


@pytest.mark.parametrize(
    ("sentence", "script", "spans_", "expected"),
    [
        ("at once, where nothing is stated", ".!!..", (0, 0), [(2, 4)]),
        ("it fires within the day that it waits for", ".!!..", (12, 0), [(2, 4)]),
        ("two days of it are waited for", ".!!!..", (48, 0), [(2, 5)]),
        ("one bad day is not enough then", ".!.!!.", (30, 0), [(4, 6)]),
        ("a warning ends the waiting", ".!~!..", (30, 0), []),
        ("what is unknown does not", ".!?!!..", (30, 0), [(2, 6)]),
        ("good for two days", ".!...", (0, 48), [(2, 5)]),
        ("bad again before that is the same episode", ".!.!...", (0, 48), [(2, 7)]),
        ("near the level it is not good", ".!.~...", (0, 48), [(2, 7)]),
        ("nor where nothing is known", ".!.?...", (0, 48), [(2, 7)]),
        ("still kept at the end", ".!..", (0, 96), [(2, None)]),
    ],
)
def test_an_alert_waits_as_long_as_it_is_said(
    sentence: str, script: str, spans_: tuple[int, int], expected: list[tuple[int, int | None]]
) -> None:
    wait, keep = (timedelta(hours=h) for h in spans_)
    stated = [Waits("drift", wait=wait, keep=keep), Waits("drift.label", wait=timedelta(days=9))]
    end = START + len(script) * DAY
    past = simulate("eta", "Eta", "ops", series(script), at_end, stated, end)
    fired = tuple(a for a in past.alerts if a.fired_at is not None)
    assert spans(fired) == expected
    if fired and wait:
        assert all(a.fired_at is not None and a.fired_at - a.opened_at >= wait for a in fired)


AUC = "performance.roc_auc"
OF_PARTS: dict[str, tuple[str, str, dict[str, str], list[tuple[int, int | None]]]] = {
    "a slice that falls while the whole holds": ("......", ".!!...", {"slice": "origin=EWR"}, [(3, 6)]),
    "a slice that is not judged any more stays open": ("........", ".!!", {"slice": "origin=EWR"}, [(3, None)]),
    "a version that answers nothing any more is no trouble": ("........", ".!!   ", {"version": "1.0"}, [(3, 6)]),
    "a version whose verdicts end is none": ("........", ".!!", {"version": "1.0"}, [(3, 4)]),
    "a version is silent because all are": (".!!   ", ".!!   ", {"version": "1.0"}, [(3, None)]),
}


@pytest.mark.parametrize("story", OF_PARTS)
def test_slices_and_versions_open_alerts_of_their_own(story: str) -> None:
    whole, part, names, expected = OF_PARTS[story]
    of_part = [v._replace(**names) for v in series(part, AUC)]  # type: ignore[arg-type]
    every = [*series(whole, AUC), *of_part]
    past = simulate("eta", "Eta", "ops", every, at_end)
    assert spans(tuple(a for a in past.alerts if a.subject.part)) == expected


SCRIPT = st.text("!~.? ", min_size=1, max_size=14)


@given(
    SCRIPT,
    SCRIPT,
    st.sampled_from([{"slice": "origin=EWR"}, {"version": "1.0"}]),
    st.sampled_from([AUC, "drift.label"]),
)
def test_looking_back_opens_and_closes_what_deciding_day_by_day_does(
    whole: str, part: str, names: dict[str, Any], check: str
) -> None:
    every = [*series(whole, check), *(v._replace(**names) for v in series(part, check))]
    every.sort(key=lambda v: v.window.end or START)
    desk = Desk()
    for day in range(1, max(len(whole), len(part)) + 1):
        now = START + day * DAY
        desk.wait_until(now)
        desk.step(signals("eta", "Eta", "ops", [v for v in every if (v.window.end or now) <= now], now), now)
    assert told(simulate("eta", "Eta", "ops", every, at_end).alerts) == told(desk.past().alerts)


@given(
    st.lists(SCRIPT, min_size=4, max_size=4), st.sampled_from([AUC, "estimated.mae", "quality.volume", "slo.latency"])
)
def test_looking_back_on_several_methods_and_on_estimates_that_labels_answer_does_as_well(
    scripts: list[str], check: str
) -> None:
    one, other, answers, more = scripts
    every = [
        *series(one, check), *(v._replace(method="burn 1 h") for v in series(other, check)),
        *series(answers, "performance.mae"), *series(more, "quality.missing", column="a"),
    ]  # fmt: skip
    every.sort(key=lambda v: v.window.end or START)
    desk = Desk()
    for day in range(1, max(map(len, scripts)) + 1):
        now = START + day * DAY
        desk.wait_until(now)
        desk.step(signals("eta", "Eta", "ops", [v for v in every if (v.window.end or now) <= now], now), now)
    found = simulate("eta", "Eta", "ops", every, at_end).alerts
    assert sorted(told(found), key=repr) == sorted(told(desk.past().alerts), key=repr)


@pytest.mark.parametrize("reading", list(BEGINS), ids=lambda reading: reading.__name__)
@given(script=SCRIPT, flags=st.lists(st.sampled_from([None, *Flag]), min_size=14, max_size=14))
def test_a_series_is_beyond_only_where_one_of_its_newest_verdicts_may_begin_an_alert(
    reading: Reading, script: str, flags: list[Flag | None]
) -> None:
    every = [v._replace(flag=flag) for v, flag in zip(series(script), flags, strict=False)]
    read = reading(every, every[-1].window.end or START)
    if read is not None and read.condition == Condition.BEYOND:
        assert any(v.status in BEGINS[reading] for v in every[-RECENT:])


def test_every_rule_says_which_verdicts_may_begin_its_alert() -> None:
    assert {rule.read for rule in RULES} == set(BEGINS)


def told(alerts: tuple[Alert, ...]) -> list[tuple[Any, ...]]:
    return [(a.subject.words, a.opened_at, a.fired_at, a.closed_at) for a in alerts]


@pytest.mark.parametrize("story", STORIES)
def test_a_series_of_verdicts_opens_and_closes_alerts(story: str) -> None:
    check, script, expected = STORIES[story]
    assert spans(simulate("eta", "Eta", "ops", series(script, check), at_end).alerts) == expected


def test_an_estimate_speaks_until_labels_have_come() -> None:
    estimates = series("..!!....", "estimated.mae")
    late = {"performance.mae": 3 * DAY}

    def known_at(v: Verdict) -> datetime | None:
        return None if v.window.end is None else v.window.end + late.get(v.check, timedelta())

    fine = series("........", "performance.mae")
    assert spans(simulate("eta", "Eta", "ops", estimates, known_at).alerts) == [(3, 5)]
    both = sorted([*estimates, *fine], key=lambda v: v.window.start or START)
    assert spans(simulate("eta", "Eta", "ops", both, known_at).alerts) == [(3, 5)]
    assert spans(simulate("eta", "Eta", "ops", both, at_end).alerts) == []  # the label is there as soon


def test_several_columns_at_once_page_once() -> None:
    both = [v for pair in zip(series("..!.", "quality.missing", column="a"),
                              series("..!.", "quality.missing", column="b"), strict=True) for v in pair]  # fmt: skip
    past = simulate("eta", "Eta", "ops", both, at_end)
    assert len(past.alerts) == 2
    assert past.pages == (START + 3 * DAY,)


def over(script: str, check: str = "drift", days: int = 4, zone: str = "UTC", **more: object) -> Course:
    """A script whose last `days` are counted."""
    verdicts = series(script, check)
    end = verdicts[-1].window.end or START
    period = Period(end - days * DAY, end, zone)
    return course("eta", "Eta", "ops", verdicts, more.get("late", {}), period, more.get("said", ()))  # type: ignore[arg-type]


def test_only_what_lies_in_the_period_is_counted() -> None:
    before_it = over("!!!!!..!", days=4).tally  # the first is open as the period begins, and closes two days on
    assert before_it == Tally(opened=1, in_alert=2 * DAY, breached=2)


@pytest.mark.parametrize(("zone", "at_night"), [("UTC", 1), ("America/New_York", 0), ("Asia/Kolkata", 1)])
def test_nights_are_those_of_the_zone(zone: str, at_night: int) -> None:
    # a day ends at 00:00 UTC: 19:00 in New York, 05:30 in Kolkata
    tally = over("...!....", "quality.missing", 8, zone).tally
    assert (tally.pages, tally.pages_at_night) == (1, at_night)


def test_a_ticket_pages_nobody() -> None:
    assert over("...!....", days=8).tally.pages == 0


def test_the_time_to_detect_is_counted_from_the_window_that_fired() -> None:
    useful = Judged("drift", "", "", "", START + 4 * DAY, START + 7 * DAY, True)
    noise = Judged("drift", "", "", "", START + 7 * DAY, START + 8 * DAY, False)
    found = over("...!!!!.", days=8, said=[useful, noise]).tally
    assert (found.detected, found.noise) == ((DAY,), 1)
    later = over("......!.", days=8, said=[useful]).tally
    assert later.detected == (4 * DAY,)
    assert over("........", days=8, said=[useful, noise]).tally.detected == (None,)
    other = Judged("drift.label", "", "", "", START + 4 * DAY, START + 7 * DAY, True)
    assert over("...!!!!.", days=8, said=[other]).tally.detected == (None,)


def test_labels_that_come_late_make_a_window_known_late() -> None:
    verdicts = series("..!!!!.p.p", "performance.mae")
    now = START + 9 * DAY
    assert delays(verdicts, now) == {"performance.mae": 2 * DAY}  # the seventh day waits since two
    assert delays(series("..!!"), now) == {}
    tally = over("..!!!!..", "performance.mae", 8, late={"performance.mae": 2 * DAY}).tally
    assert tally.in_alert == 2 * DAY  # known on the sixth day, not on the fourth


def test_tallies_add_up() -> None:
    one, two = over("...!!..!", days=8).tally, over("!..!", days=4).tally
    both = one + two
    assert (both.opened, both.in_alert) == (one.opened + two.opened, one.in_alert + two.in_alert)
    assert both.as_json()["hours_in_alert"] == round((one.in_alert + two.in_alert).total_seconds() / 3600, 2)


@given(st.text("!~.? ", min_size=1, max_size=30))
def test_alerts_of_one_thing_never_overlap_and_the_time_in_alert_fits_the_period(script: str) -> None:
    found = over(script, days=10)
    assert timedelta() <= found.tally.in_alert <= 10 * DAY
    ends = [(a.fired_at, a.closed_at) for a in found.alerts]
    for (_, closed), (fired, _) in pairwise(ends):
        assert closed is not None and fired is not None and closed <= fired
    assert found.tally.opened <= script.count("!")
    if "!" not in script:
        assert found.tally == Tally(warned=script[-10:].count("~"))
