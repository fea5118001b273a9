"""Since when: each verdict learns when the level began that its series is at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from math import isfinite, nan
from operator import attrgetter
from statistics import median

import numpy as np

from monitoring.core.change_point import Pattern, change_points_of
from monitoring.core.verdict import Status, Verdict
from monitoring.core.window import EPOCH, slot_of

JUDGED = (Status.OK, Status.WARNING, Status.BREACHED)
TODAY = ("slo.", "model", "drift.false_alarms")
"""Checks that look back from now: their verdicts are no series of windows."""
LOOK_BACK = {1: 28 * 24}
"""Windows of a series that are looked at, by the hours of a chunk: enough to know the pattern of the week."""
MOST = 365
"""The same, of longer chunks."""
INTERVAL = 2 * 1.959964
"""Standard errors in a 95 % interval."""
FLOOR = 0.1
"""The least deviation of noise, as a share of the distance between a check's two levels."""

ABOUT = ("check", "column", "slice", "version", "method")
Place = tuple[str | datetime | None, ...]
Stored = tuple[int, Verdict]
"""A verdict, and the number it is stored by."""


def look_back(hours: int | None) -> int:
    """How many windows of a chunk of `hours` a series is looked at."""
    return LOOK_BACK.get(hours or 0, MOST)


series: Callable[[Verdict], Place] = attrgetter(*ABOUT)
"""What a verdict is about, whatever its window."""
place: Callable[[Verdict], Place] = attrgetter(*ABOUT, "window.start")
"""What a verdict is about, and its window."""


def counts(v: Verdict, until: datetime | None) -> bool:
    """Whether a verdict is a point of a series: a value that is final. `until` is when it was judged; None takes the
    log as it lies."""
    return (
        v.status in JUDGED
        and v.value is not None
        and not v.provisional
        and v.window.start is not None
        and v.window.end is not None
        and (until is None or v.window.end <= until)
        and not v.check.startswith(TODAY)
    )


def keep(
    found: Iterable[Verdict], before: Iterable[Verdict], seen: datetime | None, now: datetime | None
) -> tuple[list[Verdict], frozenset[str]]:
    """New verdicts with the dates of those `before` (judged at `seen`) that said the same, and the checks where one
    says something else: their series must be looked at again."""
    known = {place(v): v for v in before if counts(v, seen)}
    out, changed = [], set()
    for v in found:
        old = known.get(place(v))
        if old is not None and _content(old) == _content(v):
            out.append(v._replace(since=old.since))
            continue
        if counts(v, now) or old is not None:
            changed.add(v.check)
        out.append(v)
    return out, frozenset(changed)


def date(
    found: Sequence[Verdict], stored: Sequence[Stored], hours: int | None, now: datetime | None
) -> tuple[list[Verdict], list[Stored]]:
    """New verdicts, and those of the stored whose date is another now.

    `stored` are those of the checks that changed, over the windows looked back on. A series whose oldest window in
    sight has a date from before it keeps that.
    """
    fresh = {place(v) for v in found}
    groups: dict[Place, list[tuple[int, int, Verdict]]] = defaultdict(list)
    rows = [(-1, at, v) for at, v in enumerate(found)] + [(n, -1, v) for n, v in stored if place(v) not in fresh]
    for row in rows:
        if counts(row[2], now):
            groups[series(row[2])].append(row)
    looked_at = [sorted(group, key=lambda row: row[2].window.start or EPOCH) for group in groups.values()]
    looked_at = [group[-look_back(hours) :] for group in looked_at]
    cuts = _changes([[v for _, _, v in group] for group in looked_at], hours)
    out, redated = list(found), []
    for group, places in zip(looked_at, cuts, strict=True):
        for (number, at, v), since in zip(group, _since([v for _, _, v in group], places), strict=True):
            if number < 0:
                out[at] = v._replace(since=since)
            elif v.since != since:
                redated.append((number, v._replace(since=since)))
    return out, redated


def dated(v: Verdict, since: datetime | None) -> Verdict:
    """A verdict with another date."""
    return v._replace(since=since)


def _since(windows: Sequence[Verdict], changes: list[int]) -> list[datetime | None]:
    oldest = windows[0]
    known = oldest.since if oldest.since is not None and oldest.since < (oldest.window.start or EPOCH) else None
    out: list[datetime | None] = [known] * len(windows)
    for at in changes:
        out[at:] = [windows[at].window.start] * (len(windows) - at)
    return out


def _changes(series_: Sequence[Sequence[Verdict]], hours: int | None) -> list[list[int]]:
    """The change points of each series: those over the same windows are looked at together."""
    out: list[list[int]] = [[] for _ in series_]
    alike: dict[tuple[datetime | None, ...], list[int]] = defaultdict(list)
    for at, windows in enumerate(series_):
        # a drift_score grows ever less the further a window is: an effect does not
        if all(isfinite(v.value) for v in windows if v.value is not None):
            alike[tuple(v.window.start for v in windows)].append(at)
    for starts, places in alike.items():
        values = np.array([[v.value for v in series_[at]] for at in places], float)
        rows = np.array([[v.window.n for v in series_[at]] for at in places], float)
        errors = np.array([[_width(v) for v in series_[at]] for at in places], float) / INTERVAL
        floors = np.array([_floor(series_[at]) for at in places])
        found = change_points_of(values, errors, rows, _patterns(starts, hours), floors)
        for at, cuts in zip(places, found, strict=True):
            out[at] = cuts
    return out


def _width(v: Verdict) -> float:
    width = nan if v.lower is None or v.upper is None else v.upper - v.lower
    return width if isfinite(width) else nan


def _floor(windows: Sequence[Verdict]) -> float:
    gaps = [abs(v.breached - v.warning) for v in windows if v.warning is not None and v.breached is not None]
    return FLOOR * float(median(gaps)) if gaps else 0.0


def _patterns(starts: Sequence[datetime | None], hours: int | None) -> list[Pattern]:
    """The hour of the day, and the day of the week."""
    if hours not in (1, 24):
        return []
    slots = np.array([slot_of(start or EPOCH) for start in starts])
    weekdays = slots // 24 % 7
    return [Pattern(7, weekdays)] if hours == 24 else [Pattern(24, slots % 24), Pattern(7 * 24, weekdays)]


def _content(v: Verdict) -> tuple[object, ...]:
    return v.value, v.lower, v.upper, v.window.n, v.status, v.provisional, v.drift_score
