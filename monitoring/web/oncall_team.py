"""A team by a form: members, schedules with their rotations, and who is told next. What saving changes is shown."""

from __future__ import annotations

import copy
from typing import Any

import streamlit as st

from monitoring.errors import LeewayError
from monitoring.fleet.oncall import parse_team
from monitoring.store import oncall
from monitoring.store.queries.oncall import Board, Duty, laid_out
from monitoring.web import cached, oncall_board, oncall_escalation, oncall_schedule, pieces
from monitoring.web.access import require
from monitoring.web.clock import now
from monitoring.web.escape import escape
from monitoring.web.model_draft import difference, slug
from monitoring.web.oncall_draft import again, current, forget, keep, key, put
from monitoring.web.oncall_people import remove
from monitoring.web.said import say, show_problems
from monitoring.web.zone import viewer_zone, zones

NEW = "New team"


def show(found: Board) -> None:
    """The chosen team, or a new one."""
    teams = found.roster.teams
    if not found.roster.people:
        pieces.empty("A team needs people first.", 'Add them in the view "People", or by `people:` in the fleet file.')
        return
    options = [*teams, NEW]
    chosen = st.selectbox(
        "Team", options, key="team", format_func=lambda k: k if k == NEW else teams[k].title,
        label_visibility="collapsed", width=400, on_change=forget,
    )  # fmt: skip
    kept = cached.team_documents().get(chosen or "")
    document = _form(found, current(kept), new=kept is None)
    keep(document)
    _save(found, document, kept)


def _form(found: Board, draft: dict[str, Any], new: bool) -> dict[str, Any]:
    """The document that the fields stand for. What the form does not know of is kept as it was written."""
    out = copy.deepcopy(draft)
    all_zones, people = zones(), list(found.roster.people)
    with st.container(border=True):
        st.header("Team")
        left, right = st.columns(2)
        put(out, "name", left.text_input("Name", draft.get("name", ""), key=key("name")) or "", "")
        if new:
            out["key"] = right.text_input(
                "Key", draft.get("key", ""), key=key("key"), placeholder=slug(out.get("name", "")) or None,
                help="Models whose owner is this key are the team's.",
            ) or slug(out.get("name", ""))  # fmt: skip
        else:
            right.text_input("Key", draft["key"], key=key("key"), disabled=True)
        owners = sorted({owner for owner, _ in found.unowned if owner} | set(draft.get("owners", [])))
        put(out, "owners", left.multiselect(
            "Owners besides the key", owners, draft.get("owners", []), accept_new_options=True, key=key("owners"),
            help="Models of these owners are the team's, too.",
        ), [])  # fmt: skip
        zone = right.selectbox("Time zone", all_zones, all_zones.index(draft.get("zone", "UTC")), key=key("zone"))
        put(out, "zone", zone, "UTC")
        put(out, "members", left.multiselect(
            "Members", people, [p for p in draft.get("members", []) if p in people], format_func=found.title,
            key=key("members"), help="All of them are told where nobody is on call.",
        ), [])  # fmt: skip
        put(out, "channels", right.multiselect(
            "Channels of the team", list(dict.fromkeys([*found.channels, *draft.get("channels", [])])),
            draft.get("channels", []), key=key("channels"),
            help="Used for people who have no channel of their own. Channels are added on the page Channels.",
        ), [])  # fmt: skip
    for number, schedule in enumerate(out.get("schedules", [])):
        oncall_schedule.schedule(found, out, number, schedule)
    if st.button("Add a schedule", icon=":material/add:", key=key("add_schedule")):
        taken = {s["key"] for s in out.setdefault("schedules", [])}
        free = next(k for k in ("primary", "secondary", *(f"schedule-{n}" for n in range(3, 99))) if k not in taken)
        out["schedules"].append({"key": free, "rotations": [oncall_schedule.new_rotation(out)]})
        again(out)
    oncall_escalation.steps(found, out)
    return out


def _save(found: Board, document: dict[str, Any], kept: dict[str, Any] | None) -> None:
    """What saving changes: as text, and for who is on call; then the buttons."""
    changes = difference(kept or {}, document)
    with st.container(border=True):
        st.header("Save")
        duties: list[Duty] = []
        try:
            duties = laid_out(parse_team(document), found.roster, now())
            good = True
        except LeewayError as error:
            good = False
            if changes and document["key"]:
                show_problems(error)
        if kept is None and document["key"] in found.roster.teams:
            good = False
            st.error(escape(f"A team has the key {document['key']} already."), icon=":material/error:")
        if duties:
            st.caption("The next 14 days as they will be:" if changes else "The next 14 days:")
            oncall_board.timeline(found, duties, viewer_zone(), "team_timeline")
            for words in _moved(found, duties):
                st.markdown(f":orange-badge[:material/warning: Changes who is on call now] {escape(words)}")
        if changes:
            st.caption("Saving changes this:")
            st.code(changes, language="diff")
        with st.container(horizontal=True):
            pressed = st.button("Save", icon=":material/save:", disabled=not (good and changes), key="team_save")
            if changes and st.button("Undo", icon=":material/undo:", key="team_undo"):
                forget()
                st.rerun()
            if kept and st.button("Remove the team", icon=":material/delete:", key="remove_team"):
                remove("team", document["key"], document.get("name") or document["key"])
    if pressed:
        actor = require("editor")
        try:
            cached.write(lambda session: oncall.apply(session, [], [document], actor, now()))
        except LeewayError as error:
            show_problems(error)
            return
        forget()
        st.session_state["team_saved"] = document["key"]
        say(f"The team {document['key']} was saved.")
        st.rerun()


def _moved(found: Board, duties: list[Duty]) -> list[str]:
    """Where somebody else than before would be on call now."""
    before = {duty.name: duty.now.people for duty in found.duties}
    return [
        f"{duty.schedule}: {found.titles(duty.now.people) or 'nobody'} instead of "
        f"{found.titles(before[duty.name]) or 'nobody'}"
        for duty in duties
        if duty.name in before and before[duty.name] != duty.now.people
    ]
