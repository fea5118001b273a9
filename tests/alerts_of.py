"""What tests of alerts share: signals by name, and a desk that decides over time without a database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from monitoring.core.alerting.alert import Alert, Event
from monitoring.core.alerting.decide import Decision, Known, decide
from monitoring.core.alerting.grouping import Group
from monitoring.core.alerting.notice import Notice
from monitoring.core.alerting.severity import Severity
from monitoring.core.alerting.signal import Condition, Kind, Signal, Subject
from monitoring.core.verdict import Status, Verdict, Window
from monitoring.store.tables import ModelRow
from monitoring.store.verdicts import save as save_verdicts

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
WORDS = {"!": Condition.BEYOND, "~": Condition.BETWEEN, ".": Condition.CLEAR, "?": Condition.UNKNOWN}
RULES = {
    "fast": ("slo.latency", "fast burn", Kind.SERVICE_SLOW, Severity.PAGE),
    "down": ("slo.availability", "fast burn", Kind.SERVICE_DOWN, Severity.PAGE),
    "slow": ("slo.latency", "slow burn", Kind.BUDGET, Severity.TICKET),
    "schema": ("quality.schema", "schema broken", Kind.SCHEMA_BREAK, Severity.PAGE),
    "missing": ("quality.missing", "values missing", Kind.MISSING, Severity.PAGE),
    "stopped": ("quality.volume", "log stopped", Kind.INGEST_DOWN, Severity.PAGE),
    "unreadable": ("model", "not evaluated", Kind.INGEST_DOWN, Severity.PAGE),
    "drift": ("drift", "drift", Kind.DRIFT, Severity.TICKET),
    "label": ("drift.label", "drift", Kind.DRIFT, Severity.TICKET),
    "auc": ("performance.roc_auc", "performance", Kind.PERFORMANCE, Severity.TICKET),
    "retrain": ("model", "needs retraining", Kind.RETRAIN, Severity.TICKET),
}
"""A short name of each kind of thing that alerts. Only the burns are kept, only `unreadable` is waited for."""


def signal(name: str, condition: str, model: str = "eta", owner: str = "ops", **more: Any) -> Signal:
    """ "drift" or "eta/drift", and ! ~ . ? for beyond, between, clear, unknown."""
    if "/" in name:
        model, name = name.split("/")
    check, rule, kind, severity = RULES[name]
    subject = Subject(model, check, method=rule, **more)
    return Signal(
        subject, rule, kind, severity, WORDS[condition], f"{name} {condition}", owner, model.title(), 1.0, 2.0
    )


@dataclass
class Desk:
    """All alerts and groups, in memory. What is decided is applied; what was sent and what happened is kept."""

    known: Known = field(default_factory=Known)
    alerts: dict[str, Alert] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    sent: list[Notice] = field(default_factory=list)

    def gathered(self) -> Known:
        """As the store would give it."""
        open_groups = {g.id: g for g in self.groups.values() if g.closed_at is None}
        last: dict[str, Alert] = {}
        for a in self.alerts.values():
            if not a.open:
                last[a.subject.fingerprint] = max(a, last.get(a.subject.fingerprint, a), key=lambda x: x.episode)
        wanted = [a for a in self.alerts.values() if a.open or a.group in open_groups]
        return replace(self.known, alerts=wanted, last=last, groups=list(open_groups.values()))

    def step(self, signals: Iterable[Signal], now: datetime) -> Decision:
        """Decide and apply."""
        decision = decide(self.gathered(), list(signals), now)
        self.alerts |= {a.key: a for a in decision.alerts}
        self.groups |= {g.id: g for g in decision.groups}
        self.events += decision.events
        self.sent += decision.notices
        return decision

    def run(self, script: Mapping[int, Mapping[str, str]], until: int, every: int = 10) -> list[tuple[int, str, str]]:
        """Conditions from second to second ({0: {"drift": "!"}}), each heard at every step; what was sent when."""
        standing: dict[str, str] = {}
        before = len(self.sent)
        for second in range(0, until + 1, every):
            for moment, changes in script.items():
                if second - every < moment <= second:
                    standing |= changes
            self.step([signal(n, c) for n, c in standing.items()], NOW + timedelta(seconds=second))
        return [said(notice) for notice in self.sent[before:]]

    @property
    def open(self) -> list[Alert]:
        """Those that go on."""
        return [a for a in self.alerts.values() if a.open]


def said(notice: Notice) -> tuple[int, str, str]:
    """When, why, and of what: "drift" fires, "-drift" is resolved."""
    names = {(check, rule): name for name, (check, rule, *_) in RULES.items()}
    words = [
        ("" if a.open else "-") + ("" if a.subject.model == "eta" else f"{a.subject.model}/")
        + names[a.subject.check, a.subject.method] for a in notice.alerts
    ]  # fmt: skip
    return int((notice.at - NOW).total_seconds()), str(notice.reason), " ".join(sorted(words))


def add_model(session: Session, key: str = "eta", owner: str = "ops") -> int:
    """A model as far as alerts know it; its number."""
    promised = [{"sli": "availability", "objective": 0.99}, {"sli": "latency", "threshold_ms": 20, "objective": 0.99}]
    document = {"key": key, "owner": owner, "runbook": f"https://runbooks.example.org/{key}", "slos": promised}
    row = ModelRow(
        key=key, name=key.title(), owner=owner, task="regression", mode="batch", target="cloud", document=document,
        base="/", created_at=NOW, updated_at=NOW,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row.id


DAY = timedelta(days=1)
MIDNIGHT = NOW.replace(hour=0)


def verdict(check: str, status: Status, model: str = "eta", day: int = 0, **more: Any) -> Verdict:
    """A verdict on a day's window; day 0 is the newest that is over."""
    end = MIDNIGHT + day * DAY
    return Verdict(model, check, Window(end - DAY, end, 100), status, f"{check} is {status}.", **more)


def hear(session: Session, model_id: int, *verdicts: Verdict, now: datetime = NOW) -> None:
    """Store what an evaluation found."""
    save_verdicts(session, model_id, list(verdicts), now)
