"""The outbox: what was decided to be sent, leased by senders and finished by whoever holds the claim.

At least once, never exactly once: a sender killed between sending and finishing sends again, with the same dedup_key.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, aliased

from monitoring.core.alerting.notification import Notification
from monitoring.store.tables import OutboxRow

OPEN = ("waiting", "leased")
NOTIFICATION = "notification"
"""The kind of rows that channels send."""


@dataclass(frozen=True, slots=True)
class Leased:
    """A row that is ours to send until `until`. `attempts` counts this one."""

    id: int
    kind: str
    dedup_key: str
    target: str
    payload: dict[str, Any]
    order_key: str
    urgent: bool
    attempts: int
    created_at: datetime
    fallbacks: tuple[str, ...]
    passed_on: bool
    token: str
    until: datetime
    unclear_at: datetime | None = None


def notify(
    session: Session, notification: Notification, target: str, order_key: str, now: datetime,
    fallbacks: Sequence[str] = (), due_at: datetime | None = None,
) -> bool:  # fmt: skip
    """Put a notification for one target (a channel's name), in the caller's transaction. Pages are urgent."""
    return put(
        session, NOTIFICATION, notification.id, target, notification.as_json(), order_key, now,
        due_at=due_at, fallbacks=fallbacks, urgent=notification.severity == "page",
    )  # fmt: skip


def put(
    session: Session, kind: str, dedup_key: str, target: str, payload: dict[str, Any], order_key: str, now: datetime,
    *, due_at: datetime | None = None, fallbacks: Sequence[str] = (), urgent: bool = False,
) -> bool:  # fmt: skip
    """Add a row in the caller's transaction; False, and nothing done, where the target has this dedup_key already.

    An urgent row does not wait for the long pauses of older ones before it: they are tried again at once, unless their
    receiver asked for patience.
    """
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    due = due_at or now
    statement = (
        insert(OutboxRow)
        .values(
            kind=kind, dedup_key=dedup_key, target=target, payload=payload, order_key=order_key, urgent=urgent,
            state="waiting", attempts=0, due_at=due, claim_token="", last_error="", created_at=now,
            fallbacks=list(fallbacks),
            passed_on=False,
        )
        .on_conflict_do_nothing(index_elements=["dedup_key", "target"])
        .returning(OutboxRow.id)
    )  # fmt: skip
    added = session.execute(statement).scalar()
    if added is None:
        return False
    if urgent:
        before = (OutboxRow.target == target, OutboxRow.order_key == order_key, OutboxRow.id < added)
        for row in session.scalars(select(OutboxRow).where(*before, OutboxRow.state == "waiting")):
            row.due_at = min(row.due_at, max(due, row.not_before or due))
    return True


def due(session: Session, now: datetime, kinds: Collection[str] = (NOTIFICATION,)) -> bool:
    """Whether there is anything to lease: a look that makes no writer wait."""
    return session.scalar(select(OutboxRow.id).where(OutboxRow.kind.in_(kinds), _free(now)).limit(1)) is not None


def lease(
    session: Session, now: datetime, token: str, *, seconds: float, limit: int, busy: Collection[str] = (),
    kinds: Collection[str] = (NOTIFICATION,),
) -> list[Leased]:  # fmt: skip
    """Take up to `limit` due rows, the urgent and the oldest first, at most one a target and none of a `busy` one.

    A row is due when nothing of its lane (order_key and target) is before it. A claim that has run out is open again.
    The caller's transaction must be a writing one: on SQLite that alone keeps two senders apart.
    """
    if limit <= 0:
        return []
    earlier = aliased(OutboxRow)
    before = (earlier.target == OutboxRow.target, earlier.order_key == OutboxRow.order_key, earlier.id < OutboxRow.id)
    first = ~select(earlier.id).where(*before, earlier.state.in_(OPEN)).exists()
    free = _free(now)
    best = func.row_number().over(
        partition_by=OutboxRow.target, order_by=(OutboxRow.urgent.desc(), OutboxRow.due_at, OutboxRow.id)
    )
    candidates = (
        select(OutboxRow.id, best.label("place"))
        .where(OutboxRow.kind.in_(kinds), free, first, OutboxRow.target.not_in(busy))
        .subquery()
    )
    # asked again of the row itself: another sender may have taken it since the subquery looked
    rows = session.scalars(
        select(OutboxRow)
        .where(OutboxRow.id.in_(select(candidates.c.id).where(candidates.c.place == 1)), free)
        .order_by(OutboxRow.urgent.desc(), OutboxRow.due_at, OutboxRow.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=OutboxRow)
    ).all()
    until = now + timedelta(seconds=seconds)
    for row in rows:
        row.state, row.claim_token, row.claimed_until, row.attempts = "leased", token, until, row.attempts + 1
    session.flush()
    return [
        Leased(
            r.id, r.kind, r.dedup_key, r.target, r.payload, r.order_key, r.urgent, r.attempts, r.created_at,
            tuple(r.fallbacks), r.passed_on, token, until, r.unclear_at,
        )
        for r in rows
    ]  # fmt: skip


def finish(session: Session, leased: Leased, now: datetime, note: str = "") -> bool:
    """It was delivered. False where the claim has passed to another, who will send it again."""
    return _end(session, leased, state="sent", sent_at=now, last_error=note)


def begin(session: Session, leased: Leased, now: datetime, seconds: float) -> bool:
    """From here on the target may have it, whatever becomes of us: kept before it is sent. False where the claim has
    passed to another: then it must not be sent."""
    until = now + timedelta(seconds=seconds)
    return _end(session, leased, unclear_at=now, claimed_until=until, claim_token=leased.token)


def retry(
    session: Session, leased: Leased, due_at: datetime, error: str, not_before: datetime | None = None, *,
    unclear: bool = False,
) -> bool:  # fmt: skip
    """It is to be tried again at `due_at`; never before `not_before`, which the receiver asked for. `unclear`: it may
    have been taken, and is asked for first."""
    more = {} if unclear else {"unclear_at": None}
    return _end(session, leased, state="waiting", due_at=due_at, not_before=not_before, last_error=error, **more)


def dead(session: Session, leased: Leased, error: str) -> bool:
    """It is given up: a dead letter, kept for a person to look at."""
    return _end(session, leased, state="dead", last_error=error)


def end(session: Session, leased: Leased, reason: str) -> bool:
    """It is over without a delivery, and nobody has to look at it."""
    return _end(session, leased, state="cancelled", last_error=reason)


def passed_on(session: Session, leased: Leased) -> None:
    """Another target was told instead: once is enough."""
    session.execute(update(OutboxRow).where(OutboxRow.id == leased.id).values(passed_on=True))


def cancel(session: Session, dedup_key: str, reason: str, target: str | None = None) -> int:
    """Take back what waits under a dedup_key, for one target or all; how many rows. What is being sent goes on, and
    what may have been sent is looked for all the same."""
    where: list[ColumnElement[bool]] = [
        OutboxRow.dedup_key == dedup_key, OutboxRow.state == "waiting", OutboxRow.unclear_at.is_(None),
    ]  # fmt: skip
    if target is not None:
        where.append(OutboxRow.target == target)
    changed = update(OutboxRow).where(*where).values(state="cancelled", last_error=reason).returning(OutboxRow.id)
    return len(session.execute(changed).all())


def urgent_behind(session: Session, leased: Leased) -> bool:
    """Whether a page waits behind this row in its lane: then its pauses are as short as a page's."""
    behind = select(OutboxRow.id).where(
        OutboxRow.target == leased.target, OutboxRow.order_key == leased.order_key, OutboxRow.id > leased.id,
        OutboxRow.state.in_(OPEN), OutboxRow.urgent,
    )  # fmt: skip
    return session.scalar(behind.limit(1)) is not None


def tried(session: Session, dedup_key: str) -> dict[str, str]:
    """The targets that were meant to have this already, with the state it is in."""
    found = select(OutboxRow.target, OutboxRow.state).where(OutboxRow.dedup_key == dedup_key)
    return {target: state for target, state in session.execute(found)}


@dataclass(frozen=True, slots=True)
class Told:
    """What was put out for a target before, whatever has become of it."""

    dedup_key: str
    target: str
    payload: dict[str, Any]


def told(session: Session, order_key: str) -> list[Told]:
    """The notifications of a lane, oldest first."""
    of_lane = (OutboxRow.kind == NOTIFICATION, OutboxRow.order_key == order_key)
    rows = session.scalars(select(OutboxRow).where(*of_lane).order_by(OutboxRow.id))
    return [Told(row.dedup_key, row.target, row.payload) for row in rows]


def revive(session: Session, numbers: Sequence[int], now: datetime) -> int:
    """Send dead letters again, from the first attempt; how many there were among these rows."""
    return _of_dead(session, numbers, state="waiting", attempts=0, due_at=now, not_before=None, passed_on=False)


def discard(session: Session, numbers: Sequence[int], now: datetime) -> int:
    """Put dead letters away; how many there were among these rows."""
    return _of_dead(session, numbers, state="cancelled", due_at=now)


def _free(now: datetime) -> ColumnElement[bool]:
    return or_(
        and_(OutboxRow.state == "waiting", OutboxRow.due_at <= now),
        and_(OutboxRow.state == "leased", OutboxRow.claimed_until <= now),
    )


def _end(session: Session, leased: Leased, **values: Any) -> bool:
    mine = (OutboxRow.id == leased.id, OutboxRow.claim_token == leased.token, OutboxRow.state == "leased")
    released = {"claim_token": "", "claimed_until": None}
    ended = update(OutboxRow).where(*mine).values(**(released | values)).returning(OutboxRow.id)
    return session.execute(ended).first() is not None


def _of_dead(session: Session, numbers: Sequence[int], **values: Any) -> int:
    which = (OutboxRow.id.in_(numbers), OutboxRow.state == "dead")
    changed = update(OutboxRow).where(*which).values(**values).returning(OutboxRow.id)
    return len(session.execute(changed).all())
