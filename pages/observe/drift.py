"""Drift: Which inputs moved, from what to what, since when?

icon: compare_arrows
order: 3
"""

from __future__ import annotations

import pandas as pd
import streamlit as st

from monitoring.core.verdict import Status
from monitoring.store.queries.drift import WindowOfDrift
from monitoring.web import (
    cached,
    charts,
    clock,
    column_detail,
    distributions,
    multivariate,
    pieces,
    reports,
    tables,
    timeline,
)
from monitoring.web.access import require
from monitoring.web.escape import escape
from monitoring.web.look import STATUSES, of_status
from monitoring.web.menu import PAGES
from monitoring.web.span import Span, model, span

require("viewer")

WHOLE = "all rows"


def choose_slice(key: str) -> str:
    """The slice, kept in the address; '' is the whole."""
    found = cached.slices(key, "drift.feature")
    if not found:
        return ""
    chosen = st.selectbox("Slice", [WHOLE, *found], key="slice", bind="query-params", width=260)
    return "" if chosen in (None, WHOLE) else str(chosen)


def one(state: WindowOfDrift, check: str, title: str) -> None:
    """The figure of the prediction or the label."""
    rows = state.of(check)
    if rows.empty:
        st.metric(title, "–", delta="not logged", delta_color="off", delta_arrow="off", border=True, height="stretch")
        return
    row = rows.iloc[0]
    look = of_status(row["status"], bool(row["provisional"]))
    value = "–" if pd.isna(row["value"]) else f"{row['value']:.3g}"
    st.metric(
        title,
        value,
        delta=look.word,
        delta_color=look.colour,
        delta_arrow="off",
        icon=f":material/{look.icon}:",
        delta_description=escape(row["change"]),
        border=True,
        height="stretch",
        chart_data=rows_of(row["course"]),
    )


def rows_of(values: list[float]) -> list[float] | None:
    """A sparkline's values, where there are some."""
    found = [v for v in values if pd.notna(v)]
    return found if len(found) > 1 else None


def figures(state: WindowOfDrift, slice_: str, shares: list[float]) -> None:
    """The row of four."""
    first, second, third, fourth = st.columns(4)
    with first:
        status = str(state.whole["status"]) if state.whole is not None and not slice_ else None
        look = of_status(status) if status else None
        st.metric(
            "Features drifted",
            f"{state.drifted} of {state.judged}",
            delta=look.word if look else "of this slice",
            delta_color=look.colour if look else "off",
            delta_arrow="off",
            border=True,
            height="stretch",
            icon=f":material/{look.icon}:" if look else None,
            chart_data=rows_of(shares) if look else None,
            delta_description=f"breached at {state.whole['breached']:.0%}"
            if look and state.whole and state.whole["breached"]
            else None,
        )
    with second:
        one(state, "drift.prediction", "Prediction drift")
    with third:
        one(state, "drift.label", "Label drift")
    with fourth:
        failed, little = state.count(Status.FAILED), state.count(Status.INSUFFICIENT_DATA) + state.count(Status.NO_DATA)
        look = STATUSES[Status.FAILED if failed else Status.INSUFFICIENT_DATA]
        st.metric(
            "Features not judged",
            f"{failed + little}",
            delta=f"{failed} failed, {little} too little data",
            delta_color=look.colour if failed + little else "off",
            delta_arrow="off",
            border=True,
            height="stretch",
            icon=f":material/{look.icon}:" if failed + little else None,
        )


def table(state: WindowOfDrift, key: str) -> None:
    """All columns, most drifted first."""
    found = state.table
    by_rows = state.chunk is not None
    out = pd.DataFrame(
        {
            "column": [distributions.name(c, n) for c, n in zip(found["check"], found["column"], strict=True)],
            "status": [
                [tables.label(of_status(s, bool(early)))]
                for s, early in zip(found["status"], found["provisional"], strict=True)
            ],
            "change": found["change"],
            "course": found["course"].map(rows_of),
            "value": found["value"],
            "threshold": found["breached"],
            "score": found["drift_score"],
            "needed": found["null_quantile"],
            "n": found["n"],
            "since": found["since_chunk"] if by_rows else found["since"],
            "method": [distributions.method(m) for m in found["method"]],
        }
    )
    column = st.column_config
    st.dataframe(
        out,
        key="drift_table",
        hide_index=True,
        height=tables.height(len(out)),
        alt="Drift of every column, most drifted first",
        placeholder="–",
        column_config={
            "column": column.TextColumn("Column", pinned=True, width=140),
            "status": tables.badges("Status", list(STATUSES.values()), width=125),
            "change": column.TextColumn("What changed", width=230),
            "course": column.LineChartColumn("Over the range", width=120, y_min=0, color=charts.palette()[0]),
            "value": column.NumberColumn("Statistic", format="%.3f", width=80),
            "threshold": column.NumberColumn("Breached at", format="%.3g", width=90),
            "score": column.NumberColumn(
                "Drift score", format="%.1f", width=85, help="How far beyond chance: standard deviations of chance"
            ),
            "needed": column.NumberColumn(
                "Needed", format="%.1f", width=70, help="The score that chance reaches as often as the budget allows"
            ),
            "n": column.NumberColumn("n", format="localized", width=75, help="Rows of the window"),
            "since": column.NumberColumn("Since chunk", width=100)
            if by_rows
            else column.DatetimeColumn("Since (UTC)", format="YYYY-MM-DD HH:mm", timezone="UTC", width=140),
            "method": column.TextColumn("Method", width=140),
        },
    )
    unneeded = ["course", "grave", "at", "level"]
    pieces.download(lambda: found.drop(columns=unneeded).to_csv(index=False), f"{key}-drift", "drift_csv")


def history(state: WindowOfDrift, key: str, shown: Span) -> None:
    """Columns by windows."""
    st.header("When each column moved")
    with st.container(border=True):
        drawn, hidden = distributions.heat_map(state)
        worst = distributions.name(state.table["check"].iloc[0], state.table["column"].iloc[0])
        alt = f"Drift of every column over time, as a share of its breached level; {worst} has drifted most."
        timeline.show(drawn, alt, "drift_map", key, shown, timed=state.chunk is None, full=True)
        st.caption(
            "Colour is how far beyond its breached level, or beyond chance, whichever is less: drift is beyond both."
        )
        if hidden:
            st.caption(f"The {distributions.MOST} most drifted columns; {hidden} more are in the table.")


def page(key: str, shown: Span) -> None:
    """The page of a model."""
    slice_ = choose_slice(key)
    state = cached.drift(key, shown.start, shown.end, slice_)
    if state is None:
        if cached.baseline(key) is None:
            pieces.empty(
                "Nothing has been compared yet.",
                "Drift is shown once the model has been evaluated; see whether its log arrives.",
                "configure/models_and_logs.py",
                "Models and logs",
            )
        else:
            pieces.empty(
                "No window was compared in this range.",
                "Choose a longer range above. Windows of the reference are left out.",
            )
        return
    when = escape(clock.window(state.start, state.end, state.chunk))
    st.markdown(f"Newest complete window: **{when}** against the reference.")
    figures(state, slice_, list(cached.history(key, "drift", shown.start, shown.end)["value"]))
    table(state, key)
    st.page_link(
        PAGES / "observe" / "performance.py",
        label="Drift is no diagnosis: see whether performance fell, too",
        query_params={"model": key},
        icon=":material/trending_down:",
    )
    history(state, key, shown)
    if not slice_:
        multivariate.section(key, shown)
    row = column_detail.detail(state, key, slice_, shown)
    reports.section(key, row[0] if row else None, row[1] if row else "")


chosen_model = model()
if chosen_model is None:
    pieces.choose_first()
else:
    page(chosen_model, span())
