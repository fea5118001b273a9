"""Synthetic logs for tests: the same rows in every format that Leeway reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from sqlalchemy import create_engine

START = datetime(2026, 3, 2, tzinfo=UTC)
"""A Monday."""
KINDS = ("parquet", "csv", "jsonl", "sqlite", "postgres")
COLUMNS: dict[str, Any] = {
    "id": "id",
    "timestamp": "ts",
    "score": "score",
    "version": "version",
    "latency_ms": "latency",
    "status": "status",
    "slices": ["origin"],
    "features": ["distance", "hour", "carrier", "origin"],
}


def flights(days: int = 8, per_hour: int = 12, seed: int = 0, decay_after: int | None = None) -> pd.DataFrame:
    """A binary classifier's log of `days` days. From day `decay_after` on, distances shift and scores mean nothing."""
    draw = np.random.default_rng(seed)
    n = days * 24 * per_hour
    seconds = np.sort(draw.integers(0, days * 86_400, n))
    day = seconds // 86_400
    late = np.zeros(n, bool) if decay_after is None else day >= decay_after
    distance = np.round(draw.gamma(4.0, 200.0, n) + np.where(late, 600.0, 0.0), 3)
    carrier = draw.choice(["AA", "UA", "DL", "WN"], n, p=[0.4, 0.3, 0.2, 0.1])
    truth = 1 / (1 + np.exp(-(distance - 800) / 250))
    label = (draw.random(n) < truth).astype(int)
    told = np.clip(truth + draw.normal(0, 0.05, n), 0.001, 0.999)
    score = np.where(late, draw.random(n), told)
    observed = seconds + draw.integers(3600, 30 * 3600, n)
    moments = pd.Timestamp(START)
    return pd.DataFrame(
        {
            "id": [f"p{i:06d}" for i in range(n)],
            "ts": moments + pd.to_timedelta(seconds, unit="s"),
            "distance": distance,
            "hour": (seconds % 86_400) // 3600,
            "carrier": carrier,
            "origin": draw.choice(["EWR", "JFK", "LGA"], n, p=[0.5, 0.3, 0.2]),
            "score": score,
            "version": np.where(day < days // 2, "v1", "v2"),
            "latency": np.round(draw.lognormal(3.0, 0.4, n), 3),
            "status": draw.choice(["ok", "error"], n, p=[0.99, 0.01]),
            "label": label,
            "observed_at": moments + pd.to_timedelta(observed, unit="s"),
        }
    )


def regression(days: int = 8, per_hour: int = 12, seed: int = 0, decay_after: int | None = None) -> pd.DataFrame:
    """The same flights, with a time in the air that is predicted."""
    log = flights(days, per_hour, seed)
    draw = np.random.default_rng(seed + 1)
    actual = log.distance / 8 + draw.normal(20, 6, len(log))
    late = (log.ts - pd.Timestamp(START)).dt.days >= (days if decay_after is None else decay_after)
    log["actual"] = actual.round(3)
    log["eta"] = (log.distance / 8 + 20 + draw.normal(0, 3, len(log)) + np.where(late, 25.0, 0.0)).round(3)
    return log.drop(columns=["score", "label"])


def multiclass(days: int = 8, per_hour: int = 12, seed: int = 0) -> pd.DataFrame:
    """The same flights, with one of three outcomes that is predicted, a score for each."""
    log = flights(days, per_hour, seed)
    draw = np.random.default_rng(seed + 2)
    strength = np.stack([log.distance / 400, 4 - log.distance / 400, np.full(len(log), 1.5)]).T
    shares = np.exp(strength) / np.exp(strength).sum(axis=1, keepdims=True)
    picked = (draw.random((len(log), 1)) > shares.cumsum(axis=1)).sum(axis=1).clip(0, 2)
    names = np.array(["late", "early", "cancelled"])
    for number, name in enumerate(names):
        log[f"p_{name}"] = shares[:, number]
    log["outcome"] = names[picked]
    log["said"] = names[shares.argmax(axis=1)]
    return log.drop(columns=["score", "label"])


def write(log: pd.DataFrame, kind: str, folder: Path, name: str = "log", url: str = "") -> dict[str, Any]:
    """Write a log; the part of the fleet file that says where it is. A table of `url` for kind postgres."""
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "parquet":
        log.to_parquet(folder / f"{name}.parquet", index=False)
    elif kind == "csv":
        texts = log.assign(**{c: [_iso(v) for v in log[c]] for c in _times(log)})
        texts.to_csv(folder / f"{name}.csv", index=False)  # pandas writes the shortest text that reads back the same
    elif kind == "jsonl":
        texts = log.assign(**{c: [_iso(v) for v in log[c]] for c in _times(log)})
        lines = [json.dumps({k: v for k, v in row.items() if v == v}) for row in texts.to_dict("records")]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    elif kind == "sqlite":
        engine = create_engine(f"sqlite:///{folder / 'log.db'}")
        log.assign(**{c: log[c].dt.tz_localize(None) for c in _times(log)}).to_sql(
            name, engine, index=False, if_exists="replace"
        )
        engine.dispose()
        return {"source": "sql", "url": f"sqlite:///{folder / 'log.db'}", "table": name}
    elif kind == "postgres":
        engine = create_engine(url)
        log.to_sql(name, engine, index=False, if_exists="replace")
        engine.dispose()
        return {"source": "sql", "url": url, "table": name}
    else:
        raise ValueError(kind)
    return {"source": kind, "location": str(folder / f"{name}.{kind}")}


def fleet_of(folder: Path, *models: dict[str, Any]) -> Path:
    """Write a fleet file."""
    path = folder / "fleet.yaml"
    path.write_text(yaml.safe_dump({"models": list(models)}, sort_keys=False))
    return path


def binary_model(place: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A model over `flights`, its label in the row unless `labels` says otherwise."""
    columns = dict(COLUMNS) if "labels" in changes else {**COLUMNS, "label": "label", "observed_at": "observed_at"}
    model: dict[str, Any] = {
        "key": "delays",
        "task": "binary_classification",
        "predictions": {**place, "columns": columns},
        "reference": {"from": "2026-03-02", "to": "2026-03-04"},
        "chunk": "1d",
        "slos": [
            {"sli": "latency", "threshold_ms": 50, "objective": 0.95, "period": "7d"},
            {"sli": "availability", "objective": 0.95, "period": "7d"},
        ],
    }
    return model | changes


def spread(log: pd.DataFrame, parts: Sequence[Sequence[int]]) -> list[pd.DataFrame]:
    """The rows of a log by parts, each a list of row numbers."""
    return [log.iloc[list(rows)] for rows in parts]


def _times(log: pd.DataFrame) -> list[str]:
    return [c for c in log.columns if isinstance(log[c].dtype, pd.DatetimeTZDtype)]


def _iso(value: Any) -> str | None:
    return None if pd.isna(value) else pd.Timestamp(value).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
