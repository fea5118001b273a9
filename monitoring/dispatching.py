"""Hands orders over to dispatchers, finds out what became of unclear ones, and looks at runs until they have ended.

Any number may run at once. An order is handed over once: before it goes, it is written down that it may have been taken
(`outbox.begin`), and what may have been taken is looked for and never blindly sent again, also by the next worker where
this one is killed.
"""

from __future__ import annotations

import logging
import os
import random
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from monitoring.core.retraining import lifecycle, waiting
from monitoring.core.retraining.lifecycle import Change
from monitoring.core.retraining.order import Action, Order
from monitoring.core.retraining.report import Report, RunState
from monitoring.core.retraining.request import Event, RetrainRequest
from monitoring.dispatchers import registry
from monitoring.dispatchers.dispatcher import Means
from monitoring.dispatchers.outcome import Accepted, Outcome, Refused, Retry, Unclear
from monitoring.dispatchers.use import Use
from monitoring.errors import LeewayError
from monitoring.notifiers.http import Http
from monitoring.sender import http_of
from monitoring.settings import Settings
from monitoring.store import dispatches, outbox, retrains
from monitoring.store.database import reading, transaction
from monitoring.store.dispatches import LOOK, ORDER, Sighting
from monitoring.store.outbox import Leased

POLL = 1.0
"""Seconds between two looks into the outbox."""
THREADS = 4
"""Models that are served at the same time."""
CLAIM = 120.0
"""Seconds for which a row is ours: longer than a dispatcher may take for all it does."""
KINDS = (ORDER, LOOK)
PATIENCE = 60
"""Attempts to find out what became of something that nobody waits for any more, or that has no deadline: an hour."""
LOST = timedelta(minutes=2)
"""After this long a run that its dispatcher knows nothing of is gone."""
ENDS = frozenset({RunState.CANDIDATE, RunState.FAILED})
log = logging.getLogger(__name__)


def start(store: Engine, settings: Settings, clock: Callable[[], datetime], stop: threading.Event) -> threading.Thread:
    """Dispatching in a thread of its own, until `stop` is set."""
    one = Dispatching(store, settings, http_of(settings, clock), os.environ, clock, random.random, stop)
    thread = threading.Thread(target=one.run, name="dispatching", daemon=True)
    thread.start()
    return thread


class Dispatching:
    """One of them. `chance` gives random numbers of [0, 1); `environment` is where secrets come from."""

    def __init__(
        self, store: Engine, settings: Settings, http: Http, environment: Mapping[str, str],
        clock: Callable[[], datetime], chance: Callable[[], float], stop: threading.Event | None = None,
    ) -> None:  # fmt: skip
        self._store, self._settings, self._http, self._environment = store, settings, http, environment
        self._clock, self._chance, self._stop = clock, chance, stop or threading.Event()
        self._token = uuid.uuid4().hex
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="dispatch")
        self._busy: set[str] = set()
        self._lock = threading.Lock()

    def run(self) -> None:
        """Until it is stopped. Nothing that happens ends it."""
        while not self._stop.is_set():
            try:
                began = self.step()
            except SQLAlchemyError as error:
                began = 0
                log.warning("the outbox cannot be read, trying again: %s", type(error).__name__)
            except Exception:
                began = 0
                log.exception("dispatching failed, trying again")
            if not began:
                self._stop.wait(POLL)
        self.close()

    def step(self) -> int:
        """Lease what is due, as much as there are free threads, and begin with it; how many that was."""
        with self._lock:
            busy = set(self._busy)
        if len(busy) >= THREADS:
            return 0
        with reading(self._store) as session:
            if not outbox.due(session, self._clock(), KINDS):
                return 0
        with transaction(self._store) as session:
            leased = outbox.lease(
                session, self._clock(), self._token, seconds=CLAIM, limit=THREADS - len(busy), busy=busy, kinds=KINDS
            )
        for row in leased:
            with self._lock:
                self._busy.add(row.target)
            self._threads.submit(self._work, row)
        return len(leased)

    def settle(self) -> None:
        """Do all that is due now, and wait until it is written down."""
        while True:
            with self._lock:
                idle = not self._busy
            if not self.step() and idle:
                return
            time.sleep(0.005)

    def close(self) -> None:
        """Wait for what is under way."""
        self._threads.shutdown(wait=True)

    def _work(self, leased: Leased) -> None:
        try:
            (self._order if leased.kind == ORDER else self._look)(leased)
        except retrains.RetrainError as error:
            self._end(leased, error.sentence)
        except SQLAlchemyError as error:  # the claim runs out, and whoever takes it next looks before it sends
            log.warning("what became of %s cannot be kept: %s", leased.dedup_key, type(error).__name__)
        except Exception:
            log.exception("%s failed", leased.dedup_key)
        finally:
            with self._lock:
                self._busy.discard(leased.target)

    # orders

    def _order(self, leased: Leased) -> None:
        try:
            order = dispatches.addressed(Order.from_json(leased.payload), self._settings.url)
        except (KeyError, TypeError, ValueError) as error:
            return self._end(leased, f"the order cannot be read: {type(error).__name__}")
        with reading(self._store) as session:
            wanted = _wanted(retrains.one(session, order.request), order)
            documents, base = dispatches.set_up(session, order.model)
            known = dispatches.sighting(session, order.request)
            retrain = dispatches.retrain(session, order.request)
        if not wanted and leased.unclear_at is None:
            return self._end(leased, "It was not wanted any more.")
        if order.action == Action.CANCEL:
            order = replace(order, run=order.run or (known.run if known else "") or (retrain.id if retrain else ""))
            documents = [known.dispatcher] if known else documents
        try:
            use = self._able(documents, base, order.action)
        except LeewayError as error:
            return self._refused(leased, order, error.sentence)
        unclear = leased.unclear_at if order.action != Action.CANCEL else None  # to end a run twice is to end it
        if unclear is not None and (found := self._reconciled(leased, order, use, wanted, unclear)) is not None:
            return found()
        if not wanted:
            return self._end(leased, "It was not taken, and is not wanted any more.")
        with transaction(self._store) as session:
            if not outbox.begin(session, leased, self._clock(), CLAIM):
                return None
        return self._written(leased, order, use, use.dispatch(order))

    def _reconciled(
        self, leased: Leased, order: Order, use: Use, wanted: bool, since: datetime
    ) -> Callable[[], None] | None:  # fmt: skip
        """What to do with an order that may have been taken; None: it may be sent (again)."""
        if not use.dispatcher.sees:
            if use.dispatcher.repeatable:
                return None
            words = "It may have been taken. The dispatcher cannot be asked, so it is not sent again:"
            if order.action != Action.RETRAIN or not wanted:
                return partial(self._refused, leased, order, f"{words} look there yourself.")
            blind = Accepted("", f"{words} its callback is waited for.")
            return partial(self._accepted, leased, order, use, blind)
        found = use.look(order, "")
        if isinstance(found, Report):
            if not wanted:
                return partial(self._stop_run, leased, order, use, found.run or order.id)
            words = "It had been taken, as was found out by asking."
            return partial(self._accepted, leased, order, use, Accepted(found.run or order.id, words, found.url))
        if found is None and (use.dispatcher.repeatable or self._clock() >= since + use.dispatcher.settles):
            return None
        reason = "It may have been taken; nothing is known of it yet." if found is None else found.reason
        if leased.attempts >= PATIENCE and not (wanted and order.action == Action.RETRAIN):
            return partial(self._refused, leased, order, f"It could not be found out whether it was taken: {reason}")
        asked = found.after if isinstance(found, Retry) else None
        return partial(self._later, leased, order, f"Being looked for: {reason}", asked, unclear=True)

    def _written(self, leased: Leased, order: Order, use: Use, found: Outcome) -> None:
        if isinstance(found, Accepted):
            return self._accepted(leased, order, use, found)
        log.warning("the order %s: %s", order.id, found.reason)
        if isinstance(found, Refused):
            return self._refused(leased, order, found.reason)
        if isinstance(found, Unclear):
            return self._later(leased, order, f"It may have been taken: {found.reason}", None, unclear=True)
        if order.action != Action.RETRAIN and leased.attempts >= waiting.ATTEMPTS:
            return self._refused(leased, order, f"Given up after {leased.attempts} attempts: {found.reason}")
        return self._later(leased, order, f"Tried again: {found.reason}", found.after)

    def _accepted(self, leased: Leased, order: Order, use: Use, found: Accepted) -> None:
        now = self._clock()
        words = f"{found.note or 'The dispatcher has taken it.'}" + (f" {found.url}" if found.url else "")
        with transaction(self._store) as session:
            if not outbox.finish(session, leased, now, words):
                return
            if order.action == Action.CANCEL:
                self._change(session, order, partial(_noted, words=found.note or "It is being ended.", now=now))
                return
            self._change(
                session, order,
                partial(lifecycle.accepted, order=order.id, run=found.run, words=words, now=now), "retrain dispatched",
            )  # fmt: skip
            if use.dispatcher.sees or self._registry(session, order) is not None:
                first = now + timedelta(seconds=use.dispatcher.pace[0])
                dispatches.look_at(session, Sighting(order, found.run, use.document), now, first)
            elif order.action != Action.RETRAIN:
                done = Report(RunState.DONE, message="The dispatcher has taken it, and cannot be asked more.")
                self._change(session, order, partial(lifecycle.reported, report=done, now=now))

    def _stop_run(self, leased: Leased, order: Order, use: Use, run: str) -> None:
        """It was taken, and is not wanted any more."""
        found = use.dispatch(replace(order, id=f"{order.id}/cancel", action=Action.CANCEL, run=run))
        if isinstance(found, Accepted):
            return self._end(leased, "It had been taken, and was ended, as it is not wanted any more.", order)
        return self._later(
            leased, order, f"It is not wanted any more, and cannot be ended: {found.reason}", None, unclear=True
        )

    def _refused(self, leased: Leased, order: Order, reason: str) -> None:
        now = self._clock()
        with transaction(self._store) as session:
            if not outbox.end(session, leased, reason):
                return
            if order.action == Action.CANCEL:
                self._change(session, order, partial(_noted, words=f"The run could not be ended: {reason}", now=now))
                return
            act = partial(lifecycle.refused, order=order.id, words=reason, now=now)
            self._change(session, order, act, "retrain refused")

    def _later(
        self, leased: Leased, order: Order, reason: str, asked: float | None, *, unclear: bool = False
    ) -> None:  # fmt: skip
        now = self._clock()
        wait = waiting.before_attempt(leased.attempts, asked, self._chance())
        with transaction(self._store) as session:
            if outbox.retry(session, leased, now + timedelta(seconds=wait), reason, unclear=unclear):
                self._change(session, order, partial(_messaged, order=order.id, words=reason))

    # runs

    def _look(self, leased: Leased) -> None:
        sighting = Sighting.from_json(leased.payload)
        order = dispatches.addressed(sighting.order, self._settings.url)
        with reading(self._store) as session:
            wanted = _wanted(retrains.one(session, order.request), order)
            base = dispatches.set_up(session, order.model)[1]
        if not wanted:
            return self._end(leased, "Nobody waits for it any more.")
        try:
            use = self._use(sighting.dispatcher, base)
        except LeewayError as error:
            return self._again(leased, order, (60.0, 60.0), error.sentence, None)
        found = use.look(order, sighting.run) if use.dispatcher.sees else None
        found = self._of_registry(order, sighting, found)
        pace = use.dispatcher.pace
        if isinstance(found, Report):
            return self._reported(leased, order, found, pace)
        if found is None:
            if self._clock() < leased.created_at + use.dispatcher.settles + LOST or not use.dispatcher.sees:
                return self._again(leased, order, pace, "", None)
            gone = Report(RunState.FAILED, message="The dispatcher knows nothing of the run any more.")
            return self._reported(leased, order, gone, pace)
        log.warning("the run of %s: %s", order.id, found.reason)
        slower = (max(pace[0], 15.0), max(pace[1], 60.0))
        return self._again(leased, order, slower, f"It cannot be looked at: {found.reason}",
                           found.after if isinstance(found, Retry) else None)  # fmt: skip

    def _of_registry(
        self, order: Order, sighting: Sighting, found: Report | Retry | Refused | None
    ) -> Report | Retry | Refused | None:
        """A retrain that names no version itself may have registered one."""
        if order.action != Action.RETRAIN or (isinstance(found, Report) and found.state in ENDS):
            return found
        if isinstance(found, Report) and found.state != RunState.DONE:
            return found
        with reading(self._store) as session:
            document = self._registry(session, order)
            base = dispatches.set_up(session, order.model)[1]
        if document is None or document == sighting.dispatcher:
            return found
        try:
            registered = self._use(document, base).look(order, sighting.run)
        except LeewayError as error:
            registered = Retry(error.sentence)
        return registered if isinstance(registered, Report) else found or registered

    def _reported(self, leased: Leased, order: Order, found: Report, pace: tuple[float, float]) -> None:
        now = self._clock()
        with transaction(self._store) as session:
            act = partial(_reported, order=order.id, report=found, now=now)
            request = self._change(session, order, act, "retrain reported" if found.state in ENDS else "")
            if request is None or not _wanted(request, order):
                outbox.finish(session, leased, now, found.message)
                return
            wait = waiting.before_look(leased.attempts, pace, None, self._chance())
            outbox.retry(session, leased, now + timedelta(seconds=wait), "")

    def _again(
        self, leased: Leased, order: Order, pace: tuple[float, float], reason: str, asked: float | None
    ) -> None:  # fmt: skip
        now = self._clock()
        wait = waiting.before_look(leased.attempts, pace, asked, self._chance())
        with transaction(self._store) as session:
            outbox.retry(session, leased, now + timedelta(seconds=wait), reason)
            if reason:
                self._change(session, order, partial(_messaged, order=order.id, words=reason))

    # what both need

    def _able(self, documents: list[dict[str, Any]], base: Path, action: Action) -> Use:
        """The first dispatcher that can do it. Raises LeewayError where none can, or it cannot be used."""
        for document in documents:
            if action in registry.parse(document).actions:
                return self._use(document, base)
        what = action.replace("_", " ")
        raise LeewayError(
            f"no dispatcher of the model can {what}", where="retraining", mend="Set one up in the fleet file."
        )

    def _use(self, document: dict[str, Any], base: Path) -> Use:
        return Use.of(
            document, Means(self._http, self._settings.home, base, self._environment, self._settings.commands)
        )

    def _registry(self, session: Session, order: Order) -> dict[str, Any] | None:
        """The document of a registry that may know the version which a retrain brought out."""
        documents = dispatches.set_up(session, order.model)[0]
        return next((d for d in documents if registry.kinds()[d["kind"]].registers), None)

    def _end(self, leased: Leased, reason: str, order: Order | None = None) -> None:
        with transaction(self._store) as session:
            if outbox.end(session, leased, reason) and order is not None:
                self._change(session, order, partial(_noted, words=reason, now=self._clock()))

    def _change(
        self, session: Session, order: Order, act: Callable[[RetrainRequest], Change], audited: str = ""
    ) -> RetrainRequest | None:
        try:
            return retrains.change(session, order.request, act, self._clock(), "worker", audited).request
        except retrains.RetrainError as error:
            log.warning("%s", error.sentence)
            return None


def _wanted(request: RetrainRequest, order: Order) -> bool:
    """Whether an order is still to be handed over, or its run to be looked at."""
    return order.action == Action.CANCEL or request.awaits(order.id)


def _reported(request: RetrainRequest, order: str, report: Report, now: datetime) -> Change:
    return lifecycle.reported(request, report, now) if request.awaits(order) else Change(request)


def _messaged(request: RetrainRequest, order: str, words: str) -> Change:
    """What goes on, where nothing of it is history."""
    return Change(replace(request, message=words) if request.awaits(order) else request)


def _noted(request: RetrainRequest, words: str, now: datetime) -> Change:
    return Change(request, (Event(now, "run_ended", words),))
