"""Charts over time: held to the shared range, what changed is marked, and a drag over one sets the range."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from functools import partial

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from monitoring.store.queries.changes import Changed
from monitoring.web import cached, charts
from monitoring.web.clock import stamped
from monitoring.web.escape import plain
from monitoring.web.span import Span, choose

APART = 1 / 8
"""Names nearer than this share of the range are written together."""
LONGEST = 24
"""Letters of a name that are written out."""


def show(out: go.Figure, alt: str, name: str, model: str, shown: Span, timed: bool = True, full: bool = False) -> None:
    """Draw a chart of a model over the range. `alt` says the finding; what was changed in the range is added.

    `timed` is False where the chart is over chunks of rows, `full` True where it leaves no room for names inside.
    """
    if not timed:
        charts.show(out, alt, name, f"{model}-{name}")
        return
    out.update_xaxes(range=[shown.start, shown.end])
    came = [one for one in cached.what_changed(model, shown.start, shown.end) if not one.quiet][::-1]
    mark(out, came, shown, full)
    if came:
        alt += " Changed: " + ", ".join(f"{one.mark} from {stamped(one.at)}" for one in came) + "."
    out.update_layout(selectdirection="h", dragmode="select")
    charts.show(out, alt, name, f"{model}-{name}", on_select=partial(_dragged, name), selection_mode="box")


def mark(out: go.Figure, came: Sequence[Changed], shown: Span, above: bool = False) -> None:
    """A vertical line where something was changed, oldest first, with its name: of a new version drawn through.
    Near the right end the name stands before its line, where there is room; `above` the plot where it is full."""
    colour, length = charts.quiet(), shown.end - shown.start
    groups: list[list[Changed]] = []
    for one in came:
        out.add_shape(
            type="line", x0=one.at, x1=one.at, y0=0, y1=1, xref="x", yref="paper",
            line=dict(color=colour, width=1.5, dash="solid" if one.kind == "version" else "longdash"),
        )  # fmt: skip
        if groups and one.at - groups[-1][0].at < length * APART:
            groups[-1].append(one)
        else:
            groups.append([one])
    for group in groups:
        first, more = group[0], len(group) - 1
        late = shown.end - first.at < length * APART
        text = f"{plain(_short(first.mark))}{f' and {more} more' if more else ''}"
        out.add_annotation(
            x=first.at, y=1, xref="x", yref="paper", xanchor="right" if late else "left",
            yanchor="bottom" if above else "top",
            showarrow=False, text=f"{text} " if late else f" {text}",
            hovertext=plain(", ".join(one.mark for one in group)), font=dict(color=colour, size=11),
        )  # fmt: skip


def _short(version: str) -> str:
    return version if len(version) <= LONGEST else f"{version[: LONGEST - 1]}…"


def _dragged(name: str) -> None:
    """The range of a box that was dragged over a chart becomes that of all pages."""
    boxes = st.session_state[name].selection.box
    if boxes:
        first, last = sorted(pd.to_datetime(pd.Series(boxes[0]["x"][:2]), utc=True, format="ISO8601"))
        choose(first.to_pydatetime().astimezone(UTC), last.to_pydatetime().astimezone(UTC))
