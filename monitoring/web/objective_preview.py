"""What a change of an objective would have done: figures before and after, and the course of its budget."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import streamlit as st

from monitoring.core.alerting.severity import Severity
from monitoring.core.slo.lookback import LookBack
from monitoring.lookback import Looked
from monitoring.web import before_after, charts
from monitoring.web.before_after import better, lasting
from monitoring.web.clock import span, stamp
from monitoring.web.escape import escape

POINTS = 1500
"""Points of a drawn course; of more, the lowest of each few is drawn."""


def show(found: Looked, days: int, gone: bool) -> None:
    """Figures, what could not be told, and the chart. `gone`: the change takes the objective away."""
    if found.why:
        st.warning(escape(f"What it would have done cannot be told: {found.why}."), icon=":material/help:")
        return
    _figures(found)
    words = f"Over the last {days} days. Nights are 22:00 to 07:00 in {found.period.zone}. Every 5 minutes is judged "
    words += "as the worker would have; nobody answers, and no other check of the model speaks."
    st.caption(escape(words))
    sides = (("As it is", found.before), ("With the change", found.after))
    st.caption(escape(" ".join(_spent(name, side) for name, side in sides if side is not None)))
    for note in found.notes:
        st.caption(f":material/info: {escape(note)}")
    _chart(found, gone)


def _figures(found: Looked) -> None:
    places, (before, after) = st.columns(4), (found.before, found.after)
    start = found.period.start
    was, now = (0 if s is None else sum(s.opened(each, start) for each in Severity) for s in (before, after))
    words = _opened(before, found), _opened(after, found)
    before_after.figure(places[0], "Alerts opened", words[0], words[1], better(was, now))
    nights = [(0, 0) if s is None else (s.pages_at_night, len(s.pages)) for s in (before, after)]
    words = f"{nights[0][0]:,} of {nights[0][1]:,}", f"{nights[1][0]:,} of {nights[1][1]:,}"
    before_after.figure(places[1], "Pages at night", words[0], words[1], better(nights[0][0], nights[1][0]))
    old, new = (timedelta() if s is None else s.in_alert for s in (before, after))
    colour = better(old.total_seconds(), new.total_seconds())
    before_after.figure(places[2], "Time in alert", lasting(old), lasting(new), colour)
    first, last = (None if s is None else s.left_at_end for s in (before, after))
    colour = "off" if first is None or last is None else better(-first, -last)
    before_after.figure(places[3], "Budget left at the end", _share(first), _share(last), colour)


def _share(left: float | None) -> str:
    return "–" if left is None else f"{left:.0%}"


def _opened(side: LookBack | None, found: Looked) -> str:
    if side is None:
        return "none"
    pages, tickets = (side.opened(s, found.period.start) for s in (Severity.PAGE, Severity.TICKET))
    words = [f"{n:,} {name}{'' if n == 1 else 's'}" for n, name in ((pages, "page"), (tickets, "ticket")) if n]
    return ", ".join(words) or "none"


def _spent(name: str, side: LookBack) -> str:
    """When the budget was gone, or how low it was."""
    if side.exhausted is not None:
        first, length = side.exhausted
        return f"{name}, the budget was spent first on {stamp(first)}, and for {span(length)} in all."
    if side.lowest is None:
        return ""
    left, at = side.lowest
    return f"{name}, the least that was left of the budget was {left:.0%}, on {stamp(at)}."


def _chart(found: Looked, gone: bool) -> None:
    """The budget left over the days, as it is (dotted) and with the change, and above it when alerts were open."""
    out = charts.figure(percent=True, zero=True)
    sides = [("as it is", found.before, "solid" if gone else "dot", 1), ("with the change", found.after, "solid", 0)]
    for name, side, dash, colour in sides:
        if side is not None:
            course = thinned(side)
            charts.line(
                out, course["moment"], course["left"], name, colour=colour, dash=dash, mode="lines",
                hovertemplate="%{y:.1%}",
            )  # fmt: skip
    charts.threshold(out, 0.0, "gone", text="gone")
    alerts = [() if side is None else side.alerts for side in (found.before, found.after)]
    before_after.strips(out, alerts[0], alerts[1], found.period.end)
    out.update_xaxes(range=[found.period.start, found.period.end])
    charts.aligned(out)
    more = ", and when alerts would have been open" if any(alerts) else ""
    st.markdown(f"**Budget left** of the period that ends there{more}")
    counts = ", ".join(f"{len(a)} alerts {n}" for a, n in zip(alerts, ("as it is", "with the change"), strict=True))
    charts.show(out, f"Error budget left: {counts}", "preview-chart")


def thinned(side: LookBack) -> pd.DataFrame:
    """The course of a budget, in few enough points to draw: moment and left. Its lows are kept."""
    if not len(side.moments):
        return pd.DataFrame({"moment": pd.to_datetime([], utc=True), "left": []})
    each = -(-len(side.moments) // POINTS)
    starts = np.arange(0, len(side.moments), each)
    lows = np.fmin.reduceat(side.left, starts)
    last = np.append(starts[1:], len(side.moments)) - 1
    return pd.DataFrame({"moment": pd.to_datetime(side.moments[last], utc=True), "left": lows})
