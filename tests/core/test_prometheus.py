"""The Prometheus rules of an objective fire at the minutes at which Leeway's own alerts do, as promtool sees it."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from monitoring.core.alerting.waits import Waits
from monitoring.core.backtest import Period as Looked
from monitoring.core.slo import freshness
from monitoring.core.slo.lookback import Asked, look_back
from monitoring.core.slo.prometheus import AGE, BAD, VALID, Objective, rules
from monitoring.core.slo.series import MINUTES, ServiceSeries
from monitoring.core.slo.windows import period
from monitoring.core.window import EPOCH
from tests.conftest import unavailable

DAY = 24 * 60 // MINUTES
SLOTS = 3 * DAY + 240
"""Three days fill the longest window; the 20 hours after them are looked at."""


@pytest.fixture(autouse=True)
def promtool(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prometheus holds no flapping open, so neither do we here."""
    monkeypatch.setattr("monitoring.core.alerting.lifecycle.flaps", lambda transitions, now: False)
    if shutil.which("promtool") is None:
        unavailable("NO PROMTOOL: it is not installed (Debian: apt-get install prometheus)")


def objective(share: float, name: str = "30d", check: str = "slo.latency", **more: Any) -> Objective:
    words = "99 % within 50 ms"
    runbook = "https://runbooks/late"
    return Objective("late", "flight-operations", "latency-50ms", words, share, period(name), runbook, check, **more)


def incident(seed: int, share: float, per_slot: int, worst: float) -> tuple[np.ndarray, np.ndarray]:
    """Traffic that is bad as often as allowed, with hours in the last day in which it is far worse."""
    draw = np.random.default_rng(seed)
    valid = draw.poisson(per_slot, SLOTS)
    rate = np.full(SLOTS, 0.5 * (1 - share))
    for _ in range(3):
        first = int(draw.integers(3 * DAY, SLOTS))
        rate[first : first + int(draw.integers(2, 40))] = worst * draw.random()
    return valid, draw.binomial(valid, np.minimum(rate, 1.0))


def expected(asked: Asked, slots: int) -> dict[int, set[str]]:
    """By slot of the last two days: the rules whose alerts fire there by our own decision."""
    looked = Looked(EPOCH + 3 * timedelta(days=1), EPOCH + (slots - 1) * timedelta(minutes=MINUTES))
    alerts = look_back(asked, "late", "flight-operations", looked).alerts
    out: dict[int, set[str]] = {}
    for slot in range(3 * DAY, slots):
        at = EPOCH + slot * timedelta(minutes=MINUTES)
        out[slot] = {
            a.rule for a in alerts if a.fired_at and a.fired_at <= at and (a.closed_at is None or at < a.closed_at)
        }
    return out


def unit_test(
    one: Objective, inputs: dict[str, list[float]], fires: dict[int, set[str]], every: int = 1
) -> dict[str, Any]:
    """A test of promtool's, a step every so many slots."""
    alerts = {r["labels"]["rule"]: r for r in rules([one])["groups"][0]["rules"] if "alert" in r}
    if len(next(iter(inputs.values()))) * MINUTES <= one.period.minutes:  # what a period spends it cannot know yet
        alerts.pop("budget spent", None)
    more = {"model": one.model} if one.timed else {"model": one.model, "slo": one.slo}
    return {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": f"{MINUTES * every}m",
        "tests": [
            {
                "interval": f"{MINUTES * every}m",
                "input_series": [
                    {"series": name, "values": " ".join("_" if math.isnan(v) else f"{v:.17g}" for v in values[::every])}
                    for name, values in inputs.items()
                ],
                "alert_rule_test": [
                    {
                        "eval_time": f"{slot * MINUTES}m",
                        "alertname": name,
                        "exp_alerts": [
                            {"exp_labels": alert["labels"] | more, "exp_annotations": alert["annotations"]}
                            for rule, alert in alerts.items()
                            if alert["alert"] == name and rule in names
                        ],
                    }
                    for slot, names in fires.items()
                    if slot % every == 0
                    for name in sorted({alert["alert"] for alert in alerts.values()})
                ],
            }
        ],
    }


def run(
    one: Objective, inputs: dict[str, list[float]], fires: dict[int, set[str]], folder: Path, every: int = 1
) -> None:
    """Ask promtool. It has a YAML of its own, of which JSON is a part."""
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules([one]), sort_keys=False))
    (folder / "test.yaml").write_text(json.dumps(unit_test(one, inputs, fires, every)))
    done = subprocess.run(
        ["promtool", "test", "rules", "test.yaml"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[:3000]


def waits(wait: int | None, keep: int | None, check: str = "slo.latency") -> tuple[Waits, ...]:
    """Spans stated for a check, in minutes."""
    return (Waits(check, wait=_minutes(wait), keep=_minutes(keep)),)


def _minutes(n: int | None) -> timedelta | None:
    return None if n is None else timedelta(minutes=n)


@pytest.mark.parametrize(
    ("seed", "share", "name", "per_slot", "worst", "check", "stated"),
    [
        (3, 0.99, "30d", 40, 0.6, "slo.latency", ()),
        (2, 0.999, "28d", 200, 0.2, "slo.availability", ()),
        (3, 0.9, "7d", 15, 1.0, "slo.quality", ()),
        (4, 0.99, "30d", 1, 1.0, "slo.latency", ()),
        (3, 0.99, "30d", 40, 0.6, "slo.latency", waits(20, None)),
        (3, 0.99, "30d", 40, 0.6, "slo.latency", waits(15, 0)),
        (2, 0.999, "28d", 200, 0.2, "slo.latency", waits(60, 45)),
        (3, 0.99, "30d", 40, 0.6, "slo.latency", waits(None, 360)),
    ],
    ids=[
        "usual", "three nines", "a quality objective of a week", "low traffic", "it must burn for 20 min",
        "for 15 min, and is over at once", "for an hour, and well for 45 min", "it must be well for 6 h",
    ],
)  # fmt: skip
def test_rules_fire_when_our_alerts_do(
    seed: int, share: float, name: str, per_slot: int, worst: float, check: str, stated: tuple[Waits, ...],
    tmp_path: Path,
) -> None:  # fmt: skip
    one = objective(share, name, check, waits=stated)
    valid, bad = incident(seed, share, per_slot, worst)
    asked = Asked(check, share, one.period, ServiceSeries(np.arange(len(valid)), valid, bad), waits=stated)
    fires = expected(asked, len(valid))
    assert any(fires.values()) and not all(fires.values())
    labels = f'{{model="{one.model}", slo="{one.slo}"}}'
    inputs = {
        f"{counter}{labels}": [0.0, *np.cumsum(counts).tolist()] for counter, counts in ((VALID, valid), (BAD, bad))
    }
    run(one, inputs, fires, tmp_path)


def test_waits_move_the_minutes() -> None:
    valid, bad = incident(3, 0.99, 40, 0.6)
    events = ServiceSeries(np.arange(len(valid)), valid, bad)
    stories = [(), waits(20, None), waits(15, 0), waits(None, 360)]
    found = [expected(Asked("slo.latency", 0.99, period("30d"), events, waits=each), len(valid)) for each in stories]
    assert all(one != other for at, one in enumerate(found) for other in found[:at])


@pytest.mark.parametrize("stated", [(), waits(30, 60, "slo.freshness")], ids=["at once", "for 30 min, well for 1 h"])
def test_predictions_too_old_fire_when_ours_do(stated: tuple[Waits, ...], tmp_path: Path) -> None:
    one = objective(0.99, check="slo.freshness", most=4 * 3600.0, waits=stated)
    draw = np.random.default_rng(5)
    slots = 5 * DAY
    there = np.flatnonzero(draw.random(slots) < 0.3)
    for first, hours in ((3.2, 4.05), (3.6, 6), (4.3, 4.2), (4.6, 9)):  # days at which none came for so long
        there = there[(there < first * DAY) | (there >= first * DAY + hours * 12)]
    events = freshness.events(there, slots, 4.0)
    asked = Asked("slo.freshness", 0.99, one.period, events, there, 4.0, waits=stated)
    fires = {slot: rules - {"budget spent"} for slot, rules in expected(asked, slots).items()}  # of time, no events
    assert any(fires.values()) and not all(fires.values())
    ages = freshness.ages(there, np.arange(slots)) * 3600
    run(one, {f'{AGE}{{model="late", owner="flight-operations"}}': ages.tolist()}, fires, tmp_path)


def test_a_spent_budget_fires_when_ours_does(tmp_path: Path) -> None:
    one = objective(0.99, "7d")
    slots, every = (
        10 * DAY,
        12,
    )  # by the hour: windows shorter than that say nothing then, so no alert of theirs is asked
    valid, bad = np.full(slots, 40), np.zeros(slots, dtype=int)
    bad[2 * DAY + 100 : 2 * DAY + 270] = 20  # more than a week may; it drops out of the week on the tenth day
    asked = Asked("slo.latency", 0.99, one.period, ServiceSeries(np.arange(slots), valid, bad))
    fires = {slot: each & {"budget spent"} for slot, each in expected(asked, slots).items() if slot > 8 * DAY}
    assert len(set(map(len, fires.values()))) == 2
    labels = f'{{model="{one.model}", slo="{one.slo}"}}'
    run(
        one,
        {f"{c}{labels}": [0.0, *np.cumsum(n).tolist()] for c, n in ((VALID, valid), (BAD, bad))},
        fires,
        tmp_path,
        every,
    )


def test_what_is_silent_goes_on_firing_until_it_is_heard_to_be_well(tmp_path: Path) -> None:
    one = objective(0.99)
    valid = np.full(SLOTS, 40)
    bad = np.zeros(SLOTS, dtype=int)
    quiet = slice(3 * DAY + 40, 3 * DAY + 184)
    bad[quiet.start - 24 : quiet.start] = 30  # two hours of it, then no request for 12 hours
    valid[quiet] = 0
    there = np.flatnonzero(valid)
    fires = expected(Asked("slo.latency", 0.99, one.period, ServiceSeries(there, valid[there], bad[there])), len(valid))
    assert "fast burn" in fires[quiet.stop - 1]
    labels = f'{{model="{one.model}", slo="{one.slo}"}}'
    run(one, {f"{c}{labels}": [0.0, *np.cumsum(n).tolist()] for c, n in ((VALID, valid), (BAD, bad))}, fires, tmp_path)


def test_odd_names_make_rules_that_prometheus_reads(tmp_path: Path) -> None:
    odd = Objective('a"b\\c', "o'{{ x }}", "latency", "100 % {{ of }}\nall", 0.99, period("30d"))
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules([odd]), sort_keys=False))
    done = subprocess.run(
        ["promtool", "check", "rules", "rules.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
