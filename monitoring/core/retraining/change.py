"""One pure step of a retrain request: what it is then, what happened, what is to be sent.

States only go forward. What comes late, twice or from a run that is over changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from monitoring.core.retraining.order import Action, Order
from monitoring.core.retraining.request import Event, RetrainRequest
from monitoring.core.retraining.state import WORDS, may


class NotPossible(Exception):
    """What a person asked of a request cannot be done; the words say why."""


@dataclass(frozen=True, slots=True)
class Change:
    """A request after a step, what happened to it, and what is to be dispatched."""

    request: RetrainRequest
    events: tuple[Event, ...] = ()
    orders: tuple[Order, ...] = ()

    def then(self, now: datetime, kind: str, words: str, actor: str = "", **values: Any) -> Change:
        """One thing more."""
        following = values.get("state", self.request.state)
        if following != self.request.state and not may(self.request.state, following):
            raise NotPossible(
                f"It is {WORDS[self.request.state].lower()}: it cannot become {WORDS[following].lower()}."
            )
        request = replace(self.request, changed_at=now, **values)
        return Change(request, (*self.events, Event(now, kind, words, actor)), self.orders)

    def ordering(self, action: Action, now: datetime, reason: str, version: str = "") -> Change:
        """One thing to dispatch more. Its id is of the request and counts up: made again, it is the same."""
        asked = self.request
        number = asked.orders + 1
        order = Order(
            f"{asked.key}/{number}", action, asked.key, asked.model, asked.model_name, version,
            asked.run if action == Action.CANCEL else "", asked.train_until, reason, asked.evidence,
            f"/v1/retrain-requests/{asked.key}/callback", now,
        )  # fmt: skip
        pending = asked.pending if action == Action.CANCEL else action
        request = replace(asked, orders=number, order=order.id, pending=pending)
        return Change(request, self.events, (*self.orders, order))
