"""Verdicts of tests on rows: a measure of a window held against chance and against a floor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from monitoring.core.multivariate.chance import Chance
from monitoring.core.verdict import Status, Verdict
from monitoring.core.window import Slots
from monitoring.fleet import Model, Threshold
from monitoring.rowtests.registry import RowTest
from monitoring.verdicts.subject import Subject, status_above

CHECK = "drift.multivariate"
DEFAULT = ("domain_classifier", "joint_with_prediction")
"""Methods where a threshold names none."""
MIN_ROWS = 100
BUDGET = 1.0
"""False alarms a quarter, of all methods of a model together."""
NAMED = 3
SHARE = 0.1
"""Features named at most, and the least share of what was seen for which one is."""


def chosen(model: Model) -> dict[str, Threshold]:
    """The methods that an owner asked for, each with its threshold; a later one wins. None, where none did."""
    out: dict[str, Threshold] = {}
    for threshold in model.thresholds:
        if threshold.check == CHECK:
            out |= dict.fromkeys([threshold.method] if threshold.method else DEFAULT, threshold)
    return out


def budget(thresholds: Mapping[str, Threshold]) -> float:
    """False alarms a quarter: the strictest that any threshold states."""
    stated = [t.false_alarms_per_quarter for t in thresholds.values() if t.false_alarms_per_quarter is not None]
    return min(stated, default=BUDGET)


def new_versions(subject: Subject, window: Slots) -> tuple[list[str], float]:
    """Versions that answered in a window and not in the reference, and their share of its rows."""
    span = subject.reference_span
    known = {v for v in subject.reference.versions if subject.reference.rows(span, v)}
    if known <= {""}:
        return [], 0.0
    rows = {v: subject.current.rows(window, v) for v in subject.current.versions if v not in known}
    new = sorted(v for v, n in rows.items() if n)
    return new, sum(rows.values()) / max(subject.current.rows(window), 1)


@dataclass(frozen=True, slots=True)
class Measured:
    """A window's measure by a test: on `size` rows, with the shares of `names` in it, where they were asked for."""

    value: float
    size: int
    names: Sequence[str] = ()
    shares: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Levels:
    """What a measure is held against: chance, the score that is its limit, and the floors."""

    chance: Chance
    limit: float
    warning: float | None
    breached: float | None

    def beyond(self, test: RowTest, measure: float) -> bool:
        """Whether chance alone would hardly go as far."""
        score = self.chance.score(measure)
        return abs(score) > self.limit if test.sides == "both" else score > self.limit


def levels(test: RowTest, own: Threshold | None, chance: Chance, rate: float) -> Levels:
    """Floors are the owner's, else the test's."""
    return Levels(chance, chance.quantile(rate, test.sides), *floors_of(test, own))


def held(verdict: Verdict, test: RowTest, own: Threshold | None, found: Measured, against: Levels) -> Verdict:
    """The verdict on a window: drifted where chance would hardly go as far and the floor is reached, too."""
    chance = against.chance
    value = test.value(found.value, chance.mean)
    lower = test.sides == "both" and value < 1
    beyond = against.beyond(test, found.value)
    status = decided(test, value, beyond, against.warning, against.breached, None)
    effect = test.words(value) + _most(found)
    note = ""
    if beyond and status == Status.OK:
        note = ", beyond chance but too little to matter"
    elif decided(test, value, beyond, against.warning, against.breached, own) != status:
        status, note = Status.OK, ", the way that does not matter"
    reached = test.value(chance.at(-against.limit if lower else against.limit), chance.mean)
    warning, breached = (_level(floor, reached, lower) for floor in (against.warning, against.breached))
    score = chance.score(found.value)
    return verdict._replace(
        status=status, value=value, warning=warning, breached=breached,
        threshold=breached if status == Status.BREACHED or warning is None else warning,
        p_value=chance.p_value(found.value, test.sides), drift_score=abs(score) if test.sides == "both" else score,
        null_quantile=against.limit, effect=effect,
        automatic=own is None or (own.warning is None and own.breached is None),
        reason=f"{effect[0].upper()}{effect[1:]}{note}; {_evidence(found, against, score, verdict.window.n)}",
    )  # fmt: skip


def decided(
    test: RowTest, value: float, beyond: bool, warning: float | None, breached: float | None, own: Threshold | None
) -> Status:
    """The status of a value that is beyond chance or not, by its floors and by the direction that matters."""
    lower = test.sides == "both" and value < 1
    if not beyond or (own is not None and own.direction == ("up" if lower else "down")):
        return Status.OK
    return status_above(1 / max(value, 1e-12) if lower else value, warning, breached)[0]


def floors_of(test: RowTest, own: Threshold | None) -> tuple[float | None, float | None]:
    """The owner's floors, else the test's."""
    if own is not None and (own.warning is not None or own.breached is not None):
        return own.warning, own.breached
    return test.warning, test.breached


def _most(found: Measured) -> str:
    """The features that have most of it, in words."""
    ranked = sorted(zip(found.shares, found.names, strict=False), key=lambda pair: (-pair[0], pair[1]))
    named = [name for share, name in ranked[:NAMED] if share >= SHARE]
    return f"; most by {', '.join(named)}" if named else ""


def _level(floor: float | None, reached: float, lower: bool) -> float | None:
    """The value that both chance and floor ask for."""
    if floor is None:
        return None
    return min(1 / floor, reached) if lower else max(floor, reached)


def _evidence(found: Measured, against: Levels, score: float, n: int) -> str:
    rows = f"{found.size:,} rows" if found.size >= n else f"a sample of {found.size:,} of {n:,} rows"
    limit = f"{score:.1f} deviations of chance, which reaches {against.limit:.1f}"
    if against.chance.by_rows:
        return (
            f"{limit}, on {rows}. Chance is judged row by row, as the reference has too few windows of this size: "
            "that takes the rows of one window as independent."
        )
    along = against.chance.dependence
    worth = f", which depend on one another and are worth {against.chance.blocks:.0f}" if along > 0.2 else ""
    return f"{limit}, on {rows}; from the reference's own windows{worth}."
