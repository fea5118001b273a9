"""References in the fleet file: what the windows of a log are compared with."""

from __future__ import annotations

from pydantic import Field, model_validator

from monitoring.core.window import Chunk, Slots
from monitoring.fleet.strict import Strict
from monitoring.fleet.times import Days, Instant, LastInstant

YEAR = 364 * 24
"""Hours of 52 weeks: a year that keeps the day of the week."""


class ReferenceWindow(Strict):
    """The reference as a window of the prediction log itself. A bare date in `to` includes that day."""

    start: Instant = Field(alias="from")
    end: LastInstant = Field(alias="to")

    @model_validator(mode="after")
    def _in_order(self) -> ReferenceWindow:
        if self.end <= self.start:
            raise ValueError("`to` must come after `from`")
        return self


class ReferenceRows(Strict):
    """The reference as the first `rows` rows of a log without real time."""

    rows: int = Field(gt=0)


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
