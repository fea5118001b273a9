"""What comes back: a window of time that recurs by an RRULE (RFC 5545) on the clocks of a zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from dateutil.rrule import rrulestr

from monitoring.core.wall_time import moment_of, wall_of

PARTS = {
    "FREQ": r"DAILY|WEEKLY|MONTHLY",
    "INTERVAL": r"[1-9]\d?",
    "BYDAY": r"((-1|[1-5])?(MO|TU|WE|TH|FR|SA|SU))(,((-1|[1-5])?(MO|TU|WE|TH|FR|SA|SU)))*",
    "BYMONTHDAY": r"-?([1-9]|[12]\d|3[01])(,-?([1-9]|[12]\d|3[01]))*",
}
"""What a rule may say. When it ends is said apart, so UNTIL and COUNT are none of it."""


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A window of `length` that opens at the wall time of its first opening, whenever `rule` says.

    `length` is by the clocks, too: a window from 01:00 to 04:00 is open from 01:00 to 04:00 on the day clocks change.
    """

    rule: str
    zone: str
    length: timedelta

    def __post_init__(self) -> None:
        parts = [part.partition("=")[::2] for part in self.rule.split(";")]
        said = dict(parts)
        numbered = said.get("FREQ") != "MONTHLY" and re.search(
            r"\d", said.get("BYDAY", "")
        )  # the second Tuesday of a week
        good = all(re.fullmatch(PARTS.get(name, "(?!)"), value) for name, value in parts)
        if not good or numbered or "FREQ" not in said or len(parts) > len(said):
            raise ValueError(
                f"{self.rule!r} is no rule that can be used: write FREQ=DAILY, WEEKLY or MONTHLY, with INTERVAL, "
                "BYDAY and BYMONTHDAY as needed, such as FREQ=WEEKLY;BYDAY=SU or FREQ=MONTHLY;BYDAY=2TU"
            )
        if self.length <= timedelta():
            raise ValueError("a window must end after it starts")

    def year_before(self, opens: datetime) -> datetime:
        """A first opening about a year before `opens` from which the same windows follow."""
        wall = wall_of(opens, self.zone)
        if "MONTHLY" in self.rule:  # a rule may take the day of the month from its first opening
            return moment_of(wall.replace(year=wall.year - 1, day=min(wall.day, 28)), self.zone)
        return moment_of(wall - timedelta(weeks=52), self.zone)

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
