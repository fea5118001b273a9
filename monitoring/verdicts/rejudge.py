"""What stored verdicts would have said under other thresholds: the decisions that judge now, on the values kept.

Nothing is measured again. Where what is kept does not tell, the verdict stays as it was and is counted as unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from monitoring.core.backtest import Quiet
from monitoring.core.multivariate.chance import rate
from monitoring.core.performance.metric import Better, get
from monitoring.core.verdict import Status, Verdict
from monitoring.fleet import Model, Threshold
from monitoring.rowtests.registry import get as rowtest
from monitoring.verdicts import labels, multivariate, quality
from monitoring.verdicts.drift_family import Family
from monitoring.verdicts.miscalibration import ASPECTS
from monitoring.verdicts.performance import FALSE_ALARMS, MIN_LABELS
from monitoring.verdicts.rejudge_drift import redrift
from monitoring.verdicts.subject import held_to, narrowest, status_above, status_below

OF_DRIFT = ("drift", "drift.feature", "drift.prediction", "drift.label")
UNJUDGED = (Status.NO_DATA, Status.FAILED)
AUTOMATIC = "automatic levels are only known once a window has been judged by them"
FEWER = "windows that were too small to be judged have no value to judge now"
GATE = "how many labels were due in a silence is not kept"
NEW = "what was never judged has no value to judge now"

Held = tuple[Status, float | None, float | None, float | None]
"""Status, the level that decided it, and both levels."""
Answer = Held | str | None
"""What is decided; why it cannot be told; None where the verdict stays as it is."""


@dataclass(slots=True)
class Rejudged:
    """Verdicts under other thresholds, and in how many windows each reason kept something from being told."""

    verdicts: list[Verdict]
    unknown: Counter[str] = field(default_factory=Counter)


def needed(before: Model, after: Model) -> set[str]:
    """The checks whose stored verdicts tell what changes from one to the other; none where nothing does."""
    changed = {t.check for t in set_of(before) ^ set_of(after)}
    out = set(changed)
    if changed & {"drift.feature", "drift.prediction", "drift.label"} or _budget_or_default(before, after, changed):
        out |= set(OF_DRIFT)
    metrics = {c.partition(".")[2] for c in changed if c.startswith(("performance.", "estimated."))}
    if metrics:
        metrics |= {before.main_metric, after.main_metric}
    return out | {f"{family}.{name}" for name in metrics for family in ("performance", "estimated")}


def rejudge(
    before: Model, after: Model, stored: Sequence[Verdict], begun: int | None = None,
    beside: Mapping[datetime | None, Sequence[float]] | None = None, quiet: Quiet | None = None,
) -> Rejudged:  # fmt: skip
    """Verdicts of one model as a whole, or of its slices and versions, in order of time, under the thresholds of
    `after`.

    `stored` were judged under those of `before`, and hold all of the checks that are `needed`; or all but those whose
    p-values are `beside`, and but features that are `quiet`. `begun` is the slot in which the log begins, where that is
    known.
    """
    out = Rejudged([])
    changed = {t.check for t in set_of(before) ^ set_of(after)}
    rules = Rules(before, after)
    of_drift = [v for v in stored if v.check in OF_DRIFT] if changed & set(OF_DRIFT) else []
    again, unknown = (
        redrift(Family(before, after, of_drift, begun, beside or {}, quiet or Quiet())) if of_drift else ({}, Counter())
    )
    out.unknown += unknown
    for v in stored:
        if v.check in OF_DRIFT:
            out.verdicts.append(again.get(id(v), v))
            continue
        answer = rules.of(v)
        if isinstance(answer, str):
            out.unknown[answer] += 1
            answer = None
        if answer is not None:
            v = v.held(*answer)
        out.verdicts.append(v)
    if "drift.multivariate" in changed:
        gone = {v.method for v in stored if v.check == multivariate.CHECK} - set(rules.asked)
        out.verdicts = [v for v in out.verdicts if v.check != multivariate.CHECK or v.method not in gone]
        for method in rules.asked.keys() - {v.method for v in stored if v.check == multivariate.CHECK}:
            out.unknown[f"{method}: {NEW}"] += 1
    return out


def set_of(model: Model) -> set[Threshold]:
    """A model's thresholds. They are told apart by what they say."""
    return set(model.thresholds)


def held_by(
    model: Model, check: str, column: str | None, slice_: str | None = None, version: str | None = None
) -> Threshold | None:
    """What a check of a model is held against; an estimate without levels of its own by the metric's."""
    own = narrowest(model.thresholds, check, column, slice_ or "", version or "")
    family, _, metric = check.partition(".")
    if own is None and family == "estimated":
        return narrowest(model.thresholds, f"performance.{metric}")
    return own


def _budget_or_default(before: Model, after: Model, changed: set[str]) -> bool:
    """Whether a change of `drift` is more than one of its levels."""
    if "drift" not in changed:
        return False
    was, now = narrowest(before.thresholds, "drift"), narrowest(after.thresholds, "drift")
    budgets = {None if t is None else t.false_alarms_per_quarter for t in (was, now)}
    return len(budgets) > 1 or now is None or not (now.warning or now.breached)


@dataclass
class Rules:
    """How each check is decided under the new thresholds."""

    before: Model
    after: Model

    def __post_init__(self) -> None:
        self._known: dict[tuple[str | None, ...], tuple[bool, Threshold | None]] = {}
        self._betters: dict[str, Better] = {}
        self._main = self.before.main_metric, self.after.main_metric
        self._families: dict[str, Callable[[Verdict, Threshold | None], Answer]] = {
            "quality": self._quality, "performance": self._performance, "estimated": self._estimated,
            "drift": self._multivariate,
        }  # fmt: skip

    @cached_property
    def asked(self) -> dict[str, Threshold]:
        """The methods of drift.multivariate."""
        return multivariate.chosen(self.after)

    def of(self, v: Verdict) -> Answer:
        """What a verdict would say."""
        changed, own = self._own(v.check, v.column, v.slice, v.version)
        family = self._families.get(v.check.partition(".")[0])
        if not changed or family is None or v.status in UNJUDGED:
            return None
        return family(v, own)

    def _own(
        self, check: str, column: str | None, slice_: str | None, version: str | None
    ) -> tuple[bool, Threshold | None]:
        """Whether what a check is held against changes, and what it is held against then."""
        about = check, column, slice_, version
        if about not in self._known:
            was, now = (held_by(m, *about) for m in (self.before, self.after))
            metric = check.partition(".")[2]
            moved = self._main[0] != self._main[1] and metric in self._main
            everything = check == multivariate.CHECK and multivariate.chosen(self.before) != self.asked
            self._known[about] = was != now or moved or everything, now
        return self._known[about]

    def _quality(self, v: Verdict, own: Threshold | None) -> Answer:
        if v.value is None or v.provisional or v.check not in (*quality.DEFAULTS, labels.CHECK):
            return None
        if v.check == labels.CHECK:
            return self._labels(v, own, v.value)
        warning, breached = quality.levels_of(v.check, own)
        status, level = status_above(v.value, warning, breached)
        if v.window.n < quality.fewest_rows(v.check, own):
            status = Status.INSUFFICIENT_DATA
        far = v.automatic and v.status == Status.WARNING and v.warning is not None and v.value < v.warning
        if far and own is None:
            return None
        return status, level, warning, breached

    def _labels(self, v: Verdict, own: Threshold | None, value: float) -> Answer:
        methods = (None, labels.COMPLETENESS) if v.method == labels.COMPLETENESS else (labels.ARRIVAL,)
        mine = own is not None and own.method in methods and (own.warning is not None or own.breached is not None)
        if not mine or own is None:
            return None if v.automatic or v.threshold is None else AUTOMATIC
        if v.method == labels.COMPLETENESS:
            return *status_below(value, own.warning, own.breached), own.warning, own.breached
        status, level = status_above(value, own.warning, own.breached)
        if status != Status.OK and v.status == Status.OK:
            return GATE
        return status, level, own.warning, own.breached

    def _performance(self, v: Verdict, own: Threshold | None) -> Answer:
        return self._metric(v, own, "performance.")

    def _estimated(self, v: Verdict, own: Threshold | None) -> Answer:
        fewest = own.min_rows if own and own.min_rows else MIN_LABELS
        if v.value is None:
            return FEWER if v.status == Status.INSUFFICIENT_DATA and 0 < v.window.n >= fewest else None
        return self._metric(v, own, "estimated.")

    def _metric(self, v: Verdict, own: Threshold | None, family: str) -> Answer:
        if v.value is None:
            return None
        name = v.check.removeprefix(family)
        fewest = own.min_rows if own and own.min_rows else MIN_LABELS
        warning, breached = (None, None) if own is None else (own.warning, own.breached)
        if v.window.n < fewest:
            return Status.INSUFFICIENT_DATA, None, None, None
        unstated = warning is None and breached is None
        if name in ASPECTS and unstated and not (v.slice or v.version):  # held against chance
            return None if own is None and v.automatic else AUTOMATIC
        if unstated and (name == self._main[1] or (own is not None and family == "performance.")):
            if not v.automatic or v.threshold is None or not self._as_often(v):
                return AUTOMATIC
            warning, breached = v.warning, v.breached
        status, level = held_to(self._better(name), v.value, warning, breached)
        return status, level, warning, breached

    def _better(self, metric: str) -> Better:
        if metric not in self._betters:
            self._betters[metric] = get(metric, self.after.task).better
        return self._betters[metric]

    def _as_often(self, v: Verdict) -> bool:
        """Whether automatic levels are allowed as many false alarms as they were."""
        held = (held_by(m, v.check, v.column, v.slice, v.version) for m in (self.before, self.after))
        was, now = ((own and own.false_alarms_per_quarter) or FALSE_ALARMS for own in held)
        return was == now

    def _multivariate(self, v: Verdict, own: Threshold | None) -> Answer:
        mine = self.asked.get(v.method or "")
        if mine is None or v.value is None or v.p_value is None:
            return None
        if mine.reference != (multivariate.chosen(self.before).get(v.method or "") or mine).reference:
            return "another reference was never compared with"
        test = rowtest(v.method or "")
        hours = None if self.after.chunk.rows is not None else float(self.after.chunk.slots)
        one, _ = rate(multivariate.budget(self.asked), hours, len(self.asked))
        warning, breached = multivariate.floors_of(test, mine)
        status = multivariate.decided(test, v.value, v.p_value < one, warning, breached, mine)
        return status, breached if status == Status.BREACHED else warning, warning, breached
