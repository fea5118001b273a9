"""Which windows a diagnosis looks at: those of the breach that goes on now."""

from __future__ import annotations

from collections.abc import Sequence

from monitoring.core.verdict import Status, Verdict

RECENT = 3
"""Newest mature windows looked at: two of them must be breached, so that one bad day is no decay."""
CALM = 2
"""Windows in a row without a breach that end an episode, looking back."""


def mature(verdicts: Sequence[Verdict], check: str) -> list[Verdict]:
    """A check's verdicts on the whole of mature windows, in order of time, where it has a threshold."""
    return [
        v for v in verdicts
        if v.check == check and not v.slice and not v.version and not v.provisional and v.threshold is not None
    ]  # fmt: skip


def going_on(course: Sequence[Verdict]) -> bool:
    """Whether two of the newest three mature windows are breached."""
    return sum(v.status == Status.BREACHED for v in course[-RECENT:]) >= 2


def breached(found: Sequence[Verdict], main: str) -> str | None:
    """The check whose breach goes on: `main`, which the model is judged by, where it is among them."""
    realised = sorted({v.check for v in found if v.check.startswith("performance.")} - {main})
    return next((check for check in [main, *realised] if going_on(mature(found, check))), None)


def episode(course: Sequence[Verdict], longest: int) -> list[Verdict]:
    """The windows of the breach that goes on, from its first breached one to the newest mature one.

    None where no breach goes on; at most `longest` windows, the newest, but no fewer than RECENT.
    """
    if not going_on(course):
        return []
    found: list[Verdict] = []
    calm = 0
    for verdict in reversed(course[-max(longest, RECENT) :]):
        calm = 0 if verdict.status == Status.BREACHED else calm + 1
        if calm >= CALM and len(found) >= RECENT - 1:
            break
        found.append(verdict)
    while found[-1].status != Status.BREACHED:
        found.pop()
    return found[::-1]
