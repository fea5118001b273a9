"""Asking for a retrain: the model, why, and what the guards say before one asks."""

from __future__ import annotations

from datetime import datetime

import streamlit as st
from sqlalchemy.orm import Session

from monitoring.core.retraining.guards import Objection, objections
from monitoring.core.retraining.request import Cause
from monitoring.errors import LeewayError
from monitoring.retraining import decisions
from monitoring.store.models import watched
from monitoring.store.queries.retrain_evidence import Evidence, evidence, facts
from monitoring.web import cached, pieces, span
from monitoring.web.access import require
from monitoring.web.clock import now, stamp
from monitoring.web.escape import escape
from monitoring.web.said import fail, say


def form(present: datetime) -> None:
    """Choose, look, say why, ask."""
    fleet = {entry.key: entry for entry in cached.fleet(present)}
    if not fleet:
        pieces.empty("No model is watched yet.", "Add one first.", "configure/models_and_logs.py", "Models and logs")
        return
    keys = list(fleet)
    chosen = span.model()
    names = {key: entry.name or key for key, entry in fleet.items()}
    at = keys.index(chosen) if chosen in keys else 0
    model = st.selectbox("Model", keys, index=at, format_func=names.__getitem__, key="retrain_model")
    open_one = next((r for r in cached.retrains() if r.model == model and r.open), None)
    if open_one is not None:
        st.info(escape(f"{open_one.key} is open: {open_one.reason} One at a time."), icon=":material/info:")
        return
    known, against = cached.asked(_looked, model, present.replace(second=0, microsecond=0))
    if known.document.get("diagnosis"):
        st.markdown(f"**Diagnosis.** {escape(str(known.document['diagnosis']))}")
    if known.flagged_at is not None:
        st.caption(escape(f"The breach began {stamp(known.flagged_at)}."))
    if not against:
        st.markdown(":blue-badge[:material/check: Guards] None objects.")
    for objection in against:
        st.markdown(f":orange-badge[:material/block: Guard] {escape(objection.words)}")
    reason = st.text_input("Why?", key="retrain_reason", live=True, placeholder="Such as: new routes since May")
    st.button(
        "Request a retrain", icon=":material/model_training:", type="primary", disabled=not (reason or "").strip(),
        on_click=ask, args=(model, Cause.PERSON, "retrain_reason"),
    )  # fmt: skip
    if against:
        st.caption("It is blocked until no guard objects, or somebody approves it all the same, with a reason.")


def ask(model: str, cause: Cause, reason: str, alert: str = "") -> None:
    """Make the request; `reason` is the key of what was typed, or the reason itself."""
    actor, present = require("editor"), now()
    words = str(st.session_state.get(reason, reason) or "")
    try:
        found, new = cached.write(
            lambda session: decisions.ask(
                session, watched(session, model)[0], cause, words, actor, present, alert, alert
            )
        )
    except LeewayError as error:
        fail(error)
        return
    say(f"Requested: {found.key}." if new else f"There is an open request already: {found.key}.")
    if new and cause == Cause.PERSON:
        st.session_state.pop("retrain_reason", None)
        st.session_state["retrains_show"] = None
        st.query_params.pop("show", None)


def _looked(session: Session, model: str, present: datetime) -> tuple[Evidence, tuple[Objection, ...]]:
    found = watched(session, model)[0]
    return evidence(session, found), objections(facts(session, found.model, present), found.model.retraining.limits)
