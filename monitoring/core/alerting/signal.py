"""A signal: what the verdicts of a model say now of one thing that may alert."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from monitoring.core.alerting.severity import Severity


class Condition(StrEnum):
    """Where a series is. Between its two thresholds nothing begins and nothing ends; neither does it in the unknown."""

    BEYOND = "beyond"
    BETWEEN = "between"
    CLEAR = "clear"
    UNKNOWN = "unknown"


class Kind(StrEnum):
    """What kind of trouble it is. Inhibition and shared incidents go by it."""

    SERVICE_DOWN = "service_down"
    SERVICE_SLOW = "service_slow"
    BUDGET = "budget"
    STALE = "stale"
    INGEST_DOWN = "ingest_down"
    SCHEMA_BREAK = "schema_break"
    MISSING = "missing"
    VOLUME = "volume"
    LABELS = "labels"
    DRIFT = "drift"
    PERFORMANCE = "performance"
    RETRAIN = "retrain"


@dataclass(frozen=True, slots=True)
class Subject:
    """What an alert is about. Strings are "" where there is none; `method` tells two rules of one check apart."""

    model: str
    check: str
    column: str = ""
    slice: str = ""
    version: str = ""
    method: str = ""
    _fingerprint: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        words = "\x1f".join((self.check, self.model, self.column, self.slice, self.version, self.method))
        object.__setattr__(self, "_fingerprint", hashlib.sha256(words.encode()).hexdigest()[:20])

    @property
    def part(self) -> bool:
        """Whether it is about a slice or a version, not the model as a whole."""
        return bool(self.slice or self.version)

    @property
    def whole(self) -> Subject:
        """The same of the model as a whole."""
        return replace(self, slice="", version="")

    @property
    def words(self) -> str:
        """The check with its column, slice and version, for people."""
        version = f"version {self.version}" if self.version else ""
        where = ", ".join(filter(None, (self.slice, version)))
        return f"{named(self.check, self.column)}{f' ({where})' if where else ''}"

    @property
    def fingerprint(self) -> str:
        """Of check, model and labels: the same thing has the same, for ever."""
        return self._fingerprint


def named(check: str, column: str) -> str:
    """A check and its column. An objective is called by its own name, which says the kind."""
    if check.startswith("slo.") and column:
        return f"slo.{column}"
    return f"{check} of {column}" if column else check


@dataclass(frozen=True, slots=True)
class Signal:
    """What is said now of a subject. `summary` is the verdict's sentence with its numbers; `wait` and `keep` are stated
    spans, None where those of the rule hold."""

    subject: Subject
    rule: str
    kind: Kind
    severity: Severity
    condition: Condition
    summary: str
    owner: str = ""
    model_name: str = ""
    value: float | None = None
    threshold: float | None = None
    window_start: datetime | None = None
    window_end: datetime | None = None
    wait: timedelta | None = None
    keep: timedelta | None = None


def labels(about: Subject, owner: str, kind: Kind, severity: Severity) -> dict[str, str]:
    """The labels that silences and inhibitions match. One that is empty is missing."""
    every = {
        "model": about.model, "owner": owner, "check": about.check, "column": about.column, "slice": about.slice,
        "version": about.version, "method": about.method, "severity": str(severity), "kind": str(kind),
    }  # fmt: skip
    return {name: value for name, value in every.items() if value}
