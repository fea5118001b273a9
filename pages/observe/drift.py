"""Drift: Which inputs moved, from what to what, since when?

icon: compare_arrows
order: 3
"""

from __future__ import annotations

import pandas as pd
import streamlit as st

from monitoring.core.verdict import Status
from monitoring.store.queries.drift import WindowOfDrift
from monitoring.web import cached, charts, clock, distributions, pieces, reports, tables
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
    look = of_status(row["status"])
    value = "–" if pd.isna(row["value"]) else f"{row['value']:.3g}"
    st.metric(
        title, value, delta=look.word, delta_color=look.colour, delta_arrow="off", icon=f":material/{look.icon}:",
        delta_description=escape(row["change"]), border=True, height="stretch", chart_data=rows_of(row["course"]),
    )  # fmt: skip


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
            "Features drifted", f"{state.drifted} of {state.judged}", delta=look.word if look else "of this slice",
            delta_color=look.colour if look else "off", delta_arrow="off", border=True, height="stretch",
            icon=f":material/{look.icon}:" if look else None, chart_data=rows_of(shares) if look else None,
            delta_description=f"breached at {state.whole['breached']:.0%}" if look and state.whole and state.whole["breached"] else None,
        )  # fmt: skip
    with second:
        one(state, "drift.prediction", "Prediction drift")
    with third:
        one(state, "drift.label", "Label drift")
    with fourth:
        failed, little = state.count(Status.FAILED), state.count(Status.INSUFFICIENT_DATA) + state.count(Status.NO_DATA)
        look = STATUSES[Status.FAILED if failed else Status.INSUFFICIENT_DATA]
        st.metric(
            "Features not judged", f"{failed + little}", delta=f"{failed} failed, {little} too little data",
            delta_color=look.colour if failed + little else "off", delta_arrow="off", border=True, height="stretch",
            icon=f":material/{look.icon}:" if failed + little else None,
        )  # fmt: skip


def table(state: WindowOfDrift, key: str) -> None:
    """All columns, most drifted first."""
    found = state.table
    by_rows = state.chunk is not None
    out = pd.DataFrame(
        {
            "column": [distributions.name(c, n) for c, n in zip(found["check"], found["column"], strict=True)],
            "status": [[tables.label(of_status(s))] for s in found["status"]],
            "change": found["change"], "course": found["course"].map(rows_of), "value": found["value"],
            "threshold": found["breached"], "p": [_p(p) for p in found["p_value"]], "n": found["n"],
            "since": found["since_chunk"] if by_rows else found["since"], "method": [distributions.method(m) for m in found["method"]],
        }
    )  # fmt: skip
    column = st.column_config
    st.dataframe(
        out, key="drift_table", hide_index=True, height=tables.height(len(out)), alt="Drift of every column, most drifted first",
        placeholder="–",
        column_config={
            "column": column.TextColumn("Column", pinned=True, width=140),
            "status": tables.badges("Status", list(STATUSES.values()), width=125),
            "change": column.TextColumn("What changed", width=230),
            "course": column.LineChartColumn("Over the range", width=120, y_min=0, color=charts.palette()[0]),
            "value": column.NumberColumn("Statistic", format="%.3f", width=80),
            "threshold": column.NumberColumn("Breached at", format="%.3g", width=90),
            "p": column.TextColumn("p", width=75),
            "n": column.NumberColumn("n", format="localized", width=75, help="Rows of the window"),
            "since": column.NumberColumn("Since chunk", width=100)
            if by_rows
            else column.DatetimeColumn("Since (UTC)", format="YYYY-MM-DD HH:mm", timezone="UTC", width=140),
            "method": column.TextColumn("Method", width=140),
        },
    )  # fmt: skip
    st.download_button(
        "Download CSV", lambda: found.drop(columns=["course", "grave", "at", "level"]).to_csv(index=False), f"{key}-drift.csv", "text/csv",
        key="drift_csv", icon=":material/download:", on_click="ignore",
    )  # fmt: skip


def _p(value: float | None) -> str:
    return "" if value is None or pd.isna(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"


def history(state: WindowOfDrift) -> None:
    """Columns by windows."""
    st.header("When each column moved")
    with st.container(border=True):
        drawn, hidden = distributions.heat_map(state)
        worst = distributions.name(state.table["check"].iloc[0], state.table["column"].iloc[0])
        charts.show(drawn, f"Drift of every column over time, as a share of its breached level; {worst} has drifted most.", "drift_map")
        if hidden:
            st.caption(f"The {distributions.MOST} most drifted columns; {hidden} more are in the table.")


def detail(state: WindowOfDrift, key: str, slice_: str) -> tuple[pd.Series, str] | None:
    """One column: reference over current, and the course of its statistic."""
    st.header("One column")
    names = {distributions.name(c, n): (c, n) for c, n in zip(state.table["check"], state.table["column"], strict=True)}
    windows = {
        clock.window(_none(start), _none(end), _number(chunk)): at
        for at, start, end, chunk in state.course.drop_duplicates("at")[["at", "window_start", "window_end", "chunk"]]
        .iloc[::-1].itertuples(index=False)
    }  # fmt: skip
    left, right = st.columns(2)
    chosen = left.selectbox("Column", list(names), key="feature", bind="query-params")
    window = right.selectbox("Window (UTC)", list(windows), key="window", bind="query-params")
    if chosen is None or window is None:
        return None
    frame = distributions.frame_of(state, *names[chosen])
    rows = frame[frame["at"] == windows[window]]
    if rows.empty:
        pieces.empty("This column was not judged in this window.", "Choose another window.")
        return None
    row = rows.iloc[-1]
    st.markdown(f"{of_status(row['status']).badge} {escape(row['reason'])}")
    first, second = st.columns(2)
    with first.container(border=True, height="stretch"):
        st.markdown("**Reference and current**")
        compare(key, row, slice_, window)
    with second.container(border=True, height="stretch"):
        st.markdown(f"**{escape(distributions.method(row['method']))}** over the range")
        course(frame, chosen)
    return row, window


def compare(key: str, row: pd.Series, slice_: str, window: str) -> None:
    """Both distributions, drawn over each other."""
    kinds = {"drift.feature": ("feature",), "drift.label": ("label",)}.get(row["check"], ("score", "prediction"))
    at = (_none(row["window_start"]), _none(row["window_end"]), slice_, _number(row["chunk"]))
    found = next((d for kind in kinds if (d := cached.distribution(key, kind, row["column"], *at))), None)
    drawn = distributions.overlaid(found) if found is not None else None
    if found is None or drawn is None:
        st.caption("There is no value to draw in either window.")
        return
    figure, note = drawn
    charts.show(figure, f"{distributions.name(row['check'], row['column'])}, reference and current: {row['reason']}", "compare")
    b, frozen = found.binned, cached.baseline(key)
    reference = pieces.reference_words(frozen)
    st.caption(
        escape(
            f"Reference {reference}: {b.n_reference:,.0f} rows, {distributions.missing(b.reference_missing, b.n_reference)}. "
            f"Current {window}: {b.n_current:,.0f} rows, {distributions.missing(b.current_missing, b.n_current)}. {note}"
        )
    )


def course(frame: pd.DataFrame, name: str) -> None:
    """The statistic over the range, with its levels and breaches."""
    out = charts.figure(zero=True)
    charts.line(out, charts.positions(frame), list(frame["value"]), "statistic")
    charts.levels(out, frame)
    charts.shaded(out, frame)
    out.update_layout(showlegend=False)
    bad = int((frame["status"] == "breached").sum())
    charts.show(out, f"Drift statistic of {name}: {bad} of {len(frame)} windows breached.", "course")
    st.caption(escape(f"{bad:,} of {len(frame):,} windows are breached."))


def _none(value: object) -> object:
    return None if pd.isna(value) else pd.Timestamp(value).to_pydatetime()  # type: ignore[call-overload]


def _number(value: object) -> int | None:
    return None if pd.isna(value) else int(value)  # type: ignore[call-overload]


def page(key: str, shown: Span) -> None:
    """The page of a model."""
    slice_ = choose_slice(key)
    state = cached.drift(key, shown.start, shown.end, slice_)
    if state is None:
        if cached.baseline(key) is None:
            pieces.empty("Nothing has been compared yet.", "Drift is shown once the model has been evaluated; see whether its log arrives.",
                         "configure/models_and_logs.py", "Models and logs")  # fmt: skip
        else:
            pieces.empty("No window was compared in this range.", "Choose a longer range above. Windows of the reference are left out.")
        return
    st.markdown(f"Newest complete window: **{escape(clock.window(state.start, state.end, state.chunk))}** against the reference.")
    figures(state, slice_, list(cached.history(key, "drift", shown.start, shown.end)["value"]))
    table(state, key)
    st.page_link(
        PAGES / "observe" / "performance.py", label="Drift is no diagnosis: see whether performance fell, too", query_params={"model": key},
        icon=":material/trending_down:",
    )  # fmt: skip
    history(state)
    row = detail(state, key, slice_)
    reports.section(key, row[0] if row else None, row[1] if row else "")


chosen_model = model()
if chosen_model is None:
    pieces.choose_first()
else:
    page(chosen_model, span())
