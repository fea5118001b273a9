"""The team that a form is filled with, kept in the session from one drawing to the next."""

from __future__ import annotations

import copy
from typing import Any

import streamlit as st

from monitoring.web.zone import viewer_zone

DRAFT, REVISION = "team_draft", "team_rev"


def current(kept: dict[str, Any] | None) -> dict[str, Any]:
    """The draft; at the beginning the team as it is kept, or one of which nothing is said yet."""
    draft: dict[str, Any] | None = st.session_state.get(DRAFT)
    if draft is not None:
        return draft
    blank = {"key": "", "name": "", "zone": viewer_zone(), "members": [], "channels": [], "schedules": []}
    return copy.deepcopy(kept) if kept else blank


def keep(document: dict[str, Any]) -> None:
    """What the form stands for now is the draft."""
    st.session_state[DRAFT] = document


def forget() -> None:
    """Drop the draft; its widgets begin anew."""
    st.session_state.pop(DRAFT, None)
    st.session_state[REVISION] = st.session_state.get(REVISION, 0) + 1


def again(document: dict[str, Any]) -> None:
    """Draw the form anew from a document whose lists have changed."""
    forget()
    keep(document)
    st.rerun()


def key(*parts: object) -> str:
    """A widget's key, another one after each `forget`."""
    return "_".join(("team", str(st.session_state.get(REVISION, 0)), *map(str, parts)))


def put(out: dict[str, Any], name: str, value: Any, default: Any) -> None:
    """Write a field, or leave it out where it is as when left out and was not written before."""
    if value != default or name in out:
        out[name] = value
