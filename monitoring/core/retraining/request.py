"""A retrain request: one attempt to mend a model by fitting it anew, from the reason for it to what became of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from monitoring.core.retraining.guards import Objection
from monitoring.core.retraining.order import Action
from monitoring.core.retraining.state import OPEN, UNDER_WAY, State


class Cause(StrEnum):
    """What a request came from."""

    FLAG = "flag"
    ALERT = "alert"
    THRESHOLD = "threshold"
    SCHEDULE = "schedule"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Policy:
    """How a model's requests are handled, frozen into each of them: who may approve, and how long what may take.

    `approval`: a person has to approve. `production`: and not the one who asked. `timeout` is from the approval to
    the candidate. `windows`: mature windows that a promoted version has to hold for.
    """

    dispatcher: str = ""
    approval: bool = True
    production: bool = False
    timeout: timedelta = timedelta(hours=6)
    windows: int = 3
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A line of a request's history. `actor` is a person, or "" where Leeway itself acted."""

    at: datetime
    kind: str
    words: str
    actor: str = ""


@dataclass(frozen=True, slots=True)
class RetrainRequest:
    """A request, as of its last change.

    `requester` is a person, or "" where Leeway itself asked. `evidence` is what spoke for it when it was made: the
    summing-up's findings, the diagnosis, the alert. `flagged_at` is when the trouble began. `objections` are those of
    the last look; `approver` may have overridden them, with `override` as the reason. `champion` is the version that
    served when it was made, `version` the candidate. `order` is the last order and `pending` what it asks for until
    it is done; `run` is the dispatcher's name of the retrain. `comparison` is the document of the newest comparison,
    `gain` what promotion was expected to bring and `measured` what it brought, in the metric's own unit with its 95 %
    interval as {"metric", "value", "lower", "upper"}.
    """

    model: str
    number: int
    model_name: str
    owner: str
    cause: Cause
    reason: str
    requester: str
    idempotency: str
    state: State
    opened_at: datetime
    changed_at: datetime
    policy: Policy = Policy()
    evidence: dict[str, Any] = field(default_factory=dict)
    flagged_at: datetime | None = None
    objections: tuple[Objection, ...] = ()
    approver: str = ""
    override: str = ""
    champion: str = ""
    version: str = ""
    train_until: datetime | None = None
    order: str = ""
    orders: int = 0
    pending: Action | None = None
    run: str = ""
    progress: float | None = None
    message: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)
    comparison: dict[str, Any] | None = None
    compared_at: datetime | None = None
    gain: dict[str, Any] | None = None
    measured: dict[str, Any] | None = None
    roll_back: str = ""
    cost: float | None = None
    approved_at: datetime | None = None
    deadline: datetime | None = None
    dispatched_at: datetime | None = None
    candidate_at: datetime | None = None
    promoted_at: datetime | None = None
    closed_at: datetime | None = None

    @property
    def key(self) -> str:
        """Its name."""
        return f"{self.model}-{self.number}"

    @property
    def recommended(self) -> bool:
        """Whether the comparison says that the candidate is better, and that it costs nothing else."""
        found = self.comparison or {}
        failed = any(gate["outcome"] == "failed" for gate in found.get("gates", ()))
        return found.get("verdict") == "better" and not failed

    @property
    def open(self) -> bool:
        """Whether it is in the way of another one."""
        return self.state in OPEN

    def awaits(self, order: str) -> bool:
        """Whether an order is still what it waits for: what a run of another one says changes nothing."""
        if order != self.order or self.pending is None:
            return False
        return self.pending != Action.RETRAIN or self.state in UNDER_WAY


def idempotency(model: str, cause: Cause, occasion: str, policy: str) -> str:
    """The same for the same occasion (an alert's episode, a breach's first window, a day of the schedule) under the
    same policy: asked twice, there is one request."""
    return hashlib.sha256(f"{model}\0{cause}\0{occasion}\0{policy}".encode()).hexdigest()[:40]
