"""Whether a promoted version keeps what it promised: by its mature windows since, and paired against the one before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitoring.core.verdict import Status


@dataclass(frozen=True, slots=True)
class Held:
    """Whether it holds, and why."""

    holds: bool
    words: str


def held(windows: Sequence[Status], wanted: int, measured: Mapping[str, Any] | None) -> Held | None:
    """The statuses of the mature windows since the promotion, in order of time; None while they are too few to tell.

    A paired loss that is certain says at once that it does not hold; else most of the first `wanted` windows decide.
    """
    if measured is not None and measured["upper"] < 0:
        lost = -measured["value"]
        words = f"It is worse than the version before on the same rows: {measured['metric']} {lost:.4g} worse"
        return Held(False, f"{words} (95 % from {-measured['upper']:.4g} to {-measured['lower']:.4g}).")
    if len(windows) < wanted:
        return None
    first = windows[:wanted]
    bad = sum(status == Status.BREACHED for status in first)
    words = f"{bad} of its first {wanted} mature windows {'is' if bad == 1 else 'are'} breached"
    gain = "" if measured is None else (
        f"; paired against the version before, {measured['metric']} is {measured['value']:.4g} better"
        f" (95 % from {measured['lower']:.4g} to {measured['upper']:.4g})"
    )  # fmt: skip
    return Held(2 * bad <= wanted, f"{words}{gain}.")
