"""When a silence holds: from now for so long, or in the windows of a maintenance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta

import streamlit as st

from monitoring.core.recurrence import Recurrence
from monitoring.core.wall_time import moment_of, wall_of
from monitoring.web.clock import now
from monitoring.web.escape import escape
from monitoring.web.zone import between, viewer_zone, zones

LENGTHS = {"1 h": timedelta(hours=1), "8 h": timedelta(hours=8), "1 d": timedelta(days=1), "7 d": timedelta(days=7)}
CHOSEN = "Until …"
KINDS = ("Once, from now", "Maintenance window")
DAYS = {"MO": "Mon", "TU": "Tue", "WE": "Wed", "TH": "Thu", "FR": "Fri", "SA": "Sat", "SU": "Sun"}
EVERY = ("Every day", "Every week", "Every month", "Another rule", "Only once")
NTH = {"1": "first", "2": "second", "3": "third", "4": "fourth", "-1": "last"}
PREFIX = "silence_"
"""Of the keys of all fields of the form."""


@dataclass(frozen=True, slots=True)
class When:
    """From when until when, and how it recurs."""

    starts: datetime
    ends: datetime
    recurrence: Recurrence | None


def times() -> When | None:
    """From when until when; None where it is not right yet."""
    kind = st.segmented_control(
        "Kind", KINDS, default=KINDS[0], required=True, key=f"{PREFIX}kind", label_visibility="collapsed"
    )
    return window() if kind == KINDS[1] else once()


def once() -> When | None:
    """From now for so long, or until a moment."""
    zone, present = viewer_zone(), now().replace(second=0, microsecond=0)
    length = st.segmented_control(
        "For", [*LENGTHS, CHOSEN], default="8 h", required=True, key=f"{PREFIX}length", label_visibility="collapsed"
    )
    end = present + LENGTHS.get(str(length), timedelta())
    if length == CHOSEN:
        chosen = st.datetime_input("Until", wall_of(present + timedelta(days=2), zone), key=f"{PREFIX}until", width=260)
        if chosen is None or moment_of(chosen, zone) <= present:
            st.error("Choose an end that lies ahead.", icon=":material/error:")
            return None
        end = moment_of(chosen, zone)
    st.caption(escape(f"Ends {between(present, end, zone).partition(' to ')[2]} in your zone, {zone}."))
    return When(present, end, None)


def window() -> When | None:
    """A window on some days by the clocks of a zone, again and again until a last day."""
    all_zones = zones()
    first, last, where = st.columns(3)
    zone = str(where.selectbox("Time zone", all_zones, all_zones.index(viewer_zone()), key=f"{PREFIX}zone"))
    opens = first.time_input("From", time(2), key=f"{PREFIX}from", step=timedelta(minutes=15))
    closes = last.time_input("To", time(4), key=f"{PREFIX}to", step=timedelta(minutes=15))
    today = wall_of(now(), zone).date()
    left, right = st.columns(2)
    begin = left.date_input("First day", today, key=f"{PREFIX}first")
    every = st.segmented_control("Again", EVERY, default=EVERY[1], required=True, key=f"{PREFIX}every")
    once_only = every == EVERY[4]
    end = begin if once_only else right.date_input("Last day", today + timedelta(days=90), key=f"{PREFIX}last")
    rule = "" if once_only else recurs(str(every))
    if opens is None or closes is None or begin is None or end is None:
        st.caption("Choose from when until when.")
        return None
    start = datetime.combine(begin, opens)
    length = (datetime.combine(begin, closes) - start) % timedelta(days=1) or timedelta(days=1)
    final = datetime.combine(end, opens) + length
    try:
        recurrence = Recurrence(rule, zone, length) if rule else None
    except ValueError as error:
        st.error(escape(f"{error}."), icon=":material/error:")
        return None
    if final <= start:
        st.error("The last day must not be before the first.", icon=":material/error:")
        return None
    found = When(moment_of(start, zone), moment_of(final, zone), recurrence)
    if recurrence is not None:
        ahead = recurrence.windows(found.starts, max(found.starts, now()), found.ends)
        words = "; ".join(between(a, b, zone) for a, b in ahead[:3])
        st.caption(escape(f"{len(ahead)} windows by the clocks of {zone}: {words}{' …' if ahead[3:] else ''}"))
        st.code(rule, language=None)
    return found


def recurs(every: str) -> str:
    """The RRULE of a choice."""
    if every == "Every day":
        return "FREQ=DAILY"
    if every == "Every week":
        days = st.pills(
            "On", list(DAYS), default=["SU"], selection_mode="multi", format_func=DAYS.__getitem__, key=f"{PREFIX}days"
        )
        return f"FREQ=WEEKLY;BYDAY={','.join(day for day in DAYS if day in days)}" if days else "FREQ=WEEKLY"
    if every == "Every month":
        left, right = st.columns(2)
        nth = left.selectbox("On the", list(NTH), format_func=NTH.__getitem__, key=f"{PREFIX}nth")
        day = right.selectbox("day of the week", list(DAYS), format_func=DAYS.__getitem__, key=f"{PREFIX}day")
        return f"FREQ=MONTHLY;BYDAY={nth}{day}"
    rule = st.text_input(
        "RRULE", "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU", key=f"{PREFIX}rule", help="RFC 5545, without an end"
    )
    return (rule or "").strip().upper()
