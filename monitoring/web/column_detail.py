"""One column of the Drift page: its reference over current in a window, and the course of its statistic."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from monitoring.store.queries.drift import WindowOfDrift
from monitoring.web import cached, charts, clock, distributions, pieces, timeline
from monitoring.web.escape import escape
from monitoring.web.look import of_status
from monitoring.web.span import Span


def detail(state: WindowOfDrift, key: str, slice_: str, shown: Span) -> tuple[pd.Series[Any], str] | None:
    """One column: reference over current, and the course of its statistic."""
    st.header("One column")
    names = {distributions.name(c, n): (c, n) for c, n in zip(state.table["check"], state.table["column"], strict=True)}
    windows = {
        clock.window(_none(start), _none(end), _number(chunk)): at
        for at, start, end, chunk in state.course.drop_duplicates("at")[["at", "window_start", "window_end", "chunk"]]
        .iloc[::-1]
        .itertuples(index=False)
    }
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
    st.markdown(f"{of_status(row['status'], bool(row['provisional'])).badge} {escape(row['reason'])}")
    first, second = st.columns(2)
    with first.container(border=True, height="stretch"):
        st.markdown("**Reference and current**")
        compare(key, row, slice_, window)
    with second.container(border=True, height="stretch"):
        st.markdown(f"**{escape(distributions.method(row['method']))}** over the range")
        course(frame, chosen, key, shown)
    return row, window


def compare(key: str, row: pd.Series[Any], slice_: str, window: str) -> None:
    """Both distributions, drawn over each other."""
    kinds = {"drift.feature": ("feature",), "drift.label": ("label",)}.get(row["check"], ("score", "prediction"))
    at = (_none(row["window_start"]), _none(row["window_end"]), slice_, _number(row["chunk"]))
    found = next((d for kind in kinds if (d := cached.distribution(key, kind, row["column"], *at))), None)
    drawn = distributions.overlaid(found) if found is not None else None
    if found is None or drawn is None:
        st.caption("There is no value to draw in either window.")
        return
    figure, note = drawn
    charts.show(
        figure, f"{distributions.name(row['check'], row['column'])}, reference and current: {row['reason']}", "compare"
    )
    b, frozen = found.binned, cached.baseline(key)
    reference = pieces.reference_words(frozen)
    st.caption(
        escape(
            f"Reference {reference}: {b.n_reference:,.0f} rows, "
            f"{distributions.missing(b.reference_missing, b.n_reference)}. "
            f"Current {window}: {b.n_current:,.0f} rows, "
            f"{distributions.missing(b.current_missing, b.n_current)}. {note}"
        )
    )


def course(frame: pd.DataFrame, name: str, key: str, shown: Span) -> None:
    """The statistic over the range, with its levels and breaches."""
    out = charts.figure(zero=True)
    charts.line(out, charts.positions(frame), list(frame["value"]), "statistic")
    charts.levels(out, frame)
    charts.shaded(out, frame)
    moved = charts.changed(charts.changes(out, frame))
    out.update_layout(showlegend=False)
    bad = int((frame["status"] == "breached").sum())
    alt = f"Drift statistic of {name}: {bad} of {len(frame)} windows breached."
    timeline.show(out, alt, "course", key, shown, timed=bool(frame["window_start"].notna().any()))
    st.caption(escape(f"{bad:,} of {len(frame):,} windows are breached. {moved}"))


def _none(value: Any) -> Any:
    return None if pd.isna(value) else pd.Timestamp(value).to_pydatetime()


def _number(value: Any) -> int | None:
    return None if pd.isna(value) else int(value)
