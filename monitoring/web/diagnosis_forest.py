"""The changes of a diagnosis as a forest plot: of the drop and its two parts, and of what a challenger brings."""

from __future__ import annotations

import plotly.graph_objects as go
import streamlit as st

from monitoring.core.diagnosis.diagnosis import Diagnosis
from monitoring.core.diagnosis.interval import Interval
from monitoring.core.diagnosis.words import signed
from monitoring.core.verdict import Status
from monitoring.web import charts
from monitoring.web.escape import plain
from monitoring.web.look import STATUSES

WORSE, BETTER, UNSURE = (STATUSES[status] for status in (Status.BREACHED, Status.OK, Status.NO_DATA))


def show(found: Diagnosis) -> None:
    """A point with its interval a change; where it holds zero it is grey. Nothing where no change is known."""
    changes = _changes(found)
    if not changes:
        return
    about = found.about
    unit = f", {plain(about.unit)}" if about.unit and about.metric.in_unit else ""
    out = charts.figure(height=70 + 34 * len(changes))
    for name, figure in changes:
        gain = figure.times(about.metric.sign)
        look = BETTER if gain.lower > 0 else WORSE if gain.upper < 0 else UNSURE
        out.add_trace(
            go.Scatter(
                x=[figure.value], y=[name], mode="markers", marker=dict(size=9, color=charts.shade(look)), name=name,
                error_x=dict(array=[figure.half], color=charts.shade(look), thickness=2, width=5),
                hovertemplate=f"{plain(signed(about, figure))}<extra>{name}</extra>",
            )
        )  # fmt: skip
    out.update_layout(hovermode="closest", margin=dict(l=8, r=16, t=8, b=8))
    out.update_yaxes(autorange="reversed", automargin=True, title=None)
    out.update_xaxes(zeroline=True, zerolinewidth=2, title=f"Change of {about.metric.title}{unit}")
    charts.show(out, "; ".join(f"{name} {signed(about, figure)}" for name, figure in changes) + ".", "why_it_fell")
    worse, better = ("left", "right") if about.metric.better == "higher" else ("right", "left")
    st.caption(
        f"Of zero, {better} is better and {worse} is worse. Above: the change from the reference, and its two parts. "
        "Below: what a challenger changes on the same rows, what newer rows bring by themselves, and what another "
        "learner brought on the reference already."
    )


def _changes(found: Diagnosis) -> list[tuple[str, Interval]]:
    """What is drawn, from top to bottom."""
    out: list[tuple[str, Interval | None]] = []
    if (split := found.split) is not None:
        out += [
            ("Since the reference", split.change),
            ("inputs' shift", split.shift),
            ("left (concept)", split.concept),
        ]
    done = found.retraining
    out += [("Retrained", done.change), ("newer rows", done.newer), ("other learner", done.learner)]
    return [(name, figure) for name, figure in out if figure is not None]
