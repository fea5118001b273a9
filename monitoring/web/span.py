"""The time range and the model that all pages share: chosen in the frame, kept in the address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import streamlit as st

from monitoring.web import cached
from monitoring.web.clock import now

RANGES = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
    "180d": timedelta(days=180),
}
WORDS = {
    "1h": "Last hour",
    "6h": "Last 6 hours",
    "24h": "Last 24 hours",
    "7d": "Last 7 days",
    "30d": "Last 30 days",
    "90d": "Last 90 days",
    "180d": "Last 180 days",
    "custom": "Custom",
}
DEFAULT = "30d"


@dataclass(frozen=True, slots=True)
class Span:
    """What a page shows: moments in UTC, and the choice in words."""

    start: datetime
    end: datetime
    words: str


def controls(with_model: bool) -> None:
    """The bar above every page: model on the left, range on the right."""
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    if with_model:
        left.selectbox(  # no format_func in a bound widget: the address would hold the formatted text
            "Model",
            sorted(entry.key for entry in cached.fleet(now())),
            index=None,
            key="model",
            bind="query-params",
            placeholder="Choose a model",
            label_visibility="collapsed",
        )
    with right.container(horizontal=True, horizontal_alignment="right", vertical_alignment="bottom"):
        st.selectbox(
            "Time range",
            list(WORDS),
            index=list(WORDS).index(DEFAULT),
            key="range",
            bind="query-params",
            label_visibility="collapsed",
            width=170,
        )
        if st.session_state.get("range") == "custom":
            today = now().date()
            st.date_input(
                "From",
                today - timedelta(days=14),
                key="from",
                bind="query-params",
                width=140,
                label_visibility="collapsed",
            )
            st.date_input("To", today, key="to", bind="query-params", width=140, label_visibility="collapsed")


def model() -> str | None:
    """The chosen model's key."""
    chosen: str | None = st.session_state.get("model")
    return chosen


def span() -> Span:
    """The chosen range."""
    chosen = st.session_state.get("range") or DEFAULT
    if chosen == "custom":
        first, last = st.session_state.get("from"), st.session_state.get("to")
        if isinstance(first, date) and isinstance(last, date):
            start = datetime.combine(min(first, last), time(), UTC)
            end = datetime.combine(max(first, last), time(), UTC) + timedelta(days=1)
            return Span(start, end, f"{start:%Y-%m-%d} to {max(first, last):%Y-%m-%d} UTC")
        chosen = DEFAULT
    end = now().replace(second=0, microsecond=0)
    return Span(end - RANGES[chosen], end, WORDS[chosen].lower())
