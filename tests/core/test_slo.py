"""Error budgets and burn rates, against the tables of the SRE workbook."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.core.grid import BucketGrid
from monitoring.core.outcome import CLIENT_ERROR, EXCLUDED, NO_LATENCY, OK, SERVER_ERROR, service_code
from monitoring.core.slo.burn import (
    RECENT,
    Forecast,
    budget,
    burn_rate,
    burning,
    burns,
    effective_factor,
    last_slot,
    last_slots,
    left_at,
    quantile,
)
from monitoring.core.slo.quality import Provisional, provisional
from monitoring.core.slo.series import MINUTES, ServiceSeries, Stretch, availability, latency
from monitoring.core.slo.windows import period
from monitoring.core.slo.words import ending, maturing
from monitoring.core.summary import Cells, cells
from monitoring.core.window import EPOCH

STEADY = settings(deadline=None, derandomize=True, max_examples=50)
HOUR = 60 // MINUTES
DAY = 24 * HOUR
END = 200 * DAY
NAMES = ["1h/5m", "6h/30m", "1d/2h", "3d/6h"]


def steady(valid: int, bad: int, slots: int = 30 * DAY, end: int = END) -> ServiceSeries:
    """The same traffic in each of the last `slots` 5-minute slots."""
    numbers = np.arange(end - slots, end)
    return ServiceSeries(numbers, np.full(slots, valid), np.full(slots, bad))


def one_slot(valid: int, bad: int, at: int = END - 1) -> ServiceSeries:
    return ServiceSeries(np.array([at]), np.array([valid]), np.array([bad]))


def service(rows: list[tuple[int, int, int, int]]) -> Cells:
    """Cells of (slot, latency bucket, status, requests)."""
    slots, buckets, statuses, counts = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    return cells(slots, slots, np.array([service_code(b, s) for b, s in zip(buckets, statuses, strict=True)]), counts)


@pytest.mark.parametrize(
    ("name", "factors"),
    [("30d", (14.4, 6, 3, 1)), ("28d", (13.44, 5.6, 2.8, 0.93)), ("7d", (13.44, 3.5, 1.4, 0.98))],
)
def test_the_factors_are_those_of_the_published_tables(name, factors):
    pairs = period(name).pairs
    assert [round(p.factor, 2) for p in pairs] == pytest.approx(factors)
    assert [p.name for p in pairs] == NAMES
    assert [p.severity for p in pairs] == ["page", "page", "ticket", "ticket"]
    assert all(p.long == 12 * p.short for p in pairs)


def test_a_period_without_a_table_is_refused():
    with pytest.raises(KeyError):
        period("90d")


@pytest.mark.parametrize("name", ["7d", "28d", "30d"])
def test_burning_at_the_factor_for_the_long_window_spends_its_share_of_the_budget(name):
    one = period(name)
    assert [p.factor * p.long / one.minutes for p in one.pairs] == pytest.approx([p.budget for p in one.pairs])


@pytest.mark.parametrize(
    ("valid", "bad", "objective", "rate"),
    [(1000, 10, 0.99, 1), (1000, 144, 0.99, 14.4), (10, 1, 0.999, 100), (50, 0, 0.9, 0)],
)
def test_the_burn_rate_is_the_bad_share_over_the_allowed_share(valid, bad, objective, rate):
    assert burn_rate(valid, bad, objective) == pytest.approx(rate)


def test_without_events_there_is_no_burn_rate():
    assert burn_rate(0, 0, 0.99) is None


@pytest.mark.parametrize(
    ("objective", "effective"),
    [(0.999, 14.4), (0.99, 14.4), (0.96, 12.5), (0.93, 7.142857), (0.9, 5.0), (0.5, 1.0)],
)
def test_the_factor_is_lowered_to_half_of_what_can_be_reached(objective, effective):
    assert effective_factor(period("30d").pairs[0], objective) == pytest.approx(effective)


@pytest.mark.parametrize("objective", [0.5, 0.7, 0.9, 0.93, 0.99, 0.999])
@pytest.mark.parametrize("name", ["7d", "28d", "30d"])
def test_a_total_outage_fires_every_pair_at_every_objective(name, objective):
    assert all(b.firing for b in burns(steady(100, 100), END, objective, period(name)))


@pytest.mark.parametrize("objective", [0.5, 0.9, 0.99])
def test_a_service_well_within_its_budget_fires_nothing(objective):
    calm = steady(1000, round(1000 * (1 - objective) / 2))
    assert not any(b.firing for b in burns(calm, END, objective, period("30d")))


@pytest.mark.parametrize(
    ("hours", "names"),
    [(0.25, []), (2, NAMES[:1]), (4, NAMES[:2]), (8, NAMES)],
    ids=["a quarter of an hour", "two hours", "four hours", "eight hours"],
)
def test_the_longer_it_burns_at_sixteen_times_the_more_pairs_fire(hours, names):
    burning = steady(1000, 0)
    burning.bad[-round(hours * HOUR) :] = 160
    fired = [b.pair.name for b in burns(burning, END, 0.99, period("30d")) if b.firing]
    assert fired == names


def test_when_it_is_over_the_short_window_stops_the_alarm():
    over = steady(1000, 0)
    over.bad[-2 * HOUR : -HOUR // 2] = 900
    page = burns(over, END, 0.99, period("30d"))[0]
    assert page.long > page.factor
    assert page.short == 0
    assert not page.firing


@pytest.mark.parametrize(("bad", "fires"), [(1, False), (4, False), (5, True)])
def test_with_little_traffic_a_few_failures_do_not_page(bad, fires):
    page = burns(one_slot(10, bad), END, 0.999, period("30d"))[0]
    assert page.long > page.factor
    assert page.firing is fires
    assert ("fewer than 5 bad events in 1h" in page.reason) is not fires


def test_one_failure_in_the_short_window_is_held_back_and_says_so():
    two = ServiceSeries(np.array([END - 6, END - 1]), np.array([10, 2]), np.array([9, 1]))
    page = burns(two, END, 0.999, period("30d"))[0]
    assert not page.firing
    assert "fewer than 2 in 5m" in page.reason
    assert "fewer than 5" not in page.reason


def test_a_window_without_a_request_burns_nothing_and_says_so():
    page = burns(one_slot(100, 100, at=END - 2 * DAY), END, 0.99, period("30d"))[0]
    assert (page.long, page.short, page.firing) == (None, None, False)
    assert page.reason.startswith("no event in 1h")


def test_the_end_of_a_window_is_not_part_of_it():
    assert one_slot(7, 3, at=END).within(END, 60) == (0, 0)
    assert one_slot(7, 3, at=END - 12).within(END, 60) == (7, 3)
    assert one_slot(7, 3, at=END - 13).within(END, 60) == (0, 0)


@pytest.mark.parametrize(
    ("bad", "remaining"), [(0, 1.0), (5, 0.5), (10, 0.0), (25, -1.5), (1000, -99.0)], ids=lambda v: str(v)
)
def test_the_budget_left_may_be_below_zero(bad, remaining):
    left = budget(steady(1000, bad), END, 0.99, period("30d"))
    assert left.remaining == pytest.approx(remaining, abs=1e-9)
    assert left.good == pytest.approx(1 - bad / 1000)


def test_no_data_is_neither_all_good_nor_all_bad():
    nothing = availability([])
    left = budget(nothing, END, 0.99, period("30d"))
    assert (left.valid, left.bad, left.good, left.remaining, left.lasts) == (0, 0, None, None, Forecast())
    assert not any(b.firing for b in burns(nothing, END, 0.99, period("30d")))


def test_traffic_before_the_period_does_not_count():
    assert budget(steady(1000, 1000, end=END - 30 * DAY), END, 0.99, period("30d")).remaining is None


def test_a_burn_within_the_budget_never_spends_it():
    left = budget(steady(1000, 5), END, 0.99, period("30d"))
    assert (left.lasts.recent, left.lasts.longer) == (720, 720)
    assert ending(left.lasts, period("30d")).when == "> 30 d"


def test_what_was_spent_long_ago_drops_out_before_the_budget_is_gone():
    series = steady(1000, 9)
    series.bad[: 10 * DAY] = 11  # 97 % of the budget is spent, a third of it in ten days that drop out first
    left = budget(series, END, 0.99, period("30d"))
    assert left.remaining == pytest.approx(0.1 / 3, abs=1e-9)
    assert left.lasts.longer == 720
    series.bad[:] = series.bad[::-1]  # the same, spent of late: it is gone before the better days drop out
    late = budget(series, END, 0.99, period("30d"))
    assert late.remaining == pytest.approx(left.remaining)
    assert late.lasts.longer == pytest.approx(0.1 / 3 * 30 * 24 / ((11 - 9) / 10), abs=0.1)


@STEADY
@given(st.integers(1, 8), st.integers(0, 12), st.integers(0, 12), st.integers(1, 8), st.integers(2, 7 * 24))
def test_the_forecast_is_what_comes_where_all_goes_on_at_the_pace(traffic, before, lately, more, hours):
    slots = max(hours * HOUR, 8 * DAY)
    series = steady(100 * traffic, min(before, 100), slots=slots)
    series.valid[-RECENT // MINUTES :], series.bad[-RECENT // MINUTES :] = 100 * more, lately
    week, share = period("7d"), 0.95
    left = budget(series, END, share, week)
    if left.remaining is None or left.remaining <= 0 or not lately:
        return
    ahead = week.minutes // MINUTES
    later = ServiceSeries(
        np.arange(END - slots, END + ahead), *(np.append(x, np.full(ahead, x[-1])) for x in (series.valid, series.bad))
    )
    course = left_at(Stretch(later, END - slots, END + ahead), END + np.arange(1, ahead + 1), share, week)
    came = next((at for at, still in enumerate(course, start=1) if still <= 1e-9), ahead)
    assert left.lasts.recent == pytest.approx(came * MINUTES / 60, abs=MINUTES / 60)


def test_the_forecast_is_a_range_between_the_recent_pace_and_the_longer_one():
    recent = steady(1000, 0)
    recent.bad[-6 * HOUR :] = 20
    left = budget(recent, END, 0.99, period("30d"))
    paces = left.lasts.recent, left.lasts.longer
    assert paces == (left.remaining * 720 / 2, 720)
    assert ending(left.lasts, period("30d")).when == "15 d to > 30 d"


def test_a_budget_that_is_gone_has_no_forecast():
    assert budget(steady(1000, 20), END, 0.99, period("30d")).lasts == Forecast()


BOTH = "at the pace of the last 6 h to 3 d"


@pytest.mark.parametrize(
    ("lasts", "when", "pace", "sentence"),
    [
        (Forecast(5, 216), "5 h to 9 d", BOTH, " At the present pace it is gone in 5 h to 9 d."),
        (Forecast(216, 5), "5 h to 9 d", BOTH, " At the present pace it is gone in 5 h to 9 d."),
        (Forecast(0.5, 0.5), "30 min", BOTH, " At the present pace it is gone in 30 min."),
        (Forecast(800, 900), "> 30 d", BOTH, ""),
        (Forecast(math.inf, 5), "not burning now", "nothing spent in the last 6 h; 5 h at the last 3 d's pace",
         " Nothing spent in the last 6 h; at the pace of the last 3 d it would be gone in 5 h."),
        (Forecast(math.inf, 800), "not burning now",
         "nothing spent in the last 6 h; > 30 d at the last 3 d's pace", ""),
        (Forecast(math.inf, math.inf), "not burning", "nothing spent in the last 3 d", ""),
        (Forecast(None, 5), "unknown", "no event in the last 6 h; 5 h at the last 3 d's pace",
         " No event in the last 6 h; at the pace of the last 3 d it would be gone in 5 h."),
        (Forecast(None, None), "unknown", "no event in the last 3 d", ""),
    ],
)  # fmt: skip
def test_when_it_is_gone_is_said_without_alarm_where_nothing_burns_now(lasts, when, pace, sentence):
    found = ending(lasts, period("30d"))
    assert (found.when, found.pace, found.sentence) == (when, pace, sentence)


EVENTS = st.lists(
    st.tuples(st.integers(-900, 0), st.integers(1, 40), st.floats(0, 1)), max_size=40, unique_by=lambda e: e[0]
)


@settings(STEADY, max_examples=25)
@given(EVENTS, st.sampled_from([0.8, 0.95, 0.99, 0.999]), st.sampled_from(["7d", "28d", "30d"]))
def test_judging_every_slot_at_once_is_judging_each_alone(events, objective, name):
    rows = sorted((END + at, valid, int(valid * share)) for at, valid, share in events)
    series = ServiceSeries(*np.array(rows, dtype=np.int64).reshape(-1, 3).T)
    first, last = END - 60, END
    for number, pair in enumerate(period(name).pairs):
        alone = [burns(series, end, objective, period(name))[number].firing for end in range(first, last)]
        dense = Stretch(series, first - pair.long, last)
        assert burning(dense, np.arange(first, last), objective, pair).fires.tolist() == alone
    every = np.arange(first, last)
    whole = period(name)
    lefts = [budget(series, end, objective, whole).remaining for end in range(first, last)]
    found = left_at(Stretch(series, first - whole.minutes, last), every, objective, whole)
    assert found.tolist() == pytest.approx([np.nan if left is None else left for left in lefts], nan_ok=True)
    ends = [last_slot(_before(series, now), now) for now in range(first, last)]
    assert last_slots(series, every).tolist() == ends


def _before(series, now):
    kept = series.slots < now
    return ServiceSeries(series.slots[kept], series.valid[kept], series.bad[kept])


@pytest.mark.parametrize(
    ("objective", "valid", "bad"), [(0.95, 2900, 1450), (0.9, 10, 5), (0.99, 1000, 144), (0.999, 10_000, 60)]
)
@pytest.mark.parametrize("name", ["7d", "28d", "30d"])
def test_both_ways_of_judging_agree_where_the_burn_is_exactly_the_factor(name, objective, valid, bad):
    series = one_slot(valid, bad)
    one = period(name)
    alone = [b.firing for b in burns(series, END, objective, one)]
    dense = Stretch(series, END - one.minutes, END)
    assert [bool(burning(dense, np.array([END]), objective, p).fires[0]) for p in one.pairs] == alone


def test_availability_leaves_out_clients_errors_and_what_is_excluded():
    part = service([(7, 0, OK, 90), (7, 0, SERVER_ERROR, 6), (7, 0, CLIENT_ERROR, 40), (7, 0, EXCLUDED, 30)])
    assert availability([part]).within(8, MINUTES) == (96, 6)


def test_latency_is_of_answered_requests_whose_latency_was_logged():
    grid = BucketGrid((10.0, 50.0, 100.0))
    part = service([(7, 0, OK, 60), (7, 1, OK, 20), (7, 2, OK, 9), (7, 3, SERVER_ERROR, 5), (7, NO_LATENCY, OK, 11)])
    series, threshold = latency([part], grid, 50.0)
    assert threshold == 50.0
    assert series.within(8, MINUTES) == (89, 9)


def test_a_latency_threshold_between_two_limits_counts_none_too_slow_as_good():
    grid = BucketGrid((10.0, 50.0, 100.0))
    part = service([(7, 0, OK, 60), (7, 1, OK, 20), (7, 2, OK, 9)])
    series, threshold = latency([part], grid, 70.0)
    assert threshold == 50.0
    assert series.within(8, MINUTES) == (89, 9)


@STEADY
@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3), st.integers(0, 3), st.integers(1, 50)), max_size=30),
    st.integers(0, 30),
)
def test_any_split_of_the_cells_gives_the_same_events(rows, at):
    whole, parts = availability([service(rows)]), availability([service(rows[:at]), service(rows[at:])])
    for name in ("slots", "valid", "bad"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))


@pytest.mark.parametrize(("q", "value"), [(0.0, 0.0), (0.25, 5.0), (0.5, 10.0), (0.75, 15.0), (1.0, 20.0)])
def test_a_quantile_is_interpolated_inside_its_class(q, value):
    edges = np.array([0.0, 10.0, 20.0])
    assert quantile(edges[:-1], edges[1:], np.array([50, 50]), q) == pytest.approx(value)


def test_a_quantile_of_nothing_is_none():
    assert quantile(np.array([0.0]), np.array([1.0]), np.array([0]), 0.5) is None


@pytest.mark.parametrize("q", [0.5, 0.95, 0.99])
def test_a_quantile_is_near_the_raw_one(q):
    raw = np.random.default_rng(11).gamma(2, 20, 20_000)
    edges = np.arange(0, 1001, 2.0)
    counts, _ = np.histogram(raw, edges)
    assert quantile(edges[:-1], edges[1:], counts, q) == pytest.approx(np.quantile(raw, q), rel=0.01)


def test_a_burn_that_is_over_and_not_going_on_says_so():
    was = ServiceSeries(np.arange(END - HOUR, END), np.full(HOUR, 10), np.r_[np.full(HOUR - 1, 5), 0])
    fast = burns(was, END, 0.99, period("30d"))[0]
    assert not fast.firing and fast.long > fast.factor
    assert fast.reason.endswith("fires at 14.40×; held back: 0.0× in the last 5m")
    silent = burns(ServiceSeries(was.slots[:-1], was.valid[:-1], was.bad[:-1]), END, 0.99, period("30d"))[0]
    assert silent.reason.endswith("held back: no event in the last 5m")


@pytest.mark.parametrize(
    ("newest", "end"),
    [(END, END), (END - 1, END), (END - 2, END - 1), (END - HOUR, END - HOUR + 1), (END - 5 * HOUR, END)],
)
def test_windows_end_with_the_newest_event_of_the_last_hour_and_never_within_a_slot(newest, end):
    """At slot END, which has just begun, a log whose newest event lies in slot `newest`."""
    assert last_slot(one_slot(10, 0, newest), END) == end


def test_a_log_that_ends_within_an_hour_burns_at_its_end():
    series = ServiceSeries(np.arange(END - 2 * HOUR, END - 7), np.full(2 * HOUR - 7, 10), np.full(2 * HOUR - 7, 10))
    assert not burns(series, END, 0.99, period("30d"))[0].firing
    assert burns(series, last_slot(series, END), 0.99, period("30d"))[0].firing


@STEADY
@given(EVENTS, st.sampled_from([0.5, 0.9, 0.99]), st.integers(0, 60))
def test_what_is_provisional_is_what_is_not_settled(events, objective, waited):
    rows = sorted((END + at, valid, int(valid * share)) for at, valid, share in events)
    series = ServiceSeries(*np.array(rows, dtype=np.int64).reshape(-1, 3).T)
    whole, settled = period("7d"), END - waited
    found = provisional(series, 1000, settled, END, objective, whole)
    before, now = (series.until(slot) for slot in (settled, END))
    assert found.labelled == now.valid.sum() - before.valid.sum()
    assert found.bad == now.bad.sum() - before.bad.sum()
    assert found.remaining == budget(now, last_slot(now, END), objective, whole).remaining


SETTLED = EPOCH + timedelta(minutes=MINUTES * END)


@pytest.mark.parametrize(
    ("waits", "sentence"),
    [
        (Provisional(0, 0, 0, 0.4), "No prediction since then."),
        (Provisional(30, 0, 0, 0.4), "Provisional since then: none of 30 predictions has its label yet."),
        (Provisional(3000, 1200, 60, 0.4), "Provisional since then: 1,200 of 3,000 predictions have their label so "
         "far, 95.0% of them good; counted as they stand, 40% of the budget is left."),
        (Provisional(30, 20, 20, None), "Provisional since then: 20 of 30 predictions have their label so far, 0.0% of "
         "them good."),
    ],
)  # fmt: skip
def test_what_is_settled_and_what_is_provisional_is_said(waits, sentence):
    assert maturing(SETTLED, waits) == f" Settled to {SETTLED:%Y-%m-%d %H:%M} UTC. {sentence}"
