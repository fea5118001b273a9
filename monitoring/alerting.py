"""The shell of alerts: gather, decide, and write state, history and outbox in one transaction."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from monitoring import routing
from monitoring.core.alerting.alert import EventKind
from monitoring.core.alerting.decide import Decision, Known, decide
from monitoring.core.alerting.grouping import Pace
from monitoring.core.alerting.signal import Condition, Signal
from monitoring.settings import Settings
from monitoring.store import alerts, roster, silences
from monitoring.store.database import reading, transaction
from monitoring.store.queries.signals import signals

TICK = 2.0
"""Seconds between two steps by time alone."""
log = logging.getLogger(__name__)


def step(store: Engine, now: datetime, settings: Settings, models: Collection[str] = ()) -> Decision:
    """Bring all alerts up to now. The verdicts of `models` are heard: those that were just evaluated.

    Safe with any number of workers at once: they queue for one lock. Twice the same changes nothing.
    """
    with transaction(store) as session:
        alerts.lock(session, now)
        return take_in(session, signals(session, models, now) if models else [], now, settings, models)


def take_in(
    session: Session, said: Sequence[Signal], now: datetime, settings: Settings, heard: Collection[str] = ()
) -> Decision:
    """Decide on signals, and write what follows, in the caller's transaction. The caller holds the lock. `heard` are
    models of which all that is known is said."""
    known = replace(_known(session, said, now, _pace(settings)), heard=heard)
    decision = decide(known, said, now)
    alerts.save(session, decision.alerts, decision.groups, decision.events)
    groups = {g.id: g for g in (*known.groups, *decision.groups)}
    for notice in decision.notices:
        alerts.save(session, (), (), routing.send(session, notice, groups[notice.group], settings.url))
    return decision


def hear(store: Engine, now: datetime, settings: Settings, models: Collection[str] = ()) -> bool:
    """A step that nothing but the database stops: what else goes wrong is logged, and shown on the Alerts page. True
    where something began to fire."""
    try:
        return any(event.kind == EventKind.FIRED for event in step(store, now, settings, models).events)
    except SQLAlchemyError:
        raise
    except Exception as error:
        log.exception("deciding on alerts")
        with transaction(store) as session:
            alerts.lock(session, now).detail = f"{type(error).__name__}: {error}"
        return False


def start(store: Engine, settings: Settings, clock: Callable[[], datetime], stop: threading.Event) -> threading.Thread:
    """Keep time in a thread of the worker, so that nothing waits for an evaluation. Join it after setting `stop`."""
    thread = threading.Thread(target=keep_time, args=(store, settings, clock, stop), name="alerts", daemon=True)
    thread.start()
    return thread


def keep_time(store: Engine, settings: Settings, clock: Callable[[], datetime], stop: threading.Event) -> None:
    """Step by time alone until it is stopped: what waits, repeats, escalates or expires does not wait for a log."""
    while not stop.is_set():
        try:
            with reading(store) as session:
                waiting = alerts.waiting(session)
            if waiting:
                hear(store, clock(), settings)
        except Exception:  # whatever it is, the next one may go well
            log.exception("keeping time of alerts; trying again")
        stop.wait(TICK)


def _pace(settings: Settings) -> Pace:
    return Pace(
        timedelta(seconds=settings.group_wait_seconds), timedelta(seconds=settings.group_interval_seconds),
        timedelta(hours=settings.repeat_hours),
    )  # fmt: skip


def _known(session: Session, said: Sequence[Signal], now: datetime, pace: Pace) -> Known:
    there = alerts.open_ones(session)
    has_open = {alert.subject.fingerprint for alert in there if alert.open}
    new = [s for s in said if s.condition == Condition.BEYOND and s.subject.fingerprint not in has_open]
    policies = {owner: roster.policy_of(session, owner) for owner in sorted({s.owner for s in new})}
    return Known(
        alerts=there,
        last=alerts.last_ones(session, {s.subject.fingerprint for s in new}),
        groups=alerts.groups(session),
        incidents=alerts.shared(session),
        silences=silences.active(session, now),
        policies={owner: policy for owner, policy in policies.items() if policy is not None},
        watched=alerts.watched(session),
        objectives=alerts.objectives(session, {a.subject.model for a in there if a.subject.check.startswith("slo.")}),
        pace=pace,
    )
