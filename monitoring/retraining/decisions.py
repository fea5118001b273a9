"""The shell of retraining: what asks for a retrain, what the guards say, and what has become of those under way."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from monitoring.core.retraining import asking, proof, serving, underway
from monitoring.core.retraining.change import Change
from monitoring.core.retraining.guards import objections
from monitoring.core.retraining.order import Action
from monitoring.core.retraining.request import Cause, RetrainRequest, idempotency
from monitoring.core.retraining.state import UNDER_WAY, WAITING, State
from monitoring.core.verdict import Flag
from monitoring.store import retrains
from monitoring.store.database import reading, transaction
from monitoring.store.models import Watched, watched
from monitoring.store.queries.retrain_evidence import (
    breaches,
    champion,
    evidence,
    facts,
    mature_since,
    training_span,
)
from monitoring.store.retrains import RetrainError
from monitoring.store.tables import AlertRow

log = logging.getLogger(__name__)


def ask(
    session: Session, model: Watched, cause: Cause, reason: str, requester: str, now: datetime, occasion: str = "",
    alert: str = "",
) -> tuple[RetrainRequest, bool]:  # fmt: skip
    """Make a request with all that is known as its evidence; the open one, and False, where there is one already.

    `occasion` names what gave rise to it: the same one makes a request once. A person's wish is an occasion by itself.
    Raises RetrainError for a person who gives no reason.
    """
    if requester and not reason.strip():
        raise RetrainError("a retrain request needs a reason", where=model.key, mend="Say why, in a few words.")
    known = evidence(session, model)
    document = known.document | ({"alert": alert} if alert else {})
    policy = model.model.retraining.policy
    made = RetrainRequest(
        model.key, 0, model.model.title, model.model.owner, cause, reason.strip(), requester,
        idempotency(model.key, cause, occasion or f"{requester} {now.isoformat()}", str(policy)), State.REQUESTED, now,
        now, policy, document, known.flagged_at, champion=champion(session, model.key),
    )  # fmt: skip
    against = objections(facts(session, model.model, now), model.model.retraining.limits)
    return retrains.open_request(session, made, against, now)


def step(store: Engine, now: datetime) -> None:
    """Propose what is to be proposed, and bring the requests under way up to now. A model's trouble is its own, and
    shown on the page."""
    with reading(store) as session:
        fleet = watched(session)
        there = retrains.in_states(session, [*WAITING, *UNDER_WAY, State.PROMOTED])
    trouble = []
    of = {key: [r for r in there if r.model == key] for key in {r.model for r in there}}
    concerned = [m for m in fleet if m.model.retraining.dispatcher is not None or m.key in of]
    for model in concerned:
        try:
            with transaction(store) as session:
                propose(session, model, now)
                advance(session, model, of.get(model.key, ()), now)
        except SQLAlchemyError:
            raise
        except Exception as error:
            log.exception("retraining of %s", model.key)
            trouble.append(f"{model.key}: {type(error).__name__}: {error}")
    with transaction(store) as session:
        retrains.lock(session, now).detail = " ".join(trouble)


def propose(session: Session, model: Watched, now: datetime) -> RetrainRequest | None:
    """The request that a flag, an alert or the schedule makes, where the fleet file lets it; None where none does."""
    wanted = model.model.retraining
    if wanted.dispatcher is None or not wanted.propose:
        return None
    if any(r.open for r in retrains.of_model(session, model.key)):
        return None
    for cause, reason, occasion, alert in _occasions(session, model, now):
        made, new = ask(session, model, cause, reason, "", now, occasion, alert)
        if new:
            return made
    return None


def advance(session: Session, model: Watched, found: Iterable[RetrainRequest], now: datetime) -> None:
    """Guards look again at what waits; time passes for what runs; what was promoted is held against its promise."""
    for request in found:
        if request.state in WAITING:
            against = objections(facts(session, model.model, now), model.model.retraining.limits)
            _worker(session, request, partial(asking.look, objections=against, now=now), now)
            until = training_span(session, model.model, (), now)[1]
            act = partial(asking.approve_alone, now=now, train_until=until)
            _worker(session, request, act, now, "retrain approved")
        elif request.state in UNDER_WAY:
            _worker(session, request, partial(underway.tick, now=now), now, "retrain timed out")
        elif request.promoted_at is not None:
            seen = mature_since(session, model, request.promoted_at)
            held = proof.held(seen, request.policy.windows, request.measured)
            if held is not None:
                says = serving.holds if held.holds else serving.fails
                _worker(session, request, partial(says, words=held.words, now=now), now, "promotion judged")


def approve(session: Session, key: str, actor: str, now: datetime, override: str = "") -> RetrainRequest:
    """A person's approval, after the guards have looked once more. Raises RetrainError."""
    request = retrains.one(session, key)
    model = watched(session, request.model)[0]
    against = objections(facts(session, model.model, now), model.model.retraining.limits)
    retrains.change(session, key, partial(asking.look, objections=against, now=now), now)
    until = training_span(session, model.model, (), now)[1]
    act = partial(asking.approve, actor=actor, now=now, train_until=until, override=override)
    return retrains.change(session, key, act, now, actor, "retrain approved").request


def cancel(session: Session, key: str, actor: str, now: datetime, reason: str) -> RetrainRequest:
    """End a request before there is a candidate. Raises RetrainError."""
    act = partial(asking.cancel, actor=actor, now=now, reason=reason)
    return retrains.change(session, key, act, now, actor, "retrain cancelled").request


def promote(session: Session, key: str, actor: str, now: datetime, reason: str = "") -> RetrainRequest:
    """Let the candidate serve. Raises RetrainError."""
    does = _does(session, key, Action.PROMOTE)
    act = partial(serving.promote, actor=actor, now=now, dispatches=does, reason=reason)
    return retrains.change(session, key, act, now, actor, "candidate promoted").request


def reject(session: Session, key: str, actor: str, now: datetime, reason: str) -> RetrainRequest:
    """Put the candidate away. Raises RetrainError."""
    does = _does(session, key, Action.REJECT)
    act = partial(serving.reject, actor=actor, now=now, reason=reason, dispatches=does)
    return retrains.change(session, key, act, now, actor, "candidate rejected").request


def roll_back(session: Session, key: str, actor: str, now: datetime, reason: str) -> RetrainRequest:
    """Let the version before serve again. Raises RetrainError."""
    does = _does(session, key, Action.ROLL_BACK)
    act = partial(serving.roll_back, actor=actor, now=now, dispatches=does, reason=reason)
    return retrains.change(session, key, act, now, actor, "promotion rolled back").request


def _worker(
    session: Session, request: RetrainRequest, act: Callable[[RetrainRequest], Change], now: datetime, action: str = ""
) -> None:
    retrains.change(session, request.key, act, now, "worker", action)


def _does(session: Session, key: str, action: Action) -> bool:
    """Whether a dispatcher of the model carries an action out; else a person has done it elsewhere."""
    return watched(session, retrains.one(session, key).model)[0].model.retraining.does(action)


def _occasions(session: Session, model: Watched, now: datetime) -> Iterable[tuple[Cause, str, str, str]]:
    """What gives rise to a request now: cause, reason, occasion and alert."""
    wanted = model.model.retraining
    if "flag" in wanted.propose:
        known = evidence(session, model)
        if known.flag == Flag.RETRAIN and known.occasion:
            reason = next(iter(known.document["findings"]), "The flag says: needs retraining.")
            yield Cause.FLAG, reason, known.occasion, ""
    if "alert" in wanted.propose and wanted.checks:
        query = select(AlertRow).where(
            AlertRow.model_key == model.key, AlertRow.state == "firing", AlertRow.check.in_(wanted.checks)
        )
        for alert in session.scalars(query.order_by(AlertRow.id)):
            yield Cause.ALERT, alert.summary, alert.key, alert.key
    if "threshold" in wanted.propose:
        for breach in breaches(session, model, wanted.checks):
            yield Cause.THRESHOLD, breach.reason, breach.occasion, ""
    if "schedule" in wanted.propose and wanted.every is not None:
        past = retrains.of_model(session, model.key)
        since = training_span(session, model.model, past, now)[0]
        last = max((r.dispatched_at for r in past if r.dispatched_at is not None), default=since)
        if last is not None and now - last >= wanted.every:
            days = wanted.every.total_seconds() / 86400
            words = f"The schedule: every {days:g} days; it was last trained by {last:%Y-%m-%d}."
            yield Cause.SCHEDULE, words, last.isoformat(), ""
