"""Tables of verdicts and flags, all of one look."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from monitoring.core.verdict import Status, Verdict, Window
from monitoring.web import clock
from monitoring.web.charts import shade
from monitoring.web.look import FLAGS, NEVER, STATUSES, Look
from monitoring.web.reasons import first

GLYPHS = {
    "error": "✕", "report": "!", "model_training": "↻", "warning": "▲", "check_circle": "✓", "hourglass_empty": "…",
    "help": "?",
}  # fmt: skip
"""A table cell is a canvas, where Material symbols do not show: these stand for them."""
COLUMNS = (
    "status", "check", "column", "slice", "version", "value", "threshold", "n", "since", "reason", "window", "method"
)  # fmt: skip
ROWS = 12
"""Rows shown before a table scrolls."""


def label(look: Look) -> str:
    """A look's sign and word, for a cell."""
    return f"{GLYPHS[look.icon]} {look.word}"


def badges(title: str, looks: Sequence[Look], **more: Any) -> Any:
    """The column of such cells (each a list of one), in the colours of the looks."""
    return st.column_config.MultiselectColumn(
        title, options=[label(look) for look in looks], color=[shade(look) for look in looks], **more
    )


def flag_column(title: str = "Flag", **more: Any) -> Any:
    """The column of flags."""
    return badges(title, [*FLAGS.values(), NEVER], **more)


def height(rows: int) -> Any:
    """As high as its rows, up to some; then it scrolls."""
    return "content" if rows <= ROWS else 31 * (ROWS + 1) + 3


def is_news(v: Verdict) -> bool:
    """Whether a verdict is a finding; too little data and none are not."""
    return v.status not in (Status.NO_DATA, Status.INSUFFICIENT_DATA)


def window(w: Window) -> str:
    """A window in words, in UTC."""
    if w.chunk is None and (w.start is None or w.end is None):
        return "–" if w.end is None else f"{w.end:%Y-%m-%d %H:%M}"
    return clock.window(w.start, w.end, w.chunk)


def frame(found: Sequence[Verdict]) -> pd.DataFrame:
    """A row a verdict."""
    plain = ("check", "column", "slice", "version", "value", "threshold", "method", "reason")
    since = pd.to_datetime(pd.Series([v.since for v in found], dtype=object), utc=True)
    return pd.DataFrame(
        {"status": [str(v.status) for v in found]}
        | {name: [getattr(v, name) for v in found] for name in plain}
        | {"since": since, "n": [v.window.n for v in found], "window": [window(v.window) for v in found]}
    )[list(COLUMNS)]


def as_csv(found: Sequence[Verdict]) -> str:
    """The same as CSV, with the window's ends apart."""
    out = frame(found)
    out["window_start"] = [_iso(v.window.start) for v in found]
    out["window_end"] = [_iso(v.window.end) for v in found]
    return str(out.to_csv(index=False))


def verdicts(found: Sequence[Verdict], key: str, alt: str) -> None:
    """Draw verdicts. Columns that none of them fills are left out."""
    column = st.column_config
    out = frame(found).assign(status=pd.Series([[label(STATUSES[v.status])] for v in found], dtype=object))
    out = out.drop(columns=[c for c in ("column", "slice", "version", "method", "since") if out[c].isna().all()])
    st.dataframe(
        out, key=key, hide_index=True, height=height(len(out)), alt=alt, placeholder="–",
        column_config={
            "status": badges("Status", list(STATUSES.values()), width=125, pinned=True),
            "check": column.TextColumn("Check", width=160),
            "column": column.TextColumn("Column", width=120),
            "slice": column.TextColumn("Slice", width=110),
            "version": column.TextColumn("Version", width=90),
            "value": column.NumberColumn("Value", format="%.4g", width=75),
            "threshold": column.NumberColumn("Threshold", format="%.4g", width=85),
            "n": column.NumberColumn("n", format="localized", width=75, help="Rows (of a burn rate: bad events)"),
            "since": column.DatetimeColumn(
                "Since (UTC)", format="YYYY-MM-DD HH:mm", timezone="UTC", width=140, help="When its level last changed"
            ),
            "window": column.TextColumn("Window (UTC)", width=230),
            "method": column.TextColumn("Method", width=130),
            "reason": column.TextColumn("Why", width=480),
        },
    )  # fmt: skip


def flags(history: pd.DataFrame) -> None:
    """A model's flags day by day, newest first, days of the same flag drawn together."""
    if history.empty:
        st.caption("No flag was given in this range.")
        return
    run = (history["flag"] != history["flag"].shift()).cumsum()
    grouped = history.groupby(run, sort=False)
    out = pd.DataFrame(
        {
            "flag": [[label(FLAGS[flag])] for flag in grouped["flag"].first()],
            "from": list(grouped["window_end"].first()),
            "to": list(grouped["window_end"].last()),
            "why": [first(reason) for reason in grouped["reason"].last()],
        }
    )[::-1]
    column = st.column_config
    st.dataframe(
        out, key="flags", hide_index=True, height=height(len(out)), placeholder="–",
        alt="The model's flags over time, newest first",
        column_config={
            "flag": flag_column(width=150),
            "from": column.DatetimeColumn("First seen (UTC)", format="YYYY-MM-DD HH:mm", timezone="UTC", width=140),
            "to": column.DatetimeColumn("Last seen (UTC)", format="YYYY-MM-DD HH:mm", timezone="UTC", width=140),
            "why": column.TextColumn("Why, at its last"),
        },
    )  # fmt: skip


def _iso(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat()
