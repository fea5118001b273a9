"""The shell of alerts: gather, decide, and write state, history and outbox in one transaction."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from monitoring import routing
from monitoring.core.alerting.decide import Decision, Known, decide
from monitoring.core.alerting.grouping import Pace
from monitoring.core.alerting.signal import Condition, Signal
from monitoring.store import alerts, oncall, silences
from monitoring.store.database import transaction
from monitoring.store.queries.signals import signals


def step(store: Engine, now: datetime, url: str, models: Collection[str] = (), pace: Pace | None = None) -> Decision:
    """Bring all alerts up to now. The verdicts of `models` are heard: those that were just evaluated.

    Safe with any number of workers at once: they queue for one lock. Twice the same changes nothing.
    """
    with transaction(store) as session:
        alerts.lock(session, now)
        said = signals(session, models, now) if models else []
        known = _known(session, said, now, pace or Pace())
        decision = decide(known, said, now)
        alerts.save(session, decision.alerts, decision.groups, decision.events)
        groups = {g.id: g for g in (*known.groups, *decision.groups)}
        for notice in decision.notices:
            alerts.save(session, (), (), routing.send(session, notice, groups[notice.group], url))
        return decision


def _known(session: Session, said: list[Signal], now: datetime, pace: Pace) -> Known:
    there = alerts.open_ones(session)
    has_open = {alert.subject.fingerprint for alert in there if alert.open}
    new = [s for s in said if s.condition == Condition.BEYOND and s.subject.fingerprint not in has_open]
    policies = {owner: oncall.policy_of(session, owner) for owner in sorted({s.owner for s in new})}
    return Known(
        alerts=there,
        last=alerts.last_ones(session, {s.subject.fingerprint for s in new}),
        groups=alerts.groups(session),
        incidents=alerts.shared(session),
        silences=silences.active(session, now),
        policies={owner: policy for owner, policy in policies.items() if policy is not None},
        watched=alerts.watched(session),
        pace=pace,
    )
