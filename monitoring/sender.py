"""Sends what lies in the outbox: hands leased rows to channels, and writes down what became of them.

A receiver that hangs holds one thread for ten seconds, and no other receiver. A database that is away is waited for,
with what was sent meanwhile kept in mind. At least once: a sender that is killed between sending and writing it down
sends again, with the same id.
"""

from __future__ import annotations

import logging
import os
import random
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from monitoring.core.alerting.delivery import after_failure
from monitoring.core.alerting.notification import Notification, NotifyReason
from monitoring.errors import LeewayError
from monitoring.leasing import POLL, Leasing
from monitoring.notifiers import registry
from monitoring.notifiers.guard import Reach
from monitoring.notifiers.http import Http
from monitoring.notifiers.outcome import Delivered, Gone, Outcome, Refused, Retry
from monitoring.notifiers.secrets import Secrets
from monitoring.settings import Settings
from monitoring.store import channels, outbox
from monitoring.store.database import reading, transaction
from monitoring.store.outbox import NOTIFICATION, Leased

NOTICE = "undelivered"
ACTOR = "worker"
log = logging.getLogger(__name__)


def deliver(
    document: dict[str, Any], notification: Notification, http: Http, environment: Mapping[str, str]
) -> Outcome:
    """Send one notification through one channel. Whatever goes wrong is an outcome, without secrets in its words."""
    secrets = Secrets(environment)
    try:
        channel = registry.parse(document).expanded(secrets.expand)
        found = channel.send(notification, http)
    except LeewayError as error:
        found = Refused(error.sentence)
    except Exception as error:
        log.error("the channel %s raised:\n%s", document.get("name"), secrets.redact(traceback.format_exc()))
        found = Retry(f"the channel's own code failed: {type(error).__name__}: {error}")
    if isinstance(found, Delivered):
        return replace(found, note=secrets.redact(found.note))
    return replace(found, reason=secrets.redact(found.reason))


def http_of(settings: Settings, clock: Callable[[], datetime]) -> Http:
    """Outgoing requests as the settings let them."""
    loopback = settings.loopback == "allowed"
    reach = Reach.of(settings.outgoing_hosts, settings.mail_hosts, loopback, settings.private_hosts)
    return Http(reach, clock=clock)


def start(store: Engine, settings: Settings, clock: Callable[[], datetime], stop: threading.Event) -> threading.Thread:
    """A sender in a thread of its own, until `stop` is set."""
    sender = Sender(store, http_of(settings, clock), os.environ, clock, random.random, stop)
    thread = threading.Thread(target=sender.run, name="sender", daemon=True)
    thread.start()
    return thread


class Sender(Leasing):
    """One sender. `chance` gives random numbers of [0, 1); `environment` is where secrets come from."""

    kinds = (NOTIFICATION,)
    threads = 8
    claim = 30.0

    def __init__(
        self, store: Engine, http: Http, environment: Mapping[str, str], clock: Callable[[], datetime],
        chance: Callable[[], float], stop: threading.Event | None = None,
    ) -> None:  # fmt: skip
        super().__init__(store, clock, stop)
        self._http, self._environment, self._chance = http, environment, chance

    def work(self, leased: Leased) -> None:
        """Send it through its channel."""
        with reading(self._store) as session:
            known = channels.states(session, {leased.target}).get(leased.target)
        self._written(leased, self._outcome(leased, known))

    def _outcome(self, leased: Leased, known: tuple[dict[str, Any], str] | None) -> Outcome:
        if known is None:
            return Refused(f"no channel is called {leased.target} any more")
        document, disabled = known
        if disabled:
            return Refused(f"{leased.target} is disabled: {disabled}")
        try:
            notification = Notification.from_json(leased.payload)
        except (KeyError, TypeError, ValueError) as error:
            return Refused(f"the notification cannot be read: {type(error).__name__}")
        return deliver(document, notification, self._http, self._environment)

    def _written(self, leased: Leased, found: Outcome) -> None:
        """Write down what became of it; a database that is away is waited for, as long as the claim may be ours."""
        while True:
            try:
                with transaction(self._store) as session:
                    self._record(session, leased, found)
                return
            except SQLAlchemyError as error:
                log.warning("what became of %s cannot be kept yet: %s", leased.dedup_key, type(error).__name__)
                if self._stop.wait(POLL):
                    return

    def _record(self, session: Session, leased: Leased, found: Outcome) -> None:
        now = self._clock()
        if isinstance(found, Delivered):
            if outbox.finish(session, leased, now, found.note):
                channels.delivered(session, leased.target, now)
            return
        log.warning("%s was not delivered to %s: %s", leased.dedup_key, leased.target, found.reason)
        if leased.payload.get("reason") == NotifyReason.TEST:
            if outbox.end(session, leased, found.reason):
                channels.failed(session, leased.target, found.reason, now)
            return
        wait, pass_on = None, True
        if isinstance(found, Retry):
            urgent = leased.urgent or outbox.urgent_behind(session, leased)
            following = after_failure(leased.attempts, urgent, found.after, self._chance())
            wait, pass_on = following.wait, following.pass_on
            if not leased.urgent:
                pass_on = wait is None  # only a page is told elsewhere before it is given up
        if wait is None:
            ours = outbox.dead(session, leased, found.reason)
        else:
            asked = found.after if isinstance(found, Retry) else None
            patience = None if asked is None else now + timedelta(seconds=asked)
            ours = outbox.retry(session, leased, now + timedelta(seconds=wait), found.reason, patience)
        if not ours:
            return
        channels.failed(session, leased.target, found.reason, now)
        if isinstance(found, Gone):
            channels.disable(session, leased.target, found.reason, ACTOR, now)
        if pass_on and not leased.passed_on:
            words = (
                f"{leased.target} failed {leased.attempts} times" if wait is not None else f"{leased.target} gave up"
            )
            tell_another(session, leased, f"{words}: {found.reason}", now)


def tell_another(session: Session, leased: Leased, because: str, now: datetime) -> str | None:
    """Put a notification for the next channel, which is told why; its name, None where there is none.

    A channel that has the same notification already is told only where no other is left, under an id of its own.
    """
    if f"/{NOTICE}/" in leased.dedup_key:
        return None
    try:
        notification = Notification.from_json(leased.payload).because(because)
    except (KeyError, TypeError, ValueError):
        return None
    found = channels.others(session, leased.target, notification.owner, notification.severity, leased.fallbacks)
    had = outbox.tried(session, leased.dedup_key)
    target = next((name for name in found if name not in had), None)
    if target is None:
        target = next((name for name in found if had[name] != "dead"), None)
        notification = replace(notification, id=f"{notification.id}/{NOTICE}/{leased.target}")
    if target is None:
        return None
    left = [name for name in leased.fallbacks if name != target]
    outbox.notify(session, notification, target, leased.order_key, now, left)
    outbox.passed_on(session, leased)
    return target
