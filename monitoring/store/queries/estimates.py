"""Estimated performance beside what came: how far off the estimates were, once labels were there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pandas as pd
from sqlalchemy.orm import Session

from monitoring.store.queries.performance import mature
from monitoring.store.queries.verdicts import history


@dataclass(frozen=True, slots=True)
class Hindsight:
    """Estimates against mature realised values: windows compared, the mean absolute and the mean difference (estimate
    less realised), and the share of windows whose realised value fell into the band. `newest`: of these the last one's
    start (None: a chunk of rows), estimate and realised value."""

    windows: int
    off: float
    above: float
    covered: float
    newest: tuple[datetime | None, float, float]


def hindsight(
    session: Session, key: str, metric: str, start: datetime | None = None, end: datetime | None = None
) -> Hindsight | None:
    """How far the estimates of a metric were off, on the whole of the windows; None where none can be compared yet."""
    estimated = history(session, key, f"estimated.{metric}", start, end)
    realised = mature(history(session, key, f"performance.{metric}", start, end))
    on = "chunk" if estimated["chunk"].notna().any() else "window_start"
    names = [on, "value", "lower", "upper"]
    both = estimated[names].dropna().merge(realised[[on, "value"]].dropna(), on=on, suffixes=("", "_realised"))
    if both.empty:
        return None
    values = both.drop(columns=on).apply(pd.to_numeric)
    difference = values["value"] - values["value_realised"]
    inside = values["value_realised"].between(values["lower"], values["upper"])
    last = both.sort_values(on).iloc[-1]
    newest = (
        None if on == "chunk" else pd.Timestamp(last[on]).to_pydatetime(),
        float(last["value"]), float(last["value_realised"]),
    )  # fmt: skip
    return Hindsight(len(both), float(difference.abs().mean()), float(difference.mean()), float(inside.mean()), newest)
