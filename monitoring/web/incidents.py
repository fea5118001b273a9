"""Incidents on screen: a card a cause, and what a model shares with others."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from monitoring.store.queries.incidents import IncidentEntry, Member
from monitoring.web import cached, tables
from monitoring.web.escape import escape
from monitoring.web.menu import PAGES

CARDS = 3
"""Incidents with a card of their own; the rest are a table."""
LINKS = 5
"""Models that a card links to; the rest are counted."""


def cards() -> None:
    """The open incidents of the fleet, of most models first. Nothing where there is none."""
    found = cached.incidents()
    if not found:
        return
    st.header("One cause, many models")
    worst = found[:CARDS]
    places = st.columns(len(worst))  # beside each other: what is broken now stands below
    for place, incident in zip(places, worst, strict=True):
        with place:
            _card(incident)
    if found[CARDS:]:
        table(found[CARDS:], "more_incidents", f"{len(found) - CARDS} more incidents, of most models first")


def of_model(key: str) -> None:
    """What a model shares with others now."""
    for incident in cached.incidents_of(key):
        others = [m for m in incident.members if m.key != key]
        own = next((m for m in incident.members if m.key == key and m.left_at is None), None)
        if incident.closed_at is not None or own is None or not others:
            continue
        what = "1 other model" if len(others) == 1 else f"{len(others)} other models"
        st.markdown(
            f":material/hub: **{escape(incident.title)}.** Part of an incident with {what}. Here: {escape(own.words)}."
        )
        _links(others)


def history(key: str) -> None:
    """The incidents that a model was part of."""
    found = cached.incidents_of(key)
    if found:
        st.header("Incidents with other models")
        table(found, "incidents", "Incidents that this model is or was part of, newest first")


def table(found: list[IncidentEntry], key: str, alt: str) -> None:
    """A row an incident."""
    column = st.column_config
    out = pd.DataFrame(
        {
            "what": [i.title for i in found],
            "models": [len(i.members) for i in found],
            "since": [i.since for i in found],
            "opened": [i.opened_at for i in found],
            "closed": pd.to_datetime(pd.Series([i.closed_at for i in found], dtype=object), utc=True),
            "why": [i.reason for i in found],
        }
    )
    form = "YYYY-MM-DD HH:mm"
    st.dataframe(
        out, key=key, hide_index=True, height=tables.height(len(out)), placeholder="–", alt=alt,
        column_config={
            "what": column.TextColumn("Shared cause", width=380),
            "models": column.NumberColumn("Models", width=70),
            "since": column.DatetimeColumn("Since (UTC)", format=form, timezone="UTC", width=140),
            "opened": column.DatetimeColumn("Opened (UTC)", format=form, timezone="UTC", width=140),
            "closed": column.DatetimeColumn("Closed (UTC)", format=form, timezone="UTC", width=140),
            "why": column.TextColumn("Why it is one", width=480),
        },
    )  # fmt: skip


def _card(incident: IncidentEntry) -> None:
    with st.container(border=True, height="stretch"):
        owners = ", ".join(incident.owners[:LINKS]) or "nobody"
        more = f" and {len(incident.owners) - LINKS} more" if len(incident.owners) > LINKS else ""
        st.markdown(f":orange-badge[:material/hub: Shared cause] **{escape(incident.title)}**")
        st.markdown("\n".join(f"- {_told(m)}" for m in incident.members[:LINKS]))
        st.caption(f"{escape(incident.reason.partition('. ')[0])}. Owned by {escape(owners + more)}.")
        _links(list(incident.members))


def _told(member: Member) -> str:
    return f"**{escape(member.name)}**: {escape(member.words)}"


def _links(members: list[Member]) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        for m in members[:LINKS]:
            st.page_link(
                PAGES / "observe" / "model.py", label=escape(m.name), icon=":material/model_training:",
                query_params={"model": m.key},
            )  # fmt: skip
        if members[LINKS:]:
            st.caption(f"and {len(members) - LINKS:,} more models")
