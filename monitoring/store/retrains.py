"""Retrain requests in the database: each step writes state, history, audit and outbox in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, fields, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from monitoring.core.retraining.asking import begin
from monitoring.core.retraining.change import Change, NotPossible
from monitoring.core.retraining.guards import Guard, Objection
from monitoring.core.retraining.order import Action
from monitoring.core.retraining.request import Cause, Event, Policy, RetrainRequest
from monitoring.core.retraining.state import OPEN, State
from monitoring.errors import LeewayError
from monitoring.store import outbox
from monitoring.store.tables import AuditRow, HeartbeatRow, RetrainEventRow, RetrainRow

LOCK = "retraining"
CODED = ("cause", "state", "policy", "objections", "pending")
PLAIN = tuple(f.name for f in fields(RetrainRequest) if f.name not in CODED)
SPANS = ("timeout",)
"""Fields of Policy that are lengths of time, kept as seconds."""


class RetrainError(LeewayError):
    """What was asked of a retrain request cannot be done."""


def lock(session: Session, now: datetime) -> HeartbeatRow:
    """Let nobody else make or change a request until this transaction ends. The row's detail says what went wrong at
    the worker's last look.

    On SQLite the transaction itself does so (BEGIN IMMEDIATE); on PostgreSQL a row is locked.
    """
    query = select(HeartbeatRow).where(HeartbeatRow.name == LOCK).with_for_update()
    row = session.scalar(query)
    if row is None:
        insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
        session.execute(insert(HeartbeatRow).values(name=LOCK, at=now, detail="").on_conflict_do_nothing())
        row = session.scalars(query).one()
    return row


def open_request(
    session: Session, made: RetrainRequest, objections: Sequence[Objection], now: datetime
) -> tuple[RetrainRequest, bool]:
    """Make a request, unless the model has an open one, or this occasion made one before: then that one, and False.

    `made.number` is given here.
    """
    lock(session, now)
    there = session.scalar(
        select(RetrainRow)
        .where((RetrainRow.idempotency == made.idempotency) | ((RetrainRow.model == made.model) & _open()))
        .order_by(RetrainRow.idempotency != made.idempotency)
        .limit(1)
    )
    if there is not None:
        return from_row(there), False
    last = session.scalar(select(func.max(RetrainRow.number)).where(RetrainRow.model == made.model))
    change = begin(replace(made, number=(last or 0) + 1), objections, now)
    _save(session, RetrainRow(events=0), change)
    _audit(session, change, "retrain requested", made.requester or "worker", now)
    return change.request, True


def change(
    session: Session, key: str, act: Callable[[RetrainRequest], Change], now: datetime, actor: str = "",
    action: str = "",
) -> Change:  # fmt: skip
    """One step of a request (see core.retraining.change), audited as `action` where it changed anything.

    Raises RetrainError for a request that is not there, and for what a person may not do.
    """
    lock(session, now)
    row = session.scalar(select(RetrainRow).where(RetrainRow.key == key))
    if row is None:
        raise RetrainError(f"no retrain request is called {key!r}", where="retraining")
    before = from_row(row)
    try:
        done = act(before)
    except NotPossible as error:
        raise RetrainError(str(error), where=key) from error
    if done.request == before and not done.events and not done.orders:
        return done
    _save(session, row, done)
    if done.request.state == State.CANCELLED and before.state == State.APPROVED:
        outbox.cancel(session, before.order, "The request was cancelled.")
    if action and done.events:  # progress and figures made anew are no decisions
        _audit(session, done, action, actor, now)
    return done


def one(session: Session, key: str) -> RetrainRequest:
    """A request by its key. Raises RetrainError for one that is not there."""
    row = session.scalar(select(RetrainRow).where(RetrainRow.key == key))
    if row is None:
        raise RetrainError(f"no retrain request is called {key!r}", where="retraining")
    return from_row(row)


def in_states(session: Session, states: Collection[State]) -> list[RetrainRequest]:
    """The requests in some states, oldest first."""
    names = [str(state) for state in states]
    return [
        from_row(row)
        for row in session.scalars(select(RetrainRow).where(RetrainRow.state.in_(names)).order_by(RetrainRow.id))
    ]


def lively(session: Session, since: datetime) -> list[RetrainRequest]:
    """The requests that may ask something of people, or have changed since a moment; oldest first."""
    asking = RetrainRow.state.in_([str(state) for state in (*OPEN, State.PROMOTED)])
    query = select(RetrainRow).where(asking | (RetrainRow.changed_at >= since)).order_by(RetrainRow.id)
    return [from_row(row) for row in session.scalars(query)]


def note(session: Session, key: str, event: Event, now: datetime) -> None:
    """A line in a request's history that changes nothing of it."""
    change(session, key, lambda request: Change(request, (event,)), now)


def of_model(session: Session, model: str) -> list[RetrainRequest]:
    """A model's requests, newest first."""
    query = select(RetrainRow).where(RetrainRow.model == model).order_by(RetrainRow.number.desc())
    return [from_row(row) for row in session.scalars(query)]


def from_row(row: RetrainRow) -> RetrainRequest:
    """A stored request as a value."""
    policy = {**row.policy, **{name: timedelta(seconds=row.policy[name]) for name in SPANS if name in row.policy}}
    return RetrainRequest(
        cause=Cause(row.cause), state=State(row.state), policy=Policy(**policy),
        objections=tuple(Objection(Guard(o["guard"]), o["words"], o["overridable"]) for o in row.objections),
        pending=Action(row.pending) if row.pending else None,
        **{name: getattr(row, name) for name in PLAIN},
    )  # fmt: skip


def _open() -> Any:
    return RetrainRow.state.in_([str(state) for state in OPEN])


def _save(session: Session, row: RetrainRow, done: Change) -> None:
    request = done.request
    policy = asdict(request.policy)
    values = {name: getattr(request, name) for name in PLAIN} | {
        "key": request.key, "cause": str(request.cause), "state": str(request.state),
        "pending": str(request.pending or ""),
        "policy": policy | {name: policy[name].total_seconds() for name in SPANS},
        "objections": [asdict(o) | {"guard": str(o.guard)} for o in request.objections],
    }  # fmt: skip
    for name, value in values.items():
        setattr(row, name, value)
    session.add(row)
    session.flush()
    for event in done.events:
        row.events += 1
        session.add(
            RetrainEventRow(
                retrain_id=row.id, seq=row.events, at=event.at, kind=event.kind, words=event.words, actor=event.actor
            )
        )
    for order in done.orders:
        outbox.put(session, "dispatch", order.id, request.model, order.as_json(), request.key, order.at)
    session.flush()


def _audit(session: Session, done: Change, action: str, actor: str, now: datetime) -> None:
    request = done.request
    words = done.events[-1].words if done.events else ""
    detail = {"request": request.key, "state": str(request.state), "reason": words}
    session.add(AuditRow(at=now, actor=actor, action=action, subject=request.model, detail=detail))
