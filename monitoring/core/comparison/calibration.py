"""The calibration gate: what is told must mean what it says no less than the champion's."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from monitoring.core.comparison.changes import difference
from monitoring.core.comparison.comparison import Gate, Outcome
from monitoring.core.comparison.gates import within
from monitoring.core.comparison.rows import Answers, Sides
from monitoring.core.comparison.rules import Rules
from monitoring.core.diagnosis.interval import Floats, Interval, Statistic
from monitoring.core.performance.reliability import Recalibration, log_odds, recalibrated

FLATTEST = 0.01
"""The least slope that is told apart: below it, a score says nothing."""


def calibration(sides: Sides, rules: Rules) -> Gate:
    """Scores (or predicted values) must mean what they say no less than the champion's: in the large, and in slope."""
    if sides.task == "regression":
        return _bias(sides, rules)
    if sides.champion.score is None or sides.challenger.score is None:
        return Gate("calibration", Outcome.UNKNOWN, "no scores are logged")
    told = [_told(sides, answers) for answers in (sides.champion, sides.challenger)]
    gaps = [_mean(score - hit) for score, hit in told]
    slopes = [_slope(score, hit) for score, hit in told]
    found: list[tuple[Outcome, str]] = []
    for parts, limit, name, form in (
        (gaps, rules.gap, "mean score less what happens", "+.3f"),
        (slopes, rules.slope, "calibration slope", ".3f"),
    ):
        far = _far if parts is gaps else _far_from_one
        moved = difference(sides, far(parts[0]), far(parts[1]))
        of, to = (part(np.ones(len(score))) for part, (score, _) in zip(parts, told, strict=True))
        if moved is None or not (math.isfinite(of) and math.isfinite(to)):
            found.append((Outcome.UNKNOWN, f"{name} could not be found"))
            continue
        outcome = within(moved.lower, moved.upper, limit)
        best = "0" if parts is gaps else "1, in its logarithm,"
        words = (
            f"{name} {to:{form}} against {of:{form}}: {_side(moved)} {best} by {abs(moved.value):.3f} "
            f"({moved.lower:+.3f} to {moved.upper:+.3f}; at most {limit:+.3g} is allowed)"
        )
        found.append((outcome, words))
    return Gate("calibration", _worst([o for o, _ in found]), "; ".join(words for _, words in found))


def _bias(sides: Sides, rules: Rules) -> Gate:
    size = float(np.abs(sides.champion.predicted - sides.champion.truth).mean()) if len(sides.champion) else 0.0
    if size <= 0:
        return Gate("calibration", Outcome.UNKNOWN, "the champion makes no error to hold a bias against")
    means = [_mean(a.predicted - a.truth) for a in (sides.champion, sides.challenger)]
    moved = difference(sides, _far(means[0]), _far(means[1]))
    if moved is None:
        return Gate("calibration", Outcome.UNKNOWN, "the mean error could not be found")
    limit = rules.bias * size
    of, to = (mean(np.ones(len(a))) for mean, a in zip(means, (sides.champion, sides.challenger), strict=True))
    words = (
        f"mean error {to:+.3g} against {of:+.3g}: {_side(moved)} 0 by {abs(moved.value):.3g} ({moved.lower:+.3g} to "
        f"{moved.upper:+.3g}); at most {limit:+.3g} is allowed, {rules.bias:.0%} of the champion's mean absolute error"
    )
    return Gate("calibration", within(moved.lower, moved.upper, limit), words)


def _told(sides: Sides, answers: Answers) -> tuple[Floats, Floats]:
    """The chance that is told of each row, and whether it came out: of class 1, or of the likeliest class."""
    score = answers.score
    assert score is not None
    if score.ndim == 1:
        return score, answers.truth
    top = score.argmax(axis=1)
    return score[np.arange(len(score)), top], (top == answers.truth).astype(float)


def _mean(values: Floats) -> Statistic:
    def value(weights: Floats) -> float:
        total = weights.sum()
        return float(weights @ values / total) if total > 0 else math.nan

    return value


def _slope(score: Floats, hit: Floats) -> Statistic:
    """Cox's slope (core.performance.reliability), scores in classes of a hundredth of a log odd or less."""
    x, at = np.unique(np.round(log_odds(score), 2), return_inverse=True)
    start = Recalibration(0.0, 1.0, np.eye(2))

    def value(weights: Floats) -> float:
        n: Floats = np.bincount(at, weights, len(x)).astype(float)
        hits: Floats = np.bincount(at, weights * hit, len(x)).astype(float)
        held = n > 0
        if not 0 < hits.sum() < n.sum():
            return math.nan
        return recalibrated(n[held], hits[held], x[held], start)[1]

    return value


def _far(of: Statistic) -> Statistic:
    return lambda weights: abs(of(weights))


def _far_from_one(of: Statistic) -> Statistic:
    return lambda weights: abs(math.log(max(of(weights), FLATTEST)))


def _side(moved: Interval) -> str:
    return "further from" if moved.value > 0 else "nearer to"


def _worst(found: Sequence[Outcome]) -> Outcome:
    for outcome in (Outcome.FAILED, Outcome.UNKNOWN):
        if outcome in found:
            return outcome
    return Outcome.PASSED
