"""What drift looks like: reference over current, and columns by windows."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from monitoring.core.binned import Binned
from monitoring.core.shape import density, shares
from monitoring.stattests.registry import get
from monitoring.store.queries.drift import WindowOfDrift
from monitoring.store.queries.summaries import Distribution
from monitoring.web import charts
from monitoring.web.escape import plain
from monitoring.web.look import STATUSES

MOST = 40
"""Rows of the heat map; more cannot be read."""
ROW = 22
NAMES = {"drift.prediction": "prediction", "drift.label": "label"}


def name(check: str, column: str) -> str:
    """A column as the page calls it: a feature by its name, the prediction and the label as such."""
    return column if check == "drift.feature" else f"({NAMES.get(check, check)})"


WINDOWS = ("reference", "current")


def overlaid(found: Distribution, names: tuple[str, str] = WINDOWS) -> tuple[go.Figure, str] | None:
    """Reference and current, and what to say of what is not drawn. None without a value to draw."""
    return _bars(found, names) if found.kind == "categorical" else _densities(found.binned, names)


def _densities(binned: Binned, names: tuple[str, str]) -> tuple[go.Figure, str] | None:
    shape = density(binned)
    if shape is None:
        return None
    out = charts.figure("share of rows by unit", zero=True)
    for values, title, colour in ((shape.reference, plain(names[0]), 8), (shape.current, plain(names[1]), 0)):
        red, green, blue = (int(charts.palette()[colour][i : i + 2], 16) for i in (1, 3, 5))
        out.add_trace(
            go.Scatter(
                x=shape.edges,
                y=[*values, values[-1]],
                name=title,
                mode="lines",
                fill="tozeroy",
                line=dict(shape="hv", width=2, color=charts.palette()[colour]),
                fillcolor=f"rgba({red},{green},{blue},0.15)",
                hovertemplate="%{y:.3g}",
            )
        )
    out.update_layout(showlegend=True)
    return (
        out,
        f"The central 99 % is drawn; {shape.outside:.1%} of the rows lie outside." if shape.outside > 0.0005 else "",
    )


def _bars(found: Distribution, names: tuple[str, str]) -> tuple[go.Figure, str]:
    shape = shares(found.binned, found.names)
    out = charts.figure("share of rows", percent=True, zero=True)
    for values, title, colour in ((shape.reference, plain(names[0]), 8), (shape.current, plain(names[1]), 0)):
        out.add_trace(
            go.Bar(
                x=[plain(label) for label in shape.names],
                y=values,
                name=title,
                hovertemplate="%{y:.1%}",
                marker=dict(color=charts.palette()[colour], line=dict(width=0)),
            )
        )
    out.update_layout(barmode="group", showlegend=True)
    out.update_xaxes(type="category")
    hidden = len(found.names) - len(shape.names) + 1
    return (
        out,
        f"The {len(shape.names) - 1} largest of {len(found.names)} categories; {hidden} are summed up."
        if hidden > 1
        else "",
    )


def heat_map(state: WindowOfDrift) -> tuple[go.Figure, int]:
    """Columns by windows, most drifted first, and how many columns are left out."""
    matrix = state.matrix.head(MOST)[::-1]
    windows = state.course.drop_duplicates("at").set_index("at").loc[list(matrix.columns)]
    reasons = state.course.pivot_table(
        index=["check", "column"], columns="at", values="reason", aggfunc="last"
    ).reindex(index=matrix.index, columns=matrix.columns)
    warning, breached = (charts.shade(STATUSES[s]) for s in STATUSES if str(s) in ("warning", "breached"))
    faint = "#1B2536" if charts.kind() == "dark" else "#EEF1F5"
    out = charts.figure(height=max(charts.HEIGHT, ROW * len(matrix) + 150))
    out.add_trace(
        go.Heatmap(
            z=matrix.to_numpy(dtype=float),
            x=charts.positions(windows),
            y=[plain(name(*key)) for key in matrix.index],
            customdata=reasons.map(lambda text: plain(text) if isinstance(text, str) else "").to_numpy(),
            zmin=0,
            zmax=2,
            colorscale=[[0, faint], [0.25, faint], [0.4, warning], [0.5, breached], [1, breached]],
            xgap=1,
            ygap=1,
            colorbar=dict(
                title=None,
                tickvals=[0, 1, 2],
                ticktext=["0", "breached level", "twice that"],
                thickness=10,
                len=200,
                lenmode="pixels",
                orientation="h",
                x=0,
                xanchor="left",
                y=1.0,
                yanchor="bottom",
                ypad=22,  # the names of what was changed stand between
            ),
            hovertemplate="%{y}, %{x}<br>%{customdata}<extra></extra>",
            hoverongaps=False,
        )
    )
    out.update_layout(hovermode="closest")
    out.update_yaxes(type="category", showgrid=False, dtick=1)
    return out, max(0, len(state.table) - MOST)


def method(name: str) -> str:
    """A stattest's title."""
    try:
        return get(name).title
    except (KeyError, ValueError):
        return name


def missing(share: float, rows: float) -> str:
    """Missing values in words."""
    return f"{share / rows:.1%} missing" if rows else "no row"


def frame_of(state: WindowOfDrift, check: str, column: str) -> pd.DataFrame:
    """A column's verdicts over the range."""
    return state.course[(state.course["check"] == check) & (state.course["column"] == column)]
