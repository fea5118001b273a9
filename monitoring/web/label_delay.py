"""Label delay on the Performance page: how long labels take, and how many ever come."""

from __future__ import annotations

import streamlit as st

from monitoring.core.label_delay import DelayCurve, NotLearned, duration, words
from monitoring.core.verdict import Status
from monitoring.fleet import Model
from monitoring.verdicts.labels import is_timed
from monitoring.web import cached, charts, clock, pieces
from monitoring.web.escape import escape
from monitoring.web.look import STATUSES

HEIGHT = 220
DAYS = 48
"""Hours from which on the axis is in days."""


def section(key: str, document: Model) -> None:
    """The delay curve; how to have one, where labels have no time of observation."""
    st.header("Label delay")
    if document.chunk.rows is not None:
        pieces.empty(
            "A log without real time says nothing about the delay of its labels.",
            "Map the column of a prediction's time, timestamp, for that.",
        )
        return
    timed = is_timed(document)
    if not timed:
        pieces.empty(
            "Labels have no time of observation, so their delay cannot be learned.",
            "Map the column that says when a label was known: observed_at, in the fleet file.",
        )
        return
    with_status = document.predictions.columns.status is not None
    found = cached.label_delay(key, document.chunk, timed, with_status, clock.now())
    if found is None or isinstance(found, NotLearned):
        why = "no label has come yet" if found is None else found.reason
        pieces.empty("How long labels take is not known yet.", f"{why[0].upper()}{why[1:]}.")
        return
    with st.container(border=True):
        _draw(found)


def _draw(curve: DelayCurve) -> None:
    """The share with a label by delay, up to where hardly one more comes."""
    shares = curve.shares[: curve.within(0.999) + 2]
    in_days = len(shares) > DAYS
    out = charts.figure("share with a label", zero=True, percent=True, height=HEIGHT)
    x = [hours / 24 if in_days else hours for hours in range(len(shares))]
    told = [f"{share:.1%} within {duration(hours)}" for hours, share in enumerate(shares)]
    charts.line(
        out,
        x,
        shares.tolist(),
        "with a label",
        mode="lines",
        customdata=told,
        hovertemplate="%{customdata}<extra></extra>",
    )
    charts.threshold(out, curve.ever, "ever", STATUSES[Status.NO_DATA], text=f"{curve.ever:.0%} ever", right=True)
    out.update_xaxes(title="days since the prediction" if in_days else "hours since the prediction")
    out.update_layout(hovermode="x")
    said = words(curve)
    charts.show(out, f"Label delay: {said}; {curve.ever:.0%} ever get a label.", "label_delay")
    st.caption(
        escape(
            f"Of the labels that come, {said}; {curve.ever:.0%} of the predictions ever get one. Learned from "
            f"{curve.labels:,} labels, those still waited for counted as such."
        )
    )
