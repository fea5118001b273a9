"""Making a silence or a maintenance window: what it matches, when, why; and what it would catch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from monitoring.core.alerting.matcher import Matcher, any_of, parse
from monitoring.core.alerting.silence import Silence, checked
from monitoring.core.checks import CHECKS
from monitoring.core.recurrence import Recurrence
from monitoring.core.verdict import Status
from monitoring.core.wall_time import moment_of, wall_of
from monitoring.errors import LeewayError
from monitoring.store import silences
from monitoring.store.queries.silences import Catch
from monitoring.web import cached, pieces, tables
from monitoring.web.access import require
from monitoring.web.clock import now
from monitoring.web.escape import escape
from monitoring.web.look import STATUSES, of_status
from monitoring.web.said import say
from monitoring.web.zone import between, viewer_zone, zones

LENGTHS = {"1 h": timedelta(hours=1), "8 h": timedelta(hours=8), "1 d": timedelta(days=1), "7 d": timedelta(days=7)}
CHOSEN = "Until …"
KINDS = ("Once, from now", "Maintenance window")
DAYS = {"MO": "Mon", "TU": "Tue", "WE": "Wed", "TH": "Thu", "FR": "Fri", "SA": "Sat", "SU": "Sun"}
EVERY = ("Every day", "Every week", "Every month", "Another rule", "Only once")
NTH = {"1": "first", "2": "second", "3": "third", "4": "fourth", "-1": "last"}
PREFIX = "silence_"
ROWS = 200


@dataclass(frozen=True, slots=True)
class When:
    """From when until when, and how it recurs."""

    starts: datetime
    ends: datetime
    recurrence: Recurrence | None


def form() -> None:
    """The form, the preview below it, and the button."""
    actor = require("editor")
    with st.container(border=True):
        st.header("What is silenced?")
        found = matchers()
        st.header("When?")
        when = times()
        st.header("Why?")
        reason = st.text_input(
            "Reason",
            key=f"{PREFIX}reason",
            placeholder="Such as: the feed moves to a new host",
            live=True,
        )
    if found is None or when is None:
        return
    try:
        silence = checked(Silence(found, when.starts, when.ends, actor, (reason or "").strip() or "-", when.recurrence))
    except ValueError as error:
        st.error(escape(f"{error}."), icon=":material/error:")
        return
    ready = bool((reason or "").strip())
    if st.button("Silence", icon=":material/notifications_off:", key="silence_now", disabled=not ready):
        try:
            cached.write(lambda session: silences.add(session, silence, now()))
        except LeewayError as error:
            st.error(escape(error.sentence), icon=":material/error:")
            return
        for key in [str(k) for k in st.session_state if str(k).startswith(PREFIX)]:
            del st.session_state[key]
        st.session_state["silences_moved"] = True
        say("The silence was made.")
        st.rerun()
    if not ready:
        st.caption("A silence needs a reason.")
    preview(silence)


def matchers() -> tuple[Matcher, ...] | None:
    """What is matched, by pickers and as text; None where the text is not right."""
    models = cached.fleet(now())
    asked = st.query_params
    options = {
        "model": sorted(m.key for m in models),
        "owner": sorted({m.owner for m in models if m.owner}),
        "check": list(CHECKS),
        "slice": cached.slice_names(),
    }
    chosen: list[Matcher] = []
    for (label, values), place in zip(options.items(), [*st.columns(2), *st.columns(2)], strict=True):
        first = [asked[label]] if asked.get(label) else []
        picked = place.multiselect(
            label.capitalize(), list(dict.fromkeys([*values, *first])), first, accept_new_options=True,
            key=f"{PREFIX}{label}", placeholder="any",
        )  # fmt: skip
        one = any_of(label, picked)
        chosen += [one] if one else []
    text = st.text_input(
        "Further matchers", key=f"{PREFIX}further", placeholder='check=~"drift.*" severity!="page"',
        help="As in Alertmanager: label=\"value\", also != =~ !~ (RE2, fitting the whole value). Labels: model, owner, "
        "check, column, slice, version, method, severity, kind.",
    )  # fmt: skip
    try:
        chosen += parse(text or "")
    except ValueError as error:
        st.error(escape(f"{error}."), icon=":material/error:")
        return None
    if not chosen:
        st.caption("Choose at least one: a silence of everything is always an accident.")
        return None
    st.markdown(f"All of these must fit: {words(chosen)}")
    return tuple(chosen)


def words(found: Sequence[Matcher]) -> str:
    """Matchers as Markdown shows them, as code."""
    return "  ".join(f"`{str(matcher).replace('`', '')}`" for matcher in found)


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


def preview(silence: Silence) -> None:
    """What it would catch now, and would have caught over the last 30 days."""
    found = cached.catch(silence, now())
    st.header("What it would catch")
    windows = sum(f.windows for f in found.findings)
    figures = {
        "Alerts open now": len(found.alerts),
        "Alerts in 30 days": found.opened,
        "Findings in 30 days": windows,
        "Models touched": len(found.models),
    }
    for (name, number), place in zip(figures.items(), st.columns(4), strict=True):
        place.metric(name, f"{number:,}", border=True)
    if not found.models:
        st.caption("Nothing: no alert and no finding of the last 30 days fits. Is a label misspelt?")
        return
    words = "had it held then, in the hours it will have" if silence.recurrence else "had it held then"
    st.caption(f"Over 30 days: {words}. A finding is a window in which a check warned, was breached or failed.")
    _alerts(found)
    _findings(found)


def _alerts(found: Catch) -> None:
    if not found.alerts:
        return
    frame = pd.DataFrame(
        [
            dict(
                model=a.name, check=a.check, column=a.column, slice=a.slice, version=a.version, severity=a.severity,
                since=a.opened_at, what=a.summary,
            )
            for a in found.alerts
        ]
    )  # fmt: skip
    frame = frame.drop(columns=[name for name in ("column", "slice", "version") if not frame[name].any()])
    column = st.column_config
    st.dataframe(
        frame, key="caught_alerts", hide_index=True, height=tables.height(len(frame)), placeholder="–",
        alt=f"{len(frame)} alerts open now that it would silence",
        column_config={
            "model": column.TextColumn("Alert open now", pinned=True), "check": column.TextColumn("Check"),
            "column": column.TextColumn("Column"), "slice": column.TextColumn("Slice"),
            "version": column.TextColumn("Version"), "severity": column.TextColumn("Severity"),
            "since": column.DatetimeColumn("Since", format="distance"), "what": column.TextColumn("What", width=480),
        },
    )  # fmt: skip


def _findings(found: Catch) -> None:
    shown = found.findings[:ROWS]
    if not shown:
        return
    status: list[Any] = [[tables.label(of_status(f.status or Status.NO_DATA))] for f in shown]
    frame = pd.DataFrame(
        {
            "model": [f.name for f in shown], "check": [f.check for f in shown], "column": [f.column for f in shown],
            "slice": [f.slice for f in shown], "version": [f.version for f in shown],
            "windows": [f.windows for f in shown], "last": [f.last for f in shown], "status": status,
        }
    )  # fmt: skip
    frame = frame.drop(columns=[name for name in ("column", "slice", "version") if not frame[name].any()])
    column = st.column_config
    st.dataframe(
        frame, key="caught_findings", hide_index=True, height=tables.height(len(frame)),
        alt=f"Findings of the last 30 days that it would silence, {len(found.findings)} subjects",
        column_config={
            "model": column.TextColumn("Model", pinned=True), "check": column.TextColumn("Check"),
            "column": column.TextColumn("Column"), "slice": column.TextColumn("Slice"),
            "version": column.TextColumn("Version"),
            "windows": column.NumberColumn("Windows", format="localized", help="That warned, were breached or failed"),
            "last": column.DatetimeColumn("Last", format="distance"),
            "status": tables.badges("Now", list(STATUSES.values()), width=130),
        },
    )  # fmt: skip
    if found.findings[ROWS:]:
        st.caption(f"and {len(found.findings) - ROWS:,} more subjects")
    pieces.download(lambda: frame.to_csv(index=False), "caught", "caught_csv")
