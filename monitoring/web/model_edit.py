"""Changing what is watched: a model's YAML, its baseline, and its end."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from monitoring import fleet
from monitoring.errors import LeewayError
from monitoring.store import models
from monitoring.store.queries.sources import Change, Entry
from monitoring.web import cached, links, pieces, tables
from monitoring.web.access import require
from monitoring.web.clock import now, stamp
from monitoring.web.escape import escape
from monitoring.web.model_checks import save
from monitoring.web.model_draft import as_text, difference, documents_of
from monitoring.web.said import failed, say, show_problems


def show(entries: list[Entry]) -> None:
    """The list, and the chosen model."""
    if not entries:
        pieces.empty(
            "No model is watched yet.",
            'Choose "Add a model" above, or from a file: python -m monitoring apply fleet.yaml',
        )
        return
    _table(entries)
    by_key = {e.key: e for e in entries}
    st.header("Change a model")
    key = st.selectbox(
        "Model",
        list(by_key),
        index=None,
        key="edit",
        bind="query-params",
        placeholder="Choose a model to change",
        label_visibility="collapsed",
        width=400,
    )
    if key in by_key:
        _model(by_key[key])


def _table(entries: list[Entry]) -> None:
    frame = pd.DataFrame(
        [
            {
                "key": e.key,
                "name": e.document.get("name", ""),
                "owner": e.document.get("owner", ""),
                "task": str(e.document["task"]).replace("_", " "),
                "mode": str(e.document.get("mode", "online")).replace("_", " "),
                "target": e.document.get("target", "cloud"),
                "changed": e.updated_at,
            }
            for e in entries
        ]
    )
    column = st.column_config
    st.dataframe(
        frame,
        key="watched",
        hide_index=True,
        height=tables.height(len(frame)),
        alt=f"{len(frame)} watched models",
        column_config={
            "key": column.TextColumn("Key", pinned=True),
            "name": column.TextColumn("Name"),
            "owner": column.TextColumn("Owner"),
            "task": column.TextColumn("Task"),
            "mode": column.TextColumn("Mode"),
            "target": column.TextColumn("Runs in"),
            "changed": column.DatetimeColumn("Changed", format="distance"),
        },
    )
    with st.container(horizontal=True):
        pieces.download(lambda: frame.to_csv(index=False), "models", "models_csv")
        st.download_button(
            "fleet.yaml",
            fleet.dump([e.document for e in entries]),
            "fleet.yaml",
            "application/yaml",
            key="fleet_yaml",
            icon=":material/download:",
            help="All models as a file: python -m monitoring apply fleet.yaml gives them back.",
        )


def _model(entry: Entry) -> None:
    """A model's YAML with what a change would change, and what else can be done with it."""
    with st.container(border=True):
        st.caption(escape(f"Relative places start from {entry.base}. Changed {stamp(entry.updated_at)}."))
        text = st.text_area(
            "YAML", as_text(entry.document), height=420, key=f"yaml_{entry.key}", persist_state="session"
        )
        changed = _checked(entry, text or "")
        failed()
        with st.container(horizontal=True):
            st.button(
                "Save",
                icon=":material/save:",
                disabled=changed is None,
                key="save_yaml",
                on_click=save,
                args=([changed] if changed else [], Path(entry.base), (f"yaml_{entry.key}",)),
            )
            if text != as_text(entry.document):
                st.button("Undo", icon=":material/undo:", key="undo_yaml", on_click=_undo, args=(entry,))
            if st.button("Re-baseline", icon=":material/restart_alt:", key="rebaseline"):
                _rebaseline(entry.key)
            if st.button("Stop watching", icon=":material/delete:", key="stop"):
                _stop(entry.key)
        for kind in ("evaluate", "rebaseline"):
            pieces.progress(entry.key, kind)
        links.about(entry.key)


def _undo(entry: Entry) -> None:
    st.session_state[f"yaml_{entry.key}"] = as_text(entry.document)


def _checked(entry: Entry, text: str) -> dict[str, Any] | None:
    """The document that the text stands for, if it differs and can be used; otherwise says why not, or what changes."""
    if text == as_text(entry.document):
        return None
    try:
        found = documents_of(text, entry.key)
    except LeewayError as error:
        show_problems(error)
        return None
    if len(found) != 1 or found[0]["key"] != entry.key:
        st.error(
            escape(f"The key must stay {entry.key}, its history hangs on it. Add a model, and stop watching this one."),
            icon=":material/error:",
        )
        return None
    changes = difference(entry.document, found[0])
    if not changes:
        return None
    st.caption("Saving changes this:")
    st.code(changes, language="diff")
    return found[0]


@st.dialog("Re-baseline")
def _rebaseline(key: str) -> None:
    """Ask for the reference to be frozen anew."""
    st.markdown(
        f"The reference of **{escape(key)}** is frozen anew and its whole log is read again. "
        "Every verdict is made again; what was flagged against the old reference may no longer be."
    )
    other = st.checkbox("On another window")
    arguments: dict[str, str] = {}
    if other:
        left, right = st.columns(2)
        first = left.date_input("From, UTC", now().date() - timedelta(days=30))
        last = right.date_input("To and with, UTC", now().date() - timedelta(days=1))
        if isinstance(first, date) and isinstance(last, date) and first <= last:
            end = datetime.combine(last, time(), UTC) + timedelta(days=1)
            arguments = {"start": datetime.combine(first, time(), UTC).isoformat(), "end": end.isoformat()}
        else:
            st.error("The window must not end before it begins.", icon=":material/error:")
    bad = other and not arguments
    if st.button("Re-baseline now", key="rebaseline_now", disabled=bad, on_click=_ask, args=(key, arguments)):
        st.rerun()


def _ask(key: str, arguments: dict[str, str]) -> None:
    asked = pieces.ask("rebaseline", key, arguments)
    say("The worker was asked." if asked else "The same is waiting already.")


@st.dialog("Stop watching")
def _stop(key: str) -> None:
    """Take a model out, after its key was typed and a reason given."""
    st.markdown(
        f"**{escape(key)}** goes from the fleet with its summaries and verdicts. "
        "Its logs are not touched; the audit keeps its YAML."
    )
    typed = st.text_input("Type the key to confirm", key="stop_key", live=True)
    reason = st.text_input("Reason", key="stop_reason", live=True)
    ready = typed == key and bool((reason or "").strip())
    if st.button("Stop watching", key="stop_now", disabled=not ready, on_click=_remove, args=(key,)):
        st.rerun()


def _remove(key: str) -> None:
    """Only with the key typed and a reason given, whatever the button said."""
    actor = require("editor")
    typed, reason = st.session_state.get("stop_key"), (st.session_state.get("stop_reason") or "").strip()
    if typed != key or not reason:
        return
    cached.write(lambda session: models.remove(session, key, actor, now(), reason))
    st.session_state["edit"] = None
    say(f"{key} is no longer watched.")


def show_changes(changes: list[Change]) -> None:
    """Who changed what, newest first."""
    if not changes:
        pieces.empty("Nothing was changed yet.", "Every change of a model is listed here, with who made it.")
        return
    frame = pd.DataFrame(
        [{"at": c.at, "actor": c.actor, "action": c.action, "subject": c.subject, "reason": c.reason} for c in changes]
    )
    column = st.column_config
    st.dataframe(
        frame,
        key="changes",
        hide_index=True,
        height=tables.height(len(frame)),
        alt=f"The newest {len(frame)} changes",
        column_config={
            "at": column.DatetimeColumn("When, UTC", format="YYYY-MM-DD HH:mm:ss", timezone="UTC"),
            "actor": column.TextColumn("Who"),
            "action": column.TextColumn("What"),
            "subject": column.TextColumn("Model"),
            "reason": column.TextColumn("Reason"),
        },
    )
    pieces.download(lambda: frame.to_csv(index=False), "changes", "changes_csv")
