"""How long a model's labels take, as its page asks for it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from monitoring.core.label_arrivals import answered, label_state
from monitoring.core.label_delay import DelayCurve, NotLearned
from monitoring.core.label_lateness import without_late
from monitoring.core.summary import Kind
from monitoring.core.window import Chunk, chunks, slot_of
from monitoring.store.queries.summaries import baseline
from monitoring.store.summaries import load


def curve(
    session: Session, key: str, chunk: Chunk, timed: bool, with_status: bool, now: datetime
) -> DelayCurve | NotLearned | None:
    """The delay curve as the newest verdicts have it; None before the first evaluation, and without labels mapped."""
    frozen = baseline(session, key)
    if frozen is None or frozen.profile.find(Kind.OUTCOME, "") is None:
        return None
    counted = answered(frozen.profile, with_status)
    found = load(session, frozen.id, "current", None, [Kind.OUTCOME, Kind.ROWS, counted[0]])
    span = found.span()
    if span is None:
        return NotLearned("no prediction yet")
    windows = list(chunks(chunk, span, frozen.span.first if frozen.span else None))
    return without_late(label_state(found, windows, counted, timed, min(slot_of(now), windows[-1].last))).curve
