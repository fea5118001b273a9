"""A schedule of a team by a form: its rotations, with their people, turns and hours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time
from typing import Any

import streamlit as st

from monitoring.fleet.oncall import DAYS, Hours, Rotation
from monitoring.fleet.times import turn_words
from monitoring.store.queries.oncall import Board
from monitoring.web.clock import now
from monitoring.web.escape import escape
from monitoring.web.model_draft import slug
from monitoring.web.oncall_draft import again, key
from monitoring.web.zone import zones

NO_ONE = "(empty slot)"
TURNS = ["daily", "weekly", "2w", "12h"]
DAY_NAMES = dict(zip(DAYS, ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), strict=True))


def new_rotation(team: dict[str, Any]) -> dict[str, Any]:
    """A rotation of all members that begins today."""
    today = datetime.combine(now().date(), time(9))
    people = list(team.get("members", [])) or [None]
    return {"people": people, "turn": "weekly", "start": today.isoformat(timespec="minutes")}


def schedule(found: Board, team: dict[str, Any], number: int, one: dict[str, Any]) -> None:
    """One schedule of a team, with its rotations."""
    with st.container(border=True):
        st.header(escape(f"Schedule {one['key']}"))
        one["key"] = slug(st.text_input("Key", one["key"], key=key("schedule", number), width=300) or "")
        st.caption("Whoever any of its rotations names is on call. Nobody named: the whole team is told.")
        for at, rotation in enumerate(one.get("rotations", [])):
            with st.container(border=True):
                _turns(found, team, rotation, f"{number}_{at}")
                less = key("less", number, at)
                if st.button("Remove this rotation", icon=":material/delete:", type="tertiary", key=less):
                    del one["rotations"][at]
                    again(team)
        with st.container(horizontal=True):
            if st.button("Add a rotation", icon=":material/add:", key=key("more", number)):
                one.setdefault("rotations", []).append(new_rotation(team))
                again(team)
            drop = key("drop", number)
            if st.button("Remove this schedule", icon=":material/delete:", type="tertiary", key=drop):
                del team["schedules"][number]
                again(team)


def _turns(found: Board, team: dict[str, Any], rotation: dict[str, Any], place: str) -> None:
    """One rotation: who, how long, handed over when, in which zone, in which hours."""
    tokens = _tokens(rotation["people"])
    options = list(dict.fromkeys([*tokens, *_further(rotation["people"], list(found.roster.people))]))
    chosen = st.multiselect(
        "People, in the order of their turns", options, tokens, key=key("people", place),
        format_func=lambda token: NO_ONE if token.startswith("#") else found.title(token.partition("#")[0]),
    )  # fmt: skip
    rotation["people"] = [token.partition("#")[0] or None for token in chosen]
    turn, start, zone = st.columns(3)
    written = _turn_words(rotation.get("turn", "weekly"))
    lengths = list(dict.fromkeys([*TURNS, written]))
    length = turn.selectbox(
        "A turn lasts", lengths, lengths.index(written), accept_new_options=True, key=key("turn", place),
        help="daily, weekly, or a length such as 12h, 3d or 2w",
    )  # fmt: skip
    if length != written:
        rotation["turn"] = length or "weekly"
    begins = start.datetime_input(
        "First hand-over, wall time", datetime.fromisoformat(str(rotation["start"])), key=key("start", place),
        min_value=datetime(2000, 1, 1), help="The first person begins here. Later hand-overs are at this time of day.",
    )  # fmt: skip
    if begins is not None and begins != datetime.fromisoformat(str(rotation["start"])):
        rotation["start"] = begins.isoformat(timespec="minutes")
    all_zones = zones()
    there = zone.selectbox(
        "Time zone", all_zones, all_zones.index(rotation["zone"]) if rotation.get("zone") else None,
        key=key("zone", place), placeholder=f"the team's: {team.get('zone', 'UTC')}",
    )  # fmt: skip
    if there or rotation.get("zone"):
        rotation["zone"] = there
    if st.toggle("Only at some hours", bool(rotation.get("hours")), key=key("hours", place)):
        _hours(rotation, place)
    else:
        rotation.pop("hours", None)


def _hours(rotation: dict[str, Any], place: str) -> None:
    hours = dict(rotation.get("hours") or {"from": "09:00", "to": "17:00", "days": list(DAYS[:5])})
    try:
        kept = Hours.model_validate(hours)
    except ValueError:
        kept = None
    first, last, days = st.columns([1, 1, 3])
    start = first.time_input("From", kept.start if kept else time(9), key=key("from", place))
    end = last.time_input(
        "To", kept.end if kept else time(17), key=key("to", place), help="At or before From: next day"
    )
    chosen = days.pills(
        "On", list(DAYS), selection_mode="multi", default=list(kept.days) if kept else list(DAYS[:5]),
        format_func=DAY_NAMES.__getitem__, key=key("days", place),
    )  # fmt: skip
    if kept is None or (start, end) != (kept.start, kept.end) or "hours" not in rotation:
        hours |= {"from": f"{start or time():%H:%M}", "to": f"{end or time():%H:%M}"}
    if kept is None or set(chosen) != set(kept.days) or "hours" not in rotation:
        hours["days"] = [day for day in DAYS if day in chosen]
    rotation["hours"] = hours


def _turn_words(written: str) -> str:
    """A turn in its usual words."""
    try:
        return turn_words(Rotation.model_validate({"people": [None], "start": "2026-01-01", "turn": written}).turn)
    except ValueError:
        return str(written)


def _tokens(people: Sequence[str | None]) -> list[str]:
    """People as options that a list can hold more than once: the second of somebody is "ada#2"; an empty slot "#1"."""
    seen: dict[str, int] = {}
    out = []
    for person in people:
        name = person or ""
        seen[name] = seen.get(name, 0) + 1
        out.append(name if name and seen[name] == 1 else f"{name}#{seen[name]}")
    return out


def _further(people: Sequence[str | None], known: list[str]) -> list[str]:
    """One option more of everybody, and an empty slot."""
    return [_tokens([*people, person])[-1] for person in (*known, None)]
