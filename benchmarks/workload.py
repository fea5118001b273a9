"""Workload W: one model, 1,000,000 rows over 30 days; 16 numeric and 4 categorical features, score, latency, label."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

ROWS, DAYS, NUMBERS = 1_000_000, 30, 16
VOCABULARIES = (3, 12, 200, 10_000)
SEED = 7
START = pd.Timestamp("2026-01-01", tz="UTC")
REFERENCE_DAYS = 3


def write(folder: Path, rows: int = ROWS, days: int = DAYS) -> Path:
    """The log as one Parquet file a day; numeric columns of many shapes, categories by Zipf."""
    random = np.random.default_rng(SEED)
    seconds = np.sort(random.uniform(0, days * 86_400, rows))
    table: dict[str, object] = {
        "id": np.arange(rows),
        "ts": START + pd.to_timedelta((seconds * 1e6).astype("int64"), unit="us"),
    }
    for i in range(NUMBERS):
        shapes = (
            lambda: random.normal(0, 1, rows),
            lambda: random.lognormal(3, 1, rows),
            lambda: random.normal(1013, 8, rows),
            lambda: random.poisson(20, rows).astype(float),
        )
        table[f"x{i}"] = shapes[i % len(shapes)]()
    for i, size in enumerate(VOCABULARIES):
        weights = 1 / np.arange(1, size + 1)
        table[f"c{i}"] = np.char.add("v", random.choice(size, rows, p=weights / weights.sum()).astype(str))
    score = random.beta(2, 5, rows)
    table |= {
        "score": score,
        "latency": random.lognormal(2, 0.5, rows),
        "label": (random.random(rows) < score).astype(int),
    }
    frame = pd.DataFrame(table)
    folder.mkdir(parents=True, exist_ok=True)
    for day, part in frame.groupby((seconds // 86_400).astype(int)):
        part.to_parquet(folder / f"{day:02d}.parquet", index=False)
    return folder


def document(folder: Path) -> dict[str, object]:
    """The model's part of a fleet file."""
    columns = {"id": "id", "timestamp": "ts", "score": "score", "latency_ms": "latency", "label": "label"}
    features = [f"x{i}" for i in range(NUMBERS)] + [f"c{i}" for i in range(len(VOCABULARIES))]
    return {
        "key": "w",
        "task": "binary_classification",
        "predictions": {"source": "parquet", "location": str(folder), "columns": {**columns, "features": features}},
        "reference": {"from": str(START), "to": str(START + pd.Timedelta(days=REFERENCE_DAYS))},
    }
