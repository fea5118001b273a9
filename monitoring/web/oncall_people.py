"""People by a form: who can be told, where they are, and over which channels."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from monitoring.errors import LeewayError
from monitoring.fleet.oncall import Person, parse_person
from monitoring.store import oncall
from monitoring.store.queries.oncall import Board
from monitoring.web import cached, pieces, tables
from monitoring.web.access import require
from monitoring.web.clock import now
from monitoring.web.escape import escape
from monitoring.web.model_draft import slug
from monitoring.web.said import fail, say, show_problems
from monitoring.web.zone import viewer_zone, zones

NEW = "New person"


def show(found: Board) -> None:
    """The list, and the chosen person or a new one."""
    people = found.roster.people
    if people:
        _table(found)
    else:
        pieces.empty(
            "There is nobody yet.", "Add whoever may be on call: the form below, or `people:` in the fleet file."
        )
    st.header("Change or add somebody")
    options = [NEW, *people]
    # not bound: the address would hold the label
    chosen = st.selectbox(
        "Person", options, key="person", format_func=lambda k: k if k == NEW else found.title(k),
        label_visibility="collapsed", width=400,
    )  # fmt: skip
    _form(found, people.get(chosen or NEW))
    if chosen in people and st.button("Remove", icon=":material/delete:", key="remove_person"):
        remove("person", str(chosen), found.title(str(chosen)))


def _table(found: Board) -> None:
    people = list(found.roster.people.values())
    teams = found.roster.teams.values()
    frame = pd.DataFrame(
        {
            "name": [p.title for p in people],
            "teams": [", ".join(t.title for t in teams if p.key in t.people) for p in people],
            "zone": [p.zone for p in people],
            "channels": [", ".join(p.channels) for p in people],
            "email": [p.email for p in people],
            "key": [p.key for p in people],
        }
    )
    column = st.column_config
    st.dataframe(
        frame, key="people", hide_index=True, height=tables.height(len(frame)), alt=f"{len(frame)} people",
        column_config={
            "name": column.TextColumn("Name", pinned=True), "teams": column.TextColumn("Teams"),
            "zone": column.TextColumn("Time zone"), "channels": column.TextColumn("Channels, in their order"),
            "email": column.TextColumn("Signs in as"), "key": column.TextColumn("Key"),
        },
    )  # fmt: skip
    pieces.download(lambda: frame.to_csv(index=False), "people", "people_csv")


def _form(found: Board, person: Person | None) -> None:
    key = person.key if person else "new"
    all_zones = zones()
    known = list(dict.fromkeys([*found.channels, *(person.channels if person else ())]))
    with st.form(f"person_{key}", enter_to_submit=False):
        left, right = st.columns(2)
        name = left.text_input("Name", person.name if person else "", key=f"person_name_{key}")
        email = right.text_input(
            "E-mail", person.email if person else "", key=f"person_email_{key}",
            help="The address they sign in with, so that Leeway knows who takes a shift.",
        )  # fmt: skip
        zone = left.selectbox(
            "Time zone", all_zones, all_zones.index(person.zone if person else viewer_zone()), key=f"person_zone_{key}"
        )
        channels = right.multiselect(
            "Channels, in the order to try them", known,
            list(person.channels) if person else [], key=f"person_channels_{key}",
            help="Channels are added on the page Channels. Without one, the channels of the team are used.",
        )  # fmt: skip
        if not st.form_submit_button("Save", icon=":material/save:", key=f"person_save_{key}"):
            return
    document: dict[str, Any] = {"key": person.key if person else slug(name or "")}
    document |= {"name": name or "", "email": email or "", "zone": zone or "UTC", "channels": list(channels)}
    if person is None and document["key"] in found.roster.people:
        st.error(escape(f"Somebody has the key {document['key']} already."), icon=":material/error:")
        return
    actor = require("editor")
    try:
        parse_person(document)
        cached.write(lambda session: oncall.apply(session, [document], [], actor, now()))
    except LeewayError as error:
        show_problems(error)
        return
    say(f"{name or document['key']} was {'changed' if person else 'added'}.")
    st.rerun()


@st.dialog("Remove")
def remove(kind: str, key: str, title: str) -> None:
    """Take a person or a team out, with a reason."""
    lost = " Its schedules and overrides go with it." if kind == "team" else ""
    st.markdown(f"**{escape(title)}** is removed.{lost} The audit keeps what was written.")
    reason = st.text_input("Reason", key="remove_reason", live=True)
    ready = bool((reason or "").strip())
    if st.button("Remove", key="remove_now", disabled=not ready, on_click=_remove, args=(kind, key, title)):
        st.rerun()


def _remove(kind: str, key: str, title: str) -> None:
    """Only with a reason given, whatever the button said."""
    actor, reason = require("editor"), (st.session_state.get("remove_reason") or "").strip()
    if not reason:
        return
    try:
        cached.write(lambda session: oncall.remove(session, kind, key, actor, now(), reason))
    except LeewayError as error:
        fail(error)
        return
    st.session_state.pop(kind, None)
    st.session_state.pop(f"{kind}_draft", None)
    say(f"{title} was removed.")
