"""Writes of what can be taken back: thresholds and objectives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from monitoring.errors import LeewayError
from monitoring.store import edits
from monitoring.store.revisions import Kind, Revision
from monitoring.web import cached
from monitoring.web.access import require
from monitoring.web.clock import now
from monitoring.web.said import fail, say


def saving(
    kind: Kind, name: str, before: Sequence[dict[str, Any]], after: Sequence[dict[str, Any]], key: str = "save"
) -> None:
    """A reason, and the button that saves."""
    left, right = st.columns([4, 1], vertical_alignment="bottom")
    why = left.text_input("Reason", key=f"{key}-reason", placeholder="why this is changed", live=True)
    ready = bool((why or "").strip()) and list(after) != list(before) and bool(name)
    right.button(
        "Save", type="primary", icon=":material/save:", key=f"{key}-now", disabled=not ready, on_click=_save,
        args=(kind, name, before, after, f"{key}-reason"), width="stretch",
    )  # fmt: skip


def _save(
    kind: Kind, name: str, before: Sequence[dict[str, Any]], after: Sequence[dict[str, Any]], reason: str
) -> None:
    """Write the revision, whatever the button said only with a reason."""
    actor, why = require("editor"), (st.session_state.get(reason) or "").strip()
    try:
        cached.write(lambda session: edits.change(session, kind, name, before, after, actor, now(), why))
    except LeewayError as error:
        fail(error)
        return
    st.session_state[reason] = ""
    say("Saved. It holds from the next evaluation on; History takes it back.")


def undo(revision: Revision, reason: str) -> bool:
    """Take a revision back, with all after it; False where that failed."""
    actor, r = require("editor"), revision
    try:
        cached.write(lambda session: edits.undo(session, r.kind, r.name, r.number, actor, now(), reason))
    except LeewayError as error:
        fail(error)
        return False
    say(f"Undone: revision {r.number} of {r.name}. It holds from the next evaluation on.")
    return True
