"""The charts that say why a model has its flag: its metric, its drift, its rows and its service, on one time axis."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from monitoring.core.performance.metric import UnknownMetric, get
from monitoring.store.queries.fleet import FleetEntry
from monitoring.web import cached, charts, timeline
from monitoring.web.escape import escape
from monitoring.web.look import STATUSES
from monitoring.web.span import Span

WARNING = STATUSES["warning"]  # type: ignore[index]


def title(name: str, task: str) -> str:
    """A metric's name in words."""
    try:
        return get(name, task).title if name else ""
    except UnknownMetric:
        return name.replace("_", " ")


def metric(entry: FleetEntry, shown: Span) -> bool:
    """The metric it is judged by, with its interval, thresholds and breaches; provisional windows drawn apart."""
    if not entry.main:
        return False
    course = cached.history(entry.key, f"performance.{entry.main}", shown.start, shown.end)
    course = course[course["value"].notna()]
    if course.empty:
        return False
    name = title(entry.main, entry.task)
    final = ~course["provisional"].astype(bool)
    out = charts.figure()
    x, value = _x(course), course["value"]
    if course["lower"].notna().any():
        charts.band(out, x[final], course["lower"][final], course["upper"][final], "95 % interval")
    charts.line(out, x, value.where(final), name)
    if not final.all():  # the dashes reach to the final windows on both sides
        apart = ~final | (~final).shift(-1, fill_value=False) | (~final).shift(1, fill_value=False)
        charts.line(out, x, value.where(apart), "", dash="dot", mode="lines", showlegend=False, hoverinfo="skip")
        charts.line(out, x[~final], value[~final], "labels still coming", mode="markers", hollow=True)
    charts.levels(out, course)
    words = f"**{name}**, realised. {escape(charts.changed(charts.changes(out, course[final])))}"
    _draw(out, entry.key, course[final], shown, words, f"{name}{_story(course[final])}", "metric")
    return True


def drift(entry: FleetEntry, shown: Span) -> bool:
    """The share of features that drifted."""
    course = cached.history(entry.key, "drift", shown.start, shown.end)
    course = course[course["value"].notna()]
    if course.empty:
        return False
    out = charts.figure(zero=True, percent=True)
    charts.line(out, _x(course), course["value"], "Features drifted")
    charts.levels(out, course, form=".0%")
    moved = escape(charts.changed(charts.changes(out, course)))
    words = f"**Share of features drifted** against the reference. {moved}"
    _draw(out, entry.key, course, shown, words, f"Share of features drifted{_story(course)}", "drift")
    return True


def volume(entry: FleetEntry, shown: Span) -> bool:
    """Rows in each window, and those with a label."""
    windows = cached.coverage(entry.key, entry.main or "none", shown.start, shown.end)
    if windows.empty:
        return False
    out = charts.figure(zero=True)
    charts.bars(out, _x(windows), windows["rows"], "rows", 8)
    if windows["labelled"].notna().any():
        charts.bars(out, _x(windows), windows["labelled"], "with a label")
    newest = windows.iloc[-1]
    alt = f"Rows a window: {newest['rows']:,} in the newest, {windows['rows'].median():,.0f} at the median."
    _draw(out, entry.key, windows, shown, "**Rows** in each window", alt, "volume")
    return True


def service(model: str, traffic: pd.DataFrame, column: str, document: dict[str, Any], shown: Span) -> None:
    """Latency or error rate by hour, with its objective."""
    percent = column == "error_share"
    out = charts.figure("" if percent else "ms", zero=True, percent=percent)
    charts.line(out, traffic["moment"], traffic[column], "Error rate" if percent else "Latency p95", mode="lines")
    for slo in document.get("slos") or []:
        if slo.get("sli") == "latency" and not percent:
            level = slo["threshold_ms"]
            charts.threshold(out, level, "objective", WARNING, text=f"objective {level:g} ms")
        if slo.get("sli") == "availability" and percent:
            level = 1 - slo["objective"]
            charts.threshold(out, level, "objective", WARNING, text=f"objective {level * 100:.3g} %")
    last = traffic[column].dropna().iloc[-1]
    words = f"{last:.2%}" if percent else f"{last:.4g} ms"
    charts.aligned(out)
    name = "Error rate" if percent else "Latency p95"
    timeline.show(out, f"{name} by hour: {words} in the newest hour.", f"course-{column}", model, shown)


def _draw(out: go.Figure, model: str, judged: pd.DataFrame, shown: Span, words: str, alt: str, name: str) -> None:
    with st.container(border=True):
        st.markdown(words)
        charts.shaded(out, judged)
        charts.aligned(out)
        timed = judged.empty or judged["chunk"].isna().all()
        timeline.show(out, alt, f"course-{name}", model, shown, timed=bool(timed))


def _x(course: pd.DataFrame) -> pd.Series[Any]:
    return course["chunk"] if course["chunk"].notna().any() else course["window_start"]


def _story(course: pd.DataFrame) -> str:
    if course.empty:
        return ": no window is final yet."
    bad = int((course["status"] == "breached").sum())
    first, last = course["value"].iloc[0], course["value"].iloc[-1]
    return f": {first:.4g} at first, {last:.4g} in the newest window; {bad} of {len(course)} windows breached."
