"""Whether a span of time has passed, on a machine whose clock may have been moved."""

from __future__ import annotations

from datetime import datetime, timedelta

SKEW = timedelta(seconds=60)
"""Two workers' clocks may differ by as much."""


def passed(since: datetime, span: timedelta, now: datetime) -> bool:
    """Whether `span` has passed since a moment. One further ahead than clocks differ was written by a wrong clock:
    waiting for it would wait for as long as the clock was wrong."""
    return now - since >= span or since - now > SKEW


def reached(moment: datetime, longest: timedelta, now: datetime) -> bool:
    """Whether a moment set at most `longest` ahead has come; one that lies further ahead was set by a wrong clock."""
    return now >= moment or moment - now > longest + SKEW
