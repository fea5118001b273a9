"""What an objective would have done: the same alerts as judging every five minutes, one after the other."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from monitoring.core.alerting.severity import Severity
from monitoring.core.alerting.simulated import simulate
from monitoring.core.backtest import Period
from monitoring.core.slo import freshness
from monitoring.core.slo.lookback import LEAD, Asked, LookBack, look_back
from monitoring.core.slo.series import MINUTES, ServiceSeries
from monitoring.core.slo.windows import period
from monitoring.core.verdict import Status, Verdict, Window
from monitoring.core.window import EPOCH
from monitoring.fleet import Slo
from monitoring.verdicts.service import judged

STEADY = settings(deadline=None, derandomize=True)
HOUR, DAY = 12, 288
END = 71_000 * HOUR
"""A slot at 8:00 UTC."""


def moment(slot: int) -> datetime:
    return EPOCH + timedelta(minutes=MINUTES * slot)


def looked(days: float, zone: str = "UTC") -> Period:
    return Period(moment(END) - timedelta(days=days), moment(END), zone)


def asked(events: ServiceSeries, share: float = 0.99, name: str = "30d", **more: Any) -> Asked:
    return Asked("slo.latency", share, period(name), events, **more)


def traffic(days: int, *incidents: tuple[int, int, int], per_slot: int = 100) -> ServiceSeries:
    """Good requests; incidents are (slots before the end, how many slots, bad ones in each)."""
    slots = np.arange(END - days * DAY, END)
    bad = np.zeros(len(slots), np.int64)
    for ago, length, each in incidents:
        bad[len(slots) - ago : len(slots) - ago + length] = each
    return ServiceSeries(slots, np.full(len(slots), per_slot), bad)


def alone(slo: Slo, events: ServiceSeries, days: float) -> tuple[list[tuple[Any, ...]], list[datetime]]:
    """Alerts and pages as an evaluation every five minutes would have them."""
    first = int((looked(days).start - LEAD - EPOCH) / timedelta(minutes=MINUTES))
    verdicts: list[Verdict] = []
    for now in range(first, END + 1):
        kept = events.slots < now
        before = ServiceSeries(events.slots[kept], events.valid[kept], events.bad[kept])
        verdicts += judged("m", slo, before, now, moment(now))
    past = simulate("m", "m", "ops", verdicts, lambda v: v.window.end)
    start = looked(days).start
    mine = [(a.rule, a.fired_at, a.closed_at) for a in past.alerts if (a.closed_at or moment(END)) > start]
    return sorted(mine, key=str), [at for at in past.pages if at >= start]


def summed(found: LookBack) -> list[tuple[Any, ...]]:
    return sorted(((a.rule, a.fired_at, a.closed_at) for a in found.alerts), key=str)


BURSTS = st.lists(
    st.tuples(st.integers(1, 500), st.integers(1, 60), st.integers(1, 30), st.floats(0, 1)), min_size=1, max_size=8
)


@settings(STEADY, max_examples=12)
@given(BURSTS, st.sampled_from([0.8, 0.95, 0.99]), st.sampled_from(["7d", "30d"]))
def test_it_raises_what_judging_every_slot_would_have(
    bursts: list[tuple[int, int, int, float]], share: float, name: str
) -> None:
    """Bursts of traffic with gaps between, each with its share of bad requests."""
    counts: dict[int, tuple[int, int]] = {}
    for ago, length, valid, bad in bursts:
        for slot in range(END - ago, min(END - ago + length, END)):
            counts[slot] = valid, round(valid * bad)
    slots = np.array(sorted(counts))
    events = ServiceSeries(slots, *np.array([counts[int(s)] for s in slots]).T)
    slo = Slo.model_validate({"sli": "latency", "threshold_ms": 5, "objective": share, "period": name})
    found = look_back(asked(events, share, name), "m", "ops", looked(0.75))
    alerts, pages = alone(slo, events, 0.75)
    assert summed(found) == alerts
    assert sorted(found.pages) == sorted(pages)


STORIES = {
    "a calm month": ((), (0, 0), 0),
    "an outage of an hour pages once": (((2 * DAY, HOUR, 100),), (1, 1), 1),
    "two, days apart, page twice": (((6 * DAY, HOUR, 100), (2 * DAY, HOUR, 100)), (2, 2), 2),
    "a slow burn opens a ticket": (((5 * DAY, 4 * DAY, 3),), (0, 1), 0),
    "a fast one that lasts pages once, and spends the budget": (((5 * DAY, 4 * DAY, 10),), (1, 2), 1),
    "what happened before the period is not counted": (((40 * DAY, HOUR, 100),), (0, 0), 0),
}


@pytest.mark.parametrize("story", STORIES)
def test_stories(story: str) -> None:
    incidents, (pages, tickets), told = STORIES[story]
    found = look_back(asked(traffic(80, *incidents, per_slot=100)), "m", "ops", looked(30))
    start = looked(30).start
    assert (found.opened(Severity.PAGE, start), found.opened(Severity.TICKET, start)) == (pages, tickets)
    assert len(found.pages) == told


def test_the_budget_is_followed_to_its_end() -> None:
    found = look_back(asked(traffic(80, (10 * DAY, 2 * DAY, 20))), "m", "ops", looked(30))
    assert found.left_at_end == pytest.approx(1 - 40 / 30)
    assert found.lowest is not None and found.exhausted is not None
    assert found.lowest == (pytest.approx(1 - 40 / 30), moment(END - 8 * DAY))
    first, spent = found.exhausted
    assert first == moment(END - 10 * DAY + 3 * DAY // 2 + 1)
    assert spent == moment(END) - first + timedelta(minutes=MINUTES)
    assert found.in_alert > timedelta(days=9)


def test_another_objective_on_the_same_events_is_another_course() -> None:
    events = traffic(80, (10 * DAY, 2 * DAY, 20))
    found = look_back(asked(events, 0.5), "m", "ops", looked(30))
    assert not found.alerts and found.in_alert == timedelta()
    assert found.exhausted is None and found.left_at_end == pytest.approx(1 - 0.8 / 30)


@pytest.mark.parametrize(("zone", "night"), [("UTC", 0), ("America/New_York", 1)])
def test_nights_are_those_of_the_zone(zone: str, night: int) -> None:
    found = look_back(asked(traffic(80, (DAY, HOUR, 100))), "m", "ops", looked(30, zone))
    assert (len(found.pages), found.pages_at_night) == (1, night)


def test_without_events_nothing_is_known_and_nothing_raised() -> None:
    empty = ServiceSeries(*(np.zeros(0, np.int64) for _ in range(3)))
    found = look_back(asked(empty), "m", "ops", looked(30))
    assert (found.alerts, found.left_at_end, found.lowest, found.exhausted) == ((), None, None, None)


def test_what_is_known_late_is_heard_late() -> None:
    hourly = traffic(80, (2 * DAY, 3 * HOUR, 100))
    soon, late = (
        look_back(asked(hourly, late=late, step=HOUR), "m", "ops", looked(30)).alerts for late in (0, 30 * HOUR)
    )
    assert len(soon) == len(late) > 0
    assert {b.fired_at - a.fired_at for a, b in zip(soon, late, strict=True) if a.fired_at and b.fired_at} == {
        timedelta(hours=30)
    }


def age(hours: float, now: datetime, most: float) -> Verdict:
    status = Status.BREACHED if hours > most else Status.OK
    window = Window(now, now, 0)
    return Verdict("m", "slo.freshness", window, status, "", method="age_hours", value=hours, breached=most)


def of_budget(predicted: NDArray[np.int64], now: int, most: float, share: float) -> Verdict:
    slo = Slo.model_validate({"sli": "freshness", "max_age": f"{most}h", "objective": share, "period": "7d"})
    (verdict,) = judged("m", slo, freshness.events(predicted, now, most), now, moment(now))
    return verdict


@settings(STEADY, max_examples=20)
@given(
    st.lists(st.integers(1, 400), max_size=30, unique=True),
    st.sampled_from([0.5, 2.0, 4.0]),
    st.sampled_from([0.6, 0.99]),
)
def test_freshness_raises_what_judging_every_slot_would_have(ago: list[int], most: float, share: float) -> None:
    predicted = np.array(sorted(END - a for a in ago), dtype=np.int64)
    one = Asked("slo.freshness", share, period("7d"), freshness.events(predicted, END, most), predicted, most)
    found = look_back(one, "m", "ops", looked(0.5))
    verdicts = []
    for now in range(END - DAY // 2 - DAY, END + 1):
        before = predicted[predicted < now]
        if len(before):
            verdicts += [age((now - before[-1] - 1) * MINUTES / 60, moment(now), most)]
            verdicts += [of_budget(before, now, most, share)]
    past = simulate("m", "m", "ops", verdicts, lambda v: v.window.end)
    start = looked(0.5).start
    mine = [(a.rule, a.fired_at, a.closed_at) for a in past.alerts if (a.closed_at or moment(END)) > start]
    assert summed(found) == sorted(mine, key=str)
    stale = int((freshness.ages(predicted, np.arange(END - DAY // 2, END) + 1) > most).sum())
    if len(predicted) and predicted[0] <= END - DAY // 2:
        assert one.events.within(END, DAY // 2 * MINUTES) == (DAY // 2, stale)
