"""Whether a model's probabilities mean what they say, as its page asks for it: of a stretch of the log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from monitoring.core.performance.curves import calibration_error
from monitoring.core.performance.metric import Estimate
from monitoring.core.performance.outcome import RegressionOutcome
from monitoring.core.performance.reliability import Counts, Reliability, null_error, reliability, table_of
from monitoring.core.summary import Kind
from monitoring.core.window import Slots, slot_ceiling, slot_of
from monitoring.store.queries.performance import outcome_of
from monitoring.store.queries.summaries import baseline
from monitoring.store.summaries import load
from monitoring.store.tables import ModelRow


@dataclass(frozen=True, slots=True)
class Shown:
    """The reliability curve of some labelled rows, their calibration error, and what chance alone would make of it."""

    curve: Reliability
    error: Estimate
    by_chance: float
    rows: int


@dataclass(frozen=True, slots=True)
class Beside:
    """A stretch of the log beside the reference; None for one without a labelled score. `classes`: those there are to
    choose among, of a multiclass model."""

    current: Shown | None
    reference: Shown | None
    classes: tuple[str, ...]


def beside(
    session: Session, key: str, start: datetime | None, end: datetime | None, chunks: tuple[int, int], class_: str = ""
) -> Beside | None:
    """[start, end), or chunks of rows from the first to before the last, beside the reference.

    `class_`: one class against the rest; "": the positive one, or the top label. None before the first evaluation, and
    for a regression.
    """
    frozen = baseline(session, key)
    task = session.scalar(select(ModelRow.task).where(ModelRow.key == key))
    if frozen is None or task is None or task == "regression" or frozen.profile.find(Kind.OUTCOME, "") is None:
        return None
    window = Slots(*chunks) if start is None or end is None else Slots(slot_of(start), slot_ceiling(end))
    past = load(session, frozen.id, frozen.role, frozen.span, [Kind.OUTCOME, Kind.ROWS])
    span = frozen.span or past.span() or Slots(0, 1)
    found = load(session, frozen.id, "current", window, [Kind.OUTCOME, Kind.ROWS])
    shown = []
    for summaries, stretch in ((found, window), (past, span)):
        outcome = outcome_of(frozen.profile, summaries, stretch, task, "")
        assert not isinstance(outcome, RegressionOutcome)
        table = table_of(outcome, class_)
        shown.append(None if table is None or not table.sum() else _shown(table))
    classes = () if task == "binary_classification" else frozen.profile.classes
    return Beside(shown[0], shown[1], classes)


def _shown(table: Counts) -> Shown:
    return Shown(reliability(table), calibration_error(table), null_error(table), int(table.sum()))
