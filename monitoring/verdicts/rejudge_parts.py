"""Which series of slices and versions a change of thresholds may open or end alerts of: few, so few need be read.

An alert of a part opens where its verdict is breached. So a series matters where it was, or where its farthest values
would be under the new thresholds.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from monitoring.core.alerting.rules import RULES
from monitoring.core.backtest import Evidence, Part
from monitoring.core.calibration.budget import level
from monitoring.core.verdict import Status, Verdict, Window
from monitoring.core.window import moment_of, slot_of
from monitoring.fleet import Model
from monitoring.stattests.registry import get as stattest
from monitoring.verdicts.drift import budget_of
from monitoring.verdicts.drift_family import held
from monitoring.verdicts.effect import levels_of
from monitoring.verdicts.rejudge import NEW, OF_DRIFT, Rejudged, Rules, rejudge, set_of

MANY = 1 << 40
"""Rows of a window that no threshold calls too few."""
OF_COLUMNS = frozenset(OF_DRIFT) - {"drift"}


def speaking(checks: Iterable[str]) -> set[str]:
    """Those of the checks of which slices and versions alert."""
    plain = tuple(rule.check.rstrip("*") for rule in RULES if rule.parts)
    return {check for check in checks if check.startswith(plain)}


@dataclass
class Parts:
    """The slices and versions of one model, before and after a change."""

    before: Model
    after: Model

    @cached_property
    def _rules(self) -> Rules:
        return Rules(self.before, self.after)

    @cached_property
    def reshared(self) -> bool:
        """Whether evidence of drift may be needed that was not: another budget, or others who share it."""
        moved = {t.check for t in set_of(self.before) ^ set_of(self.after)} & OF_COLUMNS
        return bool(moved) or budget_of(self.before) != budget_of(self.after)

    @property
    def cut(self) -> float:
        """The p-value above which it matters only how many there are. All of them do where something is stated of
        columns: then not all share the budget."""
        return 1.0 if any(t.check in OF_COLUMNS for t in self.after.thresholds) else self._limit()

    def rejudge(
        self, stored: Sequence[Verdict], begun: int | None, beside: Mapping[datetime | None, Sequence[float]]
    ) -> Rejudged:
        """Verdicts of those that matter under the thresholds of `after`. A metric that slices and versions are not
        judged by any more says nothing."""
        out = rejudge(self.before, self.after, stored, begun, beside)
        metrics = _metrics(self.after)
        out.verdicts = [v for v in out.verdicts if v.check in metrics or not v.check.startswith("performance.")]
        return out

    def untold(self, series: Iterable[Part]) -> Counter[str]:
        """In how many windows of all its series each reason keeps something from being told."""
        judged = Counter[tuple[str | None, str | None]]()
        for part in series:
            if part.check.startswith("performance."):
                judged[part.slice, part.version] = max(judged[part.slice, part.version], part.windows)
        new = _metrics(self.after) - _metrics(self.before) if judged else set()
        return Counter({f"{check} of slices and versions: {NEW}": judged.total() for check in new})

    def matter(self, part: Part) -> bool:
        """Whether a series may alert, before or after."""
        if part.breached:
            return True
        if part.check in OF_DRIFT:
            return self.reshared and self._may_drift(part)
        ends = {value for value in (part.low, part.high) if value is not None}
        return any(isinstance(a := self._rules.of(_at(part, v)), tuple) and a[0] == Status.BREACHED for v in ends)

    def windows(self, found: Collection[Verdict]) -> set[int]:
        """The first slots of windows in which it matters who else shares the budget."""
        shared = (v for v in found if v.check in OF_COLUMNS and v.p_value is not None and v.p_value <= self._limit())
        return {slot_of(v.window.start) for v in shared if v.window.start is not None} if self.reshared else set()

    def beside(
        self, found: Iterable[Verdict], below: Iterable[Evidence], above: Mapping[int, int]
    ) -> dict[datetime | None, list[float]]:
        """By window, the p-values of those that share the budget with what was found: of those `below` the cut each,
        and as many more as there are `above` it, by first slot."""
        of_columns = [v for v in found if v.check in OF_COLUMNS and not v.provisional]
        read = {(v.check, v.column, v.slice) for v in of_columns}
        out: dict[datetime | None, list[float]] = defaultdict(list)
        fewest: dict[tuple[str, str | None, str | None], float] = dict.fromkeys(read, math.inf)
        few: dict[int, list[float]] = defaultdict(list)
        for first, check, column, slice_, n, p_value in below:
            about = check, column, slice_
            least = fewest.get(about)
            if least is None:
                known = held(self.before, self.after, *about)
                least = fewest[about] = known.fewest if known.asked and known.budget is None else math.inf
            if n >= least:
                few[first].append(p_value)
        for first, p_values in few.items():
            out[moment_of(first)] += p_values
        too = Counter(v.window.start for v in of_columns if v.p_value is not None and v.p_value > self.cut)
        for first, many in above.items():
            start = moment_of(first)
            out[start] += [1.0] * (many - too[start])
        return out

    def _limit(self, budget: float | None = None) -> float:
        return level(budget_of(self.after) if budget is None else budget, self.after.chunk.hours)

    def _may_drift(self, part: Part) -> bool:
        known = held(self.before, self.after, part.check, part.column, part.slice)
        if known.other or part.high is None:
            return False
        _, breached = levels_of(known.own, stattest(part.method or ""))
        if breached is None or part.high < breached:
            return False
        return not known.asked or part.p_value is None or part.p_value <= self._limit(known.budget)


def _metrics(model: Model) -> set[str]:
    """What slices and versions are judged by: the main metric, and those with a threshold."""
    own = {t.check for t in model.thresholds if t.check.startswith("performance.")}
    return own | {f"performance.{model.main_metric}"}


def _at(part: Part, value: float) -> Verdict:
    """A window of a series with one of its values."""
    return Verdict(
        "", part.check, Window(None, None, MANY), Status.OK, "", part.column, part.slice, part.version, part.method,
        value,
    )  # fmt: skip
