"""What is wrong with a draft, its first verdicts, and saving it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import streamlit as st

from monitoring.apart import apart
from monitoring.core.verdict import Status, Verdict
from monitoring.errors import LeewayError
from monitoring.notifiers.admission import admit
from monitoring.preview import Preview, preview
from monitoring.sender import http_of
from monitoring.settings import load
from monitoring.store import dispatches, models, rules
from monitoring.store.queries.standing import gravest_first
from monitoring.web import cached, pieces, tables
from monitoring.web.access import require
from monitoring.web.clock import now, stamp
from monitoring.web.escape import escape
from monitoring.web.look import of_flag, of_status
from monitoring.web.said import fail, say, show_problems

PATIENCE = 180
"""Seconds that a preview may take."""


def run_preview(document: dict[str, Any], base: Path) -> None:
    """Evaluate a draft in a throw-away database, telling how far it is; kept in the session until the next one."""
    fleet_rules = cached.asked(rules.export)
    with st.status("Reading the log", expanded=False) as status:
        try:

            def progress(share: float, words: str) -> None:
                status.update(label=escape(f"{share:.0%} {words}"))

            found = apart(preview, document, fleet_rules, base, now, seconds=PATIENCE, progress=progress)
        except LeewayError as error:
            status.update(label="The verdicts could not be made", state="error")
            st.session_state["add_preview"] = None
            show_problems(error)
            return
        failed = found.model.status == Status.FAILED
        status.update(
            label="The model could not be evaluated" if failed else "First verdicts are in",
            state="error" if failed else "complete",
        )
    st.session_state["add_preview"] = (document, found)


def show_preview(document: dict[str, Any]) -> None:
    """The last preview: flag, findings, and the newest verdicts, gravest first."""
    kept = st.session_state.get("add_preview")
    if not kept:
        return
    of, found = kept
    result: Preview = found
    with st.container(border=True):
        st.header("First verdicts")
        if of != document:
            st.caption("Made before your last change. Preview again to see its effect.")
        flag = of_flag(str(result.model.flag)).badge if result.model.flag else of_status(result.model.status).badge
        window = result.model.window
        when = f" · {escape(stamp(window.start))} to {escape(stamp(window.end))}" if window.start and window.end else ""
        st.markdown(f"{flag} **{escape(of.get('name') or of['key'])}**{when}")
        st.markdown("\n".join(f"- {escape(line)}" for line in result.model.findings))
        for notice in result.notices:
            st.caption(escape(notice))
        verdict_table([v for v in result.newest if v.check != "model"], key="add_verdicts")


def verdict_table(verdicts: list[Verdict], key: str) -> None:
    """Verdicts, gravest first, with a CSV."""
    if not verdicts:
        return
    ordered = sorted(verdicts, key=gravest_first)
    tables.verdicts(ordered, key, f"{len(ordered)} verdicts, gravest first")
    pieces.download(lambda: tables.as_csv(ordered), "verdicts", f"{key}_csv")


def save(documents: list[dict[str, Any]], base: Path, forget: tuple[str, ...]) -> None:
    """Watch models and ask the worker to evaluate them; then go to the list. For a button's on_click.

    Where it fails, the reason is kept for the page and nothing that was typed is lost.
    """
    actor = require("editor")
    try:
        admit(cached.asked(dispatches.changed, documents), http_of(load(), now), os.environ)
        done: dict[str, str] = cached.write(lambda session: models.apply(session, documents, base, actor, now()))
    except LeewayError as error:
        fail(error)
        return
    for key, what in done.items():
        if what != "unchanged":
            pieces.ask("evaluate", key, {}, actor)
    for key in [str(k) for k in st.session_state if str(k).startswith(forget)]:
        del st.session_state[key]
    st.session_state.update(view="Models", edit=next(iter(done)), moved=True)
    say(", ".join(f"{key}: {what}" for key, what in done.items()))
