"""The effect of drift: how far a column moved in a window, by its stattest, and in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from monitoring.core.binned import align
from monitoring.core.calibration.budget import score
from monitoring.core.grid import MISSING, CategoricalGrid
from monitoring.core.summary import Kind
from monitoring.core.verdict import Status, Verdict
from monitoring.fleet import Threshold
from monitoring.stattests.registry import Stattest, default_for, get
from monitoring.verdicts.compared import Compared
from monitoring.verdicts.monitored import Monitored
from monitoring.verdicts.moved import moved
from monitoring.verdicts.subject import MIN_ROWS, Subject, status_above

CHECKS = {
    Kind.FEATURE: "drift.feature",
    Kind.SCORE: "drift.prediction",
    Kind.PREDICTION: "drift.prediction",
    Kind.LABEL: "drift.label",
}


@dataclass(frozen=True, slots=True)
class Effect:
    """A column's window as its stattest sees it. `calibrated` is false where it cannot be, or need not be, held to a
    budget; `budget` is the column's own, None where it shares the family's."""

    monitored: Monitored
    slice: str
    compared: Compared
    verdict: Verdict
    calibrated: bool
    budget: float | None


def own_threshold(subject: Subject, m: Monitored, slice_: str) -> Threshold:
    """What its owner set for the drift of a column; a threshold without levels where that is nothing."""
    check = CHECKS[m.column.kind]
    return subject.threshold(check, m.column.name, slice_) or _unset(check)


@cache
def _unset(check: str) -> Threshold:
    return Threshold(check=check)


def effect_of(subject: Subject, m: Monitored, slice_: str, compared: Compared) -> Effect:
    """The statistic of a window, its words, and whether it is large enough to matter."""
    own = own_threshold(subject, m, slice_)
    current, reference = compared.current, compared.reference
    n, of_reference = current.n, reference.n
    test = default_for("categorical" if isinstance(m.grid, CategoricalGrid) else "numeric")
    unknown = ""
    if own.method:
        try:
            test = get(own.method)
        except ValueError as error:
            unknown = str(error)
    verdict = Verdict(
        subject.model.key, CHECKS[m.column.kind], subject.window(compared.window, n), Status.OK, "",
        column=m.column.name or None, slice=slice_ or None, method=own.method if unknown else test.name,
    )  # fmt: skip

    def unjudged(status: Status, reason: str) -> Effect:
        return Effect(m, slice_, compared, verdict._replace(status=status, reason=reason), False, None)

    if unknown:
        return unjudged(Status.FAILED, unknown)
    fewest = own.min_rows or MIN_ROWS
    if n == 0:
        rows = subject.current.rows(compared.window, None, slice_)
        what = f"{rows:,} rows, but no label yet." if rows and m.column.kind == Kind.LABEL else "No row in this window."
        return unjudged(Status.NO_DATA, what)
    if min(n, of_reference) < fewest:
        short = "window" if n < fewest else "reference"
        reason = f"{min(n, of_reference):,} rows in the {short}; at least {fewest} are needed."
        return unjudged(Status.INSUFFICIENT_DATA, reason)
    if current.count(MISSING) == n and reference.count(MISSING) == of_reference:
        return unjudged(
            Status.INSUFFICIENT_DATA, "Every value is missing, here and in the reference: nothing to compare."
        )
    binned = align(m.grid, reference, current)
    if binned.kind not in test.kinds:
        reason = f"{test.title} is a test for {' or '.join(test.kinds)} columns; {m.column.name} is {binned.kind}."
        return unjudged(Status.FAILED, reason)
    try:
        statistic = test.run(binned).statistic
        words = moved(binned, m.grid)
    except (ArithmeticError, ValueError, IndexError, np.linalg.LinAlgError) as error:
        return unjudged(Status.FAILED, f"{test.title} failed: {error}")
    return _leveled(verdict, test, own, statistic, words, m, slice_, compared)


def is_stated(own: Threshold) -> bool:
    """Whether its owner set levels. Then evidence is asked for only where a budget is set as well."""
    return own.warning is not None or own.breached is not None


def levels_of(own: Threshold, test: Stattest) -> tuple[float | None, float | None]:
    """The owner's levels of the statistic, else the stattest's."""
    return (own.warning, own.breached) if is_stated(own) else (test.warning, test.breached)


def _leveled(
    verdict: Verdict, test: Stattest, own: Threshold, statistic: float, words: str, m: Monitored, slice_: str,
    compared: Compared,
) -> Effect:  # fmt: skip
    warning, breached = levels_of(own, test)
    stated = is_stated(own)
    status, decided = status_above(statistic, warning, breached)
    if own.direction in ("up", "down") and compared.p_value > 0.5:
        status, words = Status.OK, f"{words}, the way that does not matter"
    reason = (
        f"{words}; {test.title} {statistic:.3g} ({_levels(warning, breached)}), "
        f"{compared.current.n:,} rows against {compared.reference.n:,}"
    )
    verdict = verdict._replace(
        status=status, value=statistic, threshold=decided, warning=warning, breached=breached, effect=words,
        p_value=None if np.isnan(compared.p_value) else compared.p_value, automatic=not stated,
        drift_score=None if np.isnan(compared.p_value) else round(score(compared.p_value), 4), reason=f"{reason}.",
    )  # fmt: skip
    budget = own.false_alarms_per_quarter
    held = not stated or budget is not None
    if held and verdict.p_value is None:
        why = compared.failure or "No window of the reference says how far chance alone goes"
        unheld = Status.FAILED if compared.failure else Status.INSUFFICIENT_DATA
        verdict = verdict._replace(status=unheld, reason=f"{why}: {reason}.")
        held = False
    return Effect(m, slice_, compared, verdict, held, budget)


def _levels(warning: float | None, breached: float | None) -> str:
    parts = [
        f"warns at {warning:.3g}" if warning is not None else "",
        f"breached at {breached:.3g}" if breached is not None else "",
    ]
    return ", ".join(p for p in parts if p)
