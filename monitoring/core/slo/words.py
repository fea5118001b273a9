"""When an error budget is gone, and how far it is settled, in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from monitoring.core.slo.burn import Forecast
from monitoring.core.slo.quality import Provisional
from monitoring.core.slo.windows import Period


@dataclass(frozen=True, slots=True)
class Ending:
    """A forecast as a figure (`when`), what it goes by (`pace`), and a sentence; "" where there is nothing to say."""

    when: str
    pace: str
    sentence: str


def ending(lasts: Forecast, period: Period) -> Ending:
    """The range between both paces. One that was quiet for the last 6 hours is told by the longer pace, as what would
    be, not as what will. What is not gone within its period is never gone at that pace."""
    recent, longer, whole = lasts.recent, lasts.longer, period.minutes / 60
    if longer is None:
        return Ending("unknown", "no event in the last 3 d", "")
    if math.isinf(longer):
        return Ending("not burning", "nothing spent in the last 3 d", "")
    if recent is None or math.isinf(recent):
        quiet = "no event" if recent is None else "nothing spent"
        then = _hours(longer, whole)
        pace = f"{quiet} in the last 6 h; " + (f"{then} at the last 3 d's pace")
        words = f" {quiet.capitalize()} in the last 6 h; at the pace of the last 3 d it would be gone in {then}."
        return Ending("not burning now" if recent else "unknown", pace, words if longer < whole else "")
    low, high = (_hours(hours, whole) for hours in sorted((recent, longer)))
    span = low if low == high else f"{low} to {high}"
    near = min(recent, longer) < whole
    return Ending(
        span, "at the pace of the last 6 h to 3 d", f" At the present pace it is gone in {span}." if near else ""
    )


def maturing(settled: datetime, waits: Provisional) -> str:
    """A sentence on what is settled, and one on what is provisional."""
    words = f" Settled to {settled:%Y-%m-%d %H:%M} UTC."
    if not waits.predictions:
        return f"{words} No prediction since then."
    if not waits.labelled:
        return f"{words} Provisional since then: none of {waits.predictions:,} predictions has its label yet."
    good = 1 - waits.bad / waits.labelled
    words += f" Provisional since then: {waits.labelled:,} of {waits.predictions:,} predictions have their label so far"
    left = "" if waits.remaining is None else f"; counted as they stand, {waits.remaining:.0%} of the budget is left"
    return f"{words}, {good:.1%} of them good{left}."


def _hours(hours: float, most: float) -> str:
    """Such as 40 min, 5 h or 9 d; "> 30 d" past `most`."""
    if hours >= most:
        return f"> {most / 24:.0f} d"
    if hours < 1:
        return f"{hours * 60:.0f} min"
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} d"
