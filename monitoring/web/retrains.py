"""Retrain requests on screen, a card each: why, what speaks against it, how far it is, and what can be done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import streamlit as st
from sqlalchemy.orm import Session

from monitoring.core.retraining.order import Action
from monitoring.core.retraining.request import Cause, RetrainRequest
from monitoring.core.retraining.state import CHOICE, UNDER_WAY, WAITING, WORDS, State
from monitoring.core.retraining.trouble import UNCOMPARED, UNTOLD, standing
from monitoring.core.retraining.worth import Worth
from monitoring.core.verdict import Flag
from monitoring.errors import LeewayError
from monitoring.retraining import decisions
from monitoring.retraining.report import gain_words
from monitoring.store.queries.fleet import FleetEntry
from monitoring.web import cached, comparisons, ledger
from monitoring.web.access import require
from monitoring.web.clock import ago, now, span, stamp
from monitoring.web.escape import escape
from monitoring.web.menu import PAGES
from monitoring.web.said import fail, say

PAGE = PAGES / "respond" / "retraining.py"
ICONS = {
    State.REQUESTED: ("blue", "pending_actions"), State.BLOCKED: ("orange", "block"), State.APPROVED: ("blue", "send"),
    State.DISPATCHED: ("blue", "outbound"), State.RUNNING: ("blue", "sync"), State.CANDIDATE: ("blue", "science"),
    State.EVALUATED: ("blue", "balance"), State.PROMOTED: ("blue", "rocket_launch"),
    State.VERIFIED: ("blue", "verified"), State.REJECTED: ("gray", "thumb_down"), State.FAILED: ("red", "error"),
    State.TIMED_OUT: ("red", "timer_off"), State.CANCELLED: ("gray", "cancel"), State.ROLLED_BACK: ("orange", "undo"),
}  # fmt: skip
CAUSES = {
    Cause.FLAG: "proposed by the flag", Cause.ALERT: "from an alert", Cause.THRESHOLD: "from a threshold",
    Cause.SCHEDULE: "by the schedule", Cause.PERSON: "asked for",
}  # fmt: skip
KINDS = {
    "requested": "Requested", "blocked": "Blocked", "unblocked": "No longer blocked", "approved": "Approved",
    "dispatched": "Dispatched", "running": "Running", "candidate": "Candidate", "evaluated": "Compared",
    "promoting": "Promotion ordered", "accepted": "Order taken", "promoted": "Promoted",
    "promotion_failed": "Promotion failed", "rejected": "Rejected", "verified": "Verified",
    "roll_back_proposed": "Roll-back proposed", "rolling_back": "Roll-back ordered", "rolled_back": "Rolled back",
    "roll_back_failed": "Roll-back failed", "failed": "Failed", "timed_out": "Timed out", "cancelled": "Cancelled",
    "stopping": "Stopping", "put_away": "Put away", "rejection_failed": "Not put away",
    "run_ended": "Run ended", "notified": "Told", "untold": "Not told", "told_again": "Told again",
    "uncompared": "Not compared", "compared_again": "Looked at again",
}  # fmt: skip
TROUBLE = {
    UNTOLD: "Nobody could be told through the channels", UNCOMPARED: "The versions could not be compared",
}  # fmt: skip
Decide = Callable[[Session, str, str, datetime, str], RetrainRequest]


def badge(state: State) -> str:
    """A state's badge, for Markdown."""
    colour, icon = ICONS[state]
    return f":{colour}-badge[:material/{icon}: {WORDS[state]}]"


def card(request: RetrainRequest, present: datetime, worth: Worth | None = None) -> None:
    """One request, with what waiting costs where that is known."""
    with st.container(border=True):
        st.markdown(f"{badge(request.state)} **{escape(request.model_name)}** · {escape(request.key)}")
        st.markdown(escape(request.reason))
        st.caption(escape(_when(request, present)))
        if worth is not None and request.promoted_at is None:
            st.markdown(f":gray-badge[:material/hourglass: Waiting] {escape(ledger.waiting(worth))}")
        for objection in request.objections if request.state in WAITING else ():
            st.markdown(f":orange-badge[:material/block: Guard] {escape(objection.words)}")
        if request.roll_back and request.state == State.PROMOTED:
            st.markdown(f":red-badge[:material/undo: Roll back?] {escape(request.roll_back)}")
        if request.state in UNDER_WAY:
            st.progress(min(request.progress or 0.0, 1.0), text=escape(request.message or "Waiting."))
        elif request.pending is not None:
            st.progress(1.0, text=escape(f"{str(request.pending).replace('_', ' ').capitalize()}: {request.message}"))
        events = cached.retrain_history(request.key, request.changed_at)
        for kind, event in standing(events).items():
            words = f"{TROUBLE[kind]} since {stamp(event.at)}. {event.words}"
            st.markdown(f":red-badge[:material/error: {KINDS[kind]}] {escape(words)}")
        _gains(request)
        if request.comparison is not None:
            comparisons.summary(request.comparison, request.key)
        elif request.state in CHOICE:
            st.markdown(f":gray-badge[:material/hourglass_empty: Not compared yet] {escape(request.message)}")
        if request.state == State.PROMOTED and request.measured is None and request.pending is None:
            words = request.message or "The first labels since the promotion have yet to come."
            st.markdown(f":gray-badge[:material/hourglass_empty: Not measured yet] {escape(words)}")
        _buttons(request)
        _evidence(request)
        with st.expander(f"Time line ({len(events)})", icon=":material/timeline:"):
            st.markdown(
                "\n".join(
                    f"- {escape(stamp(e.at))} **{KINDS.get(e.kind, e.kind)}**"
                    f"{f' by {escape(e.actor)}' if e.actor else ''}: {escape(e.words)}"
                    for e in reversed(events)
                )
            )


def of_model(entry: FleetEntry) -> None:
    """The open request of a model, or the way to one where its flag asks for it."""
    found = next((r for r in cached.retrains() if r.model == entry.key and r.open), None)
    if found is None and entry.flag != Flag.RETRAIN:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if found is not None:
            st.markdown(f"{badge(found.state)} {escape(f'Retrain request {found.key}: {found.reason}')}")
        st.page_link(
            PAGE, label="Request a retrain" if found is None else "Open the request",
            icon=":material/autorenew:", query_params={"model": entry.key} | ({"show": "ask"} if found is None else {}),
        )  # fmt: skip


@st.fragment(run_every=2)
def watch(seen: dict[str, datetime]) -> None:
    """Draw the page anew when a request has come, or one of these has changed since it was drawn."""
    if {r.key: r.changed_at for r in cached.retrains_now()} != seen:
        st.rerun()


def _when(request: RetrainRequest, present: datetime) -> str:
    by = f" by {request.requester}" if request.requester else ""
    words = f"{CAUSES[request.cause].capitalize()}{by} {ago(request.opened_at, present)}"
    if request.flagged_at is not None:
        words += f" · trouble since {stamp(request.flagged_at)}"
    if request.approver:
        words += f" · approved by {request.approver}"
    if request.version:
        words += f" · version {request.version} against {request.champion or 'the one that serves'}"
    if request.train_until is not None:
        words += f" · trained on rows until {stamp(request.train_until)}"
    if request.cost is not None:
        words += f" · cost {request.cost:,.4g}"
    if request.flagged_at is not None and request.promoted_at is not None:
        words += f" · from trouble to fix {span(request.promoted_at - request.flagged_at)}"
    return words


def _gains(request: RetrainRequest) -> None:
    parts = []
    for words, gain in (
        ("Expected by the diagnosis", request.evidence.get("gain")), ("Compared on the same rows", request.gain),
        ("Measured since promotion", request.measured),
    ):  # fmt: skip
        if gain:
            parts.append(f"**{words}**: {escape(gain_words(gain))}")
    if parts:
        st.markdown("  \n".join(parts))


def _buttons(request: RetrainRequest) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if request.state in WAITING and all(o.overridable for o in request.objections):
            if request.objections:
                _with_reason(request, "Approve all the same", "gavel", decisions.approve, "Approved.")
            else:
                _button(request, "Approve", "check", decisions.approve, "Approved: it is sent.", primary=True)
        if request.state in WAITING | UNDER_WAY:
            _with_reason(request, "Cancel", "cancel", decisions.cancel, "Cancelled.")
        if request.state in CHOICE and request.pending is None:
            if request.recommended:
                _button(request, "Promote", "rocket_launch", decisions.promote, "It is to serve.", primary=True)
            else:
                _with_reason(request, "Promote all the same", "rocket_launch", decisions.promote, "It is to serve.")
            _with_reason(request, "Reject", "thumb_down", decisions.reject, "Rejected.")
        if request.state in (State.PROMOTED, State.VERIFIED) and request.pending != Action.ROLL_BACK:
            _with_reason(request, "Roll back", "undo", decisions.roll_back, "The version before is to serve again.")
        st.page_link(
            PAGES / "observe" / "model.py", label="Open the model", icon=":material/model_training:",
            query_params={"model": request.model},
        )  # fmt: skip


def _button(request: RetrainRequest, label: str, icon: str, decide: Decide, told: str, primary: bool = False) -> None:
    st.button(
        label, key=f"{label} {request.key}", icon=f":material/{icon}:", type="primary" if primary else "secondary",
        on_click=_decide, args=(request.key, decide, told, ""),
    )  # fmt: skip


def _with_reason(request: RetrainRequest, label: str, icon: str, decide: Decide, told: str) -> None:
    with st.popover(label, icon=f":material/{icon}:", key=f"open {label} {request.key}"):
        key = f"why {label} {request.key}"
        reason = st.text_input("Why?", key=key, live=True)
        st.button(
            label, key=f"{label} {request.key}", disabled=not (reason or "").strip(), on_click=_decide_for,
            args=(request.key, decide, told, key),
        )  # fmt: skip


def _decide_for(key: str, decide: Decide, told: str, reason: str) -> None:
    _decide(key, decide, told, str(st.session_state.get(reason) or ""))


def _decide(key: str, decide: Decide, told: str, reason: str) -> None:
    who, present = require("editor"), now()
    try:
        cached.write(lambda session: decide(session, key, who, present, reason))
    except LeewayError as error:
        fail(error)
        return
    say(told)


def _evidence(request: RetrainRequest) -> None:
    known: dict[str, Any] = request.evidence
    findings = [str(finding) for finding in known.get("findings") or ()]
    if not findings and not known.get("diagnosis"):
        return
    with st.expander("What was known when it was asked for", icon=":material/description:"):
        if known.get("diagnosis"):
            st.markdown(f"**Diagnosis.** {escape(str(known['diagnosis']))}")
        st.markdown("\n".join(f"- {escape(finding)}" for finding in findings))
