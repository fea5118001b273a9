"""Estimated performance from somebody's log to the verdicts, the flag and the query that says how far it was off."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, roc_auc_score
from sqlalchemy import Engine

from monitoring import fleet
from monitoring.core.performance.metric import get
from monitoring.core.verdict import Flag, Status, Verdict
from monitoring.errors import LeewayError
from monitoring.estimating import judge as by_rows
from monitoring.evaluate import Scope, evaluate
from monitoring.store import models
from monitoring.store.database import MEMORY, connect, create, reading, transaction
from monitoring.store.queries.estimates import hindsight
from tests.logs_of import START, binary_model, fleet_of, flights, multiclass, regression, write

DAYS = 8
NOW = START + timedelta(days=DAYS)
REFERENCE = {"from": "2026-03-02", "to": "2026-03-04"}


@pytest.fixture
def store() -> Engine:
    engine = connect(MEMORY)
    create(engine)
    return engine


def judged(store: Engine, folder: Path, document: dict[str, Any], now: datetime = NOW) -> list[Verdict]:
    """Apply a model and evaluate it."""
    path = fleet_of(folder, document)
    with transaction(store) as session:
        models.apply(session, fleet.load(path), folder, "tests", now)
    with reading(store) as session:
        (watched,) = models.watched(session)
    return evaluate(store, watched, Scope(now=now, diagnosed=False), lambda: now, lambda share, words: None)


def of(verdicts: list[Verdict], check: str, slice_: str | None = None) -> list[Verdict]:
    return [v for v in verdicts if v.check == check and v.slice == slice_ and not v.version]


def unlabelled(log: pd.DataFrame, column: str = "label", after: int = 3) -> pd.DataFrame:
    """The log with labels on its first days alone."""
    later = (log.ts - pd.Timestamp(START)).dt.days >= after
    return log.assign(**{column: log[column].astype(object).where(~later, None)})


def regression_model(place: dict[str, Any], **changes: Any) -> dict[str, Any]:
    columns = {"id": "id", "timestamp": "ts", "prediction": "eta", "label": "actual"}
    predictions = {**place, "columns": {**columns, "features": ["distance", "hour", "carrier"]}}
    return {"key": "eta", "task": "regression", "predictions": predictions, "reference": REFERENCE} | changes


LOG = flights(DAYS, per_hour=40)


@pytest.fixture(scope="module")
def before_labels(tmp_path_factory: pytest.TempPathFactory) -> list[Verdict]:
    folder = tmp_path_factory.mktemp("before")
    engine = connect(MEMORY)
    create(engine)
    return judged(engine, folder, binary_model(write(unlabelled(LOG), "parquet", folder)))


def test_before_labels_come_performance_is_estimated_window_by_window(before_labels: list[Verdict]) -> None:
    found = of(before_labels, "estimated.roc_auc")
    assert [v.window.start for v in found] == [START + timedelta(days=d) for d in range(3, DAYS)]
    answered, came = LOG[LOG.status == "ok"], []
    for v in found:
        day = answered[(answered.ts >= v.window.start) & (answered.ts < v.window.end)]
        came.append(roc_auc_score(day.label, day.score))
        assert v.window.n == len(day)
    assert np.mean([v.value for v in found]) == pytest.approx(np.mean(came), abs=0.02)  # type: ignore[arg-type]
    assert sum(v.lower <= c <= v.upper for v, c in zip(found, came, strict=True)) >= len(found) - 1  # type: ignore[operator]


def test_an_estimate_says_what_it_is_and_is_never_taken_for_realised(before_labels: list[Verdict]) -> None:
    for v in of(before_labels, "estimated.roc_auc"):
        assert (v.method, v.provisional) == ("cbpe", False)
        assert "estimated at" in v.reason and "blind to concept drift" in v.reason
    later = [v for v in of(before_labels, "performance.roc_auc") if v.window.start >= START + timedelta(days=3)]  # type: ignore[operator]
    assert later and all(v.value is None and v.status == Status.NO_DATA for v in later)


def test_every_metric_but_those_of_calibration_is_estimated_and_the_main_one_of_slices(
    before_labels: list[Verdict],
) -> None:
    whole = {v.check.split(".")[1] for v in before_labels if v.check.startswith("performance.") and not v.slice}
    estimated = {v.check.split(".")[1] for v in before_labels if v.check.startswith("estimated.") and not v.slice}
    assert whole - estimated == {"calibration_error", "calibration_in_the_large", "calibration_slope"}
    assert {v.slice for v in before_labels if v.check == "estimated.roc_auc"} > {None, "origin=EWR"}


def test_no_window_of_the_reference_is_estimated_from_itself(before_labels: list[Verdict]) -> None:
    found = [v for v in before_labels if v.check.startswith("estimated.")]
    assert min(v.window.start for v in found) >= START + timedelta(days=3)  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("thresholds", "status", "decided"),
    [
        ([{"check": "performance.roc_auc", "breached": 0.99}], Status.BREACHED, 0.99),
        ([{"check": "performance.roc_auc", "warning": 0.99}], Status.WARNING, 0.99),
        ([{"check": "performance.roc_auc", "breached": 0.5}], Status.OK, 0.5),
        (
            [{"check": "performance.roc_auc", "breached": 0.99}, {"check": "estimated.roc_auc", "breached": 0.4}],
            Status.OK,
            0.4,
        ),
    ],
)
def test_an_estimate_is_held_against_its_own_threshold_else_that_of_the_realised_metric(
    store: Engine, tmp_path: Path, thresholds: list[dict[str, Any]], status: Status, decided: float
) -> None:
    document = binary_model(write(unlabelled(LOG), "parquet", tmp_path), thresholds=thresholds)
    found = of(judged(store, tmp_path, document), "estimated.roc_auc")
    assert {(v.status, v.threshold, v.automatic) for v in found} == {(status, decided, False)}


def test_without_a_threshold_of_its_own_the_automatic_one_is_used_for_the_main_metric(
    before_labels: list[Verdict],
) -> None:
    assert all(v.automatic and v.threshold is not None for v in of(before_labels, "estimated.roc_auc"))
    assert all(v.threshold is None for v in of(before_labels, "estimated.brier"))


def test_an_estimate_below_its_threshold_is_for_watching_and_no_more(store: Engine, tmp_path: Path) -> None:
    thresholds = [{"check": "estimated.roc_auc", "breached": 0.99}]
    document = binary_model(write(unlabelled(LOG), "parquet", tmp_path), thresholds=thresholds)
    del document["predictions"]["columns"]["observed_at"]  # so that nobody can tell late labels from lost ones
    (whole,) = of(judged(store, tmp_path, document), "model")
    assert whole.flag == Flag.WATCH
    assert "Labels are still to come: ROC AUC estimated at" in whole.reason


def test_once_labels_are_there_the_estimate_decides_nothing(store: Engine, tmp_path: Path) -> None:
    log = LOG.assign(observed_at=LOG.ts)
    thresholds = [{"check": "estimated.roc_auc", "breached": 0.99}]
    document = binary_model(write(log, "parquet", tmp_path), thresholds=thresholds)
    (whole,) = of(judged(store, tmp_path, document), "model")
    assert "still to come" not in whole.reason


def test_a_class_that_does_not_follow_from_the_score_is_read_from_the_log(store: Engine, tmp_path: Path) -> None:
    cut = LOG.origin.map({"EWR": 0.3, "JFK": 0.5, "LGA": 0.8})
    day = (LOG.ts - pd.Timestamp(START)).dt.days
    log = LOG.assign(said=(LOG.score >= np.where(day < 5, cut, 0.1)).astype(int))
    document = binary_model(write(log, "parquet", tmp_path))
    document["predictions"]["columns"]["prediction"] = "said"
    verdicts = judged(store, tmp_path, document)
    found = of(verdicts, "estimated.f1")
    assert len(found) == DAYS - 3
    answered = log[log.status == "ok"]
    for v in found:
        rows = answered[(answered.ts >= v.window.start) & (answered.ts < v.window.end)]
        assert v.value == pytest.approx(f1_score(rows.label, rows.said), abs=0.05)
    assert len(of(verdicts, "estimated.roc_auc")) == DAYS - 3


def test_a_regression_has_its_errors_foreseen(store: Engine, tmp_path: Path) -> None:
    log = regression(DAYS, per_hour=40)
    verdicts = judged(store, tmp_path, regression_model(write(unlabelled(log, "actual"), "parquet", tmp_path)))
    found = of(verdicts, "estimated.mae")
    assert len(found) == DAYS - 3 and {v.method for v in found} == {"dle"}
    for v in found:
        day = log[(log.ts >= v.window.start) & (log.ts < v.window.end)]
        came = (day.eta - day.actual).abs().mean()
        assert v.lower is not None and v.upper is not None and v.lower <= came <= v.upper
        assert v.value == pytest.approx(came, rel=0.15)
    assert of(verdicts, "estimated.rmse") and "blind to concept drift" in found[0].reason


def test_errors_that_grow_with_an_input_are_foreseen_when_that_input_shifts(store: Engine, tmp_path: Path) -> None:
    log = regression(DAYS, per_hour=60, seed=3)
    random = np.random.default_rng(0)
    late = ((log.ts - pd.Timestamp(START)).dt.days >= 5).to_numpy()
    distance = np.where(late, random.uniform(800, 1600, len(log)), random.uniform(200, 1600, len(log)))
    log = log.assign(
        distance=distance, eta=distance / 8, actual=distance / 8 + random.normal(0, 1, len(log)) * distance / 100
    )
    found = of(
        judged(store, tmp_path, regression_model(write(unlabelled(log, "actual"), "parquet", tmp_path))),
        "estimated.mae",
    )
    values = [v.value for v in found]
    assert np.mean(values[2:]) > 1.2 * np.mean(values[:2])  # type: ignore[arg-type]
    for v in found:
        day = log[(log.ts >= v.window.start) & (log.ts < v.window.end)]
        assert v.value == pytest.approx((day.eta - day.actual).abs().mean(), rel=0.12)


def test_a_multiclass_model_is_estimated_from_the_scores_of_its_rows(store: Engine, tmp_path: Path) -> None:
    log = multiclass(DAYS, per_hour=40)
    columns = {"id": "id", "timestamp": "ts", "prediction": "said", "label": "outcome", "features": ["distance"]}
    columns["score"] = {name: f"p_{name}" for name in ("late", "early", "cancelled")}  # type: ignore[assignment]
    place = write(unlabelled(log, "outcome"), "parquet", tmp_path)
    document = {
        "key": "outcomes", "task": "multiclass_classification", "reference": REFERENCE,
        "predictions": {**place, "columns": columns},
    }  # fmt: skip
    found = of(judged(store, tmp_path, document), "estimated.accuracy")
    assert len(found) == DAYS - 3
    days = [log[(log.ts >= v.window.start) & (log.ts < v.window.end)] for v in found]
    came = [(day.said == day.outcome).mean() for day in days]
    assert np.mean([v.value for v in found]) == pytest.approx(np.mean(came), abs=0.03)  # type: ignore[arg-type]
    assert sum(v.lower <= c <= v.upper for v, c in zip(found, came, strict=True)) >= len(found) - 1  # type: ignore[operator]


@pytest.mark.parametrize(
    ("name", "columns", "words"),
    [
        ("calibration_error", {}, "cannot be estimated"),
        ("accuracy", {"score": None, "prediction": "label"}, "need a score"),
    ],
)
def test_what_cannot_be_estimated_says_so(
    store: Engine, tmp_path: Path, name: str, columns: dict[str, Any], words: str
) -> None:
    document = binary_model(
        write(LOG, "parquet", tmp_path), thresholds=[{"check": f"estimated.{name}", "breached": 0.1}]
    )
    mapped = document["predictions"]["columns"] | columns
    document["predictions"]["columns"] = {k: v for k, v in mapped.items() if v is not None}
    (found,) = of(judged(store, tmp_path, document), f"estimated.{name}")
    assert found.status == Status.NO_DATA and words in found.reason


def test_a_metric_nobody_knows_is_refused_in_the_fleet_file(store: Engine, tmp_path: Path) -> None:
    document = binary_model(write(LOG, "parquet", tmp_path), thresholds=[{"check": "estimated.magic", "breached": 0.1}])
    with pytest.raises(LeewayError, match="no metric of binary_classification is called 'magic'"):
        judged(store, tmp_path, document)


def test_a_reference_without_labels_gives_no_estimate_and_a_threshold_is_told_why(
    store: Engine, tmp_path: Path
) -> None:
    log = unlabelled(LOG, after=0)
    log["label"] = log["label"].astype("Int64")
    document = binary_model(write(log, "parquet", tmp_path))
    assert not [v for v in judged(store, tmp_path, document) if v.check.startswith("estimated.")]
    document["thresholds"] = [{"check": "estimated.roc_auc", "breached": 0.6}]
    (found,) = of(judged(store, tmp_path, document), "estimated.roc_auc")
    assert found.status == Status.NO_DATA and "reference with labels" in found.reason


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_a_reference_with_few_labels_is_too_little_data(store: Engine, tmp_path: Path, task: str) -> None:
    if task == "binary":
        log = flights(DAYS, per_hour=3)
        found = judged(store, tmp_path, binary_model(write(log, "parquet", tmp_path)))
        check = "estimated.roc_auc"
    else:
        found = judged(store, tmp_path, regression_model(write(regression(DAYS, per_hour=3), "parquet", tmp_path)))
        check = "estimated.mae"
    assert {v.status for v in of(found, check)} == {Status.INSUFFICIENT_DATA}
    assert "at least 300" in of(found, check)[0].reason


def test_a_window_of_few_rows_is_too_little_data(store: Engine, tmp_path: Path) -> None:
    log = LOG[(LOG.ts < pd.Timestamp(START + timedelta(days=5))) | (np.arange(len(LOG)) % 60 == 0)]
    found = of(judged(store, tmp_path, binary_model(write(log, "parquet", tmp_path))), "estimated.roc_auc")
    assert [v.status for v in found[2:]] == [Status.INSUFFICIENT_DATA] * 3


class Asked(Exception):
    """Rows were read."""


def refuse(*_args: Any, **_more: Any) -> Any:
    raise Asked("the disk is on fire")


def test_an_evaluation_that_finds_nothing_new_reads_no_row_for_estimates(
    store: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = regression_model(write(regression(DAYS, per_hour=20), "parquet", tmp_path))
    judged(store, tmp_path, document)
    monkeypatch.setattr(by_rows, "by_slot", refuse)
    again = judged(store, tmp_path, document)
    assert not [v for v in again if v.check.startswith("estimated.")]


def test_a_new_window_alone_is_estimated_and_labels_that_come_change_no_estimate(
    store: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = regression(DAYS, per_hour=20)
    first = unlabelled(log[log.ts < pd.Timestamp(START + timedelta(days=7))], "actual", after=5)
    document = regression_model(write(first, "parquet", tmp_path / "logs", "a"))
    document["predictions"]["location"] = str(tmp_path / "logs")
    judged(store, tmp_path, document, START + timedelta(days=7))
    write(log[log.ts >= pd.Timestamp(START + timedelta(days=7))], "parquet", tmp_path / "logs", "b")
    found = of(judged(store, tmp_path, document), "estimated.mae")
    assert [v.window.start for v in found] == [START + timedelta(days=7)]


def test_estimates_that_fail_are_a_verdict_and_the_others_stand_until_they_succeed(
    store: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = regression_model(write(regression(DAYS, per_hour=20), "parquet", tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(by_rows, "by_slot", refuse)
        found = judged(store, tmp_path, document)
    (failed,) = of(found, "estimated.mae")
    assert failed.status == Status.FAILED and "the disk is on fire" in failed.reason
    assert of(found, "performance.mae") and of(found, "model")[0].flag == Flag.WATCH
    again = judged(store, tmp_path, document)
    assert [v.status for v in of(again, "estimated.mae")][-1] != Status.FAILED
    assert "checks failed" not in of(again, "model")[0].reason


def test_hindsight_says_how_far_estimates_were_off_once_labels_are_there(store: Engine, tmp_path: Path) -> None:
    verdicts = judged(store, tmp_path, binary_model(write(LOG.assign(observed_at=LOG.ts), "parquet", tmp_path)))
    with reading(store) as session:
        found = hindsight(session, "delays", "roc_auc")
        assert hindsight(session, "delays", "calibration_error") is None
        assert (
            hindsight(session, "delays", "roc_auc", datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 2, 1, tzinfo=UTC))
            is None
        )
    came = {v.window.start: v.value for v in of(verdicts, "performance.roc_auc")}
    pairs = [(v, came[v.window.start]) for v in of(verdicts, "estimated.roc_auc")]
    assert found is not None and found.windows == len(pairs) == DAYS - 3
    assert found.off == pytest.approx(np.mean([abs(v.value - c) for v, c in pairs]))  # type: ignore[operator]
    assert found.above == pytest.approx(np.mean([v.value - c for v, c in pairs]))  # type: ignore[operator]
    assert found.covered == pytest.approx(np.mean([v.lower <= c <= v.upper for v, c in pairs]))  # type: ignore[operator]


def test_hindsight_leaves_provisional_windows_out(store: Engine, tmp_path: Path) -> None:
    judged(store, tmp_path, binary_model(write(unlabelled(LOG), "parquet", tmp_path)))
    with reading(store) as session:
        assert hindsight(session, "delays", "roc_auc") is None


def test_estimates_are_written_to_json_as_any_verdict(before_labels: list[Verdict]) -> None:
    written = json.loads(json.dumps(of(before_labels, "estimated.roc_auc")[0].as_json()))
    assert written["check"] == "estimated.roc_auc" and written["method"] == "cbpe"
    assert get("roc_auc", "binary_classification").title in written["reason"]


def test_a_log_of_rows_without_time_is_estimated_chunk_by_chunk(store: Engine, tmp_path: Path) -> None:
    log = LOG[LOG.status == "ok"].drop(columns=["ts", "observed_at"])
    document = binary_model(write(log, "parquet", tmp_path), chunk={"rows": 500}, reference={"rows": 3_000}, slos=[])
    columns = document["predictions"]["columns"]
    document["predictions"]["columns"] = {k: v for k, v in columns.items() if k not in ("timestamp", "observed_at")}
    found = of(judged(store, tmp_path, document), "estimated.roc_auc")
    assert [v.window.chunk for v in found] == list(range(6, -(-len(log) // 500)))
    for v in found[:-1]:
        part = log.iloc[v.window.chunk * 500 : (v.window.chunk + 1) * 500]  # type: ignore[operator]
        assert v.value == pytest.approx(roc_auc_score(part.label, part.score), abs=0.08)
