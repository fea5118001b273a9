"""Logs with the odd traits of real ones: what a newcomer's first evaluation must say about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from monitoring.__main__ import main

Verdicts = list[dict[str, Any]]
MAPPED = {"id": "id", "timestamp": "at", "score": "p", "label": "y", "features": ["tenure", "plan", "empty"]}


def churn(days: int = 8, per_day: int = 120) -> pd.DataFrame:
    draw = np.random.default_rng(3)
    n = days * per_day
    score = draw.beta(2, 3, n).round(4)
    return pd.DataFrame(
        {
            "id": np.arange(n),
            "at": pd.Timestamp("2026-03-02") + pd.to_timedelta(np.sort(draw.integers(0, days * 86_400, n)), unit="s"),
            "p": score,
            "y": (draw.random(n) < score).astype(int),
            "tenure": draw.gamma(2, 12, n).round(1),
            "plan": draw.choice(["basic", "plus"], n),
            "empty": np.nan,
        }
    )


def evaluated(folder: Path, rows: pd.DataFrame, source: str = "csv", **changed: Any) -> Verdicts:
    log = folder / f"log.{source}"
    _ = rows.to_csv(log, index=False) if source == "csv" else rows.to_parquet(log, index=False)
    model = {
        "key": "churn",
        "task": "binary_classification",
        "predictions": {"source": source, "location": log.name, "columns": MAPPED},
        "reference": {"from": "2026-03-02", "to": "2026-03-05"},
    } | changed
    fleet, out = folder / "fleet.yaml", folder / "out.json"
    fleet.write_text(yaml.safe_dump({"models": [model]}))
    assert main(["evaluate", "--fleet", str(fleet), "--json", str(out)]) == 0
    return list(json.loads(out.read_text()))


def last(verdicts: Verdicts, check: str, column: str | None = None) -> dict[str, Any]:
    return [v for v in verdicts if v["check"] == check and v["column"] == column and not v["slice"]][-1]


@pytest.mark.parametrize("unit", ["ns", "us", "ms"])
def test_parquet_times_of_any_precision_without_a_zone_are_read(tmp_path: Path, unit: str) -> None:
    rows = churn()
    rows["at"] = rows["at"].astype(f"datetime64[{unit}]")
    verdicts = evaluated(tmp_path, rows, "parquet")
    assert last(verdicts, "performance.roc_auc")["status"] == "ok"


@pytest.mark.parametrize(
    ("first_day", "factor", "says"),
    [(0, 100.0, "divide by 100"), (6, 100.0, "divide by 100"), (0, 1000.0, "from 0 to 1"), (0, 1.0, "")],
)
def test_scores_that_are_no_probabilities_are_said_to_be_so(
    tmp_path: Path, first_day: int, factor: float, says: str
) -> None:
    rows = churn()
    day = (rows["at"] - pd.Timestamp("2026-03-02")).dt.days
    rows["p"] = rows["p"].where(day < first_day, rows["p"] * factor)
    verdicts = evaluated(tmp_path, rows)
    auc = last(verdicts, "performance.roc_auc")
    assert auc["status"] == ("failed" if says else "ok")
    assert says in auc["reason"]
    assert says in last(verdicts, "model")["reason"]


def test_one_score_above_one_fails_nothing(tmp_path: Path) -> None:
    rows = churn()
    rows.loc[len(rows) - 1, "p"] = 1.5
    assert last(evaluated(tmp_path, rows), "performance.roc_auc")["status"] == "ok"


def test_a_feature_without_any_value_breaks_nothing(tmp_path: Path) -> None:
    verdicts = evaluated(tmp_path, churn())
    assert last(verdicts, "drift.feature", "empty")["status"] == "insufficient_data"
    assert last(verdicts, "drift")["status"] == "ok"


def test_class_names_are_no_columns_of_the_log(tmp_path: Path) -> None:
    rows = churn().assign(q=lambda r: 1 - r["p"], y=lambda r: np.where(r["y"] == 1, "leaves", "stays"))
    columns = MAPPED | {"score": {"leaves": "p", "stays": "q"}}
    predictions = {"source": "csv", "location": "log.csv", "columns": columns}
    verdicts = evaluated(tmp_path, rows, task="multiclass_classification", predictions=predictions)
    assert last(verdicts, "quality.schema")["status"] == "ok"


@pytest.mark.parametrize(("positive", "status"), [(None, "insufficient_data"), ("leaves", "ok")])
def test_a_positive_class_of_another_name_must_be_named(tmp_path: Path, positive: str | None, status: str) -> None:
    rows = churn().assign(y=lambda r: np.where(r["y"] == 1, "leaves", "stays"))
    auc = last(evaluated(tmp_path, rows, **({"positive": positive} if positive else {})), "performance.roc_auc")
    assert auc["status"] == status
    assert ("`positive`" in auc["reason"]) == (positive is None)


def test_errors_up_to_the_end_of_the_log_page(tmp_path: Path) -> None:
    rows = churn(days=8, per_day=3_000)
    rows["status"] = np.where(rows["at"] >= pd.Timestamp("2026-03-09T23:00"), 500, 200)
    predictions = {"source": "csv", "location": "log.csv", "columns": MAPPED | {"status": "status"}}
    slos = [{"sli": "availability", "objective": 0.99, "period": "30d"}]
    verdicts = evaluated(tmp_path, rows, predictions=predictions, slos=slos)
    (fast,) = [v for v in verdicts if v["method"] == "burn 1h/5m"]
    assert fast["status"] == "breached", fast["reason"]


def test_a_label_that_never_comes_is_not_healthy(tmp_path: Path) -> None:
    rows = churn().assign(y=np.nan)
    last = evaluated(tmp_path, rows)[-1]
    assert last["flag"] == "watch"
    assert "No label has come yet" in last["reason"]
