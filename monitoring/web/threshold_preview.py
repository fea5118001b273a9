"""What a change of thresholds would have done: figures before and after, and the series with both pairs of lines."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from monitoring.core.backtest import BackTest, Difference, Tally
from monitoring.core.verdict import Status
from monitoring.in_force import InForce
from monitoring.web import before_after, cached, charts, tables
from monitoring.web.before_after import better, lasting
from monitoring.web.escape import escape, plain
from monitoring.web.look import STATUSES

SILENT = ("drift.feature", "quality.range", "quality.unseen")
"""Checks that raise no alert of their own: the first feeds `drift`, the others make a model Watch."""


def figures(found: BackTest, days: int, check: str) -> None:
    """The row of four, and what could not be told."""
    before, after = found.before, found.after
    columns = st.columns(4)
    for place, (title, was, now, colour) in zip(columns, _rows(before, after, check), strict=True):
        before_after.figure(place, title, was, now, colour)
    zones = sorted({one.zone for one in found.models}) or [found.period.zone]
    words = f"Over the last {days} days, {len(found.models):,} model{'' if len(found.models) == 1 else 's'}. "
    words += f"Nights are 22:00 to 07:00 in {', '.join(zones)}. A window is taken to be known at its end, "
    st.caption(escape(words + "with labels when they are complete."))
    if words := _of_parts(found):
        st.caption(escape(words))
    if before.noise or after.noise:
        words = f"Of the alerts that people called noise, {before.noise:,} are raised as it is"
        st.caption(f"{words}, {after.noise:,} with the change.")
    if check in SILENT:
        st.caption(escape(_silent(check, before, after)))
    for why, windows in found.unknown.items():
        st.warning(escape(f"Not told in {windows:,} windows, which stay as they were: {why}."), icon=":material/help:")
    for model, why in found.skipped.items():
        st.warning(escape(f"{model} is left out: {why}."), icon=":material/help:")


def _of_parts(found: BackTest) -> str:
    """How many of the alerts are of slices and versions, and of which; "" where none is."""
    was, then = (
        [a.subject for one in found.models for a in getattr(one, side).alerts if a.subject.part]
        for side in ("before", "after")
    )
    names = sorted({about.slice or f"version {about.version}" for about in (*was, *then)})
    if not names:
        return ""
    more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
    return (
        f"Of slices and versions are {len(was):,} of the alerts that were open as it is, {len(then):,} with the "
        f"change: {', '.join(names[:5])}{more}. While the model as a whole alerts, they are not sent as well."
    )


def _rows(before: Tally, after: Tally, check: str) -> list[tuple[str, str, str, before_after.Colour]]:
    opened = better(before.opened, after.opened)
    spent = better(before.in_alert.total_seconds(), after.in_alert.total_seconds())
    out = [
        ("Alerts opened", f"{before.opened:,}", f"{after.opened:,}", opened),
        (
            "Pages at night", f"{before.pages_at_night:,} of {before.pages:,}",
            f"{after.pages_at_night:,} of {after.pages:,}", better(before.pages_at_night, after.pages_at_night),
        ),
        ("Time in alert", lasting(before.in_alert), lasting(after.in_alert), spent),
    ]  # fmt: skip
    if before.detected:
        lost = better(-before.caught, -after.caught)
        out.append(("Time to detect, useful alerts", _detected(before), _detected(after), lost))
    else:
        words = f"{before.breached:,} breached, {before.warned:,} warned"
        now = f"{after.breached:,} breached, {after.warned:,} warned"
        out.append(("Windows", words, now, better(before.breached, after.breached)))
    return out


def _detected(tally: Tally) -> str:
    found = tally.time_to_detect
    caught = f"{tally.caught} of {len(tally.detected)}"
    return caught if found is None else f"{lasting(found) if found else 'at once'}, {caught}"


def _silent(check: str, before: Tally, after: Tally) -> str:
    windows = f"Windows breached: {before.breached:,} before, {after.breached:,} after."
    if check == "drift.feature":
        return f"A feature raises no alert of its own: the alerts are those of the check drift, its share. {windows}"
    return f"This check raises no alert; it makes the model Watch. {windows}"


def models(found: BackTest) -> None:
    """A row a model, those that change most first."""
    rows = [
        {
            "model": one.model, "opened": one.before.tally.opened, "then": one.after.tally.opened,
            "night": one.before.tally.pages_at_night, "night_then": one.after.tally.pages_at_night,
            "hours": one.before.tally.in_alert / timedelta(hours=1),
            "hours_then": one.after.tally.in_alert / timedelta(hours=1),
        }
        for one in sorted(found.models, key=lambda d: -abs(d.after.tally.opened - d.before.tally.opened))
    ]  # fmt: skip
    column = st.column_config
    st.dataframe(
        pd.DataFrame(rows), key="by-model", hide_index=True, height=tables.height(len(rows)),
        alt="Alerts of each model before and after",
        column_config={
            "model": column.TextColumn("Model", pinned=True, width=180),
            "opened": column.NumberColumn("Alerts as it is", width=90),
            "then": column.NumberColumn("with the change", width=115),
            "night": column.NumberColumn("Pages at night as it is", width=130),
            "night_then": column.NumberColumn("with the change", width=115),
            "hours": column.NumberColumn("Hours in alert as it is", format="%.0f", width=130),
            "hours_then": column.NumberColumn("with the change", format="%.0f", width=115),
        },
    )  # fmt: skip


def chart(one: InForce, found: Difference, period: BackTest, levels: tuple[float | None, float | None]) -> None:
    """The series, the lines as they are (dotted) and with the change, and above it when alerts would have been open."""
    start, end = period.period.start, period.period.end
    frame = cached.history(one.model, one.check, start, end, column=one.column)
    frame = frame[(frame["method"] == one.method) & frame["value"].notna()]
    if frame.empty:
        st.caption("No value of it is kept from this period.")
        return
    out = charts.figure(plain(f"{one.check} {one.column}"))
    x = charts.positions(frame)
    charts.line(out, x, frame["value"], "value")
    for name, value in zip(("warning", "breached"), levels, strict=True):
        look = STATUSES[Status(name)]
        before = pd.to_numeric(frame[name])
        if before.notna().any() and not (before == value).all():
            colour = charts.shade(look)
            out.add_trace(
                go.Scatter(
                    x=x, y=before, name=f"{name} as it is", mode="lines", hovertemplate="%{y:.4g}",
                    line=dict(width=1, color=colour, dash="dot", shape="hv"),
                )
            )  # fmt: skip
        charts.threshold(out, value, f"{name} with the change", look, below=name == "breached")
    before_after.strips(out, found.before.alerts, found.after.alerts, end)
    out.update_xaxes(range=[start, end])
    charts.aligned(out)
    after = found.after.tally.opened
    alt = f"{one.check} {one.column}: {found.before.tally.opened} alerts opened as it is, {after} with the change"
    charts.show(out, alt, "preview-chart")
