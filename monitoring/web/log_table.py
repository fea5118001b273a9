"""The table of all logs: is each arriving, and what is wrong with it?"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pandas as pd
import streamlit as st

from monitoring.core.verdict import Status
from monitoring.store.queries.sources import Entry, LogState
from monitoring.web import cached, pieces, tables
from monitoring.web.clock import ago, now, span
from monitoring.web.escape import escape
from monitoring.web.look import NEVER, STATUSES

STATES = {
    "error": replace(STATUSES[Status.BREACHED], word="Error"),
    "notice": replace(STATUSES[Status.WARNING], word="Notice"),
    "ok": replace(STATUSES[Status.OK], word="OK"),
    "empty": replace(STATUSES[Status.NO_DATA], word="No rows"),
    "never": replace(NEVER, word="Not read yet"),
}


def state_of(log: LogState) -> str:
    """How a log is. A log without a row is not well."""
    if log.error:
        return "error"
    if log.role == "predictions" and not log.rows:
        return "empty"
    return "notice" if log.notices else "ok"


def show(logs: list[LogState], entries: list[Entry], present: datetime) -> None:
    """Four figures, the table, and every error and notice in full."""
    if not entries:
        pieces.empty("No model is watched yet.", 'Choose "Add a model" above, and say where its prediction log is.')
        return
    pieces.freshness(max((log.checked_at for log in logs), default=None))
    waiting = [e for e in entries if e.key not in {log.model for log in logs}]
    _figures(logs, entries, waiting, present)
    _table(logs, waiting, present)
    _troubles(logs, waiting)


def _figures(logs: list[LogState], entries: list[Entry], waiting: list[Entry], present: datetime) -> None:
    states = [state_of(log) for log in logs]
    newest = [log.last_at for log in logs if log.last_at is not None]
    figures = {
        "Models watched": (f"{len(entries):,}", None),
        "Logs with an error": (
            f"{states.count('error'):,}",
            "Files that are not there or cannot be read, or a mapping that does not fit.",
        ),
        "Logs with a notice": (f"{states.count('notice'):,}", "Read, but look at what is said below."),
        "Longest without a row": (span(present - min(newest)) if newest else "–", "The greatest lag of all logs."),
    }
    for where, (title, (value, help_)) in zip(st.columns(4), figures.items(), strict=True):
        where.metric(title, value, help=help_, border=True)


def _table(logs: list[LogState], waiting: list[Entry], present: datetime) -> None:
    frame = pd.DataFrame(
        [
            {
                "state": [tables.label(STATES[state_of(log)])], "model": log.model, "role": log.role, "kind": log.kind,
                "last": log.last_at, "lag": span(present - log.last_at) if log.last_at else "",
                "rows": log.rows if log.role == "predictions" else None, "checked": log.checked_at, "place": log.place,
            }
            for log in sorted(logs, key=lambda x: list(STATES).index(state_of(x)))
        ]
        + [
            {"state": [tables.label(STATES["never"])], "model": e.key, "role": "predictions", "place": ""}
            for e in waiting
        ],
        columns=["state", "model", "role", "kind", "last", "lag", "rows", "checked", "place"],
    )  # fmt: skip
    column = st.column_config
    st.dataframe(
        frame,
        key="logs",
        hide_index=True,
        height=tables.height(len(frame)),
        placeholder="",
        alt=f"{len(frame)} logs with their last row, lag and state",
        column_config={
            "state": tables.badges("State", list(STATES.values()), width=120, pinned=True),
            "model": column.TextColumn("Model", width=160, pinned=True),
            "role": column.TextColumn("Log of", width=90),
            "kind": column.TextColumn("Kind", width=70),
            "last": column.DatetimeColumn("Last row, UTC", format="YYYY-MM-DD HH:mm", timezone="UTC", width=130),
            "lag": column.TextColumn("Lag", width=70),
            "rows": column.NumberColumn(
                "Rows", format="localized", width=90, help="Rows summarised, of prediction logs"
            ),
            "checked": column.DatetimeColumn("Checked", format="distance", width=120),
            "place": column.TextColumn("Place", width=420),
        },
    )
    flat = frame.assign(state=frame["state"].str[0].str[2:])
    pieces.download(lambda: flat.to_csv(index=False), "logs", "logs_csv")


def _troubles(logs: list[LogState], waiting: list[Entry]) -> None:
    """What the table has no room for: errors first, then notices, then what the worker has not come to."""
    bad = [log for log in logs if log.error]
    noted = [log for log in logs if log.notices]
    if bad or noted:
        st.header("What to look at")
    for log in bad:
        with st.container(border=True):
            st.markdown(f"{STATES['error'].badge} **{escape(log.model)}** · {escape(log.role)}  \n{escape(log.error)}")
    for log in noted:
        with st.container(border=True):
            lines = "\n".join(f"- {escape(notice)}" for notice in log.notices)
            st.markdown(f"{STATES['notice'].badge} **{escape(log.model)}** · {escape(log.role)}\n\n{lines}")
    if waiting:
        keys = ", ".join(e.key for e in waiting)
        pieces.empty(
            f"Not read yet: {keys}.",
            f"The worker reads it at its next look. Its last sign of life: {ago(cached.heartbeat(), now())}.",
        )
