"""What changed and when, as a list."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from monitoring.store.queries.changes import Changed
from monitoring.web import cached, charts, pieces, tables, timeline
from monitoring.web.escape import plain
from monitoring.web.span import Span

KINDS = {
    "version": "Versions",
    "thresholds": "Thresholds",
    "objectives": "Objectives",
    "reference": "References",
    "retraining": "Retraining",
}
"""The kinds of change, as they are filtered by."""
LINES = 10
"""Versions that are drawn: one a colour of the theme."""
DAY = 86_400_000
"""Milliseconds."""
VARIES = 0.05
"""By how much a version's share has to change for the chart to say anything."""


def section(key: str | None, shown: Span) -> None:
    """The list of a model, or of the fleet where none is chosen."""
    found = cached.what_changed(key, shown.start, shown.end)
    if not found:
        whose = "about this model" if key else "in the fleet"
        pieces.empty(
            f"Nothing changed {whose} in this range.",
            "New versions, thresholds, objectives and references are listed here. Choose a longer range above.",
        )
        return
    there = [kind for kind in dict.fromkeys([*KINDS, *(c.kind for c in found)]) if any(c.kind == kind for c in found)]
    chosen = None
    if len(there) > 1:
        chosen = st.segmented_control(
            "Kinds", there, key="kind", bind="query-params", label_visibility="collapsed", wrap=True
        )
    kept = [one for one in found if chosen in (None, one.kind)]
    _table(kept, key)


def answered(key: str, shown: Span) -> None:
    """Which version answered how much of each day, where that changed."""
    found = cached.shares(key)
    if found is None:
        return
    found = found[(found.index >= pd.Timestamp(shown.start).floor("D")) & (found.index < shown.end)]
    found = found.loc[:, found.gt(0).any()]
    if len(found.columns) < 2 or (found.max() - found.min()).max() < VARIES:
        return
    with st.container(border=True):
        st.markdown("**Rows of each day by version**")
        out = charts.figure(percent=True, height=220)
        for number, version in enumerate(found.columns[:LINES]):
            look = charts.palette()[number]
            out.add_trace(go.Bar(x=found.index, y=found[version], name=plain(version), marker=dict(color=look)))
        out.update_traces(hovertemplate="%{y:.0%}", marker_line_width=0, xperiod=DAY, xperiodalignment="start")
        out.update_layout(barmode="stack", showlegend=True, bargap=0, legend=dict(y=1.25), margin=dict(t=40))
        out.update_yaxes(range=[0, 1.15], tickvals=[0, 0.5, 1])  # room for the names of what changed
        last = found.iloc[-1].sort_values(ascending=False)
        alt = f"On the last day {last.index[0]} answered {last.iloc[0]:.0%} of the rows."
        timeline.show(out, alt, "version_shares", key, shown)


def _table(found: Sequence[Changed], key: str | None) -> None:
    frame = pd.DataFrame(
        {
            "at": [c.at for c in found],
            "kind": [c.kind for c in found],
            "model": [c.model or "all of a rule" for c in found],
            "words": [c.words for c in found],
            "actor": [c.actor or None for c in found],
            "reason": [c.reason or None for c in found],
        }
    )
    column = st.column_config
    out = frame if key is None else frame.drop(columns="model")
    st.dataframe(
        out, key="changes", hide_index=True, height=tables.height(len(out)), placeholder="–",
        alt=f"{len(out)} changes, the newest first: {found[0].words}",
        column_config={
            "at": column.DatetimeColumn("When, UTC", format="YYYY-MM-DD HH:mm", timezone="UTC", width=140),
            "kind": column.TextColumn("What", width=95),
            "model": column.TextColumn("Model", width=200),
            "words": column.TextColumn("Change", width=430),
            "actor": column.TextColumn("Who", width=110),
            "reason": column.TextColumn("Why", width=260),
        },
    )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("The same changes are lines on every chart over time. Versions are known to the day, or the hour.")
        pieces.download(lambda: frame.to_csv(index=False), f"{key or 'fleet'}-changes", "changes_csv", type="tertiary")
