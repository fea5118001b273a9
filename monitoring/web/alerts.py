"""Alerts on screen: a card an alert, with what can be done about it and what happened to it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import streamlit as st
from sqlalchemy.exc import SQLAlchemyError

from monitoring.core.alerting import answers
from monitoring.core.alerting.alert import Alert
from monitoring.core.alerting.lifecycle import Change
from monitoring.core.alerting.matcher import Matcher
from monitoring.core.alerting.signal import Condition, Kind
from monitoring.core.alerting.silence import Silence
from monitoring.core.retraining.request import Cause
from monitoring.errors import LeewayError
from monitoring.store import alerts as store
from monitoring.store import silences
from monitoring.store.queries.alerts import AlertEntry, EventEntry
from monitoring.web import cached, retrain_form
from monitoring.web.access import require
from monitoring.web.clock import ago, now, stamp, window
from monitoring.web.escape import escape, link
from monitoring.web.look import RESOLVED, SEVERITIES
from monitoring.web.menu import PAGES

SILENCES = (timedelta(hours=1), timedelta(hours=8))
"""What one click silences for."""
DECAY = (Kind.DRIFT, Kind.PERFORMANCE, Kind.RETRAIN)
"""Kinds of trouble that a retrain may mend."""
WORDS = {
    "pending": "Pending", "fired": "Fired", "resolved": "Resolved", "inactive": "Over", "flapping": "Flapping",
    "calm": "Calm", "unknown": "No data", "known": "Data again", "silenced": "Silenced",
    "silence_ended": "Silence ended", "inhibited": "Held back", "inhibition_ended": "Let go", "notified": "Sent",
    "escalated": "Escalated", "acknowledged": "Acknowledged", "unacknowledged": "Given back", "expired": "Expired",
    "asked": "Asked to escalate", "judged": "Judged",
}  # fmt: skip


def badges() -> tuple[str, str]:
    """How many need somebody, after the page's title and after its section's in the menu; "" where none does."""
    try:
        pages, tickets = cached.alerts_needing(now())
    except (LeewayError, SQLAlchemyError):  # the page itself says what is wrong with the database
        return "", ""
    if not pages + tickets:
        return "", ""
    return f" :{'red' if pages else 'orange'}-badge[{pages + tickets}]", f" ({pages + tickets})"


def card(entry: AlertEntry, events: list[EventEntry], runbook: str) -> None:
    """One alert: what, since when, why, who has it; what to do by the runbook, and at a click; what happened."""
    alert = entry.alert
    present = now()
    look = SEVERITIES[alert.severity] if alert.open else RESOLVED
    with st.container(border=True):
        st.markdown(f"{look.badge} **{escape(alert.model_name or alert.subject.model)}** · {escape(about(alert))}")
        st.markdown(escape(alert.summary))
        st.caption(escape(_when(alert, present)) + (f" · {escape(alert.owner)}" if alert.owner else " · no owner"))
        notes = _notes(entry) + ([f"Runbook {link(runbook)}"] if runbook and alert.open else [])
        if notes:
            st.markdown("  \n".join(notes))
        with st.container(horizontal=True, vertical_alignment="center"):
            if alert.firing:
                _answers(alert)
            st.page_link(
                PAGES / "observe" / "model.py", label="Open the model", icon=":material/model_training:",
                query_params={"model": alert.subject.model} | ({"range": alert.days} if alert.days else {}),
            )  # fmt: skip
            _worth(entry)
        with st.expander(f"Time line ({len(events)})", icon=":material/timeline:"):
            st.markdown("\n".join(_line(event) for event in reversed(events)) or "Nothing yet.")


def about(alert: Alert) -> str:
    """What is wrong, in a few words."""
    return f"{alert.rule}: {alert.subject.words}"


def _when(alert: Alert, present: Any) -> str:
    since = alert.fired_at or alert.opened_at
    words = f"Since {stamp(since)}, {ago(since, present)}"
    if alert.closed_at is not None:
        words = f"{stamp(since)} to {stamp(alert.closed_at)}"
    elif alert.last_seen != since:
        words += f"; last seen {ago(alert.last_seen, present)}"
    if alert.window_start is not None and alert.window_end is not None:
        words += f"; window {window(alert.window_start, alert.window_end)}"
    return words


def _notes(entry: AlertEntry) -> list[str]:
    alert, out = entry.alert, []
    if alert.state == "pending":
        out.append(":gray-badge[:material/hourglass_empty: Pending] It fires if it lasts.")
    if alert.acked_by:
        words = f"by {alert.acked_by} until {stamp(alert.acked_until)}"
        out.append(f":blue-badge[:material/person_check: Acknowledged] {escape(words)}")
    if entry.held:
        out.append(f":gray-badge[:material/notifications_off: Not sent] {escape(entry.held)}")
    if alert.flapping:
        out.append(":gray-badge[:material/swap_vert: Flapping] Held open, and told once, until an hour is calm.")
    if alert.open and alert.condition == Condition.UNKNOWN:
        out.append(":gray-badge[:material/help: No data] Held open: missing data resolves nothing.")
    elif alert.firing and alert.condition != Condition.BEYOND:
        out.append(":gray-badge[:material/south: Easing] Below the level at which it fired, not yet clear of it.")
    if alert.escalates_at is not None and not alert.acked_by and alert.policy.after(alert.step, alert.loop):
        out.append(f":gray-badge[:material/arrow_upward: Escalates] {escape(stamp(alert.escalates_at))}")
    return out


def _answers(alert: Alert) -> None:
    if alert.acked_by:
        _button("Give back", "undo", alert, "alert given back", answers.unacknowledge)
    else:
        _button("Acknowledge", "check", alert, "alert acknowledged", answers.acknowledge)
    for span in SILENCES:
        hours = f"{span.total_seconds() / 3600:.0f} h"
        st.button(
            f"Silence {hours}", key=f"silence {hours} {alert.key}", icon=":material/notifications_off:",
            on_click=silence, args=(alert, span),
        )  # fmt: skip
    _button("Escalate", "arrow_upward", alert, "alert escalated", answers.escalate, help=_next_words(alert))
    if alert.kind in DECAY:
        st.button(
            "Request retrain", key=f"retrain {alert.key}", icon=":material/autorenew:", on_click=retrain_form.ask,
            args=(alert.subject.model, Cause.ALERT, alert.summary, alert.key),
        )  # fmt: skip
    if alert.condition == Condition.UNKNOWN:
        act = partial(answers.close, reason="Closed by hand: nothing is known of it any more.")
        _button("Close", "close", alert, "alert closed", act, help="End it. If it is still wrong, it fires anew.")


def _button(label: str, icon: str, alert: Alert, action: str, act: Callable[..., Change], **more: Any) -> None:
    st.button(
        label, key=f"{label} {alert.key}", icon=f":material/{icon}:", on_click=answer, args=(alert, action, act), **more
    )


def answer(alert: Alert, action: str, act: Callable[..., Change]) -> None:
    """Write what a person does about an alert."""
    who, present = require("editor"), now()
    done = cached.write(
        lambda session: store.answer(
            session, alert.key, lambda found: act(found, actor=who, now=present), action, who, present
        )
    )
    if done.events:
        st.toast(f"{escape(action.capitalize())}.", icon=":material/check:")
    else:
        st.toast("It is over already: nothing was changed.", icon=":material/info:")


def silence(alert: Alert, span: timedelta) -> None:
    """Silence an alert, and what is like it: the same model, check, column, slice and version."""
    who, present = require("editor"), now()
    subject = alert.subject
    labels = {name: getattr(subject, name) for name in ("model", "check", "column", "slice", "version")}
    matchers = tuple(Matcher(label, "=", value) for label, value in labels.items() if value)
    reason = f"Silenced on the Alerts page: {about(alert)}"
    made = Silence(matchers, present, present + span, who, reason)
    cached.write(lambda session: silences.add(session, made, present))
    st.toast(f"Silenced until {escape(stamp(made.ends))}.", icon=":material/notifications_off:")


def _worth(entry: AlertEntry) -> None:
    """Useful or noise, as thumbs; what was said is shown."""
    key = f"worth {entry.alert.key}"
    st.session_state.setdefault(key, None if entry.useful is None else int(entry.useful))
    st.feedback("thumbs", key=key, on_change=judge, args=(entry.alert.key, key))


def judge(alert: str, key: str) -> None:
    """Write whether an alert was useful or noise."""
    said, who, present = st.session_state.get(key), require("editor"), now()
    useful = None if said is None else bool(said)
    cached.write(lambda session: store.judge(session, alert, useful, who, present))


def _next_words(alert: Alert) -> str:
    following = alert.policy.after(alert.step, alert.loop) or (0, 0)
    names = ", ".join(t.partition(":")[2] or "every channel that fits" for t in alert.policy.targets(following[0]))
    return escape(f"Call the next in the policy now: {names}")


def _line(event: EventEntry) -> str:
    who = f" by {escape(event.actor)}" if event.actor else ""
    return f"- {escape(stamp(event.at))} **{WORDS[event.kind]}**{who}: {escape(event.reason)}"
