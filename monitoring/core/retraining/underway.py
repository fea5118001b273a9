"""While a dispatcher has an order: it is taken or refused, its run tells of itself, and time passes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from monitoring.core.retraining.change import Change
from monitoring.core.retraining.order import Action
from monitoring.core.retraining.report import Report, RunState
from monitoring.core.retraining.request import RetrainRequest
from monitoring.core.retraining.serving import promoted, rolled_back
from monitoring.core.retraining.state import UNDER_WAY, State

FAILURES = {
    Action.PROMOTE: "promotion_failed", Action.ROLL_BACK: "roll_back_failed", Action.REJECT: "rejection_failed",
}  # fmt: skip
"""Kinds of events where an order failed."""


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
        return promoted(change, report.message, now, actor)
    if pending == Action.ROLL_BACK:
        return rolled_back(change, report.message, now, actor)
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
