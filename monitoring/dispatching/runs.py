"""Looking at a run, ever more rarely, until it has ended or nobody waits for it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitoring.core.retraining import underway, waiting
from monitoring.core.retraining.change import Change
from monitoring.core.retraining.order import Action, Order
from monitoring.core.retraining.report import Report, RunState
from monitoring.core.retraining.request import RetrainRequest
from monitoring.dispatchers.outcome import Refused, Retry
from monitoring.dispatching.desk import Act, Desk, saying, wanted
from monitoring.errors import LeewayError
from monitoring.store import dispatches, outbox, retrains
from monitoring.store.database import reading, transaction
from monitoring.store.dispatches import Sighting
from monitoring.store.outbox import Leased

LOST = timedelta(minutes=2)
"""After this long a run that its dispatcher knows nothing of is gone."""
TROUBLED = (15.0, 60.0)
"""Seconds between looks that fail, at first and at most."""
ENDS = frozenset({RunState.CANDIDATE, RunState.FAILED})
Seen = Report | Retry | Refused | None
log = logging.getLogger(__name__)


def look(desk: Desk, leased: Leased) -> None:
    """Look once, and say when it is looked again."""
    sighting = Sighting.from_json(leased.payload)
    order = dispatches.addressed(sighting.order, desk.settings.url)
    with reading(desk.store) as session:
        waits = wanted(retrains.one(session, order.request), order)
        base = dispatches.set_up(session, order.model)[1]
    if not waits:
        return desk.end(leased, "Nobody waits for it any more.")
    looking = Looking(desk, leased, order, sighting)
    try:
        use = desk.use(sighting.dispatcher, base)
    except LeewayError as error:
        return looking.again(TROUBLED, error.sentence)
    found = looking.registered(use.look(order, sighting.run) if use.dispatcher.sees else None)
    pace = use.dispatcher.pace
    if isinstance(found, Report):
        return looking.reported(found, pace)
    if found is None:
        since = leased.created_at + use.dispatcher.settles
        if desk.clock() < since + LOST or not use.dispatcher.sees:
            return looking.again(pace)
        gone = Report(RunState.FAILED, message="The dispatcher knows nothing of the run any more.")
        return looking.reported(gone, pace)
    log.warning("the run of %s: %s", order.id, found.reason)
    slower = (max(pace[0], TROUBLED[0]), max(pace[1], TROUBLED[1]))
    asked = found.after if isinstance(found, Retry) else None
    return looking.again(slower, f"It cannot be looked at: {found.reason}", asked)


@dataclass(frozen=True, slots=True)
class Looking:
    """One run that is ours to look at for now."""

    desk: Desk
    leased: Leased
    order: Order
    sighting: Sighting

    def registered(self, found: Seen) -> Seen:
        """A retrain that names no version itself may have registered one."""
        unnamed = found.state == RunState.DONE if isinstance(found, Report) else True
        if self.order.action != Action.RETRAIN or not unnamed:
            return found
        with reading(self.desk.store) as session:
            document = self.desk.registry(session, self.order.model)
            base = dispatches.set_up(session, self.order.model)[1]
        if document is None or document == self.sighting.dispatcher:
            return found
        try:
            version = self.desk.use(document, base).look(self.order, self.sighting.run)
        except LeewayError as error:
            version = Retry(error.sentence)
        return version if isinstance(version, Report) else found or version

    def reported(self, found: Report, pace: tuple[float, float]) -> None:
        """Bring the request up to what was seen."""
        desk, now = self.desk, self.desk.clock()
        with transaction(desk.store) as session:
            act = _seen(self.order, found, now)
            request = desk.change(session, self.order, act, "retrain reported" if found.state in ENDS else "")
            if request is None or not wanted(request, self.order):
                outbox.finish(session, self.leased, now, found.message)
                return
            due = desk.after(waiting.before_look(self.leased.attempts, pace, None, desk.chance()))
            outbox.retry(session, self.leased, due, "")

    def again(self, pace: tuple[float, float], reason: str = "", asked: float | None = None) -> None:
        """Nothing was seen: look again."""
        desk = self.desk
        due = desk.after(waiting.before_look(self.leased.attempts, pace, asked, desk.chance()))
        with transaction(desk.store) as session:
            outbox.retry(session, self.leased, due, reason)
            if reason:
                desk.change(session, self.order, saying(self.order, reason))


def _seen(order: Order, report: Report, now: datetime) -> Act:
    def act(request: RetrainRequest) -> Change:
        return underway.reported(request, report, now) if request.awaits(order.id) else Change(request)

    return act
