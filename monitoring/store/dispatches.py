"""What dispatching needs of the database: how a model is set up, and the runs that are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from monitoring.core.retraining.order import Action, Order
from monitoring.dispatchers.dispatcher import Dispatcher
from monitoring.fleet import parse_model
from monitoring.store import outbox
from monitoring.store.tables import ModelRow, OutboxRow

PARTS = ("dispatcher", "registry")
ORDER, LOOK = "dispatch", "look"
"""Kinds of outbox rows: an order to hand over, and a run to look at."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A run to look at: of which order, its name, and the dispatcher's document as it was when it was ordered."""

    order: Order
    run: str
    dispatcher: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """As the outbox keeps it."""
        return {"order": self.order.as_json(), "run": self.run, "dispatcher": self.dispatcher}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Sighting:
        """The sighting that `as_json` gave. Raises KeyError, TypeError or ValueError for what is none."""
        return cls(Order.from_json(document["order"]), str(document["run"]), dict(document["dispatcher"]))


def set_up(session: Session, model: str) -> tuple[list[dict[str, Any]], Path]:
    """The documents of a model's dispatchers (`dispatcher`, then `registry`), and the folder relative paths start from.
    None where it has none, or is not watched any more."""
    row = session.scalar(select(ModelRow).where(ModelRow.key == model))
    if row is None:
        return [], Path()
    retraining = row.document.get("retraining") or {}
    return [found for name in PARTS if (found := retraining.get(name))], Path(row.base)


def changed(session: Session, documents: Sequence[dict[str, Any]]) -> dict[str, Dispatcher]:
    """The dispatchers of models that are not in the database as they are, each by a name for a person."""
    keys = [document["key"] for document in documents]
    rows = session.execute(select(ModelRow.key, ModelRow.document).where(ModelRow.key.in_(keys)))
    stored = {key: document.get("retraining") or {} for key, document in rows}
    found: dict[str, Dispatcher] = {}
    for document in documents:
        key, written = document["key"], document.get("retraining") or {}
        retraining = parse_model(document, key).retraining
        for part in PARTS:
            dispatcher: Dispatcher | None = getattr(retraining, part)
            if dispatcher is not None and written[part] != stored.get(key, {}).get(part):
                found[f"{part} of {key}"] = dispatcher
    return found


def look_at(session: Session, sighting: Sighting, now: datetime, first: datetime) -> None:
    """Have a run looked at, from `first` on. Said again it changes nothing."""
    order = sighting.order
    lane = f"{LOOK}/{order.id}"
    outbox.put(session, LOOK, lane, order.model, sighting.as_json(), lane, now, due_at=first)


def sighting(session: Session, request: str) -> Sighting | None:
    """The run of a request's retrain, as it was accepted; None where none was."""
    order = retrain(session, request)
    if order is None:
        return None
    found = session.scalar(select(OutboxRow.payload).where(OutboxRow.dedup_key == f"{LOOK}/{order.id}"))
    return None if found is None else Sighting.from_json(found)


def retrain(session: Session, request: str) -> Order | None:
    """The order to retrain of a request."""
    rows = select(OutboxRow.payload).where(OutboxRow.kind == ORDER, OutboxRow.order_key == request)
    found = [p for p in session.scalars(rows.order_by(OutboxRow.id)) if p.get("action") == Action.RETRAIN]
    return Order.from_json(found[-1]) if found else None


def addressed(order: Order, url: str) -> Order:
    """The order with all of its callback's URL: it is kept as a path, as the dashboard may move."""
    return replace(order, callback=f"{url}{order.callback}" if order.callback.startswith("/") else order.callback)
