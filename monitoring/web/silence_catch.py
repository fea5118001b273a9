"""What a silence would catch: alerts open now, and alerts and findings of the last 30 days."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from monitoring.core.alerting.silence import Silence
from monitoring.core.verdict import Status
from monitoring.store.queries.silences import Catch
from monitoring.web import cached, pieces, tables
from monitoring.web.clock import now
from monitoring.web.look import STATUSES, of_status

ROWS = 200


def show(silence: Silence) -> None:
    """What it would catch now, and would have caught over the last 30 days."""
    found = cached.catch(silence, now())
    st.header("What it would catch")
    windows = sum(f.windows for f in found.findings)
    figures = {
        "Alerts open now": len(found.alerts),
        "Alerts in 30 days": found.opened,
        "Findings in 30 days": windows,
        "Models touched": len(found.models),
    }
    for (name, number), place in zip(figures.items(), st.columns(4), strict=True):
        place.metric(name, f"{number:,}", border=True)
    if not found.models:
        st.caption("Nothing: no alert and no finding of the last 30 days fits. Is a label misspelt?")
        return
    words = "had it held then, in the hours it will have" if silence.recurrence else "had it held then"
    st.caption(f"Over 30 days: {words}. A finding is a window in which a check warned, was breached or failed.")
    _alerts(found)
    _findings(found)


def _alerts(found: Catch) -> None:
    if not found.alerts:
        return
    frame = pd.DataFrame(
        [
            dict(
                model=a.name, check=a.check, column=a.column, slice=a.slice, version=a.version, severity=a.severity,
                since=a.opened_at, what=a.summary,
            )
            for a in found.alerts
        ]
    )  # fmt: skip
    frame = frame.drop(columns=[name for name in ("column", "slice", "version") if not frame[name].any()])
    column = st.column_config
    st.dataframe(
        frame, key="caught_alerts", hide_index=True, height=tables.height(len(frame)), placeholder="–",
        alt=f"{len(frame)} alerts open now that it would silence",
        column_config={
            "model": column.TextColumn("Alert open now", pinned=True), "check": column.TextColumn("Check"),
            "column": column.TextColumn("Column"), "slice": column.TextColumn("Slice"),
            "version": column.TextColumn("Version"), "severity": column.TextColumn("Severity"),
            "since": column.DatetimeColumn("Since", format="distance"), "what": column.TextColumn("What", width=480),
        },
    )  # fmt: skip


def _findings(found: Catch) -> None:
    shown = found.findings[:ROWS]
    if not shown:
        return
    status: list[Any] = [[tables.label(of_status(f.status or Status.NO_DATA))] for f in shown]
    frame = pd.DataFrame(
        {
            "model": [f.name for f in shown], "check": [f.check for f in shown], "column": [f.column for f in shown],
            "slice": [f.slice for f in shown], "version": [f.version for f in shown],
            "windows": [f.windows for f in shown], "last": [f.last for f in shown], "status": status,
        }
    )  # fmt: skip
    frame = frame.drop(columns=[name for name in ("column", "slice", "version") if not frame[name].any()])
    column = st.column_config
    st.dataframe(
        frame, key="caught_findings", hide_index=True, height=tables.height(len(frame)),
        alt=f"Findings of the last 30 days that it would silence, {len(found.findings)} subjects",
        column_config={
            "model": column.TextColumn("Model", pinned=True), "check": column.TextColumn("Check"),
            "column": column.TextColumn("Column"), "slice": column.TextColumn("Slice"),
            "version": column.TextColumn("Version"),
            "windows": column.NumberColumn("Windows", format="localized", help="That warned, were breached or failed"),
            "last": column.DatetimeColumn("Last", format="distance"),
            "status": tables.badges("Now", list(STATUSES.values()), width=130),
        },
    )  # fmt: skip
    if found.findings[ROWS:]:
        st.caption(f"and {len(found.findings) - ROWS:,} more subjects")
    pieces.download(lambda: frame.to_csv(index=False), "caught", "caught_csv")
