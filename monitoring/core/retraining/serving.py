"""From a candidate on: it is compared, promoted or put away, held against its promise, and rolled back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from monitoring.core.retraining.change import Change, NotPossible
from monitoring.core.retraining.order import Action
from monitoring.core.retraining.request import Event, RetrainRequest
from monitoring.core.retraining.state import CHOICE, WORDS, State


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
        return promoted(Change(request), words, now, actor)
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
        return rolled_back(Change(request), reason.strip(), now, actor)
    change = Change(request).ordering(Action.ROLL_BACK, now, reason.strip(), request.champion)
    return change.then(now, "rolling_back", f"Version {request.champion} is to serve again. {reason.strip()}", actor)


def promoted(change: Change, words: str, now: datetime, actor: str) -> Change:
    """The candidate serves."""
    request = change.request
    told = f"Version {request.version} serves. {words}".strip()
    return change.then(now, "promoted", told, actor, state=State.PROMOTED, promoted_at=now, pending=None, message="")


def rolled_back(change: Change, words: str, now: datetime, actor: str) -> Change:
    """The version before serves again."""
    told = f"Version {change.request.champion} serves again. {words}".strip()
    return change.then(
        now, "rolled_back", told, actor, state=State.ROLLED_BACK, pending=None, closed_at=now, message="", roll_back=""
    )
