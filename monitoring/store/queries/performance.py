"""Performance as its page asks for it: the reference's level, and how complete the labels are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pandas as pd
from sqlalchemy import select
from sqlalchemy.orm import Session

from monitoring.core.grid import NumericGrid
from monitoring.core.performance import outcome as outcomes
from monitoring.core.performance.metric import Estimate, Metric, get
from monitoring.core.performance.outcome import BinaryOutcome, MulticlassOutcome, RegressionOutcome
from monitoring.core.profile import Profile
from monitoring.core.summaries import Summaries
from monitoring.core.summary import Kind
from monitoring.core.window import Slots, slot_ceiling, slot_of
from monitoring.store.queries.summaries import baseline
from monitoring.store.summaries import load
from monitoring.store.tables import ModelRow


@dataclass(frozen=True, slots=True)
class Labels:
    """Rows of a window, and how many of them have a label by now."""

    rows: int
    labelled: int

    @property
    def share(self) -> float | None:
        """The share of rows with a label; None without rows."""
        return self.labelled / self.rows if self.rows else None


def titles(task: str, names: list[str]) -> dict[str, Metric]:
    """The metrics by name, with their titles."""
    return {name: get(name, task) for name in names}


def labels(
    session: Session, key: str, start: datetime | None, end: datetime | None, chunk: int | None = None
) -> Labels | None:
    """How complete the labels of a window (or of a chunk of rows) are; None before the first evaluation."""
    frozen = baseline(session, key)
    if frozen is None:
        return None
    number = chunk or 0
    window = Slots(number, number + 1) if start is None or end is None else Slots(slot_of(start), slot_ceiling(end))
    found = load(session, frozen.id, "current", window, [Kind.OUTCOME, Kind.ROWS])
    return Labels(found.rows(window), found.histogram(Kind.OUTCOME, "", window).n)


def reference(session: Session, key: str, metric: str, slice_: str = "") -> Estimate | None:
    """A metric over the whole reference; None where the reference has no label."""
    frozen = baseline(session, key)
    task = session.scalar(select(ModelRow.task).where(ModelRow.key == key))
    if frozen is None or task is None or frozen.profile.find(Kind.OUTCOME, "") is None:
        return None
    past = load(session, frozen.id, frozen.role, frozen.span, [Kind.OUTCOME, Kind.ROWS])
    span = frozen.span or past.span() or Slots(0, 1)
    found = outcome_of(frozen.profile, past, span, task, slice_)
    return get(metric, task).compute(found) if found.n else None


def outcome_of(
    profile: Profile, summaries: Summaries, window: Slots, task: str, slice_: str, version: str | None = None
) -> BinaryOutcome | MulticlassOutcome | RegressionOutcome:
    """What predictions and labels came to in a window, of one version or (None) of all."""
    whole = summaries.histogram(Kind.OUTCOME, "", window, version, slice_)
    if task == "binary_classification":
        return outcomes.binary(whole)
    if task == "regression":
        column = profile.find(Kind.OUTCOME, "")
        assert column is not None and isinstance(column.grid, NumericGrid)
        return outcomes.regression(whole, column.grid, summaries.sums(Kind.OUTCOME, "", window, version, slice_))
    names = [c.name for c in profile.columns if c.kind == Kind.OUTCOME and c.name]
    return outcomes.multiclass(
        profile.classes, whole, [summaries.histogram(Kind.OUTCOME, n, window, version, slice_) for n in names]
    )


def mature(frame: pd.DataFrame) -> pd.DataFrame:
    """The verdicts of windows whose labels are complete."""
    return frame[~frame["provisional"].astype(bool)]
