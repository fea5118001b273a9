"""References in the fleet file: what the windows of a log are compared with."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from monitoring.core.window import Chunk, Slots
from monitoring.fleet.strict import Strict
from monitoring.instant import instant

YEAR = 364 * 24
"""Hours of 52 weeks: a year that keeps the day of the week."""


def _instant(value: Any) -> Any:
    return instant(value) if isinstance(value, (str, date, datetime)) else value


def _end_instant(value: Any) -> Any:
    """A bare date as the end of a range means the whole of that day."""
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        value = date.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return instant(datetime.combine(value, time()) + timedelta(days=1))
    return _instant(value)


class ReferenceWindow(Strict):
    """The reference as a window of the prediction log itself. A bare date in `to` includes that day."""

    start: Annotated[datetime, BeforeValidator(_instant)] = Field(alias="from")
    end: Annotated[datetime, BeforeValidator(_end_instant)] = Field(alias="to")

    @model_validator(mode="after")
    def _in_order(self) -> ReferenceWindow:
        if self.end <= self.start:
            raise ValueError("`to` must come after `from`")
        return self


class ReferenceRows(Strict):
    """The reference as the first `rows` rows of a log without real time."""

    rows: int = Field(gt=0)


def _hours(value: Any) -> Any:
    if isinstance(value, str) and (found := re.fullmatch(r"(\d+)d", value)) and int(found[1]) > 0:
        return int(found[1]) * 24
    if isinstance(value, int):
        return value
    raise ValueError(f"write a number of days such as 28d, not {value!r}")


Days = Annotated[int, BeforeValidator(_hours), PlainSerializer(lambda hours: f"{hours // 24}d")]


class MovingReference(Strict):
    """A reference that moves with the window: `rolling` are the days just before it, `previous` so many chunks before
    it, `same_season` so many days around the same weekday a year (52 weeks) before."""

    rolling: Days | None = None
    previous: int | None = Field(default=None, gt=0)
    same_season: Days | None = None

    @model_validator(mode="after")
    def _one(self) -> MovingReference:
        if sum(x is not None for x in (self.rolling, self.previous, self.same_season)) != 1:
            raise ValueError("name one of `rolling`, `previous` and `same_season`")
        return self

    def span(self, window: Slots, chunk: Chunk) -> Slots:
        """The slots that a window is compared with."""
        if self.same_season is not None:
            middle = (window.first + window.last) // 2 - YEAR
            half = max(self.same_season, len(window)) // 2
            first = middle - half - (middle - half - window.first) % 24
            return Slots(first, first + 2 * half)
        length = self.rolling or (self.previous or 1) * chunk.slots
        return Slots(window.first - length, window.first)
