"""How long a model's labels take, and up to when they are settled, as pages ask for it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from monitoring.core.label_arrivals import LabelState, answered, label_state, settled_until
from monitoring.core.label_delay import DelayCurve, NotLearned
from monitoring.core.label_lateness import without_late
from monitoring.core.summary import Kind
from monitoring.core.window import Chunk, Slots, chunks, moment_of, slot_of
from monitoring.store.queries.summaries import Frozen, baseline
from monitoring.store.summaries import load


def curve(
    session: Session, key: str, chunk: Chunk, timed: bool, with_status: bool, now: datetime
) -> DelayCurve | NotLearned | None:
    """The delay curve as the newest verdicts have it; None before the first evaluation, and without labels mapped."""
    frozen = baseline(session, key)
    if frozen is None or frozen.profile.find(Kind.OUTCOME, "") is None:
        return None
    found = _state(session, frozen, chunk, timed, with_status, now)
    return NotLearned("no prediction yet") if found is None else found[0].curve


def settled(
    session: Session, frozen: Frozen, chunk: Chunk, timed: bool, with_status: bool, now: datetime
) -> datetime | None:
    """The moment before which predictions are past label maturity; None where none is."""
    found = _state(session, frozen, chunk, timed, with_status, now)
    if found is None:
        return None
    state, windows = found
    until = settled_until(state, (w for w in windows if moment_of(w.last) <= now))
    return moment_of(until) if until else None


def _state(
    session: Session, frozen: Frozen, chunk: Chunk, timed: bool, with_status: bool, now: datetime
) -> tuple[LabelState, list[Slots]] | None:
    """How labels stand, and the windows of the log; None without a prediction."""
    counted = answered(frozen.profile, with_status)
    found = load(session, frozen.id, "current", None, [Kind.OUTCOME, Kind.ROWS, counted[0]])
    span = found.span()
    if span is None:
        return None
    windows = list(chunks(chunk, span, frozen.span.first if frozen.span else None))
    state = label_state(found, windows, counted, timed, min(slot_of(now), windows[-1].last))
    return without_late(state), windows
