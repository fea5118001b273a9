"""Metrics over time: with their intervals, thresholds, and what is still provisional."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from monitoring.core.verdict import SEVERITY, Status
from monitoring.verdicts.miscalibration import CHECKS
from monitoring.web import charts
from monitoring.web.escape import plain
from monitoring.web.look import STATUSES

LINES = 10
"""Lines in one chart: one a colour of the theme."""
DASHES = ("solid", "dash", "dashdot")
"""So that a line shows where another lies on it."""


def metric(frame: pd.DataFrame, title: str, drift: pd.DataFrame, reference: float | None) -> go.Figure:
    """A metric with its interval; mature windows solid, provisional ones hollow; the share of drift below."""
    out = charts.figure(title, height=charts.HEIGHT + 160)
    final = ~frame["provisional"].astype(bool)
    x = pd.Series(charts.positions(frame), index=frame.index)
    if frame["lower"].notna().any():
        for run in _runs(frame["lower"].notna()):
            charts.band(out, x[run], frame["lower"][run], frame["upper"][run], "95 % interval")
    charts.line(out, x, frame["value"].where(final), title, customdata=_words(frame), hovertemplate="%{customdata}")
    if not final.all():
        near = ~final | (~final).shift(-1, fill_value=False) | (~final).shift(1, fill_value=False)
        out.add_trace(
            go.Scatter(
                x=x,
                y=frame["value"].where(near),
                name="provisional",
                mode="lines+markers",
                connectgaps=False,
                customdata=_words(frame.assign(final=final)),
                hovertemplate="%{customdata}",
                line=dict(width=2, color=charts.palette()[0], dash="dot"),
                marker=dict(size=[0 if f else 7 for f in final], symbol="circle-open", color=charts.palette()[0]),
            )
        )
    charts.levels(out, frame, apart=bool(frame["check"].isin(CHECKS).any() and frame["automatic"].astype(bool).all()))
    charts.threshold(out, reference, "reference", STATUSES[Status.NO_DATA], right=True)
    charts.shaded(out, frame[final])
    if not drift.empty:
        charts.line(
            out,
            charts.positions(drift),
            drift["value"],
            "features drifted",
            colour=1,
            yaxis="y2",
            hovertemplate="%{y:.0%}",
        )
        out.update_layout(
            yaxis=dict(domain=[0.36, 1]),
            xaxis=dict(anchor="y2"),
            yaxis2=dict(domain=[0, 0.26], tickformat=".0%", range=[-0.05, 1.05], title="drifted"),
        )
    out.update_layout(showlegend=True)
    return out


def apart(frame: pd.DataFrame, by: str, names: list[str]) -> go.Figure:
    """A line a slice or version, the worst first; a provisional window is a gap."""
    out = charts.figure()
    for number, name in enumerate(names[:LINES]):
        one = frame[frame[by] == name]
        final = one["value"].where(~one["provisional"].astype(bool))
        charts.line(
            out,
            charts.positions(one),
            final,
            plain(name),
            colour=number,
            dash=DASHES[number % len(DASHES)],
            customdata=_words(one),
            hovertemplate="%{customdata}",
        )
    levels = frame[frame[by].isin(names[:1])]
    if pd.to_numeric(levels["breached"]).nunique() == 1:
        charts.levels(out, levels)
    return out


def worst_first(frame: pd.DataFrame, by: str, higher_is_better: bool) -> pd.DataFrame:
    """The newest verdict of each, by how grave it is, then by its value."""
    newest = frame.groupby(by, sort=False).tail(1).copy()
    newest["grave"] = [SEVERITY[Status(status)] for status in newest["status"]]
    newest = newest.sort_values(["grave", "value"], ascending=[False, higher_is_better], kind="stable")
    return newest.drop(columns="grave")


def _runs(kept: pd.Series[Any]) -> list[pd.Index[Any]]:
    """The runs of rows that are kept, each a band of its own: a fill would leap over a gap."""
    number = (kept != kept.shift()).cumsum()
    return [part.index for _, part in kept[kept].groupby(number[kept])]


def thresholds(frame: pd.DataFrame) -> str:
    """Where the thresholds come from, in words."""
    held = frame[frame["warning"].notna() | frame["breached"].notna()]
    if held.empty:
        return "No threshold is set for this metric."
    if held["automatic"].astype(bool).iloc[-1]:
        return "Thresholds are automatic: from how much the reference varies, and each window's own sampling error."
    return "Thresholds were set by its owner."


def _words(frame: pd.DataFrame) -> list[str]:
    return [_point(row) for row in frame.itertuples(index=False)]


def _point(row: Any) -> str:
    if pd.isna(row.value):
        return "no value"
    interval = "" if pd.isna(row.lower) else f" ({row.lower:.4g} to {row.upper:.4g})"
    late = ", labels still to come" if row.provisional else ""
    return f"{row.value:.4g}{interval}, n {row.n:,}{late}"
