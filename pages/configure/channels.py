"""Channels: Who is told, and does it arrive?

icon: notifications
order: 3
"""

from __future__ import annotations

import streamlit as st

from monitoring.web import cached, channel_edit, dead_letters, said
from monitoring.web.access import require

require("viewer")

VIEWS = ("Channels", "Dead letters", "Add a channel")


def page() -> None:
    """One of the three views."""
    said.done()
    first = None if st.session_state.pop("moved", False) else VIEWS[0]  # a value set beside a default is warned of
    view = st.segmented_control(
        "View", VIEWS, default=first, required=True, key="view", bind="query-params", label_visibility="collapsed"
    )
    if view == "Dead letters":
        dead_letters.show(cached.dead_letters())
    elif view == "Add a channel":
        channel_edit.add(cached.channels())
    else:
        channel_edit.show(cached.channels())


page()
