"""Before anything is dispatched: a request is made, the guards look, a person approves or cancels it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from monitoring.core.retraining.change import Change, NotPossible
from monitoring.core.retraining.guards import Objection
from monitoring.core.retraining.order import Action
from monitoring.core.retraining.request import RetrainRequest
from monitoring.core.retraining.state import UNDER_WAY, WAITING, WORDS, State


def begin(request: RetrainRequest, objections: Sequence[Objection], now: datetime) -> Change:
    """A new request, after the first look of the guards."""
    words = request.reason
    change = Change(request).then(now, "requested", words, request.requester)
    return _looked(change, tuple(objections), now)


def look(request: RetrainRequest, objections: Sequence[Objection], now: datetime) -> Change:
    """What the guards say now of a request that nobody has approved."""
    if request.state not in WAITING:
        return Change(request)
    return _looked(Change(request), tuple(objections), now)


def approve(
    request: RetrainRequest, actor: str, now: datetime, train_until: datetime | None, override: str = ""
) -> Change:
    """A person lets it be dispatched. Against objections only with a reason; of a production model not by whoever
    asked. Raises NotPossible."""
    if request.state not in WAITING:
        by = f" by {request.approver}" if request.approver else ""
        raise NotPossible(f"It is {WORDS[request.state].lower()}{by} already.")
    if request.policy.production and actor == request.requester:
        raise NotPossible("The model is in production: somebody other than who asked has to approve.")
    firm = [o for o in request.objections if not o.overridable]
    if firm:
        raise NotPossible(" ".join(o.words for o in firm))
    if request.objections and not override.strip():
        raise NotPossible(f"{len(request.objections)} guards object: say why it is to be done all the same.")
    return _approved(Change(request), actor, now, train_until, override.strip())


def approve_alone(request: RetrainRequest, now: datetime, train_until: datetime | None) -> Change:
    """Dispatch without a person, where the policy says so and no guard objects."""
    if request.state != State.REQUESTED or request.policy.approval or request.objections:
        return Change(request)
    return _approved(Change(request), "", now, train_until, "")


def cancel(request: RetrainRequest, actor: str, now: datetime, reason: str) -> Change:
    """End it before a candidate is there; a run that goes on is asked to stop. Raises NotPossible."""
    if request.state not in WAITING | UNDER_WAY:
        raise NotPossible(f"It is {WORDS[request.state].lower()}: there is nothing to cancel.")
    change = Change(request)
    if request.run:
        change = change.ordering(Action.CANCEL, now, reason)
    return change.then(
        now,
        "cancelled",
        reason or "Cancelled.",
        actor,
        state=State.CANCELLED,
        closed_at=now,
        pending=None,
        deadline=None,
    )


def _looked(change: Change, objections: tuple[Objection, ...], now: datetime) -> Change:
    request = change.request
    before = {o.guard for o in request.objections}
    after = {o.guard for o in objections}
    state = State.BLOCKED if objections else State.REQUESTED
    if state == request.state and before == after:
        return Change(replace(request, objections=objections), change.events, change.orders)
    if objections:
        return change.then(now, "blocked", " ".join(o.words for o in objections), state=state, objections=objections)
    if request.state == State.BLOCKED:
        return change.then(now, "unblocked", "No guard objects any more.", state=state, objections=())
    return Change(replace(request, objections=()), change.events, change.orders)


def _approved(change: Change, actor: str, now: datetime, train_until: datetime | None, override: str) -> Change:
    request = change.request
    words = "No guard objects, and no approval is needed." if not actor else "Approved."
    if override:
        against = len(request.objections)
        words = f"Approved against {against} objections: {override}" if against else f"Approved: {override}"
    approved = change.then(
        now, "approved", words, actor, state=State.APPROVED, approver=actor, override=override, approved_at=now,
        train_until=train_until, deadline=now + request.policy.timeout, message="Waiting for the dispatcher.",
    )  # fmt: skip
    return approved.ordering(Action.RETRAIN, now, request.reason)
