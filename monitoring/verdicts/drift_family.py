"""The drift verdicts of a model that share a budget, and what each column is held against before and after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from monitoring.core.backtest import Levels, Quiet
from monitoring.core.calibration.budget import family_limit, level
from monitoring.core.verdict import Status, Verdict
from monitoring.core.window import Slots, slot_of
from monitoring.fleet import Model, MovingReference, Threshold
from monitoring.stattests.registry import get as stattest
from monitoring.verdicts.drift import PREFIX, budget_of
from monitoring.verdicts.effect import CHECKS, is_stated, levels_of
from monitoring.verdicts.season import A_YEAR_AGO
from monitoring.verdicts.subject import MIN_ROWS, narrowest

FEATURE = "drift.feature"


@dataclass(frozen=True, slots=True)
class Held:
    """What a column is held against: before, after, and what follows of both for all of its windows. `other` is
    whether its values would be others, `asked` whether evidence counts beside the effect, `budget` false alarms of its
    own."""

    was: Threshold
    own: Threshold
    other: bool
    fewest: int
    fewer: bool
    asked: bool
    budget: float | None


def held(before: Model, after: Model, check: str, column: str | None, slice_: str | None = None) -> Held:
    """What a column, of a slice where one is named, is held against before and after."""
    was, own = (
        narrowest(m.thresholds, check, column, slice_ or "") or Threshold(check=check) for m in (before, after)
    )  # fmt: skip
    other = any(getattr(was, name) != getattr(own, name) for name in ("method", "reference", "covariate", "direction"))
    fewest = own.min_rows or MIN_ROWS
    budget = own.false_alarms_per_quarter
    asked = not is_stated(own) or budget is not None
    return Held(was, own, other, fewest, fewest < (was.min_rows or MIN_ROWS), asked, budget)


class Column(NamedTuple):
    """A column by one method: what it is held against before and after, and the levels that the method has then."""

    held: Held
    levels: Levels

    def quiet(self, v: Verdict) -> bool:
        """Whether a window was fine and is, and is held against the same: by far the most are."""
        warning, breached = self.levels
        return (
            v.status is Status.OK and v.warning == warning and v.breached == breached
            and v.value is not None and v.window.n >= self.held.fewest
            and (warning is None or v.value < warning) and (breached is None or v.value < breached)
            and not self.held.other and not (v.method or "").startswith(PREFIX)
        )  # fmt: skip


def quiet_levels(before: Model, after: Model, methods: Iterable[str]) -> dict[str, Levels]:
    """By method, the levels below which features that are held against nothing of their own stay fine; none where some
    may be held against another, or share no budget."""
    if any(t.check in CHECKS.values() for model in (before, after) for t in model.thresholds):
        return {}
    unset = Threshold(check=FEATURE)
    return {
        method: levels_of(unset, stattest(method)) for method in methods if method and not method.startswith(PREFIX)
    }


@dataclass
class Family:
    """The drift verdicts of a model that share a budget, and the thresholds before and after. `begun` is the slot in
    which the log begins, None where that is not known. `beside` are, by window, the p-values of others
    that share the budget, which are not judged again here; `quiet` are features that need not be, as they stay fine."""

    before: Model
    after: Model
    stored: Sequence[Verdict]
    begun: int | None = None
    beside: Mapping[datetime | None, Sequence[float]] = field(default_factory=dict)
    quiet: Quiet = field(default_factory=Quiet)

    @cached_property
    def budget(self) -> float:
        """False alarms a quarter that all share."""
        return budget_of(self.after)

    def __post_init__(self) -> None:
        self._columns: dict[tuple[str, str | None, str | None, str | None], Column] = {}

    @cached_property
    def whole(self) -> Threshold | None:
        """What the share of drifted features is held against."""
        return narrowest(self.after.thresholds, "drift")

    def column(self, v: Verdict) -> Column:
        """What a verdict's column is held against."""
        key = v.check, v.column, v.slice, v.method
        found = self._columns.get(key)
        if found is None:
            known = held(self.before, self.after, v.check, v.column, v.slice)
            found = self._columns[key] = Column(known, levels_of(known.own, stattest(v.method or "")))
        return found

    def limit(self, p_values: Sequence[float], start: datetime | None) -> float:
        """The p-value at or below which there is evidence, where these share the budget in a window."""
        shared = [*p_values, *self.beside.get(start, ())]
        return family_limit(shared, level(self.budget, self.after.chunk.hours))

    def season_known(self, v: Verdict) -> bool:
        """Whether a covariate or a year ago could tell the season when it was judged; True where nobody knows."""
        if isinstance(self.after.reference, MovingReference) or v.window.start is None or v.window.end is None:
            return False
        if self.column(v).held.own.covariate is not None:
            return True
        window = Slots(slot_of(v.window.start), slot_of(v.window.end))
        return self.begun is None or A_YEAR_AGO.span(window, self.after.chunk).first >= self.begun
