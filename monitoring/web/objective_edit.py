"""Changing a model's objectives: choose one or a new one, see what it would have done, save."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from monitoring.errors import LeewayError
from monitoring.fleet import Sli, Slo, parse_model
from monitoring.web import edits, objective_form, objective_preview, pieces, said, service_levels
from monitoring.web.before_after import DAYS
from monitoring.web.objectives import title

NEW = "A new objective"


def change(document: dict[str, Any], revision: int) -> None:
    """The whole view. `revision` is the number of the newest one: after another, the form begins anew."""
    key, before = document["key"], list(document.get("slos") or [])
    if isinstance(document.get("chunk"), dict):
        pieces.empty(
            "This log has no real time.",
            "Service levels need `timestamp` mapped and a chunk of time in the fleet file.",
        )
        return
    slos = [Slo.model_validate(one) for one in before]
    prefix = f"slo-{key}-{revision}"
    place = _chosen(slos, prefix)
    if place is None:
        return
    at = None if place == len(slos) else place
    with st.container(border=True):
        new, gone = _entered(document, before, at, prefix)
        if new is None and not gone:
            return
        after = objective_form.replaced(before, at, new)
        if after == before:
            st.caption("As it is. Change it to see what that would have done.")
            return
        try:
            model = parse_model({**document, "slos": after}, key)
        except LeewayError as error:
            said.show_problems(error)
            return
        changed = None if gone else model.slos[len(before) if at is None else at]
        days = st.segmented_control(
            "Over the last", DAYS, default="30 days", required=True, key="days", bind="query-params"
        )
        with st.spinner("Looking back"):
            found = service_levels.look_back(key, None if at is None else slos[at], changed, DAYS[days])
        objective_preview.show(found, DAYS[days], gone)
        edits.saving("objectives", key, before, after)


def _chosen(slos: Sequence[Slo], prefix: str) -> int | None:
    """Which objective: its place, or the number of them for a new one."""
    names = [title(slo) for slo in slos]
    twice = {name for name in names if names.count(name) > 1}
    options = [f"{n} ({slo.slug})" if n in twice else n for n, slo in zip(names, slos, strict=True)] + [NEW]
    chosen = st.selectbox(
        "Objective", options, index=None if slos else 0, key=f"{prefix}-which",
        placeholder="Choose an objective, or a new one", width=640,
    )  # fmt: skip
    return None if chosen is None else options.index(chosen)


def _entered(
    document: dict[str, Any], before: Sequence[dict[str, Any]], at: int | None, prefix: str
) -> tuple[dict[str, Any] | None, bool]:
    """The objective that was entered, and whether the chosen one is to go."""
    start: dict[str, Any] = {} if at is None else dict(before[at])
    kind: Sli | None = start.get("sli")
    if at is None:
        chosen = st.segmented_control("Kind", list(objective_form.KINDS), key=f"{prefix}-kind")
        kind = objective_form.KINDS.get(chosen or "")
        if kind is None:
            st.caption("Say what is to be promised.")
            return None, False
    elif st.checkbox("Take it away", key=f"{prefix}-{at}-gone"):
        return None, True
    assert kind is not None
    found = objective_form.values(
        kind, start, str(document.get("task")), str(document.get("unit") or ""), f"{prefix}-{kind}-{at}"
    )
    return (None if found is None else objective_form.written(start, found)), False
