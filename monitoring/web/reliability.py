"""Reliability on the Performance page: what the probabilities say beside what happens, and the verdicts on that."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from monitoring.core.performance.reliability import Reliability
from monitoring.core.verdict import Status
from monitoring.store.queries.performance import mature
from monitoring.store.queries.reliability import Shown
from monitoring.verdicts.miscalibration import CHECKS
from monitoring.web import cached, charts, clock, metric_table, pieces
from monitoring.web.escape import escape
from monitoring.web.look import STATUSES, of_status
from monitoring.web.span import Span

NEWEST, ALL = "Newest mature window", "All mature windows"
TITLES = dict(zip(CHECKS, ("Level", "Slope"), strict=True))
HELP = {
    "Level": "Calibration in the large: mean probability less the share that happens.",
    "Slope": "Calibration slope (Cox 1958): below 1 probabilities lie further apart than what happens, which is "
    "over-confident; above 1 it is under-confident.",
}
TOP = "(top label)"


def section(key: str, frame: pd.DataFrame, shown: Span) -> None:
    """The curve of the mature windows of `frame` beside the reference's; nothing for a model without probabilities."""
    judged = cached.history(key, "performance.calibration_%", shown.start, shown.end)
    if judged.empty:
        return
    st.header("Reliability of the probabilities")
    judged = mature(judged)
    judged = judged[judged["check"].isin(CHECKS) & judged["value"].notna()]
    windows = mature(frame)
    windows = windows[windows["n"] > 0]
    if windows.empty:
        pieces.empty("No window has its labels yet.", "The curve is drawn once labels have come.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        over = st.segmented_control(
            "Windows", [NEWEST, ALL], default=NEWEST, required=True, key="reliability", bind="query-params",
            label_visibility="collapsed",
        )  # fmt: skip
        start, end, chunks = _stretch(windows if over == ALL else windows.tail(1))
        found = cached.reliability(key, start, end, chunks)
        class_ = ""
        if found is not None and found.classes:
            names = [TOP, *found.classes]
            chosen = st.selectbox("Class", names, key="class", width=220, label_visibility="collapsed")
            class_ = "" if chosen in (None, TOP) else chosen
            found = cached.reliability(key, start, end, chunks, class_) if class_ else found
    if found is None or found.current is None:
        pieces.empty("No label has come in these windows.", "Choose a longer range above.")
        return
    left, right = st.columns([3, 2])
    with left.container(border=True, height="stretch"):
        _curves(found.current, found.reference)
        when = (
            clock.window(start, end, chunks[0])
            if len(range(*chunks)) == 1
            else f"chunks {chunks[0]} to {chunks[1] - 1}"
        )
        st.caption(escape(f"{when}: {found.current.rows:,} labelled rows. {_note(class_, found.classes)}"))
    with right.container(border=True, height="stretch"):
        _error(found.current, found.reference)
        for check, title in TITLES.items():
            one = judged[judged["check"] == check]
            _verdict(title, None if one.empty else one.iloc[-1])


def _stretch(windows: pd.DataFrame) -> tuple[datetime | None, datetime | None, tuple[int, int]]:
    """Start and end of the windows; of chunks of rows their numbers."""
    start, _, first = metric_table.window(windows.iloc[0])
    _, end, last = metric_table.window(windows.iloc[-1])
    return start, end, (first or 0, (last or 0) + 1)


def _curves(current: Shown, reference: Shown | None) -> None:
    out = charts.figure("what happens", percent=True)
    far = max([*current.curve.score, *current.curve.upper, *(reference.curve.score if reference else [])])
    grey = charts.shade(STATUSES[Status.NO_DATA])
    out.add_trace(
        go.Scatter(
            x=[0, far], y=[0, far], name="says what happens", mode="lines", hoverinfo="skip",
            line=dict(width=1, color=grey, dash="dash"),
        )
    )  # fmt: skip
    if reference is not None:
        _curve(out, reference.curve, "reference", 8)
    _curve(out, current.curve, "current", 0)
    out.update_layout(showlegend=True, hovermode="closest")
    out.update_xaxes(title="what the probability says", tickformat=".0%")
    words = "; ".join(_points(current.curve))
    charts.show(out, f"Reliability curve. {words}", "reliability_curve")


def _curve(out: go.Figure, curve: Reliability, name: str, colour: int) -> None:
    charts.band(out, curve.score.tolist(), curve.lower.tolist(), curve.upper.tolist(), f"95 % of {name}", colour)
    charts.line(
        out, curve.score.tolist(), curve.share.tolist(), name, colour=colour,
        customdata=[f"{name}: {words}" for words in _points(curve)], hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip


def _points(curve: Reliability) -> list[str]:
    return [
        f"says {score:.1%}, {share:.1%} happen ({low:.1%} to {high:.1%}), n {n:,}"
        for score, share, low, high, n in zip(curve.score, curve.share, curve.lower, curve.upper, curve.n, strict=True)
    ]


def _error(current: Shown, reference: Shown | None) -> None:
    """The expected calibration error, with what chance alone makes of it."""
    past = (
        "" if reference is None or reference.error.value is None else f"; {reference.error.value:.2g} in the reference"
    )
    st.metric(
        "Calibration error (ECE)",
        "–" if current.error.value is None else f"{current.error.value:.2g}",
        delta=f"{current.by_chance:.2g} by chance alone{past}", delta_color="off", delta_arrow="off",
        help="Mean gap between probability and share over 20 bins of equal width. It is never 0: chance alone makes "
        "some, the more the fewer rows.",
    )  # fmt: skip


def _verdict(title: str, newest: pd.Series[Any] | None) -> None:
    if newest is None:
        st.markdown(f"**{title}**: not judged in this range.", help=HELP[title])
        return
    words = str(newest["effect"] or newest["reason"])
    st.markdown(
        f"**{title}** {of_status(str(newest['status'])).badge}  \n{escape(words[0].upper() + words[1:])}",
        help=HELP[title],
    )
    if newest["effect"]:
        st.caption(escape(str(newest["reason"]).removeprefix(words[0].upper() + words[1:]).lstrip("; ")))


def _note(class_: str, classes: tuple[str, ...]) -> str:
    if not classes:
        return "Bins of about equal mass, each with its 95 % interval."
    what = f"{class_} against the rest" if class_ else "the top label, where its probability is above one half"
    return f"Of {what}. Bins of about equal mass, each with its 95 % interval."
