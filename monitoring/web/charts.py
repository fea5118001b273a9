"""Charts, all of one look: 300 px, tight margins, unified hover, thresholds as labelled lines, breaches shaded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from monitoring.core.verdict import Status
from monitoring.web.clock import stamped
from monitoring.web.escape import plain
from monitoring.web.look import STATUSES, Look

Values = Sequence[Any] | pd.Series

Point = tuple[str, float, float | None, float | None]
"""A name, a value, and the ends of its interval."""
HEIGHT = 300
CONFIG = {"displaylogo": False, "modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d"], "responsive": True}


def palette() -> list[str]:
    """The theme's ten categorical colours."""
    return list(st.get_option(f"theme.{kind()}.chartCategoricalColors") or [])


def kind() -> str:
    """light | dark, as the viewer sees it."""
    found = getattr(st.context.theme, "type", None)
    return "dark" if found == "dark" else "light"


def shade(look: Look) -> str:
    """A look's colour in the present theme."""
    return look.dark if kind() == "dark" else look.light


def quiet() -> str:
    """The colour of marks that are no finding."""
    return "#9AA5B4" if kind() == "dark" else "#5B6675"


def figure(y_title: str = "", zero: bool = False, percent: bool = False, height: int = HEIGHT) -> go.Figure:
    """An empty figure of our look."""
    out = go.Figure()
    out.update_layout(
        height=height, margin=dict(l=8, r=8, t=24, b=8), hovermode="x unified", showlegend=False,
        legend=dict(orientation="h", y=1.12, x=0), xaxis=dict(title=None),
        yaxis=dict(title=y_title or None, separatethousands=True, exponentformat="none"),
    )  # fmt: skip
    if zero:
        out.update_yaxes(rangemode="tozero")
    if percent:
        out.update_yaxes(tickformat=".0%")
    return out


def line(
    out: go.Figure, x: Values, y: Values, name: str, colour: int = 0, dash: str | None = None, hollow: bool = False,
    **more: Any,
) -> None:  # fmt: skip
    """A line with its points, so that a lone one shows. A missing value is a gap. `hollow` points are not final."""
    out.add_trace(
        go.Scatter(
            x=x, y=y, name=name, mode=more.pop("mode", "lines+markers"), connectgaps=False,
            line=dict(width=2, color=palette()[colour], dash=dash),
            marker=dict(size=7 if hollow else 4, symbol="circle-open" if hollow else "circle"), **more,
        )
    )  # fmt: skip
    if len(out.data) > 1:
        out.update_layout(showlegend=True)


def dots(out: go.Figure, points: Sequence[Point], title: str, colour: int = 0, look: str = "") -> None:
    """Values with their intervals, a name below the other; a further `colour` stands beneath the first, and `look` is
    another colour of the theme in its place."""
    shade_of = look or palette()[colour]
    above = [0.0 if upper is None else upper - value for _, value, _, upper in points]
    below = [0.0 if lower is None else value - lower for _, value, lower, _ in points]
    bar = dict(type="data", symmetric=False, array=above, arrayminus=below, color=shade_of, thickness=2, width=5)
    out.add_trace(
        go.Scatter(
            x=[value for _, value, *_ in points], y=[plain(name) for name, *_ in points], name=plain(title),
            mode="markers", offsetgroup=str(colour), error_x=bar, hovertemplate="%{y}: %{x:.4g}",
            marker=dict(size=9, color=shade_of, symbol=("circle", "diamond")[colour % 2]),
        )
    )  # fmt: skip
    out.update_layout(hovermode="closest", scattermode="group", showlegend=len(out.data) > 1 and not look)
    out.update_yaxes(autorange="reversed", automargin=True, type="category", title=None)


def bars(out: go.Figure, x: Values, y: Values, name: str, colour: int = 0) -> None:
    """Bars, for counts; a second series lies over the first."""
    look = dict(color=palette()[colour], line=dict(width=0))
    out.add_trace(go.Bar(x=x, y=y, name=name, marker=look, hovertemplate="%{y:,}"))
    out.update_layout(barmode="overlay", showlegend=len(out.data) > 1)


def aligned(out: go.Figure) -> None:
    """Hold the left edge to one place, so that charts one below the other line up."""
    out.update_yaxes(automargin=False)
    out.update_layout(margin=dict(l=64))


def band(out: go.Figure, x: Values, lower: Values, upper: Values, name: str, colour: int = 0) -> None:
    """An interval around a line."""
    fill = palette()[colour]
    red, green, blue = (int(fill[i : i + 2], 16) for i in (1, 3, 5))
    flat = dict(mode="lines", line=dict(width=0), hoverinfo="skip", showlegend=False)
    out.add_trace(go.Scatter(x=x, y=upper, **flat))
    out.add_trace(
        go.Scatter(x=x, y=lower, fill="tonexty", fillcolor=f"rgba({red},{green},{blue},0.15)", name=name, **flat)
    )


def threshold(
    out: go.Figure, value: float | None, name: str, look: Look = STATUSES["breached"], below: bool = False,  # type: ignore[index]
    text: str = "", right: bool = False,
) -> None:  # fmt: skip
    """A labelled horizontal line; its label stands on it, or `below` it where another line is near above; it is
    the name with the value, or `text`."""
    if value is None or value != value:
        return
    colour = shade(look)
    out.add_hline(
        y=value, line=dict(color=colour, width=1, dash="dash"),
        annotation=dict(text=text or f"{name} {value:.4g}", font=dict(color=colour, size=11)),
        annotation_position=f"{'bottom' if below else 'top'} {'right' if right else 'left'}",
    )  # fmt: skip


def shaded(out: go.Figure, frame: pd.DataFrame) -> None:
    """Shade the windows of verdicts (with window_start, window_end, status) that are breached."""
    look = STATUSES["breached"]  # type: ignore[index]
    breached = frame[(frame["status"] == "breached") & frame["window_start"].notna()]
    runs: list[list[Any]] = []
    for start, end in zip(breached["window_start"], breached["window_end"], strict=True):
        if runs and runs[-1][1] == start:
            runs[-1][1] = end
        else:
            runs.append([start, end])
    one = dict(type="rect", xref="x", yref="y domain", y0=0, y1=1, fillcolor=shade(look), opacity=0.08, layer="below")
    boxes = [one | dict(x0=start, x1=end, line=dict(width=0)) for start, end in runs]
    out.layout.shapes = [*(out.layout.shapes or ()), *boxes]  # at once: add_vrect copies all there are, each time
    for number in frame.loc[
        (frame["status"] == "breached") & frame["window_start"].isna() & frame["chunk"].notna(), "chunk"
    ]:
        out.add_vrect(
            x0=number - 0.5, x1=number + 0.5, fillcolor=shade(look), opacity=0.08, line_width=0, layer="below"
        )


def changes(out: go.Figure, frame: pd.DataFrame) -> list[datetime]:
    """Mark where the level of verdicts (with window_start, since) changed; the moments, oldest first."""
    first = frame["window_start"].min()
    moments = sorted(m for m in pd.to_datetime(frame["since"], utc=True).dropna().unique() if m >= first)
    colour = quiet()
    for moment in moments:
        out.add_shape(
            type="line", x0=moment, x1=moment, y0=0, y1=1, xref="x", yref="y domain",
            line=dict(color=colour, width=1, dash="dot"),
        )  # fmt: skip
        out.add_annotation(
            x=moment, y=1, xref="x", yref="y domain", text=f"changed {stamped(moment)}", showarrow=False,
            xanchor="left", yanchor="bottom", font=dict(color=colour, size=11),
        )  # fmt: skip
    return list(moments)


def changed(moments: Sequence[datetime]) -> str:
    """The same in words, for under a figure."""
    if not moments:
        return "Its level did not change in this range."
    newest = stamped(moments[-1])
    return f"Its level last changed on {newest}" + (f", {len(moments)} times in this range." if moments[1:] else ".")


def positions(frame: pd.DataFrame) -> list[Any]:
    """Where verdicts stand on the x axis: the start of their window, or the number of their chunk of rows."""
    if frame["window_start"].notna().any():
        return list(frame["window_start"])
    return [int(number) for number in frame["chunk"]]


def levels(out: go.Figure, frame: pd.DataFrame, words: str = "", apart: bool = False, form: str = ".4g") -> None:
    """The levels that verdicts were held against: a labelled line, in steps where they vary from window to window.

    `apart`: each window has its own, on its own side, so that no line joins them.
    """
    means = {name: pd.to_numeric(frame[name]).mean() for name in ("warning", "breached")}
    for name, other in (("warning", "breached"), ("breached", "warning")):
        values = pd.to_numeric(frame[name])
        below = bool(means[name] < means[other])  # away from each other
        if values.notna().sum() == 0:
            continue
        look = STATUSES[Status(name)]
        if values.nunique() == 1:
            level = float(values.dropna().iloc[0])
            threshold(out, level, f"{name}{words}", look, below, f"{name}{words} {level:{form}}")
            continue
        colour = shade(look)
        out.add_trace(
            go.Scatter(
                x=positions(frame), y=values, name=f"{name}{words}", mode="markers" if apart else "lines",
                hovertemplate="%{y:.4g}", line=dict(width=1, color=colour, dash="dash", shape="hv"),
                marker=dict(symbol="line-ew", size=9, line=dict(width=1.5, color=colour)),
            )
        )  # fmt: skip
        if apart:  # the legend names them
            continue
        last = int(values.notna().to_numpy().nonzero()[0][-1])
        out.add_annotation(
            x=positions(frame)[last], y=values.iloc[last], text=f"{name}{words}", showarrow=False,
            xanchor="right", yanchor="bottom",
            font=dict(color=colour, size=11),
        )  # fmt: skip


def show(out: go.Figure, alt: str, key: str, file: str = "", **more: Any) -> Any:
    """Draw it. `alt` says the finding, for those who cannot see it; `file` names its picture."""
    config = CONFIG | {"toImageButtonOptions": {"filename": file or key, "scale": 2}}
    return st.plotly_chart(out, width="stretch", key=key, config=config, alt=alt, **more)
