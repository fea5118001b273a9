"""What comes back: a window of time that recurs by an RRULE (RFC 5545) on the clocks of a zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from dateutil.rrule import rrulestr

from monitoring.core.wall_time import moment_of, wall_of

PARTS = {
    "DAILY": {"INTERVAL", "BYDAY"},
    "WEEKLY": {"INTERVAL", "BYDAY", "WKST"},
    "MONTHLY": {"INTERVAL", "BYDAY", "BYMONTHDAY", "BYSETPOS"},
}
"""What a rule may say besides FREQ. When it ends is said apart, so UNTIL and COUNT are none of it."""


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A window of `length` that opens at the wall time of its first opening, whenever `rule` says.

    `length` is by the clocks, too: a window from 01:00 to 04:00 is open from 01:00 to 04:00 on the day clocks change.
    """

    rule: str
    zone: str
    length: timedelta

    def __post_init__(self) -> None:
        parts = dict(part.partition("=")[::2] for part in self.rule.upper().split(";"))
        allowed = PARTS.get(parts.pop("FREQ", ""))
        if allowed is None:
            raise ValueError(
                f"a rule says FREQ={', FREQ='.join(PARTS)}, such as FREQ=WEEKLY;BYDAY=SU, not {self.rule!r}"
            )
        if unknown := sorted(set(parts) - allowed):
            raise ValueError(
                f"{', '.join(unknown)} cannot be used here; besides FREQ there is {', '.join(sorted(allowed))}"
            )
        try:
            rrulestr(self.rule, dtstart=datetime(2000, 1, 1))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{self.rule!r} is no rule: {error}") from error
        if self.length <= timedelta():
            raise ValueError("a window must end after it starts")

    def windows(self, opens: datetime, first: datetime, last: datetime) -> list[tuple[datetime, datetime]]:
        """The windows that are open between `first` and `last`, where none opens before `opens`; all in UTC.

        One that clocks skip whole is left out.
        """
        begin, end = wall_of(first, self.zone) - self.length, wall_of(last, self.zone)
        slack = timedelta(days=1)  # a change of clocks moves moments against wall times
        rule = rrulestr(self.rule, dtstart=wall_of(opens, self.zone).replace(second=0, microsecond=0))
        found = []
        for wall in rule.between(begin - slack, end + slack, inc=True):
            start, stop = moment_of(wall, self.zone), moment_of(wall + self.length, self.zone)
            if start < stop and start < last and stop > first:
                found.append((start, stop))
        return found
