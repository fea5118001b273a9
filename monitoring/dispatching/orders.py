"""Handing an order over: once, whatever happens on the way."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from sqlalchemy.orm import Session

from monitoring.core.retraining import underway, waiting
from monitoring.core.retraining.order import Action, Order
from monitoring.core.retraining.report import Report, RunState
from monitoring.core.retraining.state import State
from monitoring.dispatchers.outcome import Accepted, Outcome, Refused, Retry, Unclear
from monitoring.dispatchers.use import Use
from monitoring.dispatching.desk import Desk, noting, saying, wanted
from monitoring.errors import LeewayError
from monitoring.store import dispatches, outbox, retrains
from monitoring.store.database import reading, transaction
from monitoring.store.dispatches import Sighting
from monitoring.store.outbox import Leased

CLAIM = 120.0
"""Seconds for which a row is ours: longer than a dispatcher may take for all it does."""
PATIENCE = 60
"""Attempts to find out what became of something that nobody waits for any more, or that has no deadline: an hour."""
OVER = frozenset({State.CANCELLED, State.TIMED_OUT})
"""States in which a run is not to go on."""
log = logging.getLogger(__name__)


def hand_over(desk: Desk, leased: Leased) -> None:
    """Do with an order what is to be done with it now."""
    try:
        order = dispatches.addressed(Order.from_json(leased.payload), desk.settings.url)
    except (KeyError, TypeError, ValueError) as error:
        return desk.end(leased, f"the order cannot be read: {type(error).__name__}")
    with reading(desk.store) as session:
        waits = wanted(retrains.one(session, order.request), order)
        documents, base = dispatches.set_up(session, order.model)
        known = dispatches.sighting(session, order.request)
        retrain = dispatches.retrain(session, order.request)
    if not waits and leased.unclear_at is None:
        return desk.end(leased, "It was not wanted any more.")
    if order.action == Action.CANCEL:
        order = replace(order, run=order.run or (known.run if known else "") or (retrain.id if retrain else ""))
        documents = [known.dispatcher] if known else documents
    try:
        use = desk.able(documents, base, order.action)
    except LeewayError as error:
        return Handing(desk, leased, order).refused(error.sentence)
    return Handing(desk, leased, order).go(use, waits)


@dataclass(frozen=True, slots=True)
class Handing:
    """One order that is ours for now."""

    desk: Desk
    leased: Leased
    order: Order

    def go(self, use: Use, waits: bool) -> None:
        """Find out first where it may have been taken, then hand it over. `waits`: its request still waits for it."""
        unclear = self.leased.unclear_at
        if self.order.action == Action.CANCEL:
            unclear = None  # to end a run twice is to end it
        if unclear is not None and (step := self.reconciled(use, waits, unclear)) is not None:
            return step()
        if not waits:
            return self.desk.end(self.leased, "It was not taken, and is not wanted any more.")
        with transaction(self.desk.store) as session:
            if not outbox.begin(session, self.leased, self.desk.clock(), CLAIM):
                return None
        return self.settled(use, use.dispatch(self.order))

    def reconciled(self, use: Use, waits: bool, since: datetime) -> Callable[[], None] | None:
        """What to do with an order that may have been taken; None: it may be sent (again)."""
        order, trains = self.order, self.order.action == Action.RETRAIN
        if not use.dispatcher.sees:
            if use.dispatcher.repeatable:
                return None
            words = "It may have been taken. The dispatcher cannot be asked, so it is not sent again:"
            if not waits:
                return partial(self.desk.end, self.leased, f"{words} look there yourself.", order)
            if not trains:
                return partial(self.refused, f"{words} look there yourself.")
            return partial(self.accepted, use, Accepted("", f"{words} its callback is waited for."))
        found = use.look(order, "")
        if isinstance(found, Report):
            run = found.run or order.id
            if not waits:
                return partial(self.stopped, use, run)
            return partial(self.accepted, use, Accepted(run, "It had been taken, as was found by asking.", found.url))
        if found is None and (use.dispatcher.repeatable or self.desk.clock() >= since + use.dispatcher.settles):
            return None
        reason = "nothing is known of it yet." if found is None else found.reason
        if self.leased.attempts >= PATIENCE and not (waits and trains):
            return partial(self.refused, f"It could not be found out whether it was taken: {reason}")
        asked = found.after if isinstance(found, Retry) else None
        return partial(self.later, f"It may have been taken, and is being looked for: {reason}", asked, unclear=True)

    def settled(self, use: Use, found: Outcome) -> None:
        """Write down what became of it."""
        if isinstance(found, Accepted):
            return self.accepted(use, found)
        log.warning("the order %s: %s", self.order.id, found.reason)
        if isinstance(found, Refused):
            return self.refused(found.reason)
        if isinstance(found, Unclear):
            return self.later(f"It may have been taken: {found.reason}", None, unclear=True)
        if self.order.action != Action.RETRAIN and self.leased.attempts >= waiting.ATTEMPTS:
            return self.refused(f"Given up after {self.leased.attempts} attempts: {found.reason}")
        return self.later(f"Tried again: {found.reason}", found.after)

    def accepted(self, use: Use, found: Accepted) -> None:
        """It was taken: its run is looked at from now on, or ended where its request was cancelled meanwhile."""
        with transaction(self.desk.store) as session:
            retrains.lock(session, self.desk.clock())
            over = retrains.one(session, self.order.request).state in OVER
            if not (over and self.order.action == Action.RETRAIN):
                self._keep(session, use, found)
                return
        self.stopped(use, found.run or self.order.id)

    def _keep(self, session: Session, use: Use, found: Accepted) -> None:
        desk, order, now = self.desk, self.order, self.desk.clock()
        words = f"{found.note or 'The dispatcher has taken it.'}" + (f" {found.url}" if found.url else "")
        if not outbox.finish(session, self.leased, now, words):
            return
        if order.action == Action.CANCEL:
            desk.change(session, order, noting(words, now))
            return
        act = partial(underway.accepted, order=order.id, run=found.run, words=words, now=now)
        desk.change(session, order, act, f"{order.action.replace('_', ' ')} dispatched")
        if use.dispatcher.sees or desk.registry(session, order.model) is not None:
            first = desk.after(use.dispatcher.pace[0])
            dispatches.look_at(session, Sighting(order, found.run, use.document), now, first)
        elif order.action != Action.RETRAIN:
            done = Report(RunState.DONE, message="The dispatcher has taken it, and cannot be asked more.")
            desk.change(session, order, partial(underway.reported, report=done, now=now))

    def stopped(self, use: Use, run: str) -> None:
        """It was taken, and is not wanted any more."""
        found = use.dispatch(replace(self.order, id=f"{self.order.id}/cancel", action=Action.CANCEL, run=run))
        if isinstance(found, Accepted):
            words = "It had been taken, and was ended, as it is not wanted any more."
            return self.desk.end(self.leased, words, self.order)
        words = f"It was taken, is not wanted any more, and cannot be ended: {found.reason}"
        if isinstance(found, Refused) or self.leased.attempts >= PATIENCE:
            return self.desk.end(self.leased, words, self.order)
        return self.later(words, None, unclear=True)

    def refused(self, reason: str) -> None:
        """It is not to be had."""
        desk, order, now = self.desk, self.order, self.desk.clock()
        with transaction(desk.store) as session:
            if not outbox.end(session, self.leased, reason):
                return
            if order.action == Action.CANCEL:
                desk.change(session, order, noting(f"The run could not be ended: {reason}", now))
                return
            act = partial(underway.refused, order=order.id, words=reason, now=now)
            desk.change(session, order, act, f"{order.action.replace('_', ' ')} refused")

    def later(self, reason: str, asked: float | None, *, unclear: bool = False) -> None:
        """It is tried, or looked for, again."""
        desk = self.desk
        due = desk.after(waiting.before_attempt(self.leased.attempts, asked, desk.chance()))
        with transaction(desk.store) as session:
            if outbox.retry(session, self.leased, due, reason, unclear=unclear):
                desk.change(session, self.order, saying(self.order, reason))
