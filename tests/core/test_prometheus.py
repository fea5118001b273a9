"""The Prometheus rules of an objective fire at the minutes at which Leeway's own burn rates do, as promtool sees it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from monitoring.core.slo.burn import burning
from monitoring.core.slo.prometheus import BAD, VALID, Objective, rules
from monitoring.core.slo.series import MINUTES, ServiceSeries, Stretch
from monitoring.core.slo.windows import period
from tests.conftest import unavailable

DAY = 24 * 60 // MINUTES
DAYS = 5


@pytest.fixture(autouse=True)
def promtool() -> None:
    if shutil.which("promtool") is None:
        unavailable("NO PROMTOOL: it is not installed (Debian: apt-get install prometheus)")


def objective(share: float, name: str = "30d", words: str = "99 % within 50 ms") -> Objective:
    return Objective("late", "flight-operations", "latency-50ms", words, share, period(name), "https://runbooks/late")


def incident(seed: int, share: float, per_slot: int, worst: float) -> tuple[np.ndarray, np.ndarray]:
    """Five days of traffic that is bad as often as allowed, with hours in which it is far worse."""
    draw = np.random.default_rng(seed)
    valid = draw.poisson(per_slot, DAYS * DAY)
    rate = np.full(DAYS * DAY, 0.5 * (1 - share))
    for _ in range(4):
        first = int(draw.integers(3 * DAY, DAYS * DAY))
        rate[first : first + int(draw.integers(2, 60))] = worst * draw.random()
    return valid, draw.binomial(valid, np.minimum(rate, 1.0))


def expected(one: Objective, valid: np.ndarray, bad: np.ndarray) -> dict[int, list[str]]:
    """By slot of the last two days: the window pairs that fire there by our own count."""
    series = ServiceSeries(np.arange(len(valid)), valid, bad)
    first, last = 3 * DAY, len(valid)
    out: dict[int, list[str]] = {slot: [] for slot in range(first, last)}
    for pair in one.period.pairs:
        found = burning(Stretch(series, 0, last), np.arange(first, last), one.share, pair)
        for slot, fires in zip(range(first, last), found.fires, strict=True):
            out[slot] += [pair.name] if fires else []
    return out


def unit_test(one: Objective, valid: np.ndarray, bad: np.ndarray, fires: dict[int, list[str]]) -> dict[str, Any]:
    labels = f'{{model="{one.model}", slo="{one.slo}"}}'
    alerts = {r["labels"]["windows"]: r for r in rules([one])["groups"][0]["rules"] if "alert" in r}
    return {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": f"{MINUTES}m",
        "tests": [
            {
                "interval": f"{MINUTES}m",
                "input_series": [
                    {"series": f"{name}{labels}", "values": " ".join(map(str, [0, *np.cumsum(counts).tolist()]))}
                    for name, counts in ((VALID, valid), (BAD, bad))
                ],
                "alert_rule_test": [
                    {
                        "eval_time": f"{slot * MINUTES}m",
                        "alertname": "LeewayErrorBudgetBurn",
                        "exp_alerts": [
                            {
                                "exp_labels": {**alerts[name]["labels"], "model": one.model, "slo": one.slo},
                                "exp_annotations": alerts[name]["annotations"],
                            }
                            for name in names
                        ],
                    }
                    for slot, names in fires.items()
                ],
            }
        ],
    }


@pytest.mark.parametrize(
    ("seed", "share", "name", "per_slot", "worst"),
    [(1, 0.99, "30d", 40, 0.6), (2, 0.999, "28d", 200, 0.2), (3, 0.9, "7d", 15, 1.0), (4, 0.99, "30d", 1, 1.0)],
    ids=["usual", "three nines", "a quality objective of a week", "low traffic"],
)
def test_rules_fire_when_our_burn_rates_do(
    seed: int, share: float, name: str, per_slot: int, worst: float, tmp_path: Path
) -> None:
    one = objective(share, name)
    valid, bad = incident(seed, share, per_slot, worst)
    fires = expected(one, valid, bad)
    assert any(fires.values()) and not all(fires.values())
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules([one]), sort_keys=False))
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(unit_test(one, valid, bad, fires), sort_keys=False))
    done = subprocess.run(
        ["promtool", "test", "rules", "test.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[:3000]


def test_odd_names_make_rules_that_prometheus_reads(tmp_path: Path) -> None:
    odd = Objective('a"b\\c', "o'{{ x }}", "latency", "100 % {{ of }}\nall", 0.99, period("30d"))
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules([odd]), sort_keys=False))
    done = subprocess.run(
        ["promtool", "check", "rules", "rules.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
