"""Did it help, what does waiting cost, and how often should it be done?"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from monitoring.core.retraining.cadence import Aged, cadence
from monitoring.core.retraining.ledger import Helped, line, signals
from monitoring.core.retraining.request import Cause, RetrainRequest
from monitoring.core.retraining.state import State
from monitoring.core.retraining.worth import worth

NOW = datetime(2026, 9, 24, tzinfo=UTC)
BASE = RetrainRequest("eta", 1, "ETA", "ops", Cause.FLAG, "It decays.", "", "x", State.PROMOTED, NOW, NOW)
UP = {"metric": "MAE", "value": 3.0, "lower": 1.0, "upper": 5.0}
DOWN = {"metric": "MAE", "value": -3.0, "lower": -5.0, "upper": -1.0}
EVEN = {"metric": "MAE", "value": 0.1, "lower": -1.0, "upper": 1.2}

CASES: list[tuple[dict[str, Any], Helped, str]] = [
    ({"measured": UP}, Helped.YES, "measured better"),
    ({"measured": DOWN}, Helped.NO, "measured worse"),
    ({"measured": EVEN}, Helped.OPEN, "not over"),
    ({"measured": EVEN, "state": State.VERIFIED}, Helped.NO, "no better beyond chance"),
    ({"measured": UP, "state": State.ROLLED_BACK}, Helped.NO, "rolled back"),
    ({"state": State.VERIFIED}, Helped.OPEN, "not measured"),
    ({"state": State.REJECTED, "comparison": {"verdict": "worse"}}, Helped.NO, "rejected: worse"),
    ({"state": State.REJECTED}, Helped.NO, "rejected: not compared"),
    ({"state": State.TIMED_OUT}, Helped.NO, "no candidate"),
    ({"state": State.RUNNING}, Helped.OPEN, "not over"),
]


@pytest.mark.parametrize(("changed", "helped", "why"), CASES)
def test_what_is_measured_decides_whether_it_helped(changed: dict[str, Any], helped: Helped, why: str) -> None:
    found = line(replace(BASE, **changed))
    assert found.helped == helped
    assert why in found.why


def test_each_cause_has_its_precision_and_its_time_to_the_fix() -> None:
    day = timedelta(days=1)
    made = [
        replace(BASE, measured=UP, flagged_at=NOW - 9 * day, promoted_at=NOW - 5 * day, cost=2.0),
        replace(BASE, measured=DOWN, flagged_at=NOW - 9 * day, promoted_at=NOW - 7 * day, cost=3.0),
        replace(BASE, state=State.RUNNING),
        replace(BASE, cause=Cause.SCHEDULE, state=State.REJECTED),
    ]
    flag, schedule = signals(map(line, made))
    assert (flag.cause, flag.retrains, flag.helped, flag.idle, flag.cost) == (Cause.FLAG, 3, 1, 1, 5.0)
    assert (flag.precision, flag.to_fix) == (0.5, 3 * day)
    assert (schedule.precision, schedule.to_fix) == (0.0, None)


def test_what_pays_soonest_comes_first_and_without_a_value_what_recovers_most() -> None:
    gain = {"metric": "MAE", "value": 4.0, "unit": "min"}
    named = {
        "dear": worth(gain, 20.0, 10_000, 1.0, 400.0),
        "cheap": worth(gain, 20.0, 10_000, 1.0, 10.0),
        "free": worth(gain, 20.0, 10_000, 1.0, 0.0),
        "no cost set": worth(gain, 20.0, 10_000, 1.0, None),
        "no value set": worth(gain, 20.0, 10_000, None, 10.0),
        "no value, fewer rows": worth(gain, 20.0, 100, None, 10.0),
        "nothing to be had": worth(gain | {"value": -1.0}, 20.0, 10_000, 1.0, 10.0),
    }
    order = sorted(named, key=lambda name: named[name].order)  # type: ignore[union-attr]
    assert order == [
        "free",
        "cheap",
        "dear",
        "no cost set",
        "no value set",
        "no value, fewer rows",
        "nothing to be had",
    ]
    cheap = named["cheap"]
    assert cheap is not None and (cheap.loss, cheap.pays_back, cheap.recovered) == (40.0, 0.25, 0.2)
    assert (
        worth(None, 20.0, 1, 1.0, 1.0) is None and worth({"metric": "MAE", "value": math.nan}, 1.0, 1, 1.0, 1.0) is None
    )


def decaying(slope: float, days: int = 120, noise: float = 0.5, seed: int = 1) -> list[Aged]:
    draw = np.random.default_rng(seed)
    weekend = [1.0 if day % 7 >= 5 else 0.0 for day in range(days)]
    return [Aged(day, 10 + slope * day + 2 * weekend[day] + draw.normal(0, noise)) for day in range(days)]


def test_the_time_to_the_threshold_is_the_cadence_of_a_model_that_decays() -> None:
    found = cadence(decaying(0.05), "lower", warning=14.0)
    assert found.by == "threshold" and found.days is not None and found.least is not None and found.most is not None
    assert found.decay == pytest.approx(0.05, abs=0.01)
    assert found.least < found.days < found.most
    assert found.days == pytest.approx(80, rel=0.2)


def test_costs_make_it_the_economic_lot() -> None:
    found = cadence(decaying(0.05, noise=0.0), "lower", warning=None, cost=90.0, value_a_day=10.0)
    assert found.by == "cost"
    assert found.days == pytest.approx(math.sqrt(2 * 90 / (10 * 0.05)), rel=0.05)


def test_a_metric_where_higher_is_better_decays_downwards() -> None:
    falling = [Aged(one.days, -one.value) for one in decaying(0.05)]
    up = cadence(decaying(0.05), "lower", warning=14.0)
    down = cadence(falling, "higher", warning=-14.0)
    assert (down.days, down.decay) == (up.days, up.decay)


NOT: list[tuple[list[Aged], float | None, str]] = [
    (decaying(0.05, days=7), 14.0, "7 mature windows"),
    (decaying(0.05, days=20), 14.0, "less than four weeks"),
    (decaying(0.0), 14.0, "does not get worse"),
    (decaying(-0.05), 14.0, "does not get worse"),
    (decaying(0.05), None, "no threshold is set"),
    (decaying(0.05), 9.0, "beyond its warning threshold already"),
    (decaying(0.002, noise=0.01), 14.0, "so slowly"),
]


@pytest.mark.parametrize(("aged", "warning", "why"), NOT)
def test_where_the_calendar_is_no_guide_it_says_why(aged: list[Aged], warning: float | None, why: str) -> None:
    found = cadence(aged, "lower", warning)
    assert found.days is None
    assert why in found.reason
