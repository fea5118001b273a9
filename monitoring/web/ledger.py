"""Did retrains help, what does waiting cost, and how often should it be done: tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from monitoring.core.retraining.ledger import Helped, line, signals
from monitoring.core.retraining.request import RetrainRequest
from monitoring.core.retraining.state import WORDS
from monitoring.core.retraining.worth import Worth
from monitoring.core.verdict import Status
from monitoring.store.queries.retrain_worth import Advised
from monitoring.web import pieces, tables
from monitoring.web.clock import span
from monitoring.web.escape import escape
from monitoring.web.look import STATUSES

HELPED = {
    Helped.YES: replace(STATUSES[Status.OK], word="helped"),
    Helped.NO: replace(STATUSES[Status.WARNING], word="did not"),
    Helped.OPEN: replace(STATUSES[Status.NO_DATA], word="open", icon="hourglass_empty"),
}
BY = {"cost": "cost against loss", "threshold": "time to the threshold"}
"""What a cadence goes by."""


def waiting(worth: Worth) -> str:
    """What waiting costs, in words."""
    unit = f" {worth.unit}" if worth.unit else ""
    words = f"{worth.metric} {worth.gain:.3g}{unit} better for {worth.rows:,.0f} predictions a day"
    if worth.loss is not None:
        words += f": a day of waiting costs {worth.loss:,.3g}"
        if worth.pays_back is not None:
            words += f", a retrain {worth.cost:,.3g}: it pays for itself in {worth.pays_back:,.2g} days"
    elif worth.recovered is not None:
        words += f", {worth.recovered:.0%} of its level; retraining.value in the fleet file says what that is worth"
    return f"{words}."


def ledger(found: Sequence[RetrainRequest]) -> None:
    """Every retrain with what it was to bring and brought; and what each cause is worth."""
    if not found:
        pieces.empty("No retrain was requested yet.", "The ledger begins with the first one.")
        return
    lines = [line(request) for request in found]
    frame = pd.DataFrame(
        {
            "request": [one.key for one in lines],
            "model": [one.model_name for one in lines],
            "cause": [str(one.cause) for one in lines],
            "state": [WORDS[one.state] for one in lines],
            "helped": [[tables.label(HELPED[one.helped])] for one in lines],
            "why": [one.why for one in lines],
            "expected": [_gain(one.expected) for one in lines],
            "compared": [_gain(one.compared) for one in lines],
            "measured": [_gain(one.measured) for one in lines],
            "cost": [one.cost for one in lines],
            "to_fix": ["" if one.to_fix is None else span(one.to_fix) for one in lines],
        }
    )
    column = st.column_config
    st.dataframe(
        frame, key="ledger", hide_index=True, height=tables.height(len(frame)), placeholder="–",
        alt=f"{len(frame)} retrains with the gain expected, compared and measured",
        column_config={
            "request": column.TextColumn("Request", width=170, pinned=True),
            "model": column.TextColumn("Model", width=150),
            "cause": column.TextColumn("Cause", width=80),
            "state": column.TextColumn("State", width=90),
            "helped": tables.badges("Helped", list(HELPED.values()), width=110),
            "why": column.TextColumn("Why", width=210),
            "expected": column.TextColumn("Expected", width=150, help="By the diagnosis, before it was done"),
            "compared": column.TextColumn("Compared", width=150, help="Candidate against champion, on the same rows"),
            "measured": column.TextColumn("Measured", width=150, help="Since promotion, paired with the old version"),
            "cost": column.NumberColumn("Cost", format="localized", width=80),
            "to_fix": column.TextColumn("Trouble to fix", width=110),
        },
    )  # fmt: skip
    pieces.download(
        lambda: frame.assign(helped=[str(one.helped) for one in lines]).to_csv(index=False), "ledger", "csv"
    )
    st.header("What each cause is worth")
    rows = signals(lines)
    st.dataframe(
        pd.DataFrame(
            {
                "cause": [str(one.cause) for one in rows],
                "retrains": [one.retrains for one in rows],
                "helped": [one.helped for one in rows],
                "idle": [one.idle for one in rows],
                "precision": [None if one.precision is None else one.precision * 100 for one in rows],
                "cost": [one.cost for one in rows],
                "to_fix": ["" if one.to_fix is None else span(one.to_fix) for one in rows],
            }
        ),
        key="causes", hide_index=True, height=tables.height(len(rows)), placeholder="–",
        alt=f"{len(rows)} causes with how many of their retrains helped",
        column_config={
            "cause": column.TextColumn("Cause", width=120),
            "retrains": column.NumberColumn("Retrains", width=90),
            "helped": column.NumberColumn("Helped", width=90),
            "idle": column.NumberColumn("Did not", width=90),
            "precision": column.NumberColumn(
                "Precision", format="%.0f %%", width=100, help="Those that helped, of those of which it is known"
            ),
            "cost": column.NumberColumn("Cost", format="localized", width=90),
            "to_fix": column.TextColumn("Trouble to fix, median", width=160),
        },
    )  # fmt: skip


def often(found: Sequence[Advised]) -> None:
    """The cadence that each model's own decay recommends, beside the schedule it has."""
    if not found:
        pieces.empty(
            "No model can be retrained yet.", "Give one a dispatcher: retraining: {dispatcher: …} in the fleet file."
        )
        return
    frame = pd.DataFrame(
        {
            "model": [one.name for one in found],
            "cadence": [_days(one) for one in found],
            "schedule": ["" if one.every is None else span(one.every) for one in found],
            "decay": [_decay(one) for one in found],
            "by": [BY.get(one.cadence.by, "") for one in found],
            "reason": [one.cadence.reason for one in found],
        }
    )
    column = st.column_config
    st.dataframe(
        frame, key="cadences", hide_index=True, height=tables.height(len(frame)), placeholder="–",
        alt=f"{len(frame)} models with the cadence their decay recommends",
        column_config={
            "model": column.TextColumn("Model", width=170, pinned=True),
            "cadence": column.TextColumn("Every", width=170, help="With the range of the decay's 95 % interval"),
            "schedule": column.TextColumn("Schedule", width=100, help="`retraining.every` of the fleet file"),
            "decay": column.TextColumn("Decay", width=290, help="How much worse the metric gets with age"),
            "by": column.TextColumn("By", width=170),
            "reason": column.TextColumn("Why not", width=360),
        },
    )  # fmt: skip
    st.caption(
        escape("Of one version's age nobody can tell a season from a decay: trust it more after the second retrain.")
    )


def _gain(gain: dict[str, Any] | None) -> str:
    if not gain:
        return ""
    unit = f" {gain['unit']}" if gain.get("unit") else ""
    return f"{gain['value']:+.3g}{unit} ({gain['lower']:+.3g} to {gain['upper']:+.3g})"


def _days(one: Advised) -> str:
    found = one.cadence
    if found.days is None or found.least is None or found.most is None:
        return "by events"
    return f"{found.days:.0f} d ({found.least:.0f} to {found.most:.0f})"


def _decay(one: Advised) -> str:
    decay = one.cadence.decay
    if decay is None:
        return ""
    unit = f" {one.unit}" if one.unit else ""
    return f"{one.metric} {decay * 30:+.3g}{unit} worse in 30 d" if decay >= 0 else "none"
