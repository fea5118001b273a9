"""Changing a schedule for a time: taking a shift over, joining it, stepping out; and taking that back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import streamlit as st

from monitoring.core.oncall.schedule import Override, Span
from monitoring.core.wall_time import moment_of, wall_of
from monitoring.errors import LeewayError
from monitoring.store import oncall
from monitoring.store.queries.oncall import Board, Duty, viewer
from monitoring.store.roster import Planned
from monitoring.web import cached, pieces
from monitoring.web.access import require
from monitoring.web.clock import now
from monitoring.web.escape import escape
from monitoring.web.oncall_board import title
from monitoring.web.said import fail, say
from monitoring.web.zone import between, viewer_zone

KINDS = {"replace": "Take over from somebody", "add": "Join", "remove": "Step out"}
SHORTEST = timedelta(minutes=15)
PREFIX = "shift_"


@st.dialog("Change a shift")
def change(found: Board, duty: Duty, span: Span) -> None:
    """Ask who, instead of whom, from when until when; the answer is kept as an override."""
    zone, people = viewer_zone(), list(found.roster.people)
    if not people:
        pieces.empty("There is nobody yet who could take it.", 'Add people first, in the view "People".')
        return
    me = viewer(found.roster, require("viewer"))
    there = [p for p in span.people if p in people]
    st.markdown(f"**{escape(title(duty))}**")
    kinds = list(KINDS) if there else ["add"]
    kind = st.segmented_control(
        "What", kinds, default=kinds[0], format_func=KINDS.__getitem__, required=True, key=f"{PREFIX}kind",
        label_visibility="collapsed",
    )  # fmt: skip
    add = remove = None
    if kind in ("replace", "remove"):
        remove = st.selectbox(
            "Instead of" if kind == "replace" else "Who steps out", people, index=people.index(there[0]),
            format_func=found.title, key=f"{PREFIX}remove",
        )  # fmt: skip
    if kind in ("replace", "add"):
        free = [p for p in people if p != remove]
        mine = free.index(me.key) if me is not None and me.key in free else None
        add = st.selectbox(
            "Who takes it", free, index=mine, format_func=found.title, key=f"{PREFIX}add", placeholder="Choose a person"
        )
    left, right = st.columns(2)
    start = left.datetime_input("From", wall_of(span.start, zone), key=f"{PREFIX}from", step=SHORTEST)
    end = right.datetime_input("Until", wall_of(span.end, zone), key=f"{PREFIX}until", step=SHORTEST)
    st.caption(escape(f"In your zone, {zone}. The team's is {duty.team.zone}."))
    st.text_input("Reason", key=f"{PREFIX}reason", placeholder="Such as: ill, holiday, swap")
    wrong = ""
    try:
        made = _made(str(kind), add, remove, start, end, zone)
        st.markdown(escape(f"{told(found, made)}, {between(made.start, made.end, zone)}."))
    except ValueError as error:
        wrong = str(error)
        st.caption(escape(wrong))
    if st.button(
        "Save", icon=":material/save:", key=f"{PREFIX}save", disabled=bool(wrong), on_click=_keep,
        args=(duty.team.key, duty.schedule, zone),
    ):  # fmt: skip
        st.rerun()


def _made(
    kind: str, add: str | None, remove: str | None, start: datetime | None, end: datetime | None, zone: str
) -> Override:
    """The override that the fields stand for. Raises ValueError that says what is missing."""
    if kind != "remove" and add is None:
        raise ValueError("Choose who takes it.")
    if start is None or end is None:
        raise ValueError("Choose from when until when.")
    first, last = moment_of(start, zone), moment_of(end, zone)
    if last <= first:
        raise ValueError("It must end after it starts.")
    if last <= now():
        raise ValueError("It is over already: choose an end that lies ahead.")
    return Override(first, last, None if kind == "remove" else add, None if kind == "add" else remove)


def _keep(team: str, schedule: str, zone: str) -> None:
    """Keep what the fields say; for the button's on_click."""
    actor = require("editor")
    kind, add, remove, start, end, reason = (
        st.session_state.get(f"{PREFIX}{name}") for name in ("kind", "add", "remove", "from", "until", "reason")
    )
    try:
        made = _made(str(kind), add, remove, start, end, zone)
        cached.write(lambda s: oncall.override(s, team, schedule, made, actor, now(), (reason or "").strip()))
    except (LeewayError, ValueError) as error:
        fail(error)
        return
    say("The schedule was changed.")


def told(found: Board, made: Override) -> str:
    """An override in words."""
    if made.add is None:
        return f"{found.title(str(made.remove))} steps out"
    if made.remove is None:
        return f"{found.title(made.add)} joins"
    return f"{found.title(made.add)} instead of {found.title(made.remove)}"


def planned(found: Board, duties: Sequence[Duty], zone: str) -> None:
    """The overrides that are not over, each with a way to take it back."""
    every = [(duty, one) for duty in duties for one in duty.planned]
    if not every:
        pieces.empty("No shift is changed.", "Press Take this shift above to take one over, to join or to step out.")
        return
    for duty, one in sorted(every, key=lambda pair: pair[1].override.start):
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            about = f"“{one.reason}”" if one.reason else ""
            when = between(one.override.start, one.override.end, zone)
            st.markdown(
                f"**{escape(title(duty))}** {escape(f'{told(found, one.override)}, {when}')} {escape(about)}  \n"
                f":small[by {escape(one.author)}]"
            )
            if st.button("Take back", key=f"undo_{one.id}", icon=":material/undo:"):
                take_back(found, duty, one)


@st.dialog("Take a change back")
def take_back(found: Board, duty: Duty, one: Planned) -> None:
    """Say what happens, then do it."""
    made = one.override
    st.markdown(
        escape(f"{title(duty)}: {told(found, made)}, {between(made.start, made.end, viewer_zone())}.")
        + " From now on the rotation holds again; what is past stays as it was."
    )
    if st.button("Take it back", key="undo_now", on_click=_undo, args=(one.id,)):
        st.rerun()


def _undo(number: int) -> None:
    actor = require("editor")
    try:
        cached.write(lambda session: oncall.remove_override(session, number, actor, now()))
    except LeewayError as error:
        fail(error)
        return
    say("The change was taken back.")
