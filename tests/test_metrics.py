"""/metrics says how Leeway and every model are doing, in a form that Prometheus accepts."""

from __future__ import annotations

import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine

from monitoring.evaluate import Scope, evaluate
from monitoring.store import models
from monitoring.store.database import connect, create, reading, transaction
from monitoring.store.tables import HeartbeatRow
from monitoring.web.metrics import Exporter
from tests.conftest import unavailable
from tests.logs_of import START, binary_model, flights, write

NOW = pd.Timestamp(START).to_pydatetime() + timedelta(days=6)
SLOS = [
    {"sli": "latency", "threshold_ms": 20, "objective": 0.99},
    {"sli": "availability", "objective": 0.99},
    {"sli": "freshness", "max_age": "4h", "objective": 0.99},
]


@pytest.fixture
def log() -> pd.DataFrame:
    found = flights(days=6, per_hour=8)
    found.loc[::10, "status"] = "error"
    return found


@pytest.fixture
def store(tmp_path: Path, log: pd.DataFrame) -> Engine:
    engine = connect(f"sqlite:///{tmp_path / 'leeway.db'}")
    create(engine)
    document = binary_model(write(log, "parquet", tmp_path), slos=SLOS)
    with transaction(engine) as session:
        models.apply(session, [document], tmp_path, "test", NOW)
        session.add(HeartbeatRow(name="worker", at=NOW - timedelta(seconds=7), detail=""))
    return engine


def judged(store: Engine) -> None:
    with reading(store) as session:
        watched = models.watched(session)[0]
    evaluate(store, watched, Scope(now=NOW, diagnosed=False), lambda: NOW, lambda share, words: None)


def scraped(store: Engine, exporter: Exporter | None = None) -> dict[tuple[str, tuple[str, ...]], float]:
    text = (exporter or Exporter()).text(store, NOW).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.values()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_model_never_evaluated_has_no_age_and_no_flag(store: Engine) -> None:
    found = scraped(store)
    names = {name for name, _ in found}
    assert "leeway_evaluation_age_seconds" not in names and "leeway_slo_valid_total" not in names
    assert not any(value for (name, _), value in found.items() if name == "leeway_model_flag")
    assert found["leeway_heartbeat_age_seconds", ("worker",)] == 7


def test_events_are_those_of_the_log(store: Engine, log: pd.DataFrame) -> None:
    judged(store)
    found = scraped(store)
    key = binary_model({})["key"]
    errors = int((log["status"] == "error").sum())
    answered = log[log["status"] != "error"]
    assert found["leeway_slo_valid_total", tuple(sorted((key, "availability-99-30d")))] == len(log)
    assert found["leeway_slo_bad_total", tuple(sorted((key, "availability-99-30d")))] == errors
    assert found["leeway_slo_valid_total", tuple(sorted((key, "latency-20ms-99-30d")))] == len(answered)
    assert (
        found["leeway_slo_bad_total", tuple(sorted((key, "latency-20ms-99-30d")))] == (answered["latency"] > 20).sum()
    )
    assert sum(value for (name, _), value in found.items() if name == "leeway_model_flag") == 1


def test_objectives_are_counted_again_after_another_evaluation_only(store: Engine) -> None:
    judged(store)
    exporter = Exporter()
    first = scraped(store, exporter)
    kept = dict(exporter._events)
    assert scraped(store, exporter) == first
    assert exporter._events == kept and len(kept) == 1


def test_prometheus_accepts_it(store: Engine) -> None:
    if shutil.which("promtool") is None:
        unavailable("NO PROMTOOL: it is not installed (Debian: apt-get install prometheus)")
    judged(store)
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=Exporter().text(store, NOW), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
