"""A verdict: a measurement held against a threshold."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple


class Status(StrEnum):
    """What a verdict says. Only `ok` is good news: too little data, no data and a failure are not."""

    OK = "ok"
    WARNING = "warning"
    BREACHED = "breached"
    INSUFFICIENT_DATA = "insufficient_data"
    NO_DATA = "no_data"
    FAILED = "failed"


class Flag(StrEnum):
    """What a model's summing-up asks of people."""

    HEALTHY = "healthy"
    WATCH = "watch"
    RETRAIN = "retrain"
    PAGE = "page"


SEVERITY = {
    Status.OK: 0,
    Status.INSUFFICIENT_DATA: 1,
    Status.NO_DATA: 2,
    Status.WARNING: 3,
    Status.FAILED: 4,
    Status.BREACHED: 5,
}


class Window(NamedTuple):
    """What a verdict looked at. `n` is rows; a chunk of rows has its number in `chunk` and no times."""

    start: datetime | None
    end: datetime | None
    n: int
    chunk: int | None = None

    def as_json(self) -> dict[str, Any]:
        """ISO 8601 in UTC."""
        return {
            "start": _iso(self.start),
            "end": _iso(self.end),
            "n": self.n,
            "chunk": self.chunk,
        }


class Verdict(NamedTuple):
    """One check of one model over one window. A named tuple: an evaluation makes thousands of them.

    `value` and `threshold` are in the unit of the check's method; `lower` and `upper` are the value's 95 %
    interval where there is one; `threshold` is the level that `status` was decided by, and `warning` and
    `breached` are both levels. `slice` is written "origin=EWR". `flag` is set on the check "model" alone.

    Of a calibrated verdict, `drift_score` is how far beyond chance the window lies, in standard deviations of
    chance, `null_quantile` the score that chance alone reaches as often as the false-alarm budget allows, and
    `false_alarms` the false alarms a quarter to expect of this check. `effect` says in plain words what changed.
    `since` is the moment from which the series has been where it is now.

    The `reason` of the check "model" is its findings, a line each, gravest first.
    """

    model: str
    check: str
    window: Window
    status: Status
    reason: str
    column: str | None = None
    slice: str | None = None
    version: str | None = None
    method: str | None = None
    value: float | None = None
    threshold: float | None = None
    warning: float | None = None
    breached: float | None = None
    lower: float | None = None
    upper: float | None = None
    p_value: float | None = None
    automatic: bool = False
    provisional: bool = False
    flag: Flag | None = None
    drift_score: float | None = None
    null_quantile: float | None = None
    false_alarms: float | None = None
    effect: str = ""
    since: datetime | None = None

    @property
    def findings(self) -> list[str]:
        """The reason, finding by finding."""
        return self.reason.splitlines()

    def held(self, status: Status, threshold: float | None, warning: float | None, breached: float | None) -> Verdict:
        """The same measurement held against other levels."""
        # _replace looks up each of two dozen names: a third of the time of a back-test
        return Verdict._make((*self[:3], status, *self[4:10], threshold, warning, breached, *self[13:]))

    def as_json(self) -> dict[str, Any]:
        """The object of the command line's contract. A reason is one line; `findings` has a model's one by one."""
        out: dict[str, Any] = {
            "model": self.model,
            "check": self.check,
            "column": self.column,
            "slice": self.slice,
            "version": self.version,
            "method": self.method,
            "window": self.window.as_json(),
            "value": self.value,
            "threshold": self.threshold,
            "status": str(self.status),
            "reason": " ".join(self.findings),
            "lower": self.lower,
            "upper": self.upper,
            "p_value": self.p_value,
            "provisional": self.provisional,
            "drift_score": self.drift_score,
            "null_quantile": self.null_quantile,
            "false_alarms": self.false_alarms,
            "effect": self.effect,
            "since": _iso(self.since),
        }
        if self.flag is not None:
            out |= {"flag": str(self.flag), "findings": self.findings}
        return out


def worst(statuses: list[Status]) -> Status:
    """The most severe of several; `no_data` of none."""
    return max(statuses, key=SEVERITY.__getitem__, default=Status.NO_DATA)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
