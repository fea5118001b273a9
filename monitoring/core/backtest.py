"""A back-test: what a change of thresholds would have done, in figures, before and after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from monitoring.core.alerting.alert import Alert
from monitoring.core.alerting.desk import Past
from monitoring.core.alerting.simulated import simulate
from monitoring.core.alerting.waits import Waits
from monitoring.core.verdict import Status, Verdict

NIGHT = (22, 7)
"""Hours of the wall clock between which a page wakes somebody."""


@dataclass(frozen=True, slots=True)
class Period:
    """From when to when is counted, and whose nights they are."""

    start: datetime
    end: datetime
    zone: str = "UTC"

    def at_night(self, moment: datetime) -> bool:
        """Whether people sleep."""
        hour = moment.astimezone(ZoneInfo(self.zone)).hour
        return hour >= NIGHT[0] or hour < NIGHT[1]


@dataclass(frozen=True, slots=True)
class Judged:
    """An alert that somebody said was useful, or noise."""

    check: str
    column: str
    slice: str
    version: str
    fired: datetime
    ended: datetime
    useful: bool


@dataclass(frozen=True, slots=True)
class Part:
    """A series of a slice or a version in few figures: how many windows it has, whether any was breached, the least and
    greatest of its values, and the least of its p-values; None where it has none."""

    check: str
    column: str | None
    slice: str | None
    version: str | None
    method: str | None
    windows: int
    breached: bool
    low: float | None
    high: float | None
    p_value: float | None


Evidence = tuple[int, str, str | None, str | None, int, float]
"""Of one window of a column of a slice: first slot, check, column, slice, rows, and how likely it is by chance."""
Levels = tuple[float | None, float | None]
"""Of a warning and of a breach."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """Windows of features that were fine and stay so, of which no verdict is read: by the beginning of the window how
    many they are and the p-values of those that have one, as 1 where it is no evidence; and by beginning and column
    those that are."""

    features: Mapping[datetime, int] = field(default_factory=dict)
    p_values: Mapping[datetime, Sequence[float]] = field(default_factory=dict)
    evidence: Mapping[tuple[datetime, str | None], float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tally:
    """What would have happened. `breached` and `warned` are the windows of the model as a whole in which a check was;
    `detected` the time to detect of each useful alert, None where it would not have been; `noise` those called noise
    that would have been raised. `of_parts` are those opened that are of a slice or a version."""

    opened: int = 0
    pages: int = 0
    pages_at_night: int = 0
    in_alert: timedelta = timedelta()
    breached: int = 0
    warned: int = 0
    detected: tuple[timedelta | None, ...] = ()
    noise: int = 0
    of_parts: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.opened + other.opened, self.pages + other.pages, self.pages_at_night + other.pages_at_night,
            self.in_alert + other.in_alert, self.breached + other.breached, self.warned + other.warned,
            self.detected + other.detected, self.noise + other.noise, self.of_parts + other.of_parts,
        )  # fmt: skip

    @property
    def caught(self) -> int:
        """Useful alerts that would have been raised."""
        return sum(span is not None for span in self.detected)

    @property
    def time_to_detect(self) -> timedelta | None:
        """The median over those that would have been."""
        spans = [span.total_seconds() for span in self.detected if span is not None]
        return timedelta(seconds=median(spans)) if spans else None

    def as_json(self) -> dict[str, Any]:
        """For the command line: hours, and counts."""
        found = self.time_to_detect
        return {
            "opened": self.opened, "pages": self.pages, "pages_at_night": self.pages_at_night,
            "hours_in_alert": round(self.in_alert / timedelta(hours=1), 2), "windows_breached": self.breached,
            "windows_warned": self.warned, "useful_raised": self.caught, "useful": len(self.detected),
            "hours_to_detect": None if found is None else round(found / timedelta(hours=1), 2),
            "noise_raised": self.noise, "opened_of_slices_and_versions": self.of_parts,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Course:
    """One side of a back-test: the alerts in the period, and what they come to."""

    alerts: tuple[Alert, ...]
    tally: Tally


@dataclass(frozen=True, slots=True)
class Difference:
    """A model before and after. `zone` is whose nights were counted; `unknown` says what could not be told, and in how
    many windows."""

    model: str
    zone: str
    before: Course
    after: Course
    unknown: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BackTest:
    """All models that a change is about. `skipped` are those that it cannot be told of, with the reason."""

    period: Period
    models: tuple[Difference, ...]
    skipped: Mapping[str, str] = field(default_factory=dict)

    @property
    def before(self) -> Tally:
        """All models together, as it was."""
        return sum((one.before.tally for one in self.models), Tally())

    @property
    def after(self) -> Tally:
        """All models together, under the change."""
        return sum((one.after.tally for one in self.models), Tally())

    @property
    def unknown(self) -> dict[str, int]:
        """What could not be told, over all models."""
        total: Counter[str] = Counter()
        for one in self.models:
            total.update(one.unknown)
        return dict(total)


def delays(verdicts: Iterable[Verdict], now: datetime) -> dict[str, timedelta]:
    """By check, how long after a window's end its verdict is final: as long as it now takes, to a window.

    The first window that is still provisional has waited so long already. What is never provisional is final at once.
    """
    final: dict[str, datetime] = {}
    waiting: dict[str, datetime] = {}
    for v in verdicts:
        if v.window.end is None or v.value is None:
            continue
        if v.provisional:
            waiting.setdefault(v.check, v.window.end)
        else:
            final[v.check] = v.window.end
            waiting.pop(v.check, None)
    return {check: max(timedelta(), now - waiting[check]) for check in final if check in waiting}


def course(
    model: str, name: str, owner: str, verdicts: Sequence[Verdict], late: Mapping[str, timedelta], period: Period,
    said: Sequence[Judged], waits: Sequence[Waits] = (),
) -> Course:  # fmt: skip
    """What verdicts (in order of time, from some windows before the period on) would have done in the period."""

    def known_at(v: Verdict) -> datetime | None:
        if v.window.end is None:
            return None
        at = v.window.end + late.get(v.check, timedelta())
        return at if at <= period.end else None

    past = simulate(model, name, owner, verdicts, known_at, waits, period.end)
    alerts = tuple(a for a in past.alerts if a.fired_at is not None and (a.closed_at or period.end) > period.start)
    inside = [
        v for v in verdicts
        if v.slice is None and v.version is None
        and v.window.end is not None and period.start < v.window.end <= period.end
    ]  # fmt: skip
    before = {v.check: _heard_after(v, late) for v in verdicts} if said else {}
    return Course(alerts, _tally(past, alerts, inside, period, said, before))


def _heard_after(v: Verdict, late: Mapping[str, timedelta]) -> timedelta:
    """From the beginning of a window to the moment at which its verdict is heard."""
    length = timedelta() if v.window.end is None or v.window.start is None else v.window.end - v.window.start
    return length + late.get(v.check, timedelta())


def _tally(
    past: Past, alerts: Sequence[Alert], verdicts: Sequence[Verdict], period: Period, said: Sequence[Judged],
    before: Mapping[str, timedelta],
) -> Tally:  # fmt: skip
    pages = [at for at in past.pages if at >= period.start]
    spent = timedelta()
    for alert in alerts:
        begun = max(alert.fired_at or alert.opened_at, period.start)
        spent += (alert.closed_at or period.end) - begun
    opened = [a for a in alerts if (a.fired_at or a.opened_at) >= period.start]
    loud = Counter(v.status for v in verdicts if v.status is not Status.OK and not v.provisional)
    return Tally(
        opened=len(opened),
        of_parts=sum(a.subject.part for a in opened),
        pages=len(pages),
        pages_at_night=sum(period.at_night(at) for at in pages),
        in_alert=spent,
        breached=loud[Status.BREACHED],
        warned=loud[Status.WARNING],
        detected=tuple(_detected(one, alerts, before) for one in said if one.useful),
        noise=sum(_detected(one, alerts, before) is not None for one in said if not one.useful),
    )


def _detected(one: Judged, alerts: Sequence[Alert], before: Mapping[str, timedelta]) -> timedelta | None:
    """How long after it began the first alert of the same thing was there; None where none was before its end. It
    began with the window that fired it."""
    began = one.fired - before.get(one.check, timedelta())
    spans = [
        max(alert.fired_at - began, timedelta())
        for alert in alerts
        if all(getattr(alert.subject, name) == getattr(one, name) for name in ("check", "column", "slice", "version"))
        and alert.fired_at is not None
        and alert.fired_at <= one.ended
        and (alert.closed_at is None or alert.closed_at > began)
    ]
    return min(spans, default=None)
