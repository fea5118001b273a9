"""Whether probabilities mean what they say: calibration in the large and calibration slope, held against chance.

Not the reference's ideal but its own calibration is what a window is held against: a score that was off when the model
was accepted is no news, one that has moved from there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monitoring.core.calibration.budget import level, windows_per_quarter
from monitoring.core.performance import curves
from monitoring.core.performance.miscalibration import (
    FEWEST_EVENTS,
    FEWEST_ROWS,
    Aspect,
    Found,
    Learned,
    held_against,
    lacking,
    learn,
)
from monitoring.core.performance.outcome import BinaryOutcome, MulticlassOutcome
from monitoring.core.performance.reliability import Counts, recalibrate, table_of
from monitoring.core.verdict import Status, Verdict

ASPECTS: dict[str, Aspect] = {"calibration_in_the_large": "level", "calibration_slope": "slope"}
"""The metrics that are held so."""
CHECKS = tuple(f"performance.{name}" for name in ASPECTS)
FALSE_ALARMS = 0.2
"""Of a model and quarter, by level and slope together, where its owner states no budget."""
TAILS = (0.1, 0.9)
"""Quantiles of the scores at which a slope is told in words."""

Scored = BinaryOutcome | MulticlassOutcome


@dataclass(frozen=True, slots=True)
class Probabilities:
    """What the reference says of a model's probabilities; None where it has too few labels."""

    learned: Learned | None
    hours: int | None


def probabilities(whole: Scored, pieces: Sequence[Scored], longer: int, hours: int | None) -> Probabilities:
    """From a reference and its pieces, `longer` of which make a window; `hours` of a chunk, None for chunks of rows."""
    table = table_of(whole)
    tables = [t for t in map(table_of, pieces) if t is not None]
    return Probabilities(None if table is None else learn(table, tables, longer), hours)


def held(
    verdict: Verdict, words: str, outcome: Scored, aspect: Aspect, known: Probabilities, budget: float | None
) -> Verdict:
    """A verdict with a value, held against chance. `words` say it; `budget`: its owner's, in false alarms a quarter."""
    table = table_of(outcome)
    assert table is not None and verdict.value is not None
    lack = (
        f"the reference has too few labels: at least {FEWEST_ROWS}, and {FEWEST_EVENTS} of either kind, are needed"
        if known.learned is None
        else lacking(table, known.learned)
    )
    if known.learned is None or lack:
        return verdict._replace(status=Status.INSUFFICIENT_DATA, reason=f"{words}; {lack}.")
    alone = FALSE_ALARMS / len(ASPECTS) if budget is None else budget
    chance = level(alone, known.hours)
    found = held_against(table, known.learned, aspect, chance)
    status, decided = Status.OK, found.warning
    if found.reaches(verdict.value, found.breached):
        status, decided = Status.BREACHED, found.breached
    elif found.reaches(verdict.value, found.warning):
        status = Status.WARNING
    said, side = _level(table, isinstance(outcome, MulticlassOutcome)) if aspect == "level" else _slope(table)
    note = ", beyond chance but too little to matter" if found.beyond and status == Status.OK else ""
    effect = f"{said}: {side}{note}" if found.beyond else f"{said}: within chance"
    score = abs(found.score)
    return verdict._replace(
        status=status, threshold=decided, warning=found.warning, breached=found.breached, automatic=True,
        drift_score=score, null_quantile=found.quantile, false_alarms=chance * windows_per_quarter(known.hours),
        effect=effect, reason=f"{effect[0].upper()}{effect[1:]}; {words}; {_against(found, known.learned)}.",
    )  # fmt: skip


def _against(found: Found, learned: Learned) -> str:
    varies = "" if learned.spread_known else ", rows taken as independent"
    return (
        f"{found.expected:.3g} is to be expected by the reference, and this is {abs(found.score):.1f} deviations of "
        f"chance from it, which reaches {found.quantile:.1f}{varies}"
    )


def _level(table: Counts, top_label: bool) -> tuple[str, str]:
    """ "says 30% where 22% happen", "it over-estimates" """
    n = table.sum(axis=1)
    said, came = float((n * curves.MIDDLE).sum() / n.sum()), float(table[:, 1].sum() / n.sum())
    if top_label:
        return f"is {percent(said)} sure where {percent(came)} are right", f"{_side(said > came)}-confident"
    return f"says {percent(said)} where {percent(came)} happen", f"it {_side(said > came)}-estimates"


def _slope(table: Counts) -> tuple[str, str]:
    """ "says 8% where 13% happen and 72% where 61% happen", "over-confident" """
    fitted = recalibrate(table)
    assert fitted is not None  # its slope is the value
    upto = table.sum(axis=1).cumsum()
    ends = sorted({float(curves.MIDDLE[int(np.searchsorted(upto, tail * upto[-1]))]) for tail in TAILS})
    shares = fitted.share(np.asarray(ends))
    parts = [f"{percent(said)} where {percent(float(came))} happen" for said, came in zip(ends, shares, strict=True)]
    return f"says {' and '.join(parts)}", f"{_side(fitted.slope < 1)}-confident"


def _side(over: bool) -> str:
    return "over" if over else "under"


def percent(share: float) -> str:
    """A share with two digits: "30%", "3.4%", "0.34%"."""
    digits = 0 if 0.0995 <= share <= 0.9905 else 1 if share >= 0.00995 else 2
    return f"{share:.{digits}%}"
