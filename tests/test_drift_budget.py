"""Drift within a false-alarm budget, as a person sees it who evaluates a log."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from monitoring.__main__ import main
from monitoring.fleet import documents
from tests.logs_of import START, write

Log = pd.DataFrame
Verdicts = list[dict[str, Any]]


def log_of(days: int, an_hour: int, x: Callable[[np.ndarray, np.random.Generator], np.ndarray], seed: int = 3) -> Log:
    """A regression's log of one feature: `x` of each row's hour since the start."""
    draw = np.random.default_rng(seed)
    hours = np.repeat(np.arange(days * 24), an_hour)
    seconds = hours * 3600 + draw.integers(0, 3600, len(hours))
    return pd.DataFrame(
        {
            "ts": pd.Timestamp(START) + pd.to_timedelta(seconds, unit="s"),
            "x": x(hours, draw),
            "eta": draw.normal(size=len(hours)),
        }
    )


def evaluate(folder: Path, log: Log, fleet: dict[str, Any] | None = None, **changes: Any) -> Verdicts:
    columns = {"timestamp": "ts", "prediction": "eta", "features": ["x"]}
    model: dict[str, Any] = {
        "key": "m",
        "task": "regression",
        "predictions": {**write(log, "parquet", folder), "columns": columns},
        "reference": {"from": "2026-03-02", "to": "2026-03-29"},
    } | changes
    path = folder / "fleet.yaml"
    path.write_text(yaml.safe_dump({"models": [model], **(fleet or {})}))
    assert main(["evaluate", "--fleet", str(path), "--json", str(folder / "out.json")]) == 0
    return list(json.loads((folder / "out.json").read_text()))


def of_x(verdicts: Verdicts) -> Verdicts:
    return [v for v in verdicts if v["check"] == "drift.feature"]


def drifted(verdicts: Verdicts) -> list[str]:
    """The days on which x drifted."""
    return [v["window"]["start"][:13] for v in of_x(verdicts) if v["status"] in ("warning", "breached")]


def steady(hours: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Days that differ, with no drift at all."""
    days = draw.normal(0, 0.4, hours.max() // 24 + 1)
    return days[hours // 24] + draw.normal(size=len(hours))


def shifted(hours: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """The same, three deviations higher from the fortieth day on."""
    return steady(hours, draw) + np.where(hours >= 40 * 24, 3.0, 0.0)


def test_days_that_differ_are_no_drift_though_every_test_on_rows_says_so(tmp_path: Path) -> None:
    found = evaluate(tmp_path, log_of(90, 20, steady))
    assert drifted(found) == []
    assert sum(v["value"] > 0.1 for v in of_x(found)) > 20, "each alone is far enough from the reference"


def test_a_shift_is_found_the_day_it_comes_and_says_what_changed_and_how_sure_that_is(tmp_path: Path) -> None:
    found = evaluate(tmp_path, log_of(60, 20, shifted))
    assert drifted(found)[0] == "2026-04-11T00" and len(drifted(found)) == 20
    first = next(v for v in of_x(found) if v["status"] != "ok")
    assert first["drift_score"] > first["null_quantile"] > 0
    assert first["effect"].startswith("median ") and first["effect"] in first["reason"]
    assert "28 windows of the reference" in first["reason"] and "false alarms a quarter" in first["reason"]
    assert first["false_alarms"] == pytest.approx(0.5), "one a quarter, shared with the prediction"


def test_a_reference_of_days_like_the_day_before_says_how_many_it_counts_as_and_a_gigantic_shift_is_found(
    tmp_path: Path,
) -> None:
    def sticky(hours: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        days = draw.normal(0, 1.0, hours.max() // 24 + 1)
        for day in range(1, len(days)):
            days[day] = 0.85 * days[day - 1] + 0.5 * days[day]
        moved = np.where(hours >= 40 * 24, 3.0, 0.0) + np.where(hours >= 45 * 24, 100.0, 0.0)
        return days[hours // 24] + draw.normal(size=len(hours)) + moved

    found = of_x(evaluate(tmp_path, log_of(50, 20, sticky)))
    warm, gigantic = (
        [v for v in found if a <= v["window"]["start"][:10] < b]
        for a, b in (("2026-04-11", "2026-04-16"), ("2026-04-16", "2027"))
    )
    assert {v["status"] for v in warm} == {"ok"} and all("Could be chance" in v["reason"] for v in warm)
    assert all("28 windows of the reference, which count as" in v["reason"] for v in warm)
    assert {v["status"] for v in gigantic} <= {"warning", "breached"}


def test_a_larger_budget_needs_less_evidence(tmp_path: Path) -> None:
    log = log_of(60, 20, shifted)
    few, many = (
        of_x(evaluate(tmp_path, log, thresholds=[{"check": "drift", "false_alarms_per_quarter": n}]))[-1]
        for n in (0.1, 4)
    )
    assert few["null_quantile"] > many["null_quantile"] and few["drift_score"] == many["drift_score"]
    assert (few["false_alarms"], many["false_alarms"]) == (pytest.approx(0.05), pytest.approx(2.0))


def test_a_column_may_have_a_budget_of_its_own(tmp_path: Path) -> None:
    own = {"check": "drift.feature", "column": "x", "false_alarms_per_quarter": 3}
    found = evaluate(tmp_path, log_of(50, 20, steady), thresholds=[own])
    assert {round(v["false_alarms"], 6) for v in of_x(found) if v["false_alarms"] is not None} == {3.0}


def test_the_budget_of_a_fleet_is_divided_among_the_models_that_have_none(tmp_path: Path) -> None:
    own = {"key": "b", "thresholds": [{"check": "drift", "false_alarms_per_quarter": 5}]}
    written = documents({"models": [{"key": "a"}, own, {"key": "c"}], "false_alarms_per_quarter": 6})
    shares = [model["thresholds"][0]["false_alarms_per_quarter"] for model in written]
    assert shares == [2, 5, 2]


def test_nights_are_compared_with_nights(tmp_path: Path) -> None:
    def nightly(hours: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        return np.where(hours % 24 < 6, -5.0, 5.0) + draw.normal(size=len(hours))

    def broken(hours: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        return np.where(hours == 35 * 24 + 3, 10.0, 0.0) + nightly(hours, draw)

    found = evaluate(tmp_path, log_of(37, 40, broken), chunk="1h")
    assert drifted(found) == ["2026-04-06T03"], "a day's value at night, and nothing else"
    assert any("the same hour of the week together" in v["reason"] for v in of_x(found))


def test_a_rolling_reference_forgets(tmp_path: Path) -> None:
    found = evaluate(tmp_path, log_of(90, 20, shifted), reference={"rolling": "14d"})
    assert drifted(found)[0] == "2026-04-11T00"
    assert drifted(found)[-1] < "2026-04-25", "the new is the usual by then"
    assert {v["status"] for v in of_x(found)[:14]} == {"insufficient_data"}, "a reference not yet whole is none"


def test_where_the_reference_moves_its_range_and_its_nulls_do(tmp_path: Path) -> None:
    log = log_of(60, 20, shifted)
    log["x"] += np.where(np.arange(len(log)) >= 40 * 480, 30.0, 0.0)
    log.loc[(np.arange(len(log)) >= 40 * 480) & (np.arange(len(log)) % 3 == 0), "x"] = np.nan
    for reference, bad in (({"from": "2026-03-02", "to": "2026-03-29"}, True), ({"rolling": "14d"}, False)):
        last = [
            v for v in evaluate(tmp_path, log, reference=reference) if v["window"]["start"] == "2026-04-30T00:00:00Z"
        ]
        of = {v["check"]: v["status"] == "breached" for v in last if v["column"] == "x"}
        assert of["quality.range"] is bad and of["quality.missing"] is bad


def test_one_check_may_have_another_reference_than_its_model(tmp_path: Path) -> None:
    own = {"check": "drift.feature", "column": "x", "reference": {"rolling": "14d"}}
    found = evaluate(tmp_path, log_of(90, 20, shifted), thresholds=[own])
    assert drifted(found)[-1] < "2026-04-25"


def test_a_season_seen_a_year_ago_is_named_and_is_no_drift(tmp_path: Path) -> None:
    def yearly(hours: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        return -10 * np.cos(2 * np.pi * hours / (365.25 * 24)) + steady(hours, draw)

    found = of_x(evaluate(tmp_path, log_of(500, 4, yearly)))
    first, second = (
        [v for v in found if v["window"]["start"][:7] == month and v["status"] != "insufficient_data"]
        for month in ("2026-06", "2027-06")
    )
    assert {v["status"] for v in first} == {"breached"}
    assert {v["status"] for v in second} == {"ok"} and all("As a year ago" in v["reason"] for v in second)


def of_sales(folder: Path, fault: float, covariate: str | dict[str, float] | None) -> Verdicts:
    """Drift of a column that goes with the temperature, and from the last month on has a fault."""
    log = log_of(150, 4, steady)
    hours = (log["ts"] - log["ts"].min()).dt.total_seconds() / 3600
    draw = np.random.default_rng(5)
    log["temp"] = 10 - 15 * np.cos(2 * np.pi * hours / (300 * 24)) + draw.normal(0, 2, len(log))
    log["x"] += 2 * log["temp"] + np.where(hours >= 120 * 24, fault, 0.0)
    log["origin"] = draw.choice(["EWR", "JFK"], len(log))
    columns = {"timestamp": "ts", "prediction": "eta", "features": ["x", "temp", "origin"]}
    predictions = {**write(log, "parquet", folder), "columns": columns}
    own = [{"check": "drift.feature", "column": "x", **({"covariate": covariate} if covariate else {})}]
    found = evaluate(folder, log, predictions=predictions, thresholds=own)
    return [v for v in of_x(found) if v["column"] == "x" and v["status"] != "insufficient_data"]


def test_a_movement_that_a_covariate_explains_is_the_season_and_is_no_drift(tmp_path: Path) -> None:
    plain, explained = of_sales(tmp_path, 0.0, None)[60:], of_sales(tmp_path, 0.0, "temp")[60:]
    assert {v["status"] for v in plain} == {"breached"}
    assert {v["status"] for v in explained} == {"ok"}
    assert all(v["reason"].startswith("Explained by temp, so the season: it predicts a mean of ") for v in explained)


def test_the_hours_of_daylight_explain_a_season_without_a_second_year_and_without_a_column(tmp_path: Path) -> None:
    found = of_sales(tmp_path, 0.0, {"latitude": 40.7})[60:90]
    assert {v["status"] for v in found} == {"ok"}
    assert all(v["reason"].startswith("Explained by the hours of daylight, so the season: ") for v in found)


@pytest.mark.parametrize(
    ("fault", "covariate", "why"),
    [
        (25.0, "temp", "Not explained by temp: it predicts a mean of "),
        (0.0, "origin", "Not explained by origin: it holds no numbers."),
    ],
)
def test_what_a_covariate_does_not_explain_stays_a_drift(
    tmp_path: Path, fault: float, covariate: str, why: str
) -> None:
    last = of_sales(tmp_path, fault, covariate)[-25:]
    assert {v["status"] for v in last} == {"breached"} and all(why in v["reason"] for v in last)


@pytest.mark.parametrize(
    ("own", "why"),
    [
        ({"check": "drift.feature", "column": "x", "covariate": "x"}, "cannot be the covariate that explains itself"),
        ({"check": "drift.feature", "column": "x", "covariate": "y"}, "is none of the model's features"),
        ({"check": "quality.range", "column": "x", "covariate": "x"}, "`covariate` explains how a column moves"),
    ],
)
def test_a_covariate_that_makes_no_sense_is_refused(
    own: dict[str, Any], why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model: dict[str, Any] = {"key": "m", "task": "regression", "thresholds": [own]}
    columns = {"timestamp": "t", "prediction": "p", "features": ["x"]}
    model["predictions"] = {"source": "csv", "location": "a.csv", "columns": columns}
    (tmp_path / "fleet.yaml").write_text(yaml.safe_dump({"models": [model]}))
    assert main(["evaluate", "--fleet", str(tmp_path / "fleet.yaml"), "--json", str(tmp_path / "out.json")]) == 2
    assert why in capsys.readouterr().err


TEN_DAYS = {"from": "2026-03-02", "to": "2026-03-11"}


def after(v: dict[str, Any]) -> int:
    """From how many windows after the reference a verdict says that it was learned, too."""
    said = re.search(r", and from (\d+) after it", v["reason"])
    return int(said[1]) if said else 0


def test_a_short_reference_goes_on_learning_how_far_days_differ_until_two_months_are_known(tmp_path: Path) -> None:
    log = log_of(90, 20, steady).assign(actual=0.0, origin="EWR")
    log["actual"] = log["x"]
    columns = {"timestamp": "ts", "prediction": "eta", "label": "actual", "features": ["x", "origin"]}
    predictions = {**write(log, "parquet", tmp_path), "columns": {**columns, "slices": ["origin"]}}
    found = evaluate(tmp_path, log, reference=TEN_DAYS, predictions=predictions)
    days = [v for v in of_x(found) if v["column"] == "x" and not v["slice"]]
    learned = [after(v) for v in days]
    assert learned[:3] == [0, 0, 1] and learned == sorted(learned), "each window learns from those before it"
    assert learned[50:] == [45] * 30, "fifty, of which one a stretch of ten tells its level"
    others = [v for v in found if v["check"] == "drift.label" or (v["check"].startswith("drift.") and v["slice"])]
    assert others and {after(v) for v in others} == {0}, "labels may be late, and a slice differs in its own way"


def test_what_drifts_while_a_short_reference_goes_on_learning_is_found_and_stays_found(tmp_path: Path) -> None:
    found = drifted(evaluate(tmp_path, log_of(60, 20, shifted), reference=TEN_DAYS))
    assert found[0] == "2026-04-11T00" and len(found) == 20


def test_an_evaluation_of_one_more_day_says_what_one_of_all_days_says(tmp_path: Path) -> None:
    """What is learned follows from the log alone, not from when it was looked at."""
    log = log_of(40, 20, steady)
    whole, part = (
        {v["window"]["start"]: v["p_value"] for v in of_x(evaluate(tmp_path, one, reference=TEN_DAYS))}
        for one in (log, log[log["ts"] < pd.Timestamp(START) + pd.Timedelta(days=30)])
    )
    both = [day for day, p in part.items() if p is not None and day < "2026-03-31"]
    assert len(both) > 15 and {day: part[day] for day in both} == {day: whole[day] for day in both}


def test_only_the_direction_that_matters_counts(tmp_path: Path) -> None:
    log = log_of(50, 20, shifted)
    up, down = (
        drifted(evaluate(tmp_path, log, thresholds=[{"check": "drift.feature", "column": "x", "direction": way}]))
        for way in ("up", "down")
    )
    assert len(up) == 10 and down == []


def test_false_alarms_are_measured_on_the_reference_itself(tmp_path: Path) -> None:
    (measured,) = [v for v in evaluate(tmp_path, log_of(40, 20, steady)) if v["check"] == "drift.false_alarms"]
    assert measured["status"] == "ok" and measured["threshold"] == 1
    assert measured["lower"] <= measured["value"] <= measured["upper"]
    assert "28 windows" in measured["reason"]


def test_what_lasts_in_the_reference_is_one_alarm_and_the_page_is_told_from_and_to(tmp_path: Path) -> None:
    def apart(hours: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        return draw.normal(size=len(hours)) + np.where(np.isin(hours // 24, (7, 8)), 4.0, 0.0)

    (measured,) = [v for v in evaluate(tmp_path, log_of(30, 20, apart)) if v["check"] == "drift.false_alarms"]
    assert measured["reason"].startswith("1 drift alarm would have begun in the reference's own 28 windows")
    assert measured["value"] == pytest.approx(91 / 28)
    assert measured["lower"] < 1 < measured["upper"] and measured["status"] == "ok", "28 days tell no single number"


@pytest.mark.parametrize(("hour", "windows"), [(0, 28), (9, 27)])
def test_a_day_in_which_the_log_begins_is_no_day_of_the_reference(hour: int, windows: int, tmp_path: Path) -> None:
    log = log_of(40, 20, steady)
    found = evaluate(tmp_path, log[log["ts"] >= pd.Timestamp(START) + pd.Timedelta(hours=hour)])
    assert all(f"learned from {windows} windows of the reference" in v["reason"] for v in of_x(found))


def test_a_log_that_is_quiet_every_night_begins_in_the_morning(tmp_path: Path) -> None:
    log = log_of(40, 20, steady)
    found = evaluate(tmp_path, log[log["ts"].dt.hour >= 6])
    assert all("learned from 28 windows of the reference" in v["reason"] for v in of_x(found))


def test_a_reference_too_short_to_learn_chance_from_says_so(tmp_path: Path) -> None:
    short = {"from": "2026-03-02", "to": "2026-03-04"}
    found = evaluate(tmp_path, log_of(10, 20, steady), reference=short)
    assert all("rows taken as independent" in v["reason"] for v in of_x(found) if v["p_value"] is not None)
    (measured,) = [v for v in found if v["check"] == "drift.false_alarms"]
    assert measured["status"] == "insufficient_data"


@pytest.mark.parametrize(
    "reference", [{"rolling": "14"}, {"rolling": "0d"}, {"rolling": "14d", "previous": 2}, {"previous": 0}, {}]
)
def test_a_moving_reference_that_makes_no_sense_is_refused(reference: dict[str, Any], tmp_path: Path) -> None:
    model = {"key": "m", "task": "regression", "reference": reference}
    model["predictions"] = {"source": "csv", "location": "a.csv", "columns": {"timestamp": "t", "prediction": "p"}}
    (tmp_path / "fleet.yaml").write_text(yaml.safe_dump({"models": [model]}))
    assert main(["evaluate", "--fleet", str(tmp_path / "fleet.yaml"), "--json", str(tmp_path / "out.json")]) == 2
