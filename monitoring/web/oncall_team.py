"""A team by a form: members, schedules with their rotations, and who is told next. What saving changes is shown."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from datetime import datetime, time
from typing import Any

import streamlit as st

from monitoring.errors import LeewayError
from monitoring.fleet.oncall import DAYS, DEFAULT, Hours, Rotation, parse_team, turn_words
from monitoring.store import oncall
from monitoring.store.queries.oncall import Board, Duty, laid_out
from monitoring.web import cached, oncall_board, pieces
from monitoring.web.access import require
from monitoring.web.clock import now
from monitoring.web.escape import escape
from monitoring.web.model_draft import difference, slug
from monitoring.web.oncall_people import remove
from monitoring.web.said import say, show_problems
from monitoring.web.zone import viewer_zone, zones

NEW = "New team"
NO_ONE = "(empty slot)"
TURNS = ["daily", "weekly", "2w", "12h"]
DAY_NAMES = dict(zip(DAYS, ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), strict=True))


def show(found: Board) -> None:
    """The chosen team, or a new one."""
    teams = found.roster.teams
    if not found.roster.people:
        pieces.empty("A team needs people first.", 'Add them in the view "People", or by `people:` in the fleet file.')
        return
    options = [*teams, NEW]
    chosen = st.selectbox(
        "Team", options, key="team", format_func=lambda k: k if k == NEW else teams[k].title,
        label_visibility="collapsed", width=400, on_change=_forget,
    )  # fmt: skip
    kept = cached.team_documents().get(chosen or "")
    draft = st.session_state.get("team_draft")
    if draft is None:
        draft = copy.deepcopy(kept) if kept else _blank()
    document = _form(found, draft, new=kept is None)
    st.session_state["team_draft"] = document
    _save(found, document, kept)


def _blank() -> dict[str, Any]:
    return {"key": "", "name": "", "zone": viewer_zone(), "members": [], "channels": [], "schedules": []}


def _forget() -> None:
    """Drop the draft; its widgets begin anew."""
    st.session_state.pop("team_draft", None)
    st.session_state["team_rev"] = st.session_state.get("team_rev", 0) + 1


def _again(document: dict[str, Any]) -> None:
    """Draw the form anew from a document whose lists have changed."""
    _forget()
    st.session_state["team_draft"] = document
    st.rerun()


def _key(*parts: object) -> str:
    return "_".join(("team", str(st.session_state.get("team_rev", 0)), *map(str, parts)))


def _form(found: Board, draft: dict[str, Any], new: bool) -> dict[str, Any]:
    """The document that the fields stand for. What the form does not know of is kept as it was written."""
    out = copy.deepcopy(draft)
    all_zones, people = zones(), list(found.roster.people)
    with st.container(border=True):
        st.header("Team")
        left, right = st.columns(2)
        _set(out, "name", left.text_input("Name", draft.get("name", ""), key=_key("name")) or "", "")
        if new:
            out["key"] = right.text_input(
                "Key", draft.get("key", ""), key=_key("key"), placeholder=slug(out.get("name", "")) or None,
                help="Models whose owner is this key are the team's.",
            ) or slug(out.get("name", ""))  # fmt: skip
        else:
            right.text_input("Key", draft["key"], key=_key("key"), disabled=True)
        owners = sorted({owner for owner, _ in found.unowned if owner} | set(draft.get("owners", [])))
        _set(out, "owners", left.multiselect(
            "Owners besides the key", owners, draft.get("owners", []), accept_new_options=True, key=_key("owners"),
            help="Models of these owners are the team's, too.",
        ), [])  # fmt: skip
        zone = right.selectbox("Time zone", all_zones, all_zones.index(draft.get("zone", "UTC")), key=_key("zone"))
        _set(out, "zone", zone, "UTC")
        _set(out, "members", left.multiselect(
            "Members", people, [p for p in draft.get("members", []) if p in people], format_func=found.title,
            key=_key("members"), help="All of them are told where nobody is on call.",
        ), [])  # fmt: skip
        _set(out, "channels", right.multiselect(
            "Channels of the team", list(dict.fromkeys([*found.channels, *draft.get("channels", [])])),
            draft.get("channels", []), key=_key("channels"),
            help="Used for people who have no channel of their own. Channels are added on the page Channels.",
        ), [])  # fmt: skip
    for number, schedule in enumerate(out.get("schedules", [])):
        _schedule(found, out, number, schedule)
    if st.button("Add a schedule", icon=":material/add:", key=_key("add_schedule")):
        taken = {s["key"] for s in out.setdefault("schedules", [])}
        free = next(k for k in ("primary", "secondary", *(f"schedule-{n}" for n in range(3, 99))) if k not in taken)
        out["schedules"].append({"key": free, "rotations": [_rotation(out)]})
        _again(out)
    _escalation(found, out)
    return out


def _set(out: dict[str, Any], name: str, value: Any, default: Any) -> None:
    """Write a field, or leave it out where it is as when left out and was not written before."""
    if value != default or name in out:
        out[name] = value


def _rotation(team: dict[str, Any]) -> dict[str, Any]:
    """A rotation of all members that begins today."""
    today = datetime.combine(now().date(), time(9))
    people = list(team.get("members", [])) or [None]
    return {"people": people, "turn": "weekly", "start": today.isoformat(timespec="minutes")}


def _schedule(found: Board, team: dict[str, Any], number: int, schedule: dict[str, Any]) -> None:
    with st.container(border=True):
        st.header(escape(f"Schedule {schedule['key']}"))
        schedule["key"] = slug(st.text_input("Key", schedule["key"], key=_key("schedule", number), width=300) or "")
        st.caption("Whoever any of its rotations names is on call. Nobody named: the whole team is told.")
        for at, rotation in enumerate(schedule.get("rotations", [])):
            with st.container(border=True):
                _turns(found, team, rotation, f"{number}_{at}")
                less = _key("less", number, at)
                if st.button("Remove this rotation", icon=":material/delete:", type="tertiary", key=less):
                    del schedule["rotations"][at]
                    _again(team)
        with st.container(horizontal=True):
            if st.button("Add a rotation", icon=":material/add:", key=_key("more", number)):
                schedule.setdefault("rotations", []).append(_rotation(team))
                _again(team)
            drop = _key("drop", number)
            if st.button("Remove this schedule", icon=":material/delete:", type="tertiary", key=drop):
                del team["schedules"][number]
                _again(team)


def _turns(found: Board, team: dict[str, Any], rotation: dict[str, Any], place: str) -> None:
    """One rotation: who, how long, handed over when, in which zone, in which hours."""
    tokens = _tokens(rotation["people"])
    options = list(dict.fromkeys([*tokens, *_further(rotation["people"], list(found.roster.people))]))
    chosen = st.multiselect(
        "People, in the order of their turns", options, tokens, key=_key("people", place),
        format_func=lambda token: NO_ONE if token.startswith("#") else found.title(token.partition("#")[0]),
    )  # fmt: skip
    rotation["people"] = [token.partition("#")[0] or None for token in chosen]
    turn, start, zone = st.columns(3)
    written = turn_words_of(rotation.get("turn", "weekly"))
    lengths = list(dict.fromkeys([*TURNS, written]))
    length = turn.selectbox(
        "A turn lasts", lengths, lengths.index(written), accept_new_options=True, key=_key("turn", place),
        help="daily, weekly, or a length such as 12h, 3d or 2w",
    )  # fmt: skip
    if length != written:
        rotation["turn"] = length or "weekly"
    begins = start.datetime_input(
        "First hand-over, wall time", datetime.fromisoformat(str(rotation["start"])), key=_key("start", place),
        min_value=datetime(2000, 1, 1), help="The first person begins here. Later hand-overs are at this time of day.",
    )  # fmt: skip
    if begins is not None and begins != datetime.fromisoformat(str(rotation["start"])):
        rotation["start"] = begins.isoformat(timespec="minutes")
    all_zones = zones()
    there = zone.selectbox(
        "Time zone", all_zones, all_zones.index(rotation["zone"]) if rotation.get("zone") else None,
        key=_key("zone", place), placeholder=f"the team's: {team.get('zone', 'UTC')}",
    )  # fmt: skip
    if there or rotation.get("zone"):
        rotation["zone"] = there
    if st.toggle("Only at some hours", bool(rotation.get("hours")), key=_key("hours", place)):
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
    start = first.time_input("From", kept.start if kept else time(9), key=_key("from", place))
    end = last.time_input(
        "To", kept.end if kept else time(17), key=_key("to", place), help="At or before From: next day"
    )
    chosen = days.pills(
        "On", list(DAYS), selection_mode="multi", default=list(kept.days) if kept else list(DAYS[:5]),
        format_func=DAY_NAMES.__getitem__, key=_key("days", place),
    )  # fmt: skip
    if kept is None or (start, end) != (kept.start, kept.end) or "hours" not in rotation:
        hours |= {"from": f"{start or time():%H:%M}", "to": f"{end or time():%H:%M}"}
    if kept is None or set(chosen) != set(kept.days) or "hours" not in rotation:
        hours["days"] = [day for day in DAYS if day in chosen]
    rotation["hours"] = hours


def turn_words_of(written: str) -> str:
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


def _escalation(found: Board, team: dict[str, Any]) -> None:
    with st.container(border=True):
        st.header("Escalation")
        own = [f"schedule:{s['key']}" for s in team.get("schedules", [])]
        people, channels = found.roster.people, found.channels
        options = [*own, *(f"person:{p}" for p in people), *(f"channel:{c}" for c in channels), DEFAULT]
        written = team.get("escalation")
        if not written:
            first = f"whoever is on call by {own[0].partition(':')[2]}, then" if own else "those"
            st.caption(escape(f"No steps of its own: a page goes to {first} all on the channels that fit."))
            if st.button("Add steps", icon=":material/add:", key=_key("escalate")):
                team["escalation"] = {"steps": [{"targets": own[:1] or [DEFAULT], "minutes": 15}], "loops": 0}
                _again(team)
            return
        for number, step in enumerate(written["steps"]):
            left, middle, right = st.columns([4, 1, 1], vertical_alignment="bottom")
            step["targets"] = left.multiselect(
                f"Step {number + 1} tells", list(dict.fromkeys([*options, *step["targets"]])), step["targets"],
                format_func=lambda t: target_words(found, t), key=_key("targets", number),
            )  # fmt: skip
            minutes = middle.number_input(
                "and waits, min", 1, 1440, int(step.get("minutes", 15)), key=_key("minutes", number)
            )
            _set(step, "minutes", int(minutes), 15)
            if right.button("Remove", icon=":material/delete:", type="tertiary", key=_key("unstep", number)):
                del written["steps"][number]
                if not written["steps"]:
                    team.pop("escalation")
                _again(team)
        loops = st.number_input(
            "Then begins again, times", 0, 10, int(written.get("loops", 0)), key=_key("loops"), width=220
        )
        _set(written, "loops", int(loops), 0)
        if st.button("Add a step", icon=":material/add:", key=_key("step")):
            written["steps"].append({"targets": [DEFAULT], "minutes": 15})
            _again(team)


def target_words(found: Board, target: str) -> str:
    """Whom a step tells, in words."""
    kind, _, name = target.partition(":")
    if kind == "person":
        return found.title(name)
    return "all channels that fit" if target == DEFAULT else f"{kind} {name}"


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
                _forget()
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
        _forget()
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
