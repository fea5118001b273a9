"""What stored drift verdicts would have said under other levels or another budget: window by window, as a family."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from monitoring.core.calibration.budget import evident, score, shared_out
from monitoring.core.verdict import Status, Verdict
from monitoring.core.window import Slots, slot_of
from monitoring.fleet import Model, MovingReference, Threshold
from monitoring.stattests.registry import get as stattest
from monitoring.verdicts.drift import DRIFTED, FALSE_ALARMS, PREFIX, UNTESTED, share_levels
from monitoring.verdicts.effect import is_stated, levels_of
from monitoring.verdicts.season import A_YEAR_AGO, SEASON
from monitoring.verdicts.subject import MIN_ROWS, narrowest, status_above

OTHER = "another method, reference, covariate or direction gives other values, which were never measured"
FEWER = "windows that were too small to be judged have no value to judge now"
SEASONAL = "whether it is the season is only kept for the old budget"

Key = tuple[str, str | None, str | None]
"""Check, column and slice."""
Levels = tuple[float | None, float | None]


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


def budget_of(model: Model) -> float:
    """False alarms a quarter that all drift checks of a model share."""
    own = narrowest(model.thresholds, "drift")
    return (own.false_alarms_per_quarter if own else None) or FALSE_ALARMS


@dataclass
class Family:
    """The drift verdicts of a model that share a budget, and the thresholds before and after. `begun` is the slot in
    which the log begins, None where that is not known. `beside` are, by window, the p-values of others
    that share the budget, which are not judged again here."""

    before: Model
    after: Model
    stored: Sequence[Verdict]
    begun: int | None = None
    beside: Mapping[datetime | None, Sequence[float]] = field(default_factory=dict)

    @cached_property
    def budget(self) -> float:
        """False alarms a quarter that all share."""
        return budget_of(self.after)

    def __post_init__(self) -> None:
        self._held: dict[Key, Held] = {}
        self._levels: dict[tuple[int, str | None], Levels] = {}

    def held(self, v: Verdict) -> Held:
        """What its column is held against before and after."""
        key = v.check, v.column, v.slice
        found = self._held.get(key)
        if found is None:
            found = self._held[key] = held(self.before, self.after, *key)
        return found

    def levels(self, known: Held, method: str | None) -> Levels:
        """The levels of what a column is held against."""
        key = id(known.own), method
        found = self._levels.get(key)
        if found is None:
            found = self._levels[key] = levels_of(known.own, stattest(method or ""))
        return found

    def season_known(self, v: Verdict) -> bool:
        """Whether a covariate or a year ago could tell the season when it was judged; True where nobody knows."""
        if isinstance(self.after.reference, MovingReference) or v.window.start is None or v.window.end is None:
            return False
        if self.held(v).own.covariate is not None:
            return True
        window = Slots(slot_of(v.window.start), slot_of(v.window.end))
        return self.begun is None or A_YEAR_AGO.span(window, self.after.chunk).first >= self.begun


@dataclass(slots=True)
class _Effect:
    """A column's window: its status by effect alone, and whether evidence is asked for. `fixed` ones stay."""

    verdict: Verdict
    status: Status
    level: float | None
    warning: float | None
    breached: float | None
    asked: bool
    budget: float | None
    fixed: bool = False


def redrift(family: Family) -> tuple[dict[int, Verdict], Counter[str]]:
    """Those verdicts that are other ones then, by the identity of the stored; and what could not be told, how often."""
    out: dict[int, Verdict] = {}
    unknown: Counter[str] = Counter()
    before: dict[Key, float] = {}
    ended: datetime | None = None
    for window in _windows(family.stored):
        columns = [v for v in window if v.check != "drift"]
        effects = [_effect(family, v, unknown) for v in columns]
        if any(e.asked and not e.fixed and e.status in DRIFTED for e in effects):
            earlier = before if window[0].window.start == ended else {}
            for e, limit in _limits(family, effects, window[0].window.start):
                v = e.verdict
                if not e.fixed:
                    e.status = evident(e.status, v.p_value or 0.0, limit, earlier.get((v.check, v.column, v.slice)))
                    e.status = _season(family, v, e.status, limit, unknown)
        for e in effects:
            v = e.verdict
            if not e.fixed and (e.status is not v.status or e.warning != v.warning or e.breached != v.breached):
                out[id(v)] = v.held(e.status, e.level, e.warning, e.breached)
        for v in window:
            if v.check == "drift":
                out[id(v)] = _whole(family, v, effects)
        before = {(v.check, v.column, v.slice): v.p_value for v in columns if v.p_value is not None}
        ended = window[0].window.end
    return out, unknown


def _limits(family: Family, effects: Sequence[_Effect], start: datetime | None) -> Iterator[tuple[_Effect, float]]:
    """Each of a window's that evidence is asked for, with the p-value at or below which there is."""
    held, beside = [e for e in effects if e.asked], family.beside.get(start, ())
    p_values = [*(e.verdict.p_value or 0.0 for e in held), *beside]
    budgets = [*(_budget(family, e) for e in held), *(None for _ in beside)]
    limits = shared_out(p_values, budgets, family.budget, family.after.chunk.hours)
    yield from zip(held, limits[: len(held)].tolist(), strict=True)


def _budget(family: Family, effect: _Effect) -> float | None:
    """Its own; what is provisional shares none with the others."""
    return family.budget if effect.budget is None and effect.verdict.provisional else effect.budget


def _windows(stored: Sequence[Verdict]) -> Iterator[list[Verdict]]:
    by_window: dict[tuple[datetime | None, int | None], list[Verdict]] = defaultdict(list)
    for v in stored:
        by_window[v.window.start, v.window.chunk].append(v)
    yield from by_window.values()


def _levels(v: Verdict) -> tuple[float | None, float | None]:
    return v.warning, v.breached


def _effect(family: Family, v: Verdict, unknown: Counter[str]) -> _Effect:
    known = family.held(v)
    asked = v.p_value is not None and known.asked
    rows = v.method is not None and v.method.startswith(PREFIX)
    if v.value is None or known.other or (rows and v.window.n >= known.fewest):
        if why := _kept(known, v):
            unknown[why] += 1
        return _Effect(v, v.status, v.threshold, *_levels(v), asked, known.budget, True)
    if v.window.n < known.fewest:
        return _Effect(v, Status.INSUFFICIENT_DATA, None, None, None, False, known.budget)
    warning, breached = family.levels(known, v.method)
    status, level = status_above(v.value, warning, breached)
    if known.own.direction in ("up", "down") and (v.p_value or 0.0) > 0.5:
        status = Status.OK
    return _Effect(v, status, level, warning, breached, asked, known.budget)


def _kept(known: Held, v: Verdict) -> str:
    """Why what stays as it is might be another; "" where it would not."""
    if v.value is None:
        return FEWER if v.status == Status.INSUFFICIENT_DATA and known.fewer else ""
    return OTHER if known.other or known.was != known.own else ""


def _season(family: Family, v: Verdict, status: Status, limit: float, unknown: Counter[str]) -> Status:
    """What was shown to be the season stays so under a stricter limit; under another nobody looked."""
    if status not in DRIFTED or not family.season_known(v) or v.null_quantile is None:
        return status
    stricter = score(limit) - v.null_quantile
    if v.reason.startswith(SEASON):
        if stricter < -1e-9:
            unknown[SEASONAL] += 1
        return Status.OK
    looked = v.status in DRIFTED
    if (looked and stricter > 1e-9) or (not looked and v.status == Status.OK):
        unknown[SEASONAL] += 1
    return status


def _whole(family: Family, v: Verdict, effects: Sequence[_Effect]) -> Verdict:
    """The verdict on the model: the share of its features that drifted. Without the features at hand, as it was."""
    own = narrowest(family.after.thresholds, "drift")
    features = [e for e in effects if e.verdict.check == "drift.feature"]
    if not features:
        if v.value is None or own is None:
            return v
        value, levels = v.value, (own.warning, own.breached)
        failed = v.status == Status.FAILED or UNTESTED in v.reason
    else:
        judged = [e for e in features if e.verdict.value is not None and e.status != Status.INSUFFICIENT_DATA]
        if not judged:
            return v._replace(status=Status.INSUFFICIENT_DATA, value=None) if v.value is not None else v
        value = sum(e.status in DRIFTED for e in judged) / len(judged)
        levels = share_levels(own, len(judged))
        failed = any(e.status == Status.FAILED for e in features)
    status, level = status_above(value, *levels)
    if failed and status not in DRIFTED:
        status = Status.FAILED
    found = v.held(status, level, *levels)
    return found if value == v.value else found._replace(value=value)
