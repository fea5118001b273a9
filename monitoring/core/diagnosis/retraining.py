"""Whether retraining is likely to help: a challenger fitted on newer rows against the champion, on the same rows.

Three changes of the metric are compared, each paired row by row:

- *gain*: champion to challenger. What would be seen after retraining.
- *newer*: control to challenger, the same learner fitted on the reference's rows. What newer rows bring, and nothing
  else. It understates what retraining brings where the champion is older than the reference.
- *learner*: champion to learner on the reference's own rows, cross-fitted by days. What another learner brings
  anyway, with nothing decayed. What is left of the gain after it has been *earned* by retraining.

Retraining is likely to help where the gain is certain, a part of it is newer rows' or earned (certain as well), and
it makes up for a quarter of the drop or more. It is not where the gain is certainly less than that, where it is most
likely less and certainly not the whole drop, or where there is no drop to make up for. Else nobody can tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from monitoring.core.diagnosis.interval import Interval
from monitoring.core.diagnosis.row_metric import RowMetric

FEWEST_ROWS = 200
"""Labelled rows below which no challenger is fitted, and none is scored."""
QUARTER = 0.25
"""Share of the drop that retraining has to make up for: less is not worth the release."""


class Outlook(StrEnum):
    """What retraining is likely to do. `untried` where no challenger could be fitted and scored."""

    HELPS = "helps"
    IDLE = "idle"
    UNSURE = "unsure"
    UNTRIED = "untried"


@dataclass(frozen=True, slots=True)
class Retraining:
    """What a challenger did. Changes are of the metric, in its own direction; `sign` turns them into gains.

    `now` is the champion's metric on the rows scored (`scored` of them), `fitted` the rows of the last challenger.
    `reason` says why nothing can be told.
    """

    outlook: Outlook
    reason: str = ""
    now: float | None = None
    change: Interval | None = None
    newer: Interval | None = None
    learner: Interval | None = None
    scored: int = 0
    fitted: int = 0

    @property
    def after(self) -> float | None:
        """The metric expected after retraining."""
        return None if self.now is None or self.change is None else self.now + self.change.value


def judged(
    yard: RowMetric, now: float, change: Interval, newer: Interval | None, learner: Interval | None,
    drop: float | None, scored: int, fitted: int,
) -> Retraining:  # fmt: skip
    """The outlook. `drop` is how much worse the metric is than in the reference, above zero where it is."""
    gain = change.times(yard.sign)
    evidence = []
    if newer is not None:
        evidence.append(newer.times(yard.sign))
    if learner is not None:
        anyway = learner.times(yard.sign)
        evidence.append(gain.minus(anyway) if anyway.value > 0 else gain)
    lost = max(drop or 0.0, 0.0)
    floor = QUARTER * lost
    best = max(evidence, key=lambda e: e.lower) if evidence else gain
    outlook, reason = Outlook.UNSURE, "the interval holds both"
    if gain.lower > 0 and best.lower > 0 and min(gain.value, best.value) >= floor:
        outlook, reason = Outlook.HELPS, ""
    elif _idle(gain, floor, lost) or (drop is not None and drop <= 0):
        outlook, reason = Outlook.IDLE, ""
    elif evidence and all(_idle(e, floor, lost) for e in evidence):
        outlook, reason = Outlook.IDLE, "another learner"
    return Retraining(outlook, reason, now, change, newer, learner, scored, fitted)


def _idle(gain: Interval, floor: float, lost: float) -> bool:
    """Whether a gain is too small to be worth it: certainly below the floor, or most likely so and the whole of what
    was lost certainly out of reach."""
    return gain.upper < floor or gain.upper <= 0 or (gain.value < floor and gain.upper < lost)
