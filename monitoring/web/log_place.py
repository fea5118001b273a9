"""Where a log is, and a look at its rows: the part of the form that prediction log and labels share.

What is typed is kept for the session, whatever goes wrong; it is forgotten when the model is saved.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from monitoring.apart import apart
from monitoring.errors import LeewayError
from monitoring.fleet import Log
from monitoring.glance import Sample, look, slow
from monitoring.logs.source import names
from monitoring.web.escape import escape
from monitoring.web.model_draft import kind_of
from monitoring.web.said import show_problems

PREFIX = "add_"
PATIENCE = 60
"""Seconds that a look at a log may take."""
KEEP: dict[str, Any] = {"persist_state": "session"}
"""Of every field: its value outlives going to another view or page."""


def field(name: str) -> Any:
    """What a field of the form holds."""
    return st.session_state.get(PREFIX + name)


def put(**values: Any) -> None:
    """Fill fields before they are drawn."""
    for name, value in values.items():
        st.session_state[PREFIX + name] = value


def place(which: str, title: str, looked_at: Callable[[dict[str, str], Sample], None]) -> dict[str, str] | None:
    """Where a log is, and a look at it. The place that was last looked at with success, as the fleet file writes it."""
    with st.container(border=True):
        st.header(title)
        if field(f"{which}kind") is None:
            put(**{f"{which}kind": "parquet"})
        st.segmented_control("Kind", names(), required=True, key=f"{PREFIX}{which}kind", **KEEP)
        with st.form(f"{which}place", border=False):
            if field(f"{which}kind") == "sql":
                st.text_input(
                    "URL",
                    key=f"{PREFIX}{which}url",
                    placeholder="postgresql://reader:${PASSWORD}@host/db",
                    **KEEP,
                    help="Any SQLAlchemy URL. ${NAME} stands for an environment variable: write no password here.",
                )
                st.text_input("Table or view", key=f"{PREFIX}{which}table", placeholder="predictions", **KEEP)
            else:
                st.text_input(
                    "File, folder or glob on the server",
                    key=f"{PREFIX}{which}location",
                    placeholder="logs/predictions/*.parquet",
                    **KEEP,
                    help=f"Relative places start from {Path.cwd()}.",
                )
            asked = st.form_submit_button("Look", icon=":material/search:", on_click=_by_ending, args=(which,))
        if asked:
            _look(which, looked_at)
    found: dict[str, str] | None = field(f"{which}log")
    return found


def _by_ending(which: str) -> None:
    """Choose the kind that the location's ending speaks of. A callback: the field is drawn after it."""
    kind = kind_of(field(f"{which}location") or "")
    if field(f"{which}kind") != "sql" and kind is not None:
        put(**{f"{which}kind": kind})


def _look(which: str, looked_at: Callable[[dict[str, str], Sample], None]) -> None:
    """Read some rows; on success fill what follows from them, else say what is wrong and leave all as it was."""
    wanted = ("url", "table") if field(f"{which}kind") == "sql" else ("location",)
    log = {"source": str(field(f"{which}kind"))} | {name: (field(f"{which}{name}") or "").strip() for name in wanted}
    if not all(log.values()):
        st.error("Say where the log is first.", icon=":material/error:")
        return
    try:
        with st.spinner("Reading some rows"):
            place = Log(source=log["source"], location=log.get("location"), url=log.get("url"), table=log.get("table"))
            here = Path.cwd()
            sample = apart(look, place, here, seconds=PATIENCE) if slow(place, here) else look(place, here)
    except LeewayError as error:
        show_problems(error)
        return
    again = field(f"{which}log") == log
    put(**{f"{which}log": log, f"{which}sample": sample})
    if not again:
        looked_at(log, sample)


def show_sample(sample: Sample) -> None:
    """The first rows, each column with its type."""
    several = sample.parts > 1
    read = (
        f"{sample.parts:,} files, {sample.count:,} rows in the first and the last"
        if several
        else f"{sample.count:,} rows"
    )
    st.caption(escape(f"{read}. The first, with the type of each column:"))
    st.dataframe(
        sample.shown,
        key="add_rows",
        hide_index=True,
        height=250,
        alt=f"The first {len(sample.shown)} rows of the log",
        column_config={n: st.column_config.Column(f"{n} · {kind}") for n, kind in sample.kinds.items()},
    )
