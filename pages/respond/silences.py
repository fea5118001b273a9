"""Silences: What is silenced, until when, and why?

icon: notifications_off
order: 3
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pandas as pd
import streamlit as st

from monitoring.core.verdict import Flag
from monitoring.errors import LeewayError
from monitoring.store import silences
from monitoring.store.silences import Kept
from monitoring.web import cached, clock, pieces, said, silence_form, tables
from monitoring.web.access import require
from monitoring.web.clock import now
from monitoring.web.escape import escape
from monitoring.web.look import FLAGS, NEVER, Look
from monitoring.web.zone import between, named, viewer_zone

require("viewer")

VIEWS = ("In force and to come", "Make one", "Over")
PAST = timedelta(days=30)
IN_FORCE = replace(FLAGS[Flag.WATCH], word="In force", icon="notifications_off")
BETWEEN = replace(FLAGS[Flag.HEALTHY], word="Between windows", icon="event_repeat")
TO_COME = replace(NEVER, word="To come", icon="schedule")


def page(present: datetime) -> None:
    """One of the three views."""
    said.told()
    moved = st.session_state.pop("silences_moved", False)
    if moved:
        st.session_state["view"] = VIEWS[0]
    view = st.segmented_control(
        "View", VIEWS, default=None if moved else VIEWS[0], required=True, key="view", bind="query-params",
        label_visibility="collapsed",
    )  # fmt: skip
    zone = viewer_zone()
    st.caption(f"Times are in your zone, {escape(named(zone, present))}. A silenced alert is seen, but nobody is told.")
    if view == VIEWS[1]:
        silence_form.form()
        return
    found = cached.silences(present - PAST)
    if view == VIEWS[2]:
        over([kept for kept in found if kept.silence.ends <= present], zone)
    else:
        ahead([kept for kept in found if kept.silence.ends > present], zone, present)


def look_of(kept: Kept, present: datetime) -> Look:
    """How a silence stands."""
    if present < kept.silence.starts:
        return TO_COME
    return IN_FORCE if kept.silence.in_force(present) else BETWEEN


def ahead(found: list[Kept], zone: str, present: datetime) -> None:
    """Each silence that is not over, with a way to end it."""
    if not found:
        pieces.empty("Nothing is silenced.", 'Choose "Make one" above: for an hour, a night, or a window every week.')
        return
    order = (IN_FORCE, BETWEEN, TO_COME)
    for kept in sorted(found, key=lambda k: (order.index(look_of(k, present)), k.silence.ends)):
        silence = kept.silence
        with st.container(border=True):
            st.markdown(
                f"{look_of(kept, present).badge} {silence_form.words(silence.matchers)}  \n{escape(silence.reason)}  \n"
                f":small[{escape(when(kept, zone, present))} · by {escape(silence.author)}]"
            )
            if st.button("End now", key=f"end_{kept.id}", icon=":material/notifications_active:"):
                end(kept, zone)


def when(kept: Kept, zone: str, present: datetime) -> str:
    """When it holds, in words."""
    silence = kept.silence
    until = f"until {between(present, silence.ends, zone).partition(' to ')[2]} ({clock.ago(silence.ends, present)})"
    if silence.recurrence is None:
        return until if silence.starts <= present else between(silence.starts, silence.ends, zone)
    open_until = silence.until(present)
    following = silence.windows(open_until or present, silence.ends)
    parts = [f"open until {between(present, open_until, zone).partition(' to ')[2]}"] if open_until else []
    parts += [f"next {between(*following[0], zone)}"] if following else []
    return ", ".join([*parts, f"{silence.recurrence.rule} by the clocks of {silence.recurrence.zone}", until])


@st.dialog("End a silence")
def end(kept: Kept, zone: str) -> None:
    """Say what happens, then do it."""
    matched = silence_form.words(kept.silence.matchers)
    st.markdown(f"{matched}  \nAlerts that it silences and that still fire are told at once.")
    if st.button("End it now", key="end_now", on_click=expire, args=(kept.id,)):
        st.rerun()


def expire(number: int) -> None:
    """End it, and say so."""
    actor = require("editor")
    try:
        cached.write(lambda session: silences.expire(session, number, actor, now()))
    except LeewayError as error:
        said.fail(error)
        return
    said.say("The silence has ended.")


def over(found: list[Kept], zone: str) -> None:
    """Those of the last 30 days that are over."""
    if not found:
        pieces.empty("No silence ended in the last 30 days.", "They will be listed here, with author and reason.")
        return
    frame = pd.DataFrame(
        {
            "what": [" ".join(map(str, k.silence.matchers)) for k in found],
            "reason": [k.silence.reason for k in found],
            "author": [k.silence.author for k in found],
            "from": [k.silence.starts for k in found],
            "to": [k.silence.ends for k in found],
        }
    )[::-1]
    column, form = st.column_config, "YYYY-MM-DD HH:mm"
    st.dataframe(
        frame, key="over", hide_index=True, height=tables.height(len(frame)), 
        alt=f"{len(frame)} silences that are over",
        column_config={
            "what": column.TextColumn("What", width=320, pinned=True), "reason": column.TextColumn("Why", width=320),
            "author": column.TextColumn("Who"),
            "from": column.DatetimeColumn(f"From ({zone})", format=form, timezone=zone),
            "to": column.DatetimeColumn(f"To ({zone})", format=form, timezone=zone),
        },
    )  # fmt: skip
    pieces.download(lambda: frame.to_csv(index=False), "silences", "over_csv")


page(now())
