"""Escalation: who is told next while nobody acknowledges. An alert keeps the policy that held when it fired."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Self

DEFAULT = "default"
"""The target that is every channel whose matchers fit the owner and the severity."""


@dataclass(frozen=True, slots=True)
class Step:
    """Whom to tell (`person:…`, `schedule:…`, `channel:…`, or `default`), and the minutes given for an answer."""

    minutes: int
    targets: tuple[str, ...]

    @property
    def patience(self) -> timedelta:
        """How long an answer is waited for."""
        return timedelta(minutes=self.minutes)


@dataclass(frozen=True, slots=True)
class Policy:
    """Steps in order; after the last they begin again, `loops` times."""

    steps: tuple[Step, ...] = field(default=(Step(15, (DEFAULT,)),))
    loops: int = 0

    def targets(self, step: int) -> tuple[str, ...]:
        """Whom a step tells; of the first, where none has been told."""
        return self.steps[max(step, 0)].targets

    def after(self, step: int, loop: int) -> tuple[int, int] | None:
        """The step that follows, and its round; None where nobody is left."""
        if step + 1 < len(self.steps):
            return step + 1, loop
        return (0, loop + 1) if loop < self.loops else None

    def as_json(self) -> dict[str, Any]:
        """As an alert keeps it."""
        return {"steps": [{"minutes": s.minutes, "targets": list(s.targets)} for s in self.steps], "loops": self.loops}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `as_json`."""
        steps = tuple(Step(int(s["minutes"]), tuple(s["targets"])) for s in data["steps"])
        return cls(steps, int(data["loops"]))


NOBODY = Policy()
"""Where no policy is set: every channel that fits, once."""
