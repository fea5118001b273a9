"""How often slices of a model alert by chance: logs in which nothing changes, evaluated, and decided on over time.

python -m benchmarks.slice_alerts [runs]
"""

from __future__ import annotations

import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import select

from monitoring.core.alerting.simulated import simulate
from monitoring.core.verdict import Status
from monitoring.evaluate import Scope, evaluate
from monitoring.store import models
from monitoring.store.database import MEMORY, connect, create, reading, transaction
from monitoring.store.tables import VerdictRow
from monitoring.store.verdicts import from_row

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAYS, A_DAY, SLICES, REFERENCE = 150, 1_200, 12, 40


def log(seed: int) -> pd.DataFrame:
    """Days of a classifier whose probabilities are right, in slices of about a hundred rows a day."""
    random = np.random.default_rng(seed)
    n = DAYS * A_DAY
    x = random.normal(0, 1, n)
    score = 1 / (1 + np.exp(-(x - 1 + random.normal(0, 0.5, n))))
    return pd.DataFrame(
        {
            "id": np.arange(n), "x": x, "score": score, "label": (random.random(n) < score).astype(int),
            "at": pd.date_range(NOW - timedelta(days=DAYS), NOW - timedelta(minutes=1), periods=n),
            "origin": random.choice([f"A{number:02d}" for number in range(SLICES)], n),
        }
    )  # fmt: skip


def run(seed: int) -> Counter[str]:
    """Windows of slices that warned and were breached, and alerts, after the reference."""
    begun = NOW - timedelta(days=DAYS)
    end = begun + timedelta(days=REFERENCE)
    columns = {"id": "id", "timestamp": "at", "score": "score", "label": "label", "slices": ["origin"]}
    document: dict[str, Any] = {
        "key": "calm", "task": "binary_classification",
        "predictions": {"source": "parquet", "location": "log.parquet", "columns": columns | {"features": ["x"]}},
        "reference": {"from": f"{begun:%Y-%m-%d}", "to": f"{end - timedelta(days=1):%Y-%m-%d}"},
    }  # fmt: skip
    store = connect(MEMORY)
    create(store)
    with TemporaryDirectory() as folder:
        log(seed).to_parquet(Path(folder) / "log.parquet")
        with transaction(store) as session:
            models.apply(session, [document], Path(folder), "benchmark", NOW)
        with reading(store) as session:
            watched = models.watched(session)[0]
        evaluate(store, watched, Scope(now=NOW, diagnosed=False), lambda: NOW, lambda share, words: None)
    with reading(store) as session:
        rows = session.scalars(select(VerdictRow).order_by(VerdictRow.first_slot, VerdictRow.id))
        found = [from_row(row, "calm") for row in rows if row.window_start and row.window_start >= end]
    store.dispose()
    past = simulate("calm", "Calm", "", found, lambda v: v.window.end)
    mine = [v for v in found if v.slice and v.check == "performance.roc_auc"]
    return Counter(
        windows=len(mine), warned=sum(v.status == Status.WARNING for v in mine),
        breached=sum(v.status == Status.BREACHED for v in mine),
        alerts_of_performance=sum(a.subject.part and a.subject.check.startswith("performance") for a in past.alerts),
        alerts_of_drift=sum(a.subject.part and a.subject.check.startswith("drift") for a in past.alerts),
    )  # fmt: skip


def main() -> None:
    """Print the sums after every run."""
    total: Counter[str] = Counter()
    for seed in range(int(sys.argv[1]) if len(sys.argv) > 1 else 12):
        total.update(run(seed))
        print(seed + 1, "runs:", dict(total), flush=True)


if __name__ == "__main__":
    main()
