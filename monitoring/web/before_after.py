"""A change before it is made: figures as it is and with the change, and when alerts would have been open."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import plotly.graph_objects as go

from monitoring.core.alerting.alert import Alert
from monitoring.core.verdict import Status
from monitoring.web import charts
from monitoring.web.clock import span, stamped
from monitoring.web.escape import plain
from monitoring.web.look import STATUSES

Colour = Literal["off", "blue", "orange"]
DAYS = {"30 days": 30, "90 days": 90}


def figure(place: Any, title: str, was: str, now: str, colour: Colour) -> None:
    """With the change, and below it as it is."""
    place.metric(
        title, now, delta=f"as it is: {was}", delta_color=colour, delta_arrow="off", border=True, height="stretch"
    )


def better(before: float, after: float) -> Colour:
    """Fewer is quieter: blue. More is orange."""
    return "off" if before == after else ("blue" if after < before else "orange")


def lasting(length: timedelta) -> str:
    """A length of time, or none."""
    return "none" if not length else span(length)


def strips(out: go.Figure, before: Sequence[Alert], after: Sequence[Alert], end: datetime) -> None:
    """Two strips above a series: alerts as it is, and with the change. None where there is no alert."""
    if not before and not after:
        return
    out.update_layout(
        yaxis=dict(domain=[0, 0.78]), showlegend=False, height=charts.HEIGHT + 60,
        yaxis2=dict(
            domain=[0.84, 1], range=[-0.6, 1.6], tickmode="array", tickvals=[1, 0], ticktext=["as it is", "changed"],
            showgrid=False, zeroline=False, fixedrange=True, anchor="x",
        ),
    )  # fmt: skip
    for at, name, alerts in ((1, "as it is", before), (0, "with the change", after)):
        _strip(out, alerts, at, name, end)


def _strip(out: go.Figure, alerts: Sequence[Alert], at: int, name: str, end: datetime) -> None:
    colour = charts.shade(STATUSES[Status.BREACHED])
    for alert in alerts:
        fired = alert.fired_at or alert.opened_at
        closed = alert.closed_at or end
        words = plain(f"alert {name}: {alert.rule}, fired {stamped(fired)}")
        out.add_trace(
            go.Scatter(
                x=[fired, closed], y=[at, at], yaxis="y2", mode="lines+markers", name=f"alert {name}",
                line=dict(width=7 if at == 0 else 3, color=colour), marker=dict(size=[9, 1], color=colour),
                hovertemplate=f"{words}<extra></extra>",
            )
        )  # fmt: skip
