"""Batch and streaming data sets made of the flights: cancellations ahead, and congestion by the hour."""

from __future__ import annotations

import numpy as np
import pandas as pd

BATCH = "4h"
"""A batch runs every four hours, and covers the slots that begin 12 to 16 hours later."""
SETTLED = pd.Timedelta(hours=3)
"""A flight that has not left this long after its time counts as known to be cancelled, if it was; not before."""


def cancellation_slots(flights: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    """One row a flight slot seen a week earlier, precomputed by the last batch 12 hours or more ahead.

    `read` says whether a flight of that slot was really scheduled that day, so that somebody asked. Nothing
    of the day itself is used but its calendar, and weather and cancellations up to the batch. The label is known
    when the flight departs; of a cancelled one the data does not say when, so SETTLED after its time is taken.
    """
    keys = ["carrier", "flight", "origin", "dest"]
    seen = flights[[*keys, "scheduled", "distance", "dep_hour"]].copy()
    seen["scheduled"] += pd.Timedelta(weeks=1)
    known = flights["departed"].fillna(flights["scheduled"] + SETTLED)
    real = flights[[*keys, "scheduled", "cancelled"]].assign(landed_at=known)
    for rows in (seen, real):
        rows["day"] = rows["scheduled"].dt.tz_convert("America/New_York").dt.date
    slots = seen.drop_duplicates([*keys, "day"]).merge(
        real.drop_duplicates([*keys, "day"])[[*keys, "day", "cancelled", "landed_at"]],
        on=[*keys, "day"],
        how="left",
    )
    slots["predicted_at"] = (slots["scheduled"] - pd.Timedelta(hours=12)).dt.floor(BATCH)
    # A flight moved to so early that it was gone before the batch ran was not what anybody asked about.
    slots.loc[slots["landed_at"] <= slots["predicted_at"], ["cancelled", "landed_at"]] = None
    slots["read"] = slots["cancelled"].notna()
    slots["weekday"] = pd.to_datetime(slots["day"]).dt.weekday.astype(float)
    slots["weather_hour"] = slots["predicted_at"] - pd.Timedelta(hours=1)
    names = ["origin", "time_hour", "temp", "wind_speed", "precip", "visib"]
    reports = weather.assign(origin=weather["origin"].astype(str)).drop_duplicates(["origin", "time_hour"])[names]
    reports = reports.rename(columns={"time_hour": "weather_hour"})
    slots = slots.merge(reports, on=["origin", "weather_hour"], how="left")
    slots["recent_cancellations"] = recent_cancellations(flights, slots)
    slots = slots.sort_values(["predicted_at", *keys], kind="stable").reset_index(drop=True)
    slots["prediction_id"] = np.arange(len(slots))
    return slots[slots["scheduled"] < pd.Timestamp("2014-01-01", tz="America/New_York")]


def recent_cancellations(flights: pd.DataFrame, slots: pd.DataFrame) -> pd.Series:
    """Share of the origin's flights that were cancelled, of the latest 24 hours whose flights are settled."""
    hourly = flights.set_index("scheduled").groupby("origin")["cancelled"].resample("1h").agg(["sum", "count"])
    hourly = hourly.unstack("origin").fillna(0.0)
    day = hourly.rolling(24).sum()
    # The sum at an hour holds that hour as well: one step to the hours that are over, and SETTLED beyond it.
    ago = 1 + SETTLED // pd.Timedelta(hours=1)
    share = (day["sum"] / day["count"].where(day["count"] > 0)).shift(ago).stack(future_stack=True).rename("share")
    keys = pd.MultiIndex.from_arrays([slots["predicted_at"], slots["origin"]])
    return pd.Series(share.reindex(keys).to_numpy(), index=slots.index)


def congestion(flights: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    """One row an airport and hour: what left in the last hour, and the mean delay of the next hour's flights.

    Only flights that had really departed by the hour count: a flight due at 9:50 that leaves at 10:20 is not
    known at 10:00. The label is known when the hour is over and the last of its flights has left.
    """
    gone = flights[flights["departed"].notna()].copy()
    gone["hour"] = gone["departed"].dt.floor("h") + pd.Timedelta(hours=1)
    last = gone.groupby(["origin", "hour"])["dep_delay"].agg(["count", "mean", "max"]).reset_index()
    last.columns = ["origin", "hour", "departed", "mean_delay_last_hour", "max_delay_last_hour"]
    flights = flights.assign(hour=flights["scheduled"].dt.floor("h"))
    due = flights.groupby(["origin", "hour"]).agg(
        scheduled_next_hour=("flight", "count"), mean_delay=("dep_delay", "mean"), landed_at=("departed", "max")
    )
    due["landed_at"] = due["landed_at"].clip(lower=due.index.get_level_values("hour") + pd.Timedelta(hours=1))
    rows = due.reset_index().merge(last, on=["origin", "hour"], how="left")
    rows["departed"] = rows["departed"].fillna(0).astype(float)
    rows["weather_hour"] = rows["hour"] - pd.Timedelta(hours=1)
    reports = weather.assign(origin=weather["origin"].astype(str)).drop_duplicates(["origin", "time_hour"])
    rows = rows.merge(
        reports[["origin", "time_hour", "wind_speed", "visib"]].rename(columns={"time_hour": "weather_hour"}),
        on=["origin", "weather_hour"],
        how="left",
    )
    local = rows["hour"].dt.tz_convert("America/New_York")
    rows["hour_of_day"], rows["weekday"] = local.dt.hour.astype(float), local.dt.weekday.astype(float)
    rows = rows.rename(columns={"hour": "predicted_at"}).sort_values(["predicted_at", "origin"]).reset_index(drop=True)
    rows["prediction_id"] = np.arange(len(rows))
    return rows


def taxi(series: pd.DataFrame) -> pd.DataFrame:
    """One row a half hour: earlier counts as inputs. The count of [t, t + 30 min) is known at its end."""
    rows = pd.DataFrame(
        {"predicted_at": series["timestamp"].dt.tz_localize("America/New_York", ambiguous="NaT", nonexistent="NaT")}
    )
    rows["passengers"] = series["value"].astype(float)
    for lag in (1, 2, 48, 336):
        rows[f"lag_{lag}"] = rows["passengers"].shift(lag)
    local = rows["predicted_at"].dt
    rows["half_hour"] = (local.hour * 2 + local.minute // 30).astype(float)
    rows["weekday"] = local.weekday.astype(float)
    rows["landed_at"] = rows["predicted_at"] + pd.Timedelta(minutes=30)
    rows = rows[rows["predicted_at"].notna()].copy()
    for name in ("predicted_at", "landed_at"):
        rows[name] = rows[name].dt.tz_convert("UTC")
    rows["prediction_id"] = np.arange(len(rows))
    return rows.reset_index(drop=True)
