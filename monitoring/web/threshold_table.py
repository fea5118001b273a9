"""The table of the Thresholds page: every check of every model, its levels, and where they come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pandas as pd
import streamlit as st

from monitoring.core.verdict import Status
from monitoring.fleet import parse_model, parse_rule
from monitoring.fleet.times import waited_words
from monitoring.in_force import InForce
from monitoring.store.queries.sources import Entry
from monitoring.web import pieces, tables
from monitoring.web.look import STATUSES

ORIGINS = {
    "own": "own value", "rule": "fleet-wide rule", "automatic": "automatic", "default": "default", "none": "none set",
}  # fmt: skip


def label(one: InForce) -> str:
    """A check as it is chosen: its name, its column, and its method where one has several."""
    method = one.method if one.check in ("quality.labels", "drift.multivariate") else ""
    return " · ".join(part for part in (one.check, one.column, method) if part)


def origin(one: InForce) -> str:
    """Where its levels come from, in words."""
    return f"rule {one.rule}" if one.rule else ORIGINS[one.origin]


def frame(found: Sequence[InForce]) -> pd.DataFrame:
    """A row a check."""
    budgets = [one.threshold.false_alarms_per_quarter if one.threshold else None for one in found]
    return pd.DataFrame(
        {
            "model": [one.model for one in found],
            "check": [one.check for one in found],
            "column": [one.column or None for one in found],
            "method": [one.method or None for one in found],
            "origin": [origin(one) for one in found],
            "warning": [one.warning for one in found],
            "breached": [one.breached for one in found],
            "budget": pd.Series(budgets, dtype=float),
            "wait": [_words(one.waits[0]) for one in found],
            "keep": [_words(one.waits[1]) for one in found],
            "status": [str(one.status) for one in found],
            "value": [one.value for one in found],
            "reason": [one.reason for one in found],
        }
    )


def _words(span: timedelta | None) -> str | None:
    return None if span is None else waited_words(span)


def show(found: Sequence[InForce], with_model: bool, chosen: Callable[[InForce], None]) -> None:
    """Draw it. `chosen` is called with the check of a row that is picked, before the page runs again."""
    out = frame(found)

    def picked() -> None:
        rows = st.session_state["thresholds"]["selection"]["rows"]
        if rows:
            chosen(found[rows[0]])

    held = out["warning"].notna() | out["breached"].notna()
    status = [
        [tables.label(STATUSES[Status(s)])] if h or s != "ok" else [] for s, h in zip(out["status"], held, strict=True)
    ]
    shown = out.assign(status=pd.Series(status, dtype=object))
    gone = [] if with_model else ["model"]
    gone += [name for name in ("budget", "wait", "keep", "column") if out[name].isna().all()]
    column = st.column_config
    st.dataframe(
        shown.drop(columns=gone), key="thresholds", hide_index=True, height=tables.height(len(out)),
        placeholder="–", on_select=picked, selection_mode="single-row", alt=f"{len(out)} checks and their thresholds",
        column_config={
            "model": column.TextColumn("Model", width=150, pinned=True),
            "check": column.TextColumn("Check", width=165, pinned=True),
            "column": column.TextColumn("Column", width=115),
            "method": column.TextColumn("Method", width=120),
            "origin": column.TextColumn("Comes from", width=130),
            "warning": column.NumberColumn("Warns at", format="%.4g", width=80),
            "breached": column.NumberColumn("Breached at", format="%.4g", width=90),
            "budget": column.NumberColumn("False alarms", format="%.4g", width=95, help="Allowed a quarter"),
            "wait": column.TextColumn("Fires after", width=85, help="So long beyond its level"),
            "keep": column.TextColumn("Clears after", width=85, help="So long good"),
            "status": tables.badges("Status", list(STATUSES.values()), width=125),
            "value": column.NumberColumn("Value", format="%.4g", width=75, help="Newest"),
            "reason": column.TextColumn("How it came about", width=520),
        },
    )  # fmt: skip
    pieces.download(lambda: out.to_csv(index=False), "thresholds", "thresholds-csv")


def rules(documents: Sequence[dict[str, Any]], entries: Sequence[Entry]) -> None:
    """Draw the fleet-wide rules, with the models that each is of."""
    parsed = [parse_rule(one, "the fleet") for one in documents]
    fleet = [parse_model(e.document, e.key) for e in entries]
    fitting = [[m.key for m in fleet if rule.fits(m.traits)] for rule in parsed]
    frame = pd.DataFrame(
        {
            "key": [r.key for r in parsed],
            "check": [r.check for r in parsed],
            "column": [r.column for r in parsed],
            "warning": [r.warning for r in parsed],
            "breached": [r.breached for r in parsed],
            "budget": [r.false_alarms_per_quarter for r in parsed],
            "wait": [None if r.wait is None else waited_words(r.wait) for r in parsed],
            "keep": [None if r.keep is None else waited_words(r.keep) for r in parsed],
            "matchers": [
                "; ".join(f"{name} {' or '.join(values)}" for name, values in r.matchers.items()) or "every model"
                for r in parsed
            ],
            "models": [len(keys) for keys in fitting],
            "which": [", ".join(keys) for keys in fitting],
        }
    )
    frame = frame.drop(columns=[name for name in ("budget", "wait", "keep", "column") if frame[name].isna().all()])
    column = st.column_config
    st.dataframe(
        frame, key="rules", hide_index=True, height=tables.height(len(frame)), placeholder="–",
        alt=f"{len(frame)} fleet-wide rules",
        column_config={
            "key": column.TextColumn("Rule", pinned=True, width=170),
            "check": column.TextColumn("Check", width=165),
            "column": column.TextColumn("Column", width=110),
            "warning": column.NumberColumn("Warns at", format="%.4g", width=80),
            "breached": column.NumberColumn("Breached at", format="%.4g", width=90),
            "budget": column.NumberColumn("False alarms", format="%.4g", width=95, help="Allowed a quarter"),
            "wait": column.TextColumn("Fires after", width=85),
            "keep": column.TextColumn("Clears after", width=85),
            "matchers": column.TextColumn("Matches", width=260),
            "models": column.NumberColumn("Models", width=70),
            "which": column.TextColumn("Which", width=320),
        },
    )  # fmt: skip
