"""What stored drift verdicts would have said under other levels or another budget: window by window, as a family."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from monitoring.core.backtest import Levels
from monitoring.core.calibration.budget import evident, level, score
from monitoring.core.verdict import Status, Verdict
from monitoring.verdicts.drift import DRIFTED, PREFIX, UNTESTED, share_levels
from monitoring.verdicts.drift_family import FEATURE, Column, Family, Held
from monitoring.verdicts.season import SEASON
from monitoring.verdicts.subject import status_above

OTHER = "another method, reference, covariate or direction gives other values, which were never measured"
FEWER = "windows that were too small to be judged have no value to judge now"
SEASONAL = "whether it is the season is only kept for the old budget"


@dataclass(slots=True)
class _Effect:
    """A column's window: its status by effect alone, and whether evidence is asked for. `fixed` ones stay."""

    verdict: Verdict
    status: Status
    level: float | None
    levels: Levels
    asked: bool
    budget: float | None
    fixed: bool = False

    @property
    def far(self) -> bool:
        """Whether evidence decides: the effect is large enough."""
        return self.asked and not self.fixed and self.status in DRIFTED

    @property
    def changed(self) -> bool:
        """Whether it is another verdict then."""
        v = self.verdict
        return not self.fixed and (self.status is not v.status or self.levels != (v.warning, v.breached))


def redrift(family: Family) -> tuple[dict[int, Verdict], Counter[str]]:
    """Those verdicts that are other ones then, by the identity of the stored; and what could not be told, how often."""
    out: dict[int, Verdict] = {}
    unknown: Counter[str] = Counter()
    before: list[Verdict] = []
    for window in _windows(family.stored):
        columns = [v for v in window if v.check != "drift"]
        effects, sharing, quiet = _effects(family, columns, unknown)
        start = window[0].window.start
        if start is not None:
            sharing += family.quiet.p_values.get(start, ())
            quiet += family.quiet.features.get(start, 0)
        far = [e for e in effects if e.far]
        if far:
            lasted = before and before[0].window.end == start
            _weigh(family, far, family.limit(sharing, start), before if lasted else (), unknown)
        for e in effects:
            if e.changed:
                out[id(e.verdict)] = e.verdict.held(e.status, e.level, *e.levels)
        for v in window:
            if v.check == "drift":
                out[id(v)] = _whole(family, v, [e for e in effects if e.verdict.check == FEATURE], quiet)
        before = columns
    return out, unknown


def _effects(
    family: Family, columns: Sequence[Verdict], unknown: Counter[str]
) -> tuple[list[_Effect], list[float], int]:
    """Of a window's columns the effects of those that are not quiet, the p-values of all that share the budget, and how
    many features are quiet."""
    effects, sharing, quiet = [], [], 0
    for v in columns:
        column = family.column(v)
        known = column.held
        if column.quiet(v):
            quiet += v.check == FEATURE
            asked = known.asked
        else:
            effects.append(e := _effect(column, v, unknown))
            asked = e.asked
        if asked and v.p_value is not None and known.budget is None and not v.provisional:
            sharing.append(v.p_value)
    return effects, sharing, quiet


def _weigh(
    family: Family, far: Sequence[_Effect], shared: float, before: Sequence[Verdict], unknown: Counter[str]
) -> None:
    """What remains of a window's effects by the evidence: its own, and that of the window before."""
    earlier = {(v.check, v.column, v.slice): v.p_value for v in before if v.p_value is not None}
    for e in far:
        v = e.verdict
        own = _budget(family, e)
        limit = shared if own is None else level(own, family.after.chunk.hours)
        last = earlier.get((v.check, v.column, v.slice), _quiet_before(family, v))
        status = evident(e.status, v.p_value or 0.0, limit, last)
        e.status = _season(family, v, status, limit, unknown)


def _quiet_before(family: Family, v: Verdict) -> float | None:
    """The p-value of a feature's window before, where that was quiet and is evidence."""
    start, end = v.window.start, v.window.end
    if v.check != FEATURE or start is None or end is None:
        return None
    return family.quiet.evidence.get((start - (end - start), v.column))


def _budget(family: Family, effect: _Effect) -> float | None:
    """Its own; what is provisional shares none with the others."""
    return family.budget if effect.budget is None and effect.verdict.provisional else effect.budget


def _windows(stored: Sequence[Verdict]) -> Iterator[list[Verdict]]:
    by_window: dict[tuple[datetime | None, int | None], list[Verdict]] = defaultdict(list)
    for v in stored:
        by_window[v.window.start, v.window.chunk].append(v)
    yield from by_window.values()


def _effect(column: Column, v: Verdict, unknown: Counter[str]) -> _Effect:
    known, levels = column
    asked = known.asked and v.p_value is not None
    enough = v.window.n >= known.fewest
    rows = enough and v.method is not None and v.method.startswith(PREFIX)
    if v.value is None or known.other or rows:
        if why := _kept(known, v):
            unknown[why] += 1
        return _Effect(v, v.status, v.threshold, (v.warning, v.breached), asked, known.budget, True)
    if not enough:
        return _Effect(v, Status.INSUFFICIENT_DATA, None, (None, None), False, known.budget)
    status, decided = status_above(v.value, *levels)
    if known.own.direction in ("up", "down") and (v.p_value or 0.0) > 0.5:
        status = Status.OK
    return _Effect(v, status, decided, levels, asked, known.budget)


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


def _whole(family: Family, v: Verdict, features: Sequence[_Effect], quiet: int) -> Verdict:
    """The verdict on the model: the share of its features that drifted, of which some are `quiet`. Without the features
    at hand, as it was."""
    own = family.whole
    if not features and not quiet:
        if v.value is None or own is None:
            return v
        value, levels = v.value, (own.warning, own.breached)
        failed = v.status == Status.FAILED or UNTESTED in v.reason
    else:
        loud = [e for e in features if e.verdict.value is not None and e.status != Status.INSUFFICIENT_DATA]
        judged = quiet + len(loud)
        if not judged:
            return v._replace(status=Status.INSUFFICIENT_DATA, value=None) if v.value is not None else v
        value = sum(e.status in DRIFTED for e in loud) / judged
        levels = share_levels(own, judged)
        failed = any(e.status == Status.FAILED for e in features)
    status, level = status_above(value, *levels)
    if failed and status not in DRIFTED:
        status = Status.FAILED
    found = v.held(status, level, *levels)
    return found if value == v.value else found._replace(value=value)
