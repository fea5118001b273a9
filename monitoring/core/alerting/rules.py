"""Which verdicts alert, with which severity, and how each of them is read. A table, and a reading a kind of series.

The severities are those of the flag: a page for what asks the owner's on-call to act now, a ticket for the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase

from monitoring.core.alerting import reading
from monitoring.core.alerting.reading import Reading
from monitoring.core.alerting.severity import Severity
from monitoring.core.alerting.signal import Kind
from monitoring.core.verdict import Verdict

PAGE, TICKET = Severity.PAGE, Severity.TICKET
NONE = timedelta()


@dataclass(frozen=True, slots=True)
class Rule:
    """Verdicts of `check` and `method` (patterns as of fnmatch) of the model as a whole, read by `read`; of its slices
    and versions as well where they are `parts`.

    `wait` is how long the condition must hold before it fires, `keep` how long it fires on after it has cleared.
    Where several series of one column fit, they are one alert, which says what the gravest says.
    """

    name: str
    check: str
    method: str
    kind: Kind
    severity: Severity
    read: Reading
    wait: timedelta = NONE
    keep: timedelta = NONE
    parts: bool = False

    def fits(self, v: Verdict) -> bool:
        """Whether a verdict is of this rule."""
        return (
            (self.parts or (v.slice is None and v.version is None))
            and fnmatchcase(v.check, self.check) and fnmatchcase(v.method or "", self.method)
        )  # fmt: skip


def _minutes(n: int) -> timedelta:
    return timedelta(minutes=n)


RULES = (
    Rule("not evaluated", "model", "*", Kind.INGEST_DOWN, PAGE, reading.unreadable, wait=_minutes(2)),
    Rule("log stopped", "quality.volume", "*", Kind.INGEST_DOWN, PAGE, reading.stopped),
    Rule("fast burn", "slo.availability", "burn *", Kind.SERVICE_DOWN, PAGE, reading.fast_burn, keep=_minutes(5)),
    Rule("slow burn", "slo.availability", "burn *", Kind.BUDGET, TICKET, reading.slow_burn, keep=_minutes(30)),
    Rule("fast burn", "slo.latency", "burn *", Kind.SERVICE_SLOW, PAGE, reading.fast_burn, keep=_minutes(5)),
    Rule("fast burn", "slo.quality", "burn *", Kind.BUDGET, TICKET, reading.fast_burn, keep=_minutes(5)),  # old labels
    Rule("slow burn", "slo.[!af]*", "burn *", Kind.BUDGET, TICKET, reading.slow_burn, keep=_minutes(30)),
    Rule("budget spent", "slo.*", "budget", Kind.BUDGET, TICKET, reading.status),
    Rule("missed deadline", "slo.freshness", "age_hours", Kind.STALE, PAGE, reading.level),
    Rule("schema broken", "quality.schema", "*", Kind.SCHEMA_BREAK, PAGE, reading.level),
    Rule("values missing", "quality.missing", "*", Kind.MISSING, PAGE, reading.level),
    Rule("volume", "quality.volume", "*", Kind.VOLUME, TICKET, reading.level),
    Rule("repeated ids", "quality.duplicates", "*", Kind.VOLUME, TICKET, reading.level),
    Rule("labels stopped", "quality.labels", "arrival", Kind.LABELS, PAGE, reading.level),
    Rule("drift", "drift", "*", Kind.DRIFT, TICKET, reading.level),
    Rule("drift", "drift.prediction", "*", Kind.DRIFT, TICKET, reading.level, parts=True),
    Rule("drift", "drift.label", "*", Kind.DRIFT, TICKET, reading.level, parts=True),
    Rule("drift", "drift.multivariate", "*", Kind.DRIFT, TICKET, reading.level),
    Rule("performance", "performance.*", "*", Kind.PERFORMANCE, TICKET, reading.persisting, parts=True),
    Rule("estimated performance", "estimated.*", "*", Kind.PERFORMANCE, TICKET, reading.level),
    Rule("needs retraining", "model", "*", Kind.RETRAIN, TICKET, reading.needs_retraining),
)


def rule_of(name: str) -> Rule | None:
    """The first rule of a name: those of one name wait and keep alike. None where this version has none."""
    return next((rule for rule in RULES if rule.name == name), None)


def rules_of(check: str) -> list[Rule]:
    """The rules by which a check alerts; none where it alerts nobody."""
    return [rule for rule in RULES if fnmatchcase(check, rule.check)]


def patterns(parts: bool = False) -> list[str]:
    """The checks that may alert, as patterns; those of which slices and versions may."""
    return sorted({rule.check for rule in RULES if rule.parts or not parts})
