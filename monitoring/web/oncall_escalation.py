"""Who is told next by a form: the steps of a team's escalation."""

from __future__ import annotations

from typing import Any

import streamlit as st

from monitoring.fleet.oncall import DEFAULT
from monitoring.store.queries.oncall import Board
from monitoring.web.escape import escape
from monitoring.web.oncall_draft import again, key, put


def steps(found: Board, team: dict[str, Any]) -> None:
    """The steps of a team's escalation."""
    with st.container(border=True):
        st.header("Escalation")
        own = [f"schedule:{s['key']}" for s in team.get("schedules", [])]
        people, channels = found.roster.people, found.channels
        options = [*own, *(f"person:{p}" for p in people), *(f"channel:{c}" for c in channels), DEFAULT]
        written = team.get("escalation")
        if not written:
            first = f"whoever is on call by {own[0].partition(':')[2]}, then" if own else "those"
            st.caption(escape(f"No steps of its own: a page goes to {first} all on the channels that fit."))
            if st.button("Add steps", icon=":material/add:", key=key("escalate")):
                team["escalation"] = {"steps": [{"targets": own[:1] or [DEFAULT], "minutes": 15}], "loops": 0}
                again(team)
            return
        for number, step in enumerate(written["steps"]):
            left, middle, right = st.columns([4, 1, 1], vertical_alignment="bottom")
            step["targets"] = left.multiselect(
                f"Step {number + 1} tells", list(dict.fromkeys([*options, *step["targets"]])), step["targets"],
                format_func=lambda t: _target_words(found, t), key=key("targets", number),
            )  # fmt: skip
            minutes = middle.number_input(
                "and waits, min", 1, 1440, int(step.get("minutes", 15)), key=key("minutes", number)
            )
            put(step, "minutes", int(minutes), 15)
            if right.button("Remove", icon=":material/delete:", type="tertiary", key=key("unstep", number)):
                del written["steps"][number]
                if not written["steps"]:
                    team.pop("escalation")
                again(team)
        loops = st.number_input(
            "Then begins again, times", 0, 10, int(written.get("loops", 0)), key=key("loops"), width=220
        )
        put(written, "loops", int(loops), 0)
        if st.button("Add a step", icon=":material/add:", key=key("step")):
            written["steps"].append({"targets": [DEFAULT], "minutes": 15})
            again(team)


def _target_words(found: Board, target: str) -> str:
    """Whom a step tells, in words."""
    kind, _, name = target.partition(":")
    if kind == "person":
        return found.title(name)
    return "all channels that fit" if target == DEFAULT else f"{kind} {name}"
