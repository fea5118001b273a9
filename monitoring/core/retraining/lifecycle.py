"""The life of a retrain request, one pure step of it at a time: what it is then, what happened, what is to be sent.

States only go forward. What comes late, twice or from a run that is over changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from monitoring.core.retraining.guards import Objection
from monitoring.core.retraining.order import Action, Order
from monitoring.core.retraining.report import Report, RunState
from monitoring.core.retraining.request import Event, RetrainRequest
from monitoring.core.retraining.state import CHOICE, UNDER_WAY, WAITING, WORDS, State, may

FAILURES = {
    Action.PROMOTE: "promotion_failed", Action.ROLL_BACK: "roll_back_failed", Action.REJECT: "rejection_failed",
}  # fmt: skip
"""Kinds of events where an order failed."""


class NotPossible(Exception):  # noqa: N818 - reads as a sentence where it is raised
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


def accepted(request: RetrainRequest, order: str, run: str, words: str, now: datetime) -> Change:
    """A dispatcher has taken an order. What was cancelled meanwhile is asked to stop."""
    if request.state in (State.CANCELLED, State.TIMED_OUT) and order == request.order and run and not request.run:
        stopped = Change(replace(request, run=run)).ordering(Action.CANCEL, now, "It was cancelled meanwhile.")
        return stopped.then(now, "stopping", f"The dispatcher has taken it all the same: {run} is asked to stop.")
    if order != request.order or request.pending is None:
        return Change(request)
    change = Change(request)
    if request.pending == Action.RETRAIN:
        if request.state != State.APPROVED:  # the run has called before
            return Change(request if request.run else replace(request, run=run))
        return change.then(now, "dispatched", words, state=State.DISPATCHED, run=run, dispatched_at=now, message=words)
    return change.then(now, "accepted", words, run=run or request.run)


def refused(request: RetrainRequest, order: str, words: str, now: datetime) -> Change:
    """A dispatcher did not take an order, or gave up."""
    if order != request.order or request.pending is None:
        return Change(request)
    return _failed(Change(request), words, now)


def reported(request: RetrainRequest, report: Report, now: datetime, actor: str = "") -> Change:
    """What a run says of itself, by callback or when asked. Raises nothing: what does not fit changes nothing."""
    pending = request.pending
    if pending is None or (pending == Action.RETRAIN and request.state not in UNDER_WAY):
        return Change(request)
    change = Change(request)
    untold = pending == Action.RETRAIN and report.state == RunState.DONE and not report.version
    if report.state in (RunState.QUEUED, RunState.RUNNING) or untold:
        words = report.message or ("The run has ended; it has still to name its version." if untold else "")
        return _running(change, replace(report, message=words), now, actor)
    if report.state == RunState.FAILED:
        return _failed(change, report.message or "The run failed and did not say why.", now, actor)
    if pending == Action.PROMOTE:
        return _promoted(change, report.message, now, actor)
    if pending == Action.ROLL_BACK:
        return _rolled_back(change, report.message, now, actor)
    if pending == Action.REJECT:
        words = report.message or f"Version {request.version} is put away."
        return change.then(now, "put_away", words, actor, pending=None)
    if not report.version:
        return _failed(change, "The run ended and named no version: nothing can be promoted.", now, actor)
    return change.then(
        now, "candidate", f"Version {report.version} has come out. {report.message}".strip(), actor,
        state=State.CANDIDATE, version=report.version, metrics=dict(report.metrics), progress=1.0,
        message=report.message, cost=request.cost if report.cost is None else report.cost,
        candidate_at=now, pending=None, deadline=None,
    )  # fmt: skip


def tick(request: RetrainRequest, now: datetime) -> Change:
    """What time alone does: past its deadline a run has timed out, and is asked to stop."""
    if request.state not in UNDER_WAY or request.deadline is None or now < request.deadline:
        return Change(request)
    hours = request.policy.timeout.total_seconds() / 3600
    words = f"No candidate within {hours:g} h of the approval."
    change = Change(request)
    if request.run:
        change = change.ordering(Action.CANCEL, now, words)
    return change.then(
        now, "timed_out", words, state=State.TIMED_OUT, closed_at=now, pending=None, deadline=None, message=words
    )


def evaluated(
    request: RetrainRequest, comparison: dict[str, Any], gain: dict[str, Any] | None, words: str, now: datetime
) -> Change:
    """The candidate was compared with the champion. The history keeps the first comparison and those that say
    something else."""
    if request.state not in CHOICE:
        return Change(request)
    same = request.comparison is not None and request.comparison.get("verdict") == comparison.get("verdict")
    values: dict[str, Any] = dict(comparison=comparison, gain=gain, compared_at=now, message=words)
    if same:
        return Change(replace(request, changed_at=now, **values))
    return Change(request).then(now, "evaluated", words, state=State.EVALUATED, **values)


def uncompared(request: RetrainRequest, words: str, now: datetime) -> Change:
    """The candidate, or the promoted version, could not be compared, now: why, for whoever waits for it."""
    if request.state not in (*CHOICE, State.PROMOTED, State.VERIFIED):
        return Change(request)
    message = request.message if request.pending is not None else words
    changed_at = request.changed_at if message == request.message else now
    return Change(replace(request, message=message, compared_at=now, changed_at=changed_at))


def promote(request: RetrainRequest, actor: str, now: datetime, dispatches: bool, reason: str = "") -> Change:
    """The candidate is to serve. One that is not better only with a reason. Where no dispatcher promotes, whoever asks
    has done it elsewhere. Raises NotPossible."""
    if request.state not in CHOICE:
        raise NotPossible(f"It is {WORDS[request.state].lower()}: there is no candidate to promote.")
    if request.pending == Action.PROMOTE:
        raise NotPossible("It is being promoted already.")
    if request.policy.production and actor == request.requester:
        raise NotPossible("The model is in production: somebody other than who asked has to promote.")
    if not request.recommended and not reason.strip():
        verdict = None if request.comparison is None else request.comparison["verdict"]
        known = "it was not compared yet" if verdict is None else f"the comparison says {verdict}"
        known = "a gate failed" if verdict == "better" else known
        raise NotPossible(f"The candidate is not known to be better ({known}): say why it is to serve all the same.")
    words = reason.strip() or "The comparison says that it is better."
    if not dispatches:
        return _promoted(Change(request), words, now, actor)
    change = Change(request).ordering(Action.PROMOTE, now, words, request.version)
    return change.then(now, "promoting", f"Version {request.version} is to serve. {words}", actor)


def reject(request: RetrainRequest, actor: str, now: datetime, reason: str, dispatches: bool = False) -> Change:
    """The candidate is not to serve; whoever `dispatches` is told, so that it no longer answers beside the champion.
    Raises NotPossible."""
    if request.state not in CHOICE or request.pending is not None:
        raise NotPossible(f"It is {WORDS[request.state].lower()}: there is no candidate to reject.")
    words = reason.strip() or "Rejected."
    change = Change(request).then(now, "rejected", words, actor, state=State.REJECTED, closed_at=now)
    return change.ordering(Action.REJECT, now, words, request.version) if dispatches else change


def measured(request: RetrainRequest, gain: dict[str, Any] | None, now: datetime) -> Change:
    """What promotion has brought so far, paired against the version before."""
    if request.state not in (State.PROMOTED, State.VERIFIED):
        return Change(request)
    changed_at = request.changed_at if gain == request.measured else now
    message = request.message if request.pending is not None else ""
    return Change(replace(request, measured=gain, message=message, compared_at=now, changed_at=changed_at))


def holds(request: RetrainRequest, words: str, now: datetime) -> Change:
    """The promoted version has held for long enough."""
    if request.state != State.PROMOTED or request.pending is not None:
        return Change(request)
    return Change(request).then(now, "verified", words, state=State.VERIFIED, closed_at=now, roll_back="")


def fails(request: RetrainRequest, words: str, now: datetime) -> Change:
    """The promoted version does not hold: going back is proposed, and a person decides."""
    if request.state != State.PROMOTED or request.roll_back == words:
        return Change(request)
    first = not request.roll_back
    changed = replace(request, roll_back=words, changed_at=now)
    events = (Event(now, "roll_back_proposed", words),) if first else ()
    return Change(changed, events)


def roll_back(request: RetrainRequest, actor: str, now: datetime, dispatches: bool, reason: str) -> Change:
    """The version before is to serve again. Raises NotPossible."""
    if request.state not in (State.PROMOTED, State.VERIFIED):
        raise NotPossible(f"It is {WORDS[request.state].lower()}: nothing was promoted.")
    if request.pending == Action.ROLL_BACK:
        raise NotPossible("It is being rolled back already.")
    if not reason.strip():
        raise NotPossible("Say why the version before is to serve again.")
    if not dispatches:
        return _rolled_back(Change(request), reason.strip(), now, actor)
    change = Change(request).ordering(Action.ROLL_BACK, now, reason.strip(), request.champion)
    return change.then(now, "rolling_back", f"Version {request.champion} is to serve again. {reason.strip()}", actor)


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


def _running(change: Change, report: Report, now: datetime, actor: str) -> Change:
    request = change.request
    progress = request.progress if report.progress is None else report.progress
    if request.pending != Action.RETRAIN:
        return Change(replace(request, message=report.message or request.message, changed_at=now))
    if request.state == State.RUNNING:  # progress alone is no history
        if progress == request.progress and report.message in ("", request.message):
            return change
        message = report.message or request.message
        return Change(replace(request, progress=progress, message=message, changed_at=now))
    if request.state == State.APPROVED:  # it calls back before the dispatcher's answer was written down
        change = change.then(now, "dispatched", "The run has called.", state=State.DISPATCHED, dispatched_at=now)
    if report.state == RunState.QUEUED:
        return Change(replace(change.request, message=report.message or "Queued."), change.events, change.orders)
    words = report.message or "The run has begun."
    return change.then(now, "running", words, actor, state=State.RUNNING, progress=progress, message=words)


def _failed(change: Change, words: str, now: datetime, actor: str = "") -> Change:
    """Of a retrain it is the end; anything else that failed leaves things as they were."""
    pending = change.request.pending
    if pending is None or pending == Action.RETRAIN:
        return change.then(
            now, "failed", words, actor, state=State.FAILED, closed_at=now, pending=None, deadline=None, message=words
        )
    return change.then(now, FAILURES[pending], words, actor, pending=None, message=words)


def _promoted(change: Change, words: str, now: datetime, actor: str) -> Change:
    request = change.request
    told = f"Version {request.version} serves. {words}".strip()
    return change.then(now, "promoted", told, actor, state=State.PROMOTED, promoted_at=now, pending=None, message="")


def _rolled_back(change: Change, words: str, now: datetime, actor: str) -> Change:
    told = f"Version {change.request.champion} serves again. {words}".strip()
    return change.then(
        now, "rolled_back", told, actor, state=State.ROLLED_BACK, pending=None, closed_at=now, message="", roll_back=""
    )
