"""The figures and the tables of the Performance page."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from monitoring.core.verdict import Status
from monitoring.web import cached, clock, pieces, tables
from monitoring.web.look import STATUSES, of_status


def table(frame: pd.DataFrame, title: str, file: str) -> None:
    """A row a verdict; a status only where there is a threshold. `file` names its CSV."""
    held = frame["threshold"].notna()
    status = [
        [tables.label(of_status(s))] if h or s != "ok" else [] for s, h in zip(frame["status"], held, strict=True)
    ]
    windows = [clock.window(*window(row)) for _, row in frame.iterrows()]
    column = st.column_config
    st.dataframe(
        frame.assign(held=pd.Series(status, index=frame.index), when=windows)[
            ["name", "held", "value", "lower", "upper", "threshold", "n", "when", "reason"]
        ],
        key=f"{file}-table",
        hide_index=True,
        height=tables.height(len(frame)),
        placeholder="–",
        alt=f"{title}, newest mature values",
        column_config={
            "name": column.TextColumn(title, pinned=True, width=170),
            "held": tables.badges("Status", list(STATUSES.values()), width=125, help="Of metrics with a threshold"),
            "value": column.NumberColumn("Value", format="%.4g", width=80),
            "lower": column.NumberColumn("From", format="%.4g", width=80, help="95 % interval"),
            "upper": column.NumberColumn("To", format="%.4g", width=80, help="95 % interval"),
            "threshold": column.NumberColumn("Threshold", format="%.4g", width=90),
            "n": column.NumberColumn("n", format="localized", width=75, help="Labelled rows"),
            "when": column.TextColumn("Window (UTC)", width=190),
            "reason": column.TextColumn("Why", width=420),
        },
    )
    pieces.download(lambda: frame.drop(columns=["flag"]).to_csv(index=False), file, f"{file}-csv")


def figures(key: str, metric: str, title: str, newest: pd.Series[Any] | None) -> None:
    """The row of four, of the newest mature window."""
    first, second, third, fourth = st.columns(4)
    reference = cached.reference(key, metric)
    labels = None if newest is None else cached.labels(key, *window(newest))
    with first:
        value(title, newest)
    with second:
        interval = (
            "" if reference is None or reference.lower is None else f"{reference.lower:.4g} to {reference.upper:.4g}"
        )
        shown = "–" if reference is None or reference.value is None else f"{reference.value:.4g}"
        st.metric(
            "In the reference",
            shown,
            delta=interval or "no label there",
            delta_color="off",
            delta_arrow="off",
            border=True,
            height="stretch",
        )
    with third:
        share = "–" if labels is None or labels.share is None else f"{labels.share:.0%}"
        words = "no mature window" if labels is None else "of the newest mature window"
        st.metric(
            "Label completeness",
            share,
            delta=words,
            delta_color="off",
            delta_arrow="off",
            border=True,
            height="stretch",
        )
    with fourth:
        rows = "–" if labels is None else f"{labels.labelled:,}"
        words = "no mature window" if labels is None else f"of {labels.rows:,} rows in the window"
        st.metric(
            "Labelled rows", rows, delta=words, delta_color="off", delta_arrow="off", border=True, height="stretch"
        )


def value(title: str, newest: pd.Series[Any] | None) -> None:
    """The newest mature value, with its interval and status."""
    if newest is None or pd.isna(newest["value"]):
        look = STATUSES[Status.NO_DATA]
        st.metric(
            title,
            "–",
            delta=look.word,
            delta_color=look.colour,
            delta_arrow="off",
            icon=f":material/{look.icon}:",
            border=True,
            height="stretch",
        )
        return
    held = not pd.isna(newest["threshold"])
    look = of_status(newest["status"])
    interval = "" if pd.isna(newest["lower"]) else f"{newest['lower']:.4g} to {newest['upper']:.4g}"
    st.metric(
        title,
        f"{newest['value']:.4g}",
        delta=look.word if held else "no threshold",
        delta_color=look.colour if held else "off",
        delta_arrow="off",
        delta_description=interval,
        icon=f":material/{look.icon}:" if held else None,
        border=True,
        height="stretch",
    )


def window(row: pd.Series[Any]) -> tuple[Any, Any, int | None]:
    """Start, end and chunk of a verdict's window."""
    times = (None if pd.isna(row[c]) else row[c].to_pydatetime() for c in ("window_start", "window_end"))
    return (*times, None if pd.isna(row["chunk"]) else int(row["chunk"]))  # type: ignore[return-value]
