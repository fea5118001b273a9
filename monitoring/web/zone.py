"""The viewer's time zone, as their browser says it, and moments in it."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo, available_timezones

import streamlit as st

from monitoring.core.wall_time import wall_of


def viewer_zone() -> str:
    """The IANA zone of the viewer; UTC where the browser does not say."""
    name = st.context.timezone
    return name if name in zones() else "UTC"


def zones() -> list[str]:
    """All zones that there are, by name."""
    return sorted(available_timezones())


def local(moment: datetime, zone: str) -> str:
    """A moment to the minute, such as "Mon 30 Nov, 14:00"."""
    return f"{wall_of(moment, zone):%a %-d %b, %H:%M}"


def between(start: datetime, end: datetime | None, zone: str) -> str:
    """A span of time; open where the end is past what is shown."""
    if end is None:
        return f"from {local(start, zone)} on"
    same_day = wall_of(start, zone).date() == wall_of(end, zone).date()
    return f"{local(start, zone)} to {f'{wall_of(end, zone):%H:%M}' if same_day else local(end, zone)}"


def named(zone: str, present: datetime) -> str:
    """A zone with what its clocks show now."""
    return f"{zone} (now {present.astimezone(ZoneInfo(zone)):%H:%M})"
