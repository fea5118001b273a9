"""Times as the fleet file writes them: moments, zones, times of day, and lengths such as 90s, 24h or 28d."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, PlainSerializer

from monitoring.instant import instant

UNITS = {
    "w": timedelta(weeks=1), "d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}  # fmt: skip
"""The longest first."""
NAMED = {"daily": timedelta(days=1), "weekly": timedelta(weeks=1)}
LONGEST = timedelta(days=30)
"""How long one may wait for an alert to fire."""
DIGITS = 5
"""Of a length: 99999d are 273 years, and no moment of ours lies farther off."""


def _instant(value: Any) -> Any:
    return instant(value) if isinstance(value, (str, date, datetime)) else value


def _end_instant(value: Any) -> Any:
    """A bare date as the end of a range means the whole of that day."""
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        value = date.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return instant(datetime.combine(value, time()) + timedelta(days=1))
    return _instant(value)


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:
        raise ValueError(f"no time zone is called {name!r}; write one such as Europe/Berlin or UTC") from error
    return name


def _wall(value: Any) -> Any:
    """The wall time of a first hand-over: without a zone, as the zone is said apart."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            raise ValueError(f"write a date and a time such as 2026-01-05T09:00, not {value!r}") from error
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if isinstance(value, datetime) and value.tzinfo is not None:
        raise ValueError("a hand-over is at the wall time of the rotation's zone: leave the zone out of it")
    return value


def _clock(value: Any) -> Any:
    """A time of day. YAML reads 17:00 as minutes in base 60; 24:00 is the midnight that ends the day."""
    if isinstance(value, int) and 0 <= value <= 1440:
        value = f"{value // 60 % 24:02d}:{value % 60:02d}"
    if value == "24:00":
        return time()
    if isinstance(value, str):
        try:
            return time.fromisoformat(value)
        except ValueError as error:
            raise ValueError(f"write a time of day such as 09:00, not {value!r}") from error
    return value


def _length(value: Any, units: str) -> timedelta | None:
    """A number and one of some units; None where it is written in another way."""
    if isinstance(value, timedelta):
        return value
    found = re.fullmatch(rf"(\d{{1,{DIGITS}}})([{units}])", value) if isinstance(value, str) else None
    return None if found is None else int(found[1]) * UNITS[found[2]]


def _written(length: timedelta, units: str) -> str:
    """In the largest of some units, the largest first, of which it is a whole number."""
    unit = next(unit for unit in units if length % UNITS[unit] == timedelta())
    return f"{length // UNITS[unit]}{unit}"


def _turn(value: Any) -> timedelta:
    if isinstance(value, str) and value in NAMED:
        return NAMED[value]
    if found := _length(value, "hdw"):
        return found
    raise ValueError(f"a turn is daily, weekly, or a length such as 12h, 3d or 2w, not {value!r}")


def turn_words(turn: timedelta) -> str:
    """A turn as it is written in the file."""
    return next((name for name, length in NAMED.items() if length == turn), None) or _written(turn, "wdh")


def _waited(value: Any) -> timedelta:
    found = _length(value, "smhd")
    if found is None or (isinstance(value, str) and found > LONGEST):
        raise ValueError(f"write how long as 90s, 30m, 2h or 1d, 30d at most, not {value!r}")
    return found


def waited_words(length: timedelta) -> str:
    """How long, as it is written in the file."""
    return _written(length, "dhms") if length else "0s"


def _span(value: Any) -> timedelta:
    found = _length(value, "mhd")
    if found is None:
        raise ValueError(f"write a length of time such as 30m, 24h or 7d, not {value!r}")
    return found


def _longer_than_nothing(span: timedelta) -> timedelta:
    if not span:
        raise ValueError("must be longer than nothing")
    return span


def _hours_of_days(value: Any) -> int:
    if isinstance(value, int):
        return value
    if found := _length(value, "d"):
        return found // UNITS["h"]
    raise ValueError(f"write a number of days such as 28d, not {value!r}")


Instant = Annotated[datetime, BeforeValidator(_instant)]
LastInstant = Annotated[datetime, BeforeValidator(_end_instant)]
Zone = Annotated[str, AfterValidator(_zone)]
Wall = Annotated[datetime, BeforeValidator(_wall)]
Clock = Annotated[time, BeforeValidator(_clock)]
Turn = Annotated[timedelta, BeforeValidator(_turn), PlainSerializer(turn_words)]
Wait = Annotated[timedelta, BeforeValidator(_waited), PlainSerializer(waited_words)]
Span = Annotated[timedelta, BeforeValidator(_span), PlainSerializer(lambda span: _written(span, "dhm"))]
Positive = Annotated[Span, AfterValidator(_longer_than_nothing)]
Days = Annotated[int, BeforeValidator(_hours_of_days), PlainSerializer(lambda hours: f"{hours // 24}d")]
"""Hours, written as days."""
