"""Estimated performance on the chart of the realised one: dashed, in a colour of its own, never taken for it."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from monitoring.web import cached, charts, clock
from monitoring.web.escape import escape
from monitoring.web.span import Span

COLOUR = 3
"""Of the theme's palette; the realised value has the first."""
NAMES = {"cbpe": "CBPE", "dle": "DLE"}


def history(key: str, metric: str, shown: Span) -> pd.DataFrame:
    """The estimates of a metric over a range, of the whole."""
    frame = cached.history(key, f"estimated.{metric}", shown.start, shown.end)
    return frame[frame["value"].notna()]


def overlay(out: go.Figure, frame: pd.DataFrame) -> None:
    """Draw estimates into a chart of the realised metric."""
    if frame.empty:
        return
    x, method = charts.positions(frame), NAMES.get(frame["method"].iloc[-1], "")
    charts.band(out, x, frame["lower"], frame["upper"], "95 % band of the estimate", COLOUR)
    charts.line(
        out, x, frame["value"], f"estimated ({method})", colour=COLOUR, dash="dash",
        customdata=[_point(row) for row in frame.itertuples(index=False)], hovertemplate="%{customdata}",
    )  # fmt: skip
    out.data[-1].marker.update(symbol="diamond-open", size=6)


def told(key: str, metric: str, frame: pd.DataFrame, shown: Span) -> None:
    """What estimates are worth: how far off they were where labels have come since; or why there is none."""
    if frame.empty:
        st.caption(escape(_absent(key, metric)))
        return
    words = (
        "Diamonds on a dashed line are estimates made without labels, with the band that 95 % of realised values are "
        "to fall into. They take labels to follow from the inputs as in the reference, and cannot see concept drift."
    )
    found = cached.hindsight(key, metric, shown.start, shown.end)
    if found is None:
        st.caption(escape(f"{words} None can be compared yet: no window with an estimate has its labels."))
        return
    side = "too high" if found.above > 0 else "too low"
    windows = "1 window" if found.windows == 1 else f"{found.windows:,} windows"
    st.caption(escape(words))
    start, estimate, realised = found.newest
    where = "newest" if start is None else f"newest ({clock.stamped(start)})"
    st.markdown(
        escape(
            f"Estimates were off by {found.off:.4g} on average over {windows} ({abs(found.above):.4g} {side}); "
            f"the band covered {found.covered:.0%} of the realised values. In the {where} the estimate was "
            f"{estimate:.4g}, the realised value {realised:.4g}: {_off(estimate - realised)}."
        )
    )


def _off(difference: float) -> str:
    return f"{abs(difference):.4g} too {'high' if difference > 0 else 'low'}" if difference else "just right"


def _absent(key: str, metric: str) -> str:
    """The newest word on why there is no estimate."""
    said = [v for v in cached.newest(key) if v.check == f"estimated.{metric}" and not v.slice and v.reason]
    return f"No estimate: {said[-1].reason}" if said else "This metric is not estimated before its labels come."


def _point(row: Any) -> str:
    return f"estimated {row.value:.4g} (band {row.lower:.4g} to {row.upper:.4g}), n {row.n:,}"
