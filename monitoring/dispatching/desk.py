"""What handing over orders and looking at runs have in common: the store, the clock, and how a request is changed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from monitoring.core.retraining.change import Change
from monitoring.core.retraining.order import Action, Order
from monitoring.core.retraining.request import Event, RetrainRequest
from monitoring.dispatchers import registry
from monitoring.dispatchers.dispatcher import Means
from monitoring.dispatchers.use import Use
from monitoring.errors import LeewayError
from monitoring.notifiers.http import Http
from monitoring.settings import Settings
from monitoring.store import dispatches, outbox, retrains
from monitoring.store.database import transaction
from monitoring.store.outbox import Leased

ACTOR = "worker"
log = logging.getLogger(__name__)

Act = Callable[[RetrainRequest], Change]


@dataclass(frozen=True, slots=True)
class Desk:
    """`chance` gives random numbers of [0, 1); `environment` is where secrets come from."""

    store: Engine
    settings: Settings
    http: Http
    environment: Mapping[str, str]
    clock: Callable[[], datetime]
    chance: Callable[[], float]

    def after(self, seconds: float) -> datetime:
        """The moment so many seconds from now."""
        return self.clock() + timedelta(seconds=seconds)

    def use(self, document: dict[str, Any], base: Path) -> Use:
        """A dispatcher with its secrets. Raises LeewayError for what cannot be used."""
        means = Means(self.http, self.settings.home, base, self.environment, self.settings.commands)
        return Use.of(document, means)

    def able(self, documents: list[dict[str, Any]], base: Path, action: Action) -> Use:
        """The first dispatcher that can do it. Raises LeewayError where none can, or it cannot be used."""
        for document in documents:
            if action in registry.parse(document).actions:
                return self.use(document, base)
        what = action.replace("_", " ")
        raise LeewayError(
            f"no dispatcher of the model can {what}", where="retraining", mend="Set one up in the fleet file."
        )

    def registry(self, session: Session, model: str) -> dict[str, Any] | None:
        """The document of a registry that may know the version which a retrain brought out."""
        documents = dispatches.set_up(session, model)[0]
        known = registry.kinds()
        return next((d for d in documents if d.get("kind") in known and known[d["kind"]].registers), None)

    def change(self, session: Session, order: Order, act: Act, audited: str = "") -> RetrainRequest | None:
        """One step of an order's request; None where the request is not there."""
        try:
            return retrains.change(session, order.request, act, self.clock(), ACTOR, audited).request
        except retrains.RetrainError as error:
            log.warning("%s", error.sentence)
            return None

    def end(self, leased: Leased, reason: str, order: Order | None = None) -> None:
        """Nothing is to be done about a row any more; with an order, its request's history says why."""
        with transaction(self.store) as session:
            if outbox.end(session, leased, reason) and order is not None:
                self.change(session, order, noting(reason, self.clock()))


def wanted(request: RetrainRequest, order: Order) -> bool:
    """Whether an order is still to be handed over, or its run to be looked at."""
    return order.action == Action.CANCEL or request.awaits(order.id)


def noting(words: str, now: datetime) -> Act:
    """Something of a run that is for the history alone."""
    return lambda request: Change(request, (Event(now, "run_ended", words),))


def saying(order: Order, words: str) -> Act:
    """What goes on, where nothing of it is history."""
    return lambda request: Change(replace(request, message=words) if request.awaits(order.id) else request)
