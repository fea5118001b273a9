"""The back-test of a change for a whole fleet: 100 models, 90 days, each with 12 columns, five slices and two versions.

The verdicts of one real model are evaluated over 90 days and more and copied to the others. Each change is timed over
all models, and as a ratio to one pass over the same rows in SQLite, without a thought. Seconds are of the
processor, as the machine may have other work: nothing here waits. Run:
.venv/bin/python -m benchmarks.backtest [slices]
"""

from __future__ import annotations

import json
import sqlite3
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import insert, literal, select

from monitoring.backtest import Proposal, back_test
from monitoring.evaluate import Scope, evaluate
from monitoring.fleet import parse_rule
from monitoring.store import models
from monitoring.store.database import connect, reading, transaction
from monitoring.store.migrations import migrate
from monitoring.store.tables import ModelRow, VerdictRow
from monitoring.verdicts.rejudge import needed

MODELS, DAYS, COLUMNS, SLICES, REPEATS = 100, 90, 10, 5, 3
NOW = datetime(2026, 6, 1, 6, tzinfo=UTC)
CHANGES: dict[str, dict[str, Any]] = {
    "share of features": {"check": "drift", "warning": 0.2, "breached": 0.3},
    "metric": {"check": "performance.roc_auc", "warning": 0.7, "breached": 0.68},
    "missing values of every column": {"check": "quality.missing", "warning": 0.05, "breached": 0.07},
    "false-alarm budget": {"check": "drift", "false_alarms_per_quarter": 12},
}


def log(folder: Path, slices: int) -> dict[str, Any]:
    """120 days of one model whose days differ, in slices of a hundred rows a day and two versions; the last weeks
    drift, lose values and decay, and the scores of one slice of five rise."""
    draw = np.random.default_rng(3)
    days, per_day = DAYS + 30, max(400, 100 * slices)
    day = np.repeat(np.arange(days), per_day)
    start = pd.Timestamp(NOW) - pd.Timedelta(days=days)
    at = start + pd.to_timedelta(np.sort(draw.uniform(0, days * 86_400, len(day))), unit="s")
    late = day >= days - 21
    place = draw.integers(0, max(slices, 1), len(day))
    score = np.where(late & (place % 5 == 1), draw.beta(4, 3, len(day)), draw.beta(2, 3, len(day)))
    label = (draw.random(len(day)) < np.where(late, 0.4, score)).astype(int)
    frame = pd.DataFrame(
        {
            "id": np.arange(len(day)), "at": at, "score": score, "label": label, "ms": 5.0, "status": 200,
            "place": [f"P{number:02d}" for number in place], "version": np.where(day < days - 40, "1.0", "1.1"),
        }
    )  # fmt: skip
    for number in range(COLUMNS):
        moved = draw.normal(0, 0.15, days)[day] + np.where(late & (number < 4), 1.0, 0.0)
        frame[f"x{number}"] = draw.normal(size=len(day)) + moved
        frame.loc[draw.random(len(day)) < np.where(day % 11 == number, 0.08, 0.0), f"x{number}"] = np.nan
    frame.to_parquet(folder / "log.parquet")
    columns = {
        "id": "id", "timestamp": "at", "score": "score", "label": "label", "latency_ms": "ms", "status": "status",
        "features": [f"x{number}" for number in range(COLUMNS)],
    }  # fmt: skip
    if slices:
        columns |= {"slices": ["place"], "version": "version"}
    return {
        "key": "m000", "task": "binary_classification", "owner": "bench",
        "predictions": {"source": "parquet", "location": "log.parquet", "columns": columns},
    }  # fmt: skip


def fill(folder: Path, url: str, slices: int) -> None:
    """One evaluated model, copied."""
    store = connect(url)
    migrate(store)
    with transaction(store) as session:
        models.apply(session, [log(folder, slices)], folder, "benchmark", NOW)
    with reading(store) as session:
        (watched,) = models.watched(session)
    evaluate(store, watched, Scope(now=NOW), lambda: NOW, lambda share, words: None)
    with store.begin() as connection:
        row = connection.execute(select(ModelRow.__table__)).mappings().one()
        names = [c.key for c in VerdictRow.__table__.columns if c.key not in ("id", "model_id")]
        for number in range(1, MODELS):
            key = f"m{number:03}"
            document = row["document"] | {"key": key}
            values = {k: v for k, v in row.items() if k != "id"} | {"key": key, "name": key, "document": document}
            id_ = connection.execute(insert(ModelRow.__table__).values(**values)).inserted_primary_key[0]
            copied = select(literal(id_), *(getattr(VerdictRow, name) for name in names))
            query = copied.where(VerdictRow.model_id == row["id"])
            connection.execute(insert(VerdictRow).from_select(["model_id", *names], query))
    store.dispose()


def one_pass(path: Path, checks: set[str]) -> tuple[float, int]:
    """Seconds to fetch the rows that a back-test reads, the median; and how many they are."""
    since = int((NOW - timedelta(days=DAYS)).timestamp()) // 3600 - 4 * 24
    marks = ",".join("?" * len(checks))
    query = (
        f'SELECT model_id, "check", "column", method, first_slot, n, value, p_value, threshold, warning, breached, '
        f'status, automatic, provisional, drift_score, null_quantile FROM verdict WHERE "check" IN ({marks}) '
        "AND first_slot >= ?"
    )
    times, rows = [], 0
    with sqlite3.connect(path) as connection:
        for _ in range(REPEATS):
            began = time.process_time()
            rows = len(connection.execute(query, [*sorted(checks), since]).fetchall())
            times.append(time.process_time() - began)
    return statistics.median(times), rows


def main() -> None:
    """Fill a database, measure, print JSON."""
    slices = int(sys.argv[1]) if len(sys.argv) > 1 else SLICES
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "leeway.db"
        url = f"sqlite:///{path}"
        fill(Path(name), url, slices)
        store = connect(url)
        out = {}
        for title, threshold in CHANGES.items():
            rule = parse_rule({"key": "r", **threshold}, "a benchmark")
            times = []
            for _ in range(REPEATS):
                began = time.process_time()
                with reading(store) as session:
                    found = back_test(session, Proposal(rules=(rule,)), DAYS, NOW)
                times.append(time.process_time() - began)
            with reading(store) as session:
                before = models.watched(session)[0].model
            alone, rows = one_pass(path, needed(before, before.under([rule])))
            seconds = statistics.median(times)
            out[title] = {
                "models": len(found.models), "rows": rows, "seconds": round(seconds, 2),
                "worst_of": [round(t, 2) for t in sorted(times)], "one_pass_seconds": round(alone, 3),
                "ratio": round(seconds / alone, 1), "opened": [found.before.opened, found.after.opened],
                "of_slices_and_versions": [
                    sum(alert.subject.part for one in found.models for alert in getattr(one, side).alerts)
                    for side in ("before", "after")
                ],
            }  # fmt: skip
        print(json.dumps(out, indent=1))


if __name__ == "__main__":
    main()
