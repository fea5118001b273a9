"""The form of an objective: what is promised, and how much of the time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import streamlit as st

from monitoring.fleet import Sli, Slo

KINDS: dict[str, Sli] = {str(sli).capitalize(): sli for sli in get_args(Sli)}
PERIODS = ("7d", "28d", "30d")
USUAL = {"quality": 90.0}
"""What a new objective begins with, in percent; 99 of the others."""
GOOD = {
    "latency": "A request is good that was answered without an error, within this time.",
    "availability": "A request is good that was answered without a server's error.",
    "freshness": "It is good while the newest prediction is at most this old. It pages as soon as it is older.",
    "quality": "A prediction is good that came out right, counted once its labels are due. It never pages.",
}


def values(sli: Sli, start: Mapping[str, Any], task: str, unit: str, key: str) -> dict[str, Any] | None:
    """What was entered, as in the fleet file; None, and what is missing, until it is enough for an objective."""
    st.caption(GOOD[sli])
    left, middle, right = st.columns(3)
    out: dict[str, Any] = {"sli": sli}
    missing = ""
    if sli == "latency":
        limit = left.number_input(
            "Within, ms", 0.001, value=_number(start.get("threshold_ms")), step=None, format="%g", placeholder="20",
            key=f"{key}-limit",
        )  # fmt: skip
        out["threshold_ms"], missing = limit, "" if limit else "Say within how many milliseconds."
    elif sli == "freshness":
        age = left.text_input(
            "At most this old", start.get("max_age") or "", placeholder="4h", help="30m, 4h or 2d", key=f"{key}-limit",
            live=True,
        )  # fmt: skip
        out["max_age"], missing = (age or "").strip(), "" if (age or "").strip() else "Say how old, such as 4h."
    elif sli == "quality" and task == "regression":
        limit = left.number_input(
            f"Within ±{f', {unit}' if unit else ''}", 0.0, value=_number(start.get("tolerance")), step=None,
            format="%g", help="How far a good prediction may be from its label", key=f"{key}-limit",
        )  # fmt: skip
        out["tolerance"], missing = limit, "" if limit is not None else "Say how wrong a good prediction may be."
    places = (middle, right) if len(out) > 1 else (left, middle)
    share = places[0].number_input(
        "Objective, %", 0.0001, 99.9999, value=_percent(start, sli), step=None, format="%g", key=f"{key}-share",
        help="Of the time, for freshness; else of requests or predictions",
    )  # fmt: skip
    at = PERIODS.index(start.get("period") or "30d")
    period = places[1].selectbox("Over", PERIODS, index=at, key=f"{key}-period", help="A rolling period")
    if missing or not share:
        st.caption(missing or "Say how much of it must be good.")
        return None
    out["objective"] = start["objective"] if start and share == _percent(start, sli) else round(share / 100, 8)
    if period != "30d" or "period" in start:
        out["period"] = period
    return out


def written(start: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """An objective as it was written, with what is new: one that was entered the same stays the same."""
    same = start and Slo.model_validate(start) == _or_none(new)
    return dict(start) if same else {**{k: v for k, v in start.items() if k in new}, **new}


def _or_none(new: Mapping[str, Any]) -> Slo | None:
    try:
        return Slo.model_validate(new)
    except ValueError:
        return None


def replaced(slos: Sequence[dict[str, Any]], at: int | None, new: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The objectives with one changed, added (`at` None) or taken away (`new` None)."""
    out = list(slos)
    if at is None:
        return [*out, *([] if new is None else [new])]
    out[at : at + 1] = [] if new is None else [new]
    return out


def _percent(start: Mapping[str, Any], sli: Sli) -> float:
    found = start.get("objective")
    return USUAL.get(sli, 99.0) if found is None else float(f"{float(found) * 100:.10g}")


def _number(found: Any) -> float | None:
    return None if found is None else float(found)
