"""Notifications that reached nobody through their channel: the warning on every page, and the list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import streamlit as st
from sqlalchemy.orm import Session

from monitoring.store import outbox
from monitoring.store.queries.channels import DeadLetter
from monitoring.store.tables import AuditRow
from monitoring.web import cached, pieces
from monitoring.web.access import require
from monitoring.web.clock import now, stamp
from monitoring.web.escape import escape
from monitoring.web.menu import PAGES
from monitoring.web.said import say

SHOWN = 20
"""Letters that are spelled out; the rest are counted."""


def warn() -> None:
    """Say on any page that something was given up, with the way there. Nothing where nothing was."""
    count = cached.dead_count()
    if not count:
        return
    words = "1 notification could not be delivered." if count == 1 else f"{count:,} notifications were not delivered."
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":red-badge[:material/mail_off: {words}]", width="content")
        st.page_link(
            PAGES / "configure" / "channels.py", label="Dead letters", query_params={"view": "Dead letters"},
            icon=":material/arrow_forward:",
        )  # fmt: skip


def show(letters: list[DeadLetter]) -> None:
    """Each with why it was given up; send it again, or put it away."""
    if not letters:
        pieces.empty(
            "Everything has arrived.",
            "A notification that a channel gives up is listed here, and told through another channel.",
        )
        return
    with st.container(horizontal=True):
        everything = [letter.id for letter in letters]
        st.button("Send all again", icon=":material/replay:", key="revive_all", on_click=_revive, args=(everything,))
        st.button("Discard all", icon=":material/delete:", key="discard_all", on_click=_discard, args=(everything,))
    for letter in letters[:SHOWN]:
        _letter(letter)
    if len(letters) > SHOWN:
        st.caption(f"and {len(letters) - SHOWN:,} more, older ones")


def _letter(letter: DeadLetter) -> None:
    with st.container(border=True):
        attempts = "1 attempt" if letter.attempts == 1 else f"{letter.attempts:,} attempts"
        st.markdown(f":red-badge[{escape(letter.severity or 'notification')}] **{escape(letter.model)}**")
        st.markdown(f"To {escape(letter.target)}, given up after {attempts}: {escape(letter.error)}")
        told = f"Told instead: {', '.join(letter.told)}" if letter.told else "No other channel has told anybody of it"
        st.caption(escape(f"{told}. Sent because: {letter.why}. First tried {stamp(letter.created_at)}."))
        with st.container(horizontal=True):
            st.button(
                "Send again", icon=":material/replay:", key=f"revive_{letter.id}", on_click=_revive, args=([letter.id],)
            )
            st.button(
                "Discard", icon=":material/delete:", key=f"discard_{letter.id}", on_click=_discard, args=([letter.id],)
            )


def _revive(numbers: list[int]) -> None:
    _change(numbers, "dead letters sent again", outbox.revive)


def _discard(numbers: list[int]) -> None:
    _change(numbers, "dead letters discarded", outbox.discard)


def _change(numbers: list[int], action: str, change: Callable[[Session, Sequence[int], datetime], int]) -> None:
    actor, present = require("editor"), now()

    def both(session: Session) -> int:
        done = change(session, numbers, present)
        if done:
            detail = {"letters": numbers}
            session.add(AuditRow(at=present, actor=actor, action=action, subject="outbox", detail=detail))
        return done

    done = cached.write(both)
    say(f"{done} {action}." if done else "Somebody else was quicker: nothing is left to do.")
