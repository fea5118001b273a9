"""Evidently reports: asked of the worker, opened in a tab of their own, sandboxed wherever they are shown."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from monitoring.store.queries.fleet import Work
from monitoring.web import cached, pieces
from monitoring.web.clock import ago, now
from monitoring.web.escape import escape

HEIGHT = 800


def section(key: str, row: pd.Series[Any] | None, window: str) -> None:
    """Build a report on the window shown, and open the newest."""
    st.header("Evidently report")
    if row is None or pd.isna(row["window_start"]):
        pieces.empty("Reports need a log with real time.", "Map `predictions.columns.timestamp` in the fleet file.")
        return
    start, end = (pd.Timestamp(row[name]).isoformat() for name in ("window_start", "window_end"))
    arguments = {"start": start, "end": end}
    wanted = st.button("Build Evidently report", key="build_report", icon=":material/summarize:")
    if wanted and not pieces.ask("report", key, arguments):
        st.toast("The same report is being built already.", icon=":material/hourglass_empty:")
    st.caption(escape(f"Compares {window} with the reference, on a sample of the rows. Takes about half a minute."))
    asked = [w for w in cached.work(key) if w.kind == "report"]
    pieces.progress(key, "report")
    if any(w.state in ("waiting", "running") for w in asked):
        st.fragment(_watch, run_every=2)(key, sum(w.state == "done" for w in asked))
    done = next((w for w in asked if w.state == "done" and w.result), None)
    if done is not None:
        _built(done)


def _built(done: Work) -> None:
    start, end = (str(done.arguments.get(name, ""))[:16].replace("T", " ") for name in ("start", "end"))
    st.markdown(escape(f"Built {ago(done.asked_at, now())}: {start} to {end} UTC against the reference."))
    address = f"/v1/reports/{done.result}"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.link_button("Open in a new tab", address, icon=":material/open_in_new:")
        st.link_button("Download", f"{address}?download", icon=":material/download:")
        here = st.toggle("Show it here", key="show_report")
    if here:
        st.iframe(address, height=HEIGHT, alt="Evidently report")


def _watch(key: str, done: int) -> None:
    """Run the page again when a report is done."""
    if sum(w.state == "done" for w in cached.work(key) if w.kind == "report") != done:
        st.rerun()
