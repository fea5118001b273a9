"""The time range and the model that pages share: chosen in the frame, kept in the address.

The range is one word of the address, so that Back is one step: a length that ends now ("7d"), or a first and a last
moment ("2025-09-01 to 2025-09-14", "2025-09-01 06:00 to 2025-09-01 18:00"), in UTC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

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
    "1h": "last hour",
    "6h": "last 6 hours",
    "24h": "last 24 hours",
    "7d": "last 7 days",
    "30d": "last 30 days",
    "90d": "last 90 days",
    "180d": "last 180 days",
}
DEFAULT = "30d"
KEPT = "range_kept"
"""The range of a page that shows none, for the page after it."""
HOUR = timedelta(hours=1)
_EXAMPLE = "2025-09-01 to 2025-09-14, or 2025-09-01 06:00 to 2025-09-01 18:00 (UTC)"
_MOMENT = r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d))?"
_OWN = re.compile(rf"\s*{_MOMENT}(?:\s+to\s+{_MOMENT})?\s*")


@dataclass(frozen=True, slots=True)
class Span:
    """What a page shows: moments in UTC, and the choice in words."""

    start: datetime
    end: datetime
    words: str


def controls(ranged: bool = True) -> None:
    """The bar above a page about a model: model on the left, range on the right where the page has one."""
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    left.selectbox(  # no format_func in a bound widget: the address would hold the formatted text
        "Model",
        sorted(entry.key for entry in cached.fleet(now())),
        index=None,
        key="model",
        bind="query-params",
        placeholder="Choose a model",
        label_visibility="collapsed",
    )
    if not ranged:
        keep()
        return
    with right.container(horizontal=True, horizontal_alignment="right", vertical_alignment="bottom"):
        _choice()
        _own()
    if parse(st.session_state.get("range") or DEFAULT) is None:
        st.caption(f":material/info: No range. Write one as {_EXAMPLE}. Shown: {WORDS[DEFAULT]}.")


def keep() -> None:
    """Keep the range in the address of a page that has none, so that a reload of it loses nothing.

    Streamlit takes the word of a widget that is not drawn out of the address: so it is drawn, and taken away again. Of
    one that the browser never saw it forgets the value when the page is left: so that is kept beside it.
    """
    place = st.empty()
    with place:
        st.session_state[KEPT] = _choice()
    place.empty()


def _choice() -> str | None:
    kept = st.session_state.pop(KEPT, None)
    if kept and "range" not in st.query_params:
        st.session_state["range"] = kept
    wanted = st.session_state.get("range") or st.query_params.get("range") or DEFAULT
    return st.selectbox(
        "Time range",
        list(RANGES),
        index=list(RANGES).index(DEFAULT),
        key="range",
        bind="query-params",
        accept_new_options=True,
        label_visibility="collapsed",
        width=170 if wanted in RANGES else 320,
    )


def _own() -> None:
    """A range of one's own, from and to, behind a button."""
    shown = span()
    with st.popover("Custom", icon=":material/date_range:"), st.form("own_range", border=False):
        first, last = (moment.replace(tzinfo=None) for moment in whole_hours(shown.start, shown.end))
        st.datetime_input("From (UTC)", first, key=f"from {first}", step=HOUR)
        st.datetime_input("To (UTC)", last, key=f"to {last}", step=HOUR)
        st.form_submit_button("Show", on_click=_typed, args=(f"from {first}", f"to {last}"))


def _typed(first: str, last: str) -> None:
    ends = [st.session_state[name].replace(tzinfo=UTC) for name in (first, last)]
    choose(min(ends), max(ends))


def choose(start: datetime, end: datetime) -> None:
    """Make [start, end) the range of all pages. For a callback: the bar is not drawn yet."""
    st.session_state.pop(KEPT, None)
    st.session_state["range"] = text_of(*whole_hours(start, end))


def whole_hours(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """The hours that a range touches, one at least: summaries are by the hour."""
    first = start.replace(minute=0, second=0, microsecond=0)
    last = end.replace(minute=0, second=0, microsecond=0)
    return first, max(last if last == end else last + HOUR, first + HOUR)


def text_of(start: datetime, end: datetime) -> str:
    """[start, end) as the address has it; `parse` reads it."""
    if start.hour == start.minute == end.hour == end.minute == 0:
        last = end - timedelta(days=1)
        return f"{start:%Y-%m-%d}" if last == start else f"{start:%Y-%m-%d} to {last:%Y-%m-%d}"
    return f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}"


def parse(text: str) -> Span | None:
    """What a range of the address means now; None where it means nothing."""
    if text in RANGES:
        end = now().replace(second=0, microsecond=0)
        return Span(end - RANGES[text], end, WORDS[text])
    found = _OWN.fullmatch(text)
    if found is None:
        return None
    day, hour, other_day, other_hour = found.groups()
    try:
        start = datetime.fromisoformat(f"{day} {hour or '00:00'}+00:00")
        last = datetime.fromisoformat(f"{other_day or day} {(other_hour if other_day else hour) or '00:00'}+00:00")
    except ValueError:
        return None
    whole_day = other_hour is None if other_day else hour is None
    end = last + timedelta(days=1) if whole_day else last
    return Span(start, end, f"{text_of(start, end)} UTC") if start < end else None


def model() -> str | None:
    """The chosen model's key."""
    chosen: str | None = st.session_state.get("model")
    return chosen


def span() -> Span:
    """The chosen range; the default where what was typed is none."""
    found = parse(st.session_state.get("range") or DEFAULT) or parse(DEFAULT)
    assert found is not None
    return found
