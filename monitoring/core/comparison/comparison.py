"""A comparison of two versions: what was measured, what it comes to, and its codec."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from monitoring.core.comparison.rows import Pairing, Task
from monitoring.core.diagnosis.interval import Interval

Better = Literal["higher", "lower"]
GateName = Literal["rows", "slices", "latency", "calibration"]


class Verdict(StrEnum):
    """What the metric comes to. `equal`: the whole interval lies within the margin, so that it does not matter."""

    BETTER = "better"
    EQUAL = "equal"
    WORSE = "worse"
    UNSURE = "unsure"


class Outcome(StrEnum):
    """Of a gate: certainly within its limit, certainly beyond it, or neither is certain or measured."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Gate:
    """Something that a better version must not cost. `words` say with numbers what passed or failed."""

    name: GateName
    outcome: Outcome
    words: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric of both sides, and its change from champion to challenger, in the metric's direction. `unit` is the
    label's, or "". Without a value, or a change, `reason` says why."""

    name: str
    title: str
    better: Better
    unit: str
    champion: float | None
    challenger: float | None
    change: Interval | None
    method: str
    reason: str = ""

    @property
    def gain(self) -> Interval | None:
        """The change, above 0 where the challenger is better."""
        return None if self.change is None else self.change.times(1.0 if self.better == "higher" else -1.0)


@dataclass(frozen=True, slots=True)
class SliceFigure:
    """The metric in one slice. `lower` and `upper` are of its gain, widened so that all slices' intervals hold
    together with 95 % (Bonferroni)."""

    name: str
    rows: int
    champion: float | None
    challenger: float | None
    gain: float | None
    lower: float | None
    upper: float | None
    worse: bool


@dataclass(frozen=True, slots=True)
class Latency:
    """Latency in ms: the median, and the quantiles 95 % and 99 %, of n answers."""

    n: int
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class Step:
    """The sequential test at one time: days bet on and rows (of a side) up to then, the mean gain with its confidence
    sequence, and both e-values as decimal logarithms."""

    at: datetime
    days: int
    rows: int
    gain: float
    lower: float
    upper: float
    log_e_better: float
    log_e_worse: float


@dataclass(frozen=True, slots=True)
class Sequential:
    """A test that may be looked at any time (core.comparison.betting).

    `words` say what a gain is; `unit` is "" or the label's. `declared`: what may be declared, since when, after how
    many days and rows; "": nothing yet. `course`: some of its steps, the last one last; empty where there are no
    gains yet.
    """

    words: str
    unit: str
    needed: float
    declared: Literal["", "better", "worse"] = ""
    declared_at: datetime | None = None
    declared_days: int = 0
    declared_rows: int = 0
    course: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class About:
    """What was compared. `champion` and `challenger` are versions; `since` and `until` bound the rows asked for,
    `first` and `last` are the moments of those there were, and `as_of` is when it was looked from.

    `rows` and `challenger_rows` are the labelled rows used of each side (the same ones, where paired), `of` how many
    there were, where not paired of both together. `margin` is by how much the metric may differ without mattering.
    """

    model: str
    task: Task
    metric: str
    champion: str
    challenger: str
    unit: str
    since: datetime | None
    until: datetime | None
    as_of: datetime | None
    first: datetime | None
    last: datetime | None
    pairing: Pairing
    rows: int
    challenger_rows: int
    of: int
    margin: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Champion against challenger. `figures` begin with the metric that decides."""

    about: About
    verdict: Verdict
    figures: tuple[Figure, ...]
    gates: tuple[Gate, ...]
    slices: tuple[SliceFigure, ...]
    latency: tuple[Latency | None, Latency | None]
    sequential: Sequential
    notes: tuple[str, ...] = ()

    @property
    def main(self) -> Figure:
        """The metric that decides."""
        return self.figures[0]

    @property
    def failed(self) -> tuple[Gate, ...]:
        """The gates that failed."""
        return tuple(g for g in self.gates if g.outcome == Outcome.FAILED)

    @property
    def unknown(self) -> tuple[Gate, ...]:
        """The gates of which nothing certain is known."""
        return tuple(g for g in self.gates if g.outcome == Outcome.UNKNOWN)

    @property
    def recommended(self) -> bool:
        """Whether the challenger is better and no gate failed. Gates of which nothing is known are for a person."""
        return self.verdict == Verdict.BETTER and not self.failed


def verdict_of(gain: Interval | None, margin: float) -> Verdict:
    """From the gain's interval. What lies wholly within the margin is equal, even if certainly above or below 0."""
    if gain is None:
        return Verdict.UNSURE
    if -margin <= gain.lower and gain.upper <= margin:
        return Verdict.EQUAL
    if gain.lower > 0:
        return Verdict.BETTER
    return Verdict.WORSE if gain.upper < 0 else Verdict.UNSURE


_MOMENTS = ("since", "until", "as_of", "first", "last")


def as_document(comparison: Comparison) -> dict[str, Any]:
    """As JSON values."""
    out: dict[str, Any] = _plain(asdict(comparison))
    return out


def from_document(document: dict[str, Any]) -> Comparison:
    """The comparison that `as_document` was given. Raises KeyError, TypeError or ValueError for what is none."""
    about = dict(document["about"])
    for name in _MOMENTS:
        about[name] = _moment(about[name])
    figures = [Figure(**{**f, "change": None if f["change"] is None else Interval(**f["change"])})
               for f in document["figures"]]  # fmt: skip
    if not figures:
        raise ValueError("a comparison without a figure")
    test = dict(document["sequential"])
    test["declared_at"] = _moment(test["declared_at"])
    test["course"] = tuple(Step(**{**s, "at": datetime.fromisoformat(s["at"])}) for s in test["course"])
    first, second = (None if side is None else Latency(**side) for side in document["latency"])
    unknown = set(document) - {f.name for f in fields(Comparison)}
    if unknown:
        raise KeyError(*unknown)
    return Comparison(
        About(**about),
        Verdict(document["verdict"]),
        tuple(figures),
        tuple(Gate(**{**g, "outcome": Outcome(g["outcome"])}) for g in document["gates"]),
        tuple(SliceFigure(**s) for s in document["slices"]),
        (first, second),
        Sequential(**test),
        tuple(document["notes"]),
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(v) for name, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, StrEnum) else value


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
