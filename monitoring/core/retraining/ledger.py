"""The ledger of retrains: what each was to bring, brought and cost, and which causes led to useful ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from statistics import median
from typing import Any

from monitoring.core.retraining.request import Cause, RetrainRequest
from monitoring.core.retraining.state import State


class Helped(StrEnum):
    """Whether a retrain helped. `open`: nobody can tell yet, or ever (it was cancelled, or nothing was measured)."""

    YES = "yes"
    NO = "no"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Line:
    """One retrain. Gains are as in RetrainRequest; `to_fix` is from the beginning of the trouble to the promotion."""

    key: str
    model: str
    model_name: str
    cause: Cause
    state: State
    helped: Helped
    why: str
    expected: dict[str, Any] | None
    compared: dict[str, Any] | None
    measured: dict[str, Any] | None
    cost: float | None
    to_fix: timedelta | None


@dataclass(frozen=True, slots=True)
class Signal:
    """What a cause was worth: of its `retrains`, so many helped, did not, and are open; the median time to the fix."""

    cause: Cause
    retrains: int
    helped: int
    idle: int
    cost: float
    to_fix: timedelta | None

    @property
    def precision(self) -> float | None:
        """The share that helped of those of which it is known; None where it is known of none."""
        known = self.helped + self.idle
        return self.helped / known if known else None


def line(request: RetrainRequest) -> Line:
    """What a request comes to."""
    helped, why = _helped(request)
    began, ended = request.flagged_at or request.opened_at, request.promoted_at
    return Line(
        request.key, request.model, request.model_name, request.cause, request.state, helped, why,
        request.evidence.get("gain"), request.gain, request.measured, request.cost,
        None if ended is None else ended - began,
    )  # fmt: skip


def signals(lines: Iterable[Line]) -> list[Signal]:
    """By cause, those with the most retrains first."""
    found = list(lines)
    return sorted(
        (_signal(cause, [one for one in found if one.cause == cause]) for cause in {one.cause for one in found}),
        key=lambda signal: (-signal.retrains, signal.cause),
    )


def _signal(cause: Cause, found: Sequence[Line]) -> Signal:
    spans = [one.to_fix.total_seconds() for one in found if one.to_fix is not None]
    helped, idle = (sum(one.helped == said for one in found) for said in (Helped.YES, Helped.NO))
    return Signal(
        cause, len(found), helped, idle, sum(one.cost or 0.0 for one in found),
        timedelta(seconds=median(spans)) if spans else None,
    )  # fmt: skip


def _helped(request: RetrainRequest) -> tuple[Helped, str]:
    """A measured gain that is certain decides; else what became of it."""
    measured = request.measured
    if request.state == State.ROLLED_BACK:
        return Helped.NO, "rolled back"
    if measured is not None and measured["lower"] > 0:
        return Helped.YES, "measured better on the same rows"
    if measured is not None and measured["upper"] < 0:
        return Helped.NO, "measured worse on the same rows"
    if request.state == State.REJECTED:
        verdict = "not compared" if request.comparison is None else str(request.comparison["verdict"])
        return Helped.NO, f"rejected: {verdict}"
    if request.state in (State.FAILED, State.TIMED_OUT):
        return Helped.NO, "no candidate came out"
    if request.state == State.VERIFIED and measured is not None:
        return Helped.NO, "verified, but no better beyond chance"
    return Helped.OPEN, "not measured" if request.state == State.VERIFIED else "not over"
