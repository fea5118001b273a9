"""How long a thing must be bad before it fires, and good before it is resolved: the rule's own spans, or stated ones.

Prometheus calls them `for` and `keep_firing_for`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from monitoring.core.alerting.rules import rules_of
from monitoring.core.alerting.signal import Subject

NARROWING = ("column", "slice", "version")


@dataclass(frozen=True, slots=True)
class Waits:
    """Spans stated for a check, and for one column, slice or version where these are named; None where none is stated.
    `own` are a model's, before which those of fleet-wide rules give way."""

    check: str
    column: str | None = None
    slice: str | None = None
    version: str | None = None
    wait: timedelta | None = None
    keep: timedelta | None = None
    own: bool = True

    def fits(self, subject: Subject) -> bool:
        """Whether it is about a subject."""
        same = self.check == subject.check
        return same and all(getattr(self, n) in (None, getattr(subject, n)) for n in NARROWING)

    @property
    def rank(self) -> tuple[bool, int]:
        """The greater counts: a model's own, then the narrower."""
        return self.own, sum(getattr(self, n) is not None for n in NARROWING)


def stated(subject: Subject, every: Iterable[Waits]) -> tuple[timedelta | None, timedelta | None]:
    """The wait and the keep stated for a subject, each by the narrowest that states it; of two alike the last."""
    fitting = sorted((one for one in every if one.fits(subject)), key=lambda one: one.rank)
    wait = next((one.wait for one in reversed(fitting) if one.wait is not None), None)
    return wait, next((one.keep for one in reversed(fitting) if one.keep is not None), None)


def alerts(check: str) -> bool:
    """Whether a check alerts anybody, so that there is anything to wait for."""
    return bool(rules_of(check))
