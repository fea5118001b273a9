"""What an objective would have done: its alerts and its budget over a stretch of the past, from its events alone.

Every slot is judged as an evaluation at that moment would have; then the one decision runs over the slots at which
something changes. Nobody answers, and no other check of the model speaks, as in core.alerting.simulated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from monitoring.core.alerting import reading
from monitoring.core.alerting.alert import Alert
from monitoring.core.alerting.desk import Desk, Past
from monitoring.core.alerting.rules import RULES, Rule
from monitoring.core.alerting.severity import Severity
from monitoring.core.alerting.signal import Condition, Signal, Subject
from monitoring.core.alerting.signals import ORDER
from monitoring.core.alerting.waits import Waits, stated
from monitoring.core.backtest import Period as Looked
from monitoring.core.slo import freshness
from monitoring.core.slo.burn import Burning, burning, effective_factor, last_slots, left_at
from monitoring.core.slo.series import MINUTES, ServiceSeries, Stretch
from monitoring.core.slo.windows import Period
from monitoring.core.window import EPOCH

Floats = NDArray[np.float64]
Codes = NDArray[np.int8]
"""Conditions as their places in ORDER: of several, the least counts."""
BEYOND, BETWEEN, UNKNOWN, CLEAR = (
    ORDER.index(c) for c in (Condition.BEYOND, Condition.BETWEEN, Condition.UNKNOWN, Condition.CLEAR)
)
LEAD = timedelta(days=1)
"""What is looked at before the period, so that an alert that had begun is known to go on."""
SLOT = timedelta(minutes=MINUTES)


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """An objective with its events. `check` and `column` are its verdicts' (slo.latency, latency-50ms-99-30d).

    Of freshness, `predicted` are the slots with a prediction and `most` the hours allowed. Windows end at the slots
    that `step` divides, and what they hold is known `late` slots later: labels come later than requests. `waits` are
    those stated of the model.
    """

    check: str
    share: float
    period: Period
    events: ServiceSeries
    predicted: NDArray[np.int64] | None = None
    most: float = 0.0
    late: int = 0
    step: int = 1
    waits: tuple[Waits, ...] = ()
    column: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class LookBack:
    """What it would have done. `moments` are those at which it would have been judged, with the budget `left` (NaN
    where nothing was known) and `reached`: of the level that fires, how much the fastest window pair reached."""

    alerts: tuple[Alert, ...]
    pages: tuple[datetime, ...]
    pages_at_night: int
    in_alert: timedelta
    moments: NDArray[np.datetime64]
    left: Floats
    reached: Floats

    def opened(self, severity: Severity, since: datetime) -> int:
        """Alerts of a severity that began to fire."""
        return sum(a.severity == severity and (a.fired_at or a.opened_at) >= since for a in self.alerts)

    @property
    def left_at_end(self) -> float | None:
        """The budget left; None where nothing is known of it."""
        return float(self.left[-1]) if len(self.left) and np.isfinite(self.left[-1]) else None

    @property
    def lowest(self) -> tuple[float, datetime] | None:
        """The least budget left, and when."""
        known = np.isfinite(self.left)
        if not known.any():
            return None
        at = int(np.nanargmin(self.left))
        return float(self.left[at]), _moment(self.moments[at])

    @property
    def exhausted(self) -> tuple[datetime, timedelta] | None:
        """When first nothing was left of the budget, and for how long in all; None where that never was."""
        gone = self.left < 0
        if not gone.any():
            return None
        each = self.moments[1] - self.moments[0] if len(self.moments) > 1 else np.timedelta64(MINUTES, "m")
        spent = timedelta(seconds=int(gone.sum() * (each / np.timedelta64(1, "s"))))
        return _moment(self.moments[int(np.argmax(gone))]), spent


def look_back(asked: Asked, model: str, owner: str, looked: Looked) -> LookBack:
    """An objective of a model over a period of the past."""
    ends = _ends(asked, looked)
    known = Stretch(asked.events, int(ends[0]) - asked.period.minutes // MINUTES - 1, int(ends[-1]) + 1)
    upto = last_slots(asked.events, ends)
    left = left_at(known, upto, asked.share, asked.period)
    conditions, reached = _conditions(asked, known, upto, ends, left)
    past = _decided(asked, model, owner, ends + asked.late, conditions)
    alerts = tuple(a for a in past.alerts if a.fired_at is not None and (a.closed_at or looked.end) > looked.start)
    pages = tuple(at for at in past.pages if at >= looked.start)
    moments = _moments(ends + asked.late)
    inside = moments > np.datetime64(looked.start.replace(tzinfo=None))
    return LookBack(
        alerts, pages, sum(looked.at_night(at) for at in pages), _union(alerts, looked),
        moments[inside], left[inside], reached[inside],
    )  # fmt: skip


def _ends(asked: Asked, looked: Looked) -> NDArray[np.int64]:
    first, last = (int((at - EPOCH) // SLOT) - asked.late for at in (looked.start - LEAD, looked.end))
    first, last = -(-first // asked.step), last // asked.step
    return np.arange(first, max(first, last) + 1, dtype=np.int64) * asked.step


Conditions = Mapping[Callable[..., reading.Read | None], Codes]
"""By how a rule reads its verdicts, what it would have read at each end."""


def _conditions(
    asked: Asked, known: Stretch, upto: NDArray[np.int64], ends: NDArray[np.int64], left: Floats
) -> tuple[Conditions, Floats]:
    """What each reading says at each end, and how near to firing it was."""
    spent = np.where(np.isnan(left), UNKNOWN, np.where(left < 0, BEYOND, CLEAR)).astype(np.int8)
    if asked.predicted is not None:
        old = freshness.ages(asked.predicted, ends)
        return {reading.level: _of_age(old, asked.most), reading.status: spent}, np.nan_to_num(old / asked.most)
    fast, slow = (np.full(len(ends), CLEAR, dtype=np.int8) for _ in range(2))
    reached = np.zeros(len(ends))
    for pair in asked.period.pairs:
        found = burning(known, upto, asked.share, pair)
        into = fast if pair.severity == "page" else slow
        np.minimum(into, _of_burn(found, effective_factor(pair, asked.share)), out=into)
        np.maximum(reached, found.reached, out=reached)
    return {reading.fast_burn: fast, reading.slow_burn: slow, reading.status: spent}, reached


def _of_burn(found: Burning, factor: float) -> Codes:
    """As reading._burn has it."""
    near = (found.long >= (1 - reading.BURN_MARGIN) * factor) & (found.long < factor)
    unknown = np.isnan(found.long) | (np.isnan(found.short) & (found.long >= factor))
    out = np.where(unknown, UNKNOWN, np.where(near, BETWEEN, CLEAR))
    return np.where(found.fires, BEYOND, out).astype(np.int8)


def _of_age(old: Floats, most: float) -> Codes:
    """As reading.level has it, of a lone level."""
    near = np.abs(old - most) < reading.MARGIN * most
    out = np.where(np.isnan(old), UNKNOWN, np.where(near, BETWEEN, CLEAR))
    return np.where(old > most, BEYOND, out).astype(np.int8)


def _decided(asked: Asked, model: str, owner: str, heard: NDArray[np.int64], conditions: Conditions) -> Past:
    """The decision at every slot at which a condition changes, and on from there while time alone may end something."""
    rules = [r for r in RULES if fnmatchcase(asked.check, r.check) and r.read in conditions]
    said = np.stack([conditions[rule.read] for rule in rules])
    turns = np.flatnonzero((said[:, 1:] != said[:, :-1]).any(axis=0)) + 1
    following = np.append(turns, said.shape[1])[np.searchsorted(turns, np.arange(said.shape[1]), side="right")]
    desk, at = Desk(), 0
    while at < said.shape[1]:
        if desk.open or (said[:, at] == BEYOND).any():
            moment = EPOCH + int(heard[at]) * SLOT
            desk.step(
                [_signal(asked, model, owner, r, ORDER[c]) for r, c in zip(rules, said[:, at], strict=True)], moment
            )
        restless = any(a.flapping or not a.firing or a.condition == Condition.CLEAR for a in desk.open.values())
        at = at + 1 if restless else int(following[at])
    return desk.past()


def _signal(asked: Asked, model: str, owner: str, rule: Rule, condition: Condition) -> Signal:
    subject = Subject(model, asked.check, asked.column, method=rule.name)
    wait, keep = stated(subject, asked.waits)
    return Signal(subject, rule.name, rule.kind, rule.severity, condition, rule.name, owner, wait=wait, keep=keep)


def _union(alerts: Sequence[Alert], looked: Looked) -> timedelta:
    """Time in which any alert fired, within the period."""
    total, upto = timedelta(), looked.start
    for alert in sorted(alerts, key=lambda a: a.fired_at or a.opened_at):
        begun = max(alert.fired_at or alert.opened_at, upto)
        ended = alert.closed_at or looked.end
        if ended > begun:
            total, upto = total + (ended - begun), ended
    return total


def _moments(slots: NDArray[np.int64]) -> NDArray[np.datetime64]:
    return (slots * (MINUTES * 60)).astype("datetime64[s]")


def _moment(at: np.datetime64) -> datetime:
    return EPOCH + timedelta(seconds=int(at.astype("datetime64[s]").astype(np.int64)))
