"""The form of a threshold: its levels, and of a fleet-wide rule which models it is of."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from monitoring.core.alerting.rules import rules_of
from monitoring.core.alerting.waits import alerts
from monitoring.fleet.thresholds import WAITS
from monitoring.fleet.times import waited_words
from monitoring.in_force import InForce
from monitoring.store.queries.sources import Entry

LEVELS = ("warning", "breached")
DIRECTIONS = ("both", "up", "down")
TRAITS = {"owner": "Owner", "task": "Task", "mode": "Mode", "target": "Runs in", "tag": "Tag", "model": "Model"}
DEFAULTS = {"mode": "online", "target": "cloud", "owner": ""}


def fields_of(check: str) -> tuple[str, ...]:
    """What can be set of a check, besides its two levels."""
    if check == "drift":
        return ("false_alarms_per_quarter",)
    if check == "drift.multivariate":
        return ("false_alarms_per_quarter", "direction")
    if check.startswith("drift."):
        return ("false_alarms_per_quarter", "min_rows", "direction")
    return () if check in ("quality.volume", "quality.labels") else ("min_rows",)


def levels(one: InForce, current: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The inputs, filled with what is in force; what is left empty is left out."""
    out: dict[str, Any] = {}
    left, right = st.columns(2)
    set_already = bool(current)
    for place, name in ((left, "warning"), (right, "breached")):
        in_force = getattr(one, name)
        start = current.get(name) if set_already else (in_force if one.origin == "default" else None)
        hint = f"{'automatic' if one.origin == 'automatic' else 'now'} {in_force:.4g}" if in_force is not None else "–"
        value = place.number_input(
            "Warns at" if name == "warning" else "Breached at", value=None if start is None else float(start),
            step=None, format="%g", placeholder=hint, key=f"{key}-{name}",
        )  # fmt: skip
        if value is not None:
            out[name] = value
    others = fields_of(one.check)
    places = st.columns(max(len(others), 1))
    for place, name in zip(places, others, strict=False):
        value = _other(place, name, current.get(name), key)
        if value is not None:
            out[name] = value
    return out | (_waits(one, current, key) if alerts(one.check) else {})


def _waits(one: InForce, current: Mapping[str, Any], key: str) -> dict[str, str]:
    """How long its alert waits to fire, and to be resolved: as it is written in the fleet file."""
    out = {}
    usual = rules_of(one.check)[-1]
    for place, name, title, help_, span in zip(
        st.columns(2), WAITS, ("Fires after", "Clears after"),
        ("How long it must be beyond its level before the alert fires", "How long it must be good before it is over"),
        (usual.wait, usual.keep), strict=True,
    ):  # fmt: skip
        typed = place.text_input(
            title, current.get(name, ""), placeholder=waited_words(span) if span else "at once", key=f"{key}-{name}",
            help=f"{help_}: 30m, 2h or 1d. It changes no verdict. Empty: a fleet-wide rule's, else as shown.",
        )  # fmt: skip
        if text := (typed or "").strip():
            out[name] = text
    return out


def _other(place: Any, name: str, start: Any, key: str) -> Any:
    if name == "min_rows":
        help_ = "Windows with fewer rows are not judged. Empty: 30."
        return place.number_input("Fewest rows", 1, value=start, placeholder="30", key=f"{key}-rows", help=help_)
    if name == "direction":
        at = DIRECTIONS.index(start or "both")
        chosen = place.selectbox("Direction", DIRECTIONS, index=at, key=f"{key}-direction")
        return None if chosen == "both" and start is None else chosen
    help_ = "The budget: what chance may do as often is no drift. Empty: 1 for all drift checks of the model together."
    value = None if start is None else float(start)
    found = place.number_input(
        "False alarms a quarter", 0.01, value=value, step=None, format="%g", placeholder="1", key=f"{key}-budget",
        help=help_,
    )  # fmt: skip
    return found


def matchers(entries: Sequence[Entry], start: Mapping[str, Any], key: str) -> dict[str, list[str]]:
    """Which models: those with one of the values chosen for each trait."""
    out = {}
    every = {name: _values(entries, name) for name in TRAITS}
    names = [name for name, values in every.items() if values]
    places = st.columns(3) * 2
    for place, name in zip(places, names, strict=False):
        chosen = listed(start).get(name, [])
        options = sorted({*every[name], *chosen})
        picked = place.multiselect(TRAITS[name], options, default=chosen, key=f"{key}-{name}", placeholder="any")
        if picked:
            out[name] = picked
    return out


def listed(written: Mapping[str, Any]) -> dict[str, list[str]]:
    """Matchers with their values as lists; one alone may be written without."""
    return {name: [value] if isinstance(value, str) else list(value) for name, value in written.items()}


def _values(entries: Sequence[Entry], trait: str) -> list[str]:
    if trait == "model":
        return sorted(e.key for e in entries)
    if trait == "tag":
        return sorted({str(tag) for e in entries for tag in e.document.get("tags") or ()})
    return sorted({str(e.document.get(trait) or DEFAULTS.get(trait, "")) for e in entries} - {""})


def slug(text: str) -> str:
    """A rule's key made of its name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:80]


def about_of(one: InForce) -> dict[str, Any]:
    """The check that a threshold is set for."""
    out = {"check": one.check} | ({"column": one.column} if one.column else {})
    return out | ({"method": one.method} if one.check in ("quality.labels", "drift.multivariate") else {})
