"""Multivariate drift on the Drift page: what tests on rows say of the newest window, and their course."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from monitoring.rowtests.registry import UnknownRowTest, get
from monitoring.verdicts.multivariate import CHECK
from monitoring.web import cached, charts, clock, pieces, timeline
from monitoring.web.escape import escape
from monitoring.web.look import of_status
from monitoring.web.span import Span


def section(key: str, shown: Span) -> None:
    """All columns together, a card a method; a line on how to ask for it where nobody did."""
    frame = cached.history(key, CHECK, shown.start, shown.end)
    st.header("All columns together")
    if frame.empty:
        st.caption(
            "Rows are not compared as a whole, for it costs reading some of them again. "
            f"A threshold `check: {CHECK}` turns it on: it sees what no single column shows."
        )
        return
    methods = list(dict.fromkeys(frame["method"]))
    for at in range(0, len(methods), 2):
        for place, method in zip(st.columns(2), methods[at : at + 2], strict=False):
            with place.container(border=True, height="stretch"):
                card(frame[frame["method"] == method], str(method), key, shown)
    pieces.download(lambda: frame.to_csv(index=False), f"{key}-multivariate-drift", "multivariate_csv")


def card(frame: pd.DataFrame, method: str, key: str, shown: Span) -> None:
    """One method: the newest verdict in words, and its values with what they were held against."""
    newest = frame.iloc[-1]
    title, help_ = named(method)
    st.markdown(f"**{escape(title)}**", help=help_)
    st.markdown(f"{of_status(newest['status']).badge} {escape(newest['reason'])}")
    if frame["value"].notna().any():
        out = charts.figure()
        charts.line(out, charts.positions(frame), list(frame["value"]), title)
        charts.levels(out, frame, apart=two_sided(method))
        charts.shaded(out, frame)
        out.update_layout(showlegend=two_sided(method))
        bad = int(frame["status"].isin(("warning", "breached")).sum())
        alt = f"{title}: {bad} of {len(frame)} windows drifted."
        timed = bool(frame["window_start"].notna().any())
        timeline.show(out, alt, f"multivariate_{method}", key, shown, timed=timed)
    st.caption(escape(_caption(newest)))


def named(method: str) -> tuple[str, str | None]:
    """A method's title and help; of one that does not exist, its name."""
    try:
        test = get(method)
    except UnknownRowTest:
        return method, None
    return test.title, escape(" ".join(test.help.split()))


def two_sided(method: str) -> bool:
    """Whether a method's levels lie on the side that a window is off to."""
    try:
        return get(method).sides == "both"
    except UnknownRowTest:
        return False


def _caption(newest: pd.Series[Any]) -> str:
    number = None if pd.isna(newest["chunk"]) else int(newest["chunk"])
    start, end = (
        None if pd.isna(newest[n]) else pd.Timestamp(newest[n]).to_pydatetime() for n in ("window_start", "window_end")
    )
    words = f"Newest window: {clock.window(start, end, number)}."
    if pd.notna(newest["false_alarms"]):
        words += f" Expected false alarms: {newest['false_alarms']:.2g} a quarter."
    return words
