"""The list of channels: how each fares, and what is told through it."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import streamlit as st

from monitoring.core.verdict import Status
from monitoring.notifiers import registry
from monitoring.store.queries.channels import ChannelEntry
from monitoring.web import cached, pieces, tables
from monitoring.web.clock import ago, now
from monitoring.web.look import STATUSES

STATES = {
    "disabled": replace(STATUSES[Status.BREACHED], word="Disabled"),
    "failing": replace(STATUSES[Status.WARNING], word="Failing"),
    "ok": replace(STATUSES[Status.OK], word="OK"),
    "unused": replace(STATUSES[Status.NO_DATA], word="Never used"),
}


def state_of(entry: ChannelEntry) -> str:
    """How a channel is. One that never delivered anything is not well."""
    if entry.disabled_at is not None:
        return "disabled"
    if entry.failures:
        return "failing"
    return "ok" if entry.delivered_at is not None else "unused"


def told_of(entry: ChannelEntry) -> str:
    """Which notifications come here by default, in words."""
    matchers = entry.document.get("matchers", {})
    severity = " and ".join(f"{one}s" for one in matchers.get("severity", [])) or "pages and tickets"
    owners = ", ".join(matchers.get("owner", []))
    return f"{severity} of {owners}" if owners else f"all {severity}"


def figures(entries: list[ChannelEntry]) -> None:
    """How many there are, and how they fare."""
    states = [state_of(e) for e in entries]
    figures = {
        "Channels": (len(entries), None),
        "Failing or disabled": (states.count("failing") + states.count("disabled"), "Nothing arrives through these."),
        "Waiting to be sent": (sum(e.waiting for e in entries), "The worker sends every second."),
        "Dead letters": (cached.dead_count(), "Given up, and told through another channel where there is one."),
    }
    for where, (title, (value, help_)) in zip(st.columns(4), figures.items(), strict=True):
        where.metric(title, f"{value:,}", help=help_, border=True)


def table(entries: list[ChannelEntry]) -> None:
    """One line a channel."""
    present = now()
    frame = pd.DataFrame(
        [
            {
                "state": [tables.label(STATES[state_of(e)])], "name": e.name,
                "kind": registry.kinds()[e.kind].title if e.kind in registry.kinds() else e.kind, "told": told_of(e),
                "delivered": ago(e.delivered_at, present), "failures": e.failures, "waiting": e.waiting,
                "dead": e.dead, "error": e.disabled_reason or e.last_error,
            }
            for e in entries
        ]
    )  # fmt: skip
    column = st.column_config
    st.dataframe(
        frame, key="channels", hide_index=True, height=tables.height(len(frame)),
        alt=f"{len(frame)} channels with their last delivery and failures",
        column_config={
            "state": tables.badges("State", list(STATES.values()), width=115, pinned=True),
            "name": column.TextColumn("Channel", width=150, pinned=True),
            "kind": column.TextColumn("Kind", width=120),
            "told": column.TextColumn("Told by default of", width=220),
            "delivered": column.TextColumn("Last delivery", width=110),
            "failures": column.NumberColumn("Failures", width=80, help="Since the last delivery"),
            "waiting": column.NumberColumn("Waiting", width=75),
            "dead": column.NumberColumn("Dead", width=65, help="Dead letters"),
            "error": column.TextColumn("Last error", width=420),
        },
    )  # fmt: skip
    with st.container(horizontal=True):
        pieces.download(lambda: frame.to_csv(index=False), "channels", "channels_csv")
