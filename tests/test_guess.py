"""The mapping is guessed right on logs as people write them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.api import types as kinds

from monitoring.core.profile import ColumnType
from monitoring.fleet import parse_model
from monitoring.guessing.guess import PARTS, Guess, guess, guess_labels

N = 600
DRAW = np.random.default_rng(7)
TIMES = pd.date_range("2026-03-02T00:00", periods=N, freq="7min", tz="UTC")
TRUTH = DRAW.random(N)
HAPPENED = (DRAW.random(N) < TRUTH).astype(int)


def typed(log: pd.DataFrame) -> dict[str, ColumnType]:
    def of(values: Any) -> ColumnType:
        if kinds.is_bool_dtype(values):
            return "boolean"
        if kinds.is_datetime64_any_dtype(values):
            return "time"
        return "number" if kinds.is_numeric_dtype(values) else "text"

    return {str(name): of(log[name]) for name in log}


def credit() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "application_id": [f"A-{i:07d}" for i in range(N)],
            "customer_id": DRAW.integers(1, 400, N),
            "scored_at": TIMES,
            "age": DRAW.integers(18, 80, N),
            "income": DRAW.lognormal(10, 0.5, N).round(2),
            "employment_status": DRAW.choice(["employed", "self-employed", "retired"], N),
            "region_code": DRAW.choice([101, 204, 350], N),
            "probability_of_default": TRUTH.round(6),
            "model_version": "2026-02",
            "latency_ms": DRAW.lognormal(2, 0.3, N).round(2),
            "http_status": DRAW.choice([200, 200, 200, 500], N),
            "defaulted": np.where(DRAW.random(N) < 0.5, HAPPENED, np.nan),
        }
    )


def eta() -> pd.DataFrame:
    distance = DRAW.gamma(4, 3, N).round(2)
    actual = (distance * 2.3 + DRAW.normal(6, 2, N)).round(1)
    return pd.DataFrame(
        {
            "tripId": DRAW.permutation(N) + 50_000,
            "requestTime": TIMES.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "distanceKm": distance,
            "hour": TIMES.hour,
            "vehicleType": DRAW.choice(["bike", "car", "van"], N),
            "predictedEta": (distance * 2.3 + 6).round(3),
            "etaLower": (distance * 2.3 + 2).round(3),
            "etaUpper": (distance * 2.3 + 10).round(3),
            "responseTimeMs": DRAW.lognormal(3, 0.4, N).round(1),
            "actualMinutes": actual,
            "arrivedAt": (TIMES + pd.to_timedelta(actual, unit="min")).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
    )


def multiclass() -> pd.DataFrame:
    shares = DRAW.dirichlet([1.0, 1.0, 1.0], N)
    names = np.array(["billing", "bug", "other"])
    return pd.DataFrame(
        {
            "ticket_uuid": [f"{i:08x}-0000-4000-8000-{i:012x}" for i in range(N)],
            "created_at": TIMES,
            "length": DRAW.integers(5, 900, N),
            "channel": DRAW.choice(["mail", "chat"], N),
            "proba_billing": shares[:, 0],
            "proba_bug": shares[:, 1],
            "proba_other": shares[:, 2],
            "predicted_class": names[shares.argmax(axis=1)],
            "true_class": names[[DRAW.choice(3, p=p) for p in shares]],
        }
    )


def without_time() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "row_id": np.arange(N),
            "x1": DRAW.normal(0, 1, N),
            "x2": DRAW.normal(0, 1, N),
            "prob": TRUTH,
            "y": HAPPENED,
        }
    )


def milliseconds() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "request_id": [f"{i:032x}" for i in DRAW.permutation(N)],
            "ts": TIMES.as_unit("ms").astype("int64").to_numpy(),
            "amount": DRAW.lognormal(3, 1, N),
            "merchant_category": DRAW.choice([5411, 5812, 7995, 4829], N),
            "country": DRAW.choice(["FR", "DE", "NL", "BE"], N),
            "fraud_score": TRUTH,
            "elapsed": DRAW.lognormal(1, 0.3, N),
            "status": DRAW.choice(["ok", "ok", "ok", "timeout"], N),
        }
    )


def words_as_labels() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": [f"u{i}" for i in range(N)],
            "date": TIMES.tz_localize(None),
            "tenure_months": DRAW.integers(0, 70, N),
            "plan": DRAW.choice(["basic", "plus", "max"], N),
            "is_promo": DRAW.integers(0, 2, N),
            "churn_probability": TRUTH,
            "outcome": np.where(HAPPENED == 1, "left", "stayed"),
            "outcome_known_at": TIMES.tz_localize(None) + pd.Timedelta(days=30),
        }
    )


def odd_names() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Unnamed: 0": np.arange(N),
            "DTTM": TIMES,
            "V1": DRAW.normal(0, 1, N),
            "V2": DRAW.normal(50, 9, N),
            "OUT": TRUTH,
            "target": HAPPENED,
            "note": [f"row {i} was seen and {i * 7} more" for i in range(N)],
        }
    )


def both_probabilities() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "guid": [f"g{i:05d}" for i in range(N)],
            "event_time": TIMES,
            "weekday": TIMES.dayofweek,
            "device": DRAW.choice(["phone", "desktop"], N),
            "p_0": 1 - TRUTH,
            "p_1": TRUTH,
            "clicked": HAPPENED.astype(bool),
        }
    )


def demand() -> pd.DataFrame:
    level = 100 + 40 * np.sin(np.arange(N) / 40)
    return pd.DataFrame(
        {
            "zone_id": DRAW.choice([4, 13, 79], N),
            "at": TIMES,
            "lag_1": (level + DRAW.normal(0, 5, N)).round(),
            "lag_48": (level + DRAW.normal(0, 9, N)).round(),
            "forecast": level.round(2),
            "y_true": (level + DRAW.normal(0, 5, N)).round(),
        }
    )


def classes_alone() -> pd.DataFrame:
    said = DRAW.choice(["cat", "dog", "bird", "fish"], N)
    return pd.DataFrame(
        {
            "image_id": [f"img_{i}" for i in range(N)],
            "timestamp": TIMES,
            "width": DRAW.integers(100, 4000, N),
            "prediction": said,
            "label": np.where(DRAW.random(N) < 0.8, said, "cat"),
            "version": DRAW.choice(["v1", "v2"], N),
        }
    )


def leeway_demo() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "prediction_id": [f"p{i}" for i in range(N)],
            "predicted_at": TIMES,
            "dep_hour": DRAW.integers(5, 23, N),
            "carrier": DRAW.choice(["AA", "UA", "DL"], N),
            "origin": DRAW.choice(["EWR", "JFK", "LGA"], N),
            "score": TRUTH,
            "predicted": (TRUTH > 0.5).astype(int),
            "model_version": "v1",
            "latency_ms": DRAW.lognormal(1, 0.3, N),
            "status": "ok",
        }
    )


Case = tuple[Any, dict[str, Any]]
CASES: list[Case] = [
    (
        credit,
        dict(
            task="binary_classification",
            id="application_id",
            timestamp="scored_at",
            score="probability_of_default",
            label="defaulted",
            version="model_version",
            latency_ms="latency_ms",
            status="http_status",
            categorical=("region_code",),
            chunk="1d",
            features=("age", "income", "employment_status", "region_code"),
            slices=("region_code", "employment_status"),
        ),
    ),
    (
        eta,
        dict(
            task="regression",
            id="tripId",
            timestamp="requestTime",
            prediction="predictedEta",
            label="actualMinutes",
            observed_at="arrivedAt",
            latency_ms="responseTimeMs",
            lower="etaLower",
            upper="etaUpper",
            features=("distanceKm", "hour", "vehicleType"),
            slices=("vehicleType",),
        ),
    ),
    (
        multiclass,
        dict(
            task="multiclass_classification",
            id="ticket_uuid",
            timestamp="created_at",
            prediction="predicted_class",
            score={"billing": "proba_billing", "bug": "proba_bug", "other": "proba_other"},
            label="true_class",
            features=("length", "channel"),
            slices=("channel",),
        ),
    ),
    (
        without_time,
        dict(
            task="binary_classification",
            id="row_id",
            score="prob",
            label="y",
            features=("x1", "x2"),
            chunk={"rows": 50},
        ),
    ),
    (
        milliseconds,
        dict(
            task="binary_classification",
            id="request_id",
            timestamp="ts",
            score="fraud_score",
            latency_ms="elapsed",
            status="status",
            categorical=("merchant_category",),
            features=("amount", "merchant_category", "country"),
            slices=("merchant_category", "country"),
        ),
    ),
    (
        words_as_labels,
        dict(
            task="binary_classification",
            id="id",
            timestamp="date",
            score="churn_probability",
            label="outcome",
            positive="left",
            observed_at="outcome_known_at",
            features=("tenure_months", "plan", "is_promo"),
            categorical=("is_promo",),
            slices=("plan",),
        ),
    ),
    (
        odd_names,
        dict(
            task="binary_classification",
            id="Unnamed: 0",
            timestamp="DTTM",
            score="OUT",
            label="target",
            features=("V1", "V2"),
        ),
    ),
    (
        both_probabilities,
        dict(
            task="binary_classification",
            id="guid",
            timestamp="event_time",
            score="p_1",
            label="clicked",
            features=("weekday", "device"),
            slices=("device",),
        ),
    ),
    (
        demand,
        dict(
            task="regression",
            timestamp="at",
            prediction="forecast",
            label="y_true",
            features=("zone_id", "lag_1", "lag_48"),
            categorical=("zone_id",),
        ),
    ),
    (
        classes_alone,
        dict(
            task="multiclass_classification",
            id="image_id",
            timestamp="timestamp",
            prediction="prediction",
            label="label",
            version="version",
            features=("width",),
        ),
    ),
    (
        leeway_demo,
        dict(
            task="binary_classification",
            id="prediction_id",
            timestamp="predicted_at",
            score="score",
            prediction="predicted",
            version="model_version",
            latency_ms="latency_ms",
            status="status",
            features=("dep_hour", "carrier", "origin"),
            slices=("carrier", "origin"),
        ),
    ),
]


@pytest.mark.parametrize(("log", "expected"), CASES, ids=lambda v: getattr(v, "__name__", ""))
def test_every_part_is_found_and_nothing_else(log: Any, expected: dict[str, Any]) -> None:
    frame = log()
    found = guess(typed(frame), frame)
    wanted: dict[str, Any] = dict.fromkeys(PARTS) | {"slices": (), "categorical": (), "positive": None} | expected
    assert {name: getattr(found, name) for name in wanted} == wanted, found.because


@pytest.mark.parametrize("log", [case[0] for case in CASES], ids=lambda v: v.__name__)
def test_what_is_found_has_a_reason_and_makes_a_valid_model(log: Any) -> None:
    frame = log()
    found = guess(typed(frame), frame)
    for part in PARTS:
        if getattr(found, part):
            assert found.because[part].endswith(".")
    assert found.because["task"] and found.because["chunk"] and found.because["features"]
    columns = {part: getattr(found, part) for part in PARTS if getattr(found, part)}
    columns |= {"features": list(found.features), "slices": list(found.slices), "categorical": list(found.categorical)}
    document = {
        "key": "a",
        "task": found.task,
        "chunk": found.chunk,
        "positive": found.positive,
        "predictions": {"source": "csv", "location": "a.csv", "columns": columns},
    }
    parse_model(document, "the guess")


def test_a_short_and_busy_log_is_cut_by_the_hour() -> None:
    frame = pd.DataFrame({"at": pd.date_range("2026-03-02", periods=N, freq="30s", tz="UTC"), "score": TRUTH})
    assert guess(typed(frame), frame).chunk == "1h"


def test_a_log_of_labels() -> None:
    frame = pd.DataFrame({"prediction_id": [f"p{i}" for i in range(N)], "late": HAPPENED, "landed_at": TIMES})
    found = guess_labels(typed(frame), frame, "prediction_id")
    assert (found.id, found.label, found.observed_at) == ("prediction_id", "late", "landed_at")


def test_a_log_of_labels_under_other_names() -> None:
    frame = pd.DataFrame({"ref": [f"p{i}" for i in range(N)], "minutes": DRAW.normal(30, 5, N), "when": TIMES})
    found = guess_labels(typed(frame), frame, "trip_id")
    assert (found.id, found.label, found.observed_at) == ("ref", "minutes", "when")


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"a": pd.Series([], dtype="float64"), "b": pd.Series([], dtype="object")}),
        pd.DataFrame({"a": [None, None], "b": [1.0, None]}),
        pd.DataFrame({"score": [0.2]}),
        pd.DataFrame({"id": [1], "ts": ["2026-01-01"], "score": [0.5], "label": [1]}),
        pd.DataFrame({"p_1": [np.nan] * 3, "p_2": [0.1, 0.2, 0.3], "": [1, 2, 3]}),
        pd.DataFrame({"pred": [1.0, 2.0, np.inf], "y": [1.0, 2.0, 3.0]}),
        pd.DataFrame(),
    ],
)
def test_little_or_nothing_to_go_by_is_no_failure(frame: pd.DataFrame) -> None:
    assert isinstance(guess(typed(frame), frame), Guess)


def test_lists_and_records_are_left_out_with_the_reason() -> None:
    frame = pd.DataFrame({"id": ["a", "b"], "score": [0.1, 0.9], "embedding": [[1, 2], [3, 4]]})
    found = guess({"id": "text", "score": "number", "embedding": "other"}, frame)
    assert "embedding" not in found.features
    assert "embedding: lists or records" in found.because["left out"]
