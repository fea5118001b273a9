"""The gates: what a better version must not cost. Enough rows, no slice, no latency; calibration is beside."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monitoring.core.comparison.changes import difference
from monitoring.core.comparison.comparison import Gate, Latency, Outcome, SliceFigure
from monitoring.core.comparison.rows import Answers, Sides
from monitoring.core.comparison.rules import Rules
from monitoring.core.comparison.statistics import quantile
from monitoring.core.diagnosis.interval import Statistic
from monitoring.core.performance.metric import proportion

P99 = 0.99


@dataclass(frozen=True, slots=True)
class Objective:
    """A latency objective: the share of answers that has to come within some milliseconds."""

    threshold_ms: float
    share: float


def rows(sides: Sides, rules: Rules) -> Gate:
    """Whether there are enough labelled rows to say anything."""
    least = min(len(sides.champion), len(sides.challenger))
    if least < rules.rows:
        return Gate("rows", Outcome.UNKNOWN, f"{least:,} labelled rows; {rules.rows:,} are needed")
    if sides.task != "regression":
        for answers in (sides.champion, sides.challenger):
            counts = np.bincount(answers.truth.astype(np.int64), minlength=2)
            held = counts[counts > 0]
            if len(held) < 2 or (sides.task == "binary_classification" and held.min() < rules.of_class):
                few = int(held.min()) if len(held) > 1 else 0
                return Gate("rows", Outcome.UNKNOWN, f"{few:,} rows of the rarer class; {rules.of_class:,} are needed")
    return Gate("rows", Outcome.PASSED, f"{least:,} labelled rows; {rules.rows:,} are needed")


def slices(found: Sequence[SliceFigure], title: str, tolerance: float, unit: str) -> Gate:
    """No slice may certainly lose more than the tolerance."""
    judged = [s for s in found if s.gain is not None]
    limit = f"{tolerance:.3g}{f' {unit}' if unit else ''}"
    if not judged:
        return Gate("slices", Outcome.UNKNOWN, "no slice has enough labelled rows")
    worse = [s for s in judged if s.worse]
    if worse:
        names = ", ".join(f"{s.name} ({title} worse by {-(s.gain or 0):.3g})" for s in worse)
        return Gate("slices", Outcome.FAILED, f"certainly worse by more than {limit}: {names}")
    open_ = sum(1 for s in judged if s.lower is not None and s.lower < -tolerance)
    more = f"; of {open_} it cannot be excluded" if open_ else ""
    return Gate("slices", Outcome.PASSED, f"none of {len(judged)} slices is certainly worse by more than {limit}{more}")


def quantiles(answers: Answers) -> Latency | None:
    """The latency of the answers that have one."""
    logged = answers.latency[np.isfinite(answers.latency)]
    if len(logged) == 0:
        return None
    return Latency(len(logged), *(float(q) for q in np.quantile(logged, [0.5, 0.95, P99], method="inverted_cdf")))


def latency(sides: Sides, objective: Objective | None, rules: Rules) -> Gate:
    """The model's own objective where it has one, else the 99th percentile beside the champion's."""
    a, b = quantiles(sides.champion), quantiles(sides.challenger)
    if b is None:
        return Gate("latency", Outcome.UNKNOWN, "no latency of the challenger is logged")
    beside = f"; 99 % within {b.p99:.3g} ms" + (f", the champion's within {a.p99:.3g} ms" if a is not None else "")
    if objective is not None:
        logged = sides.challenger.latency[np.isfinite(sides.challenger.latency)]
        hits = float((logged <= objective.threshold_ms).sum())
        share = proportion(hits, float(len(logged)), len(logged), "")
        lower, upper = share.lower or 0.0, share.upper or 1.0
        words = (
            f"{hits / len(logged):.2%} of {len(logged):,} answers within {objective.threshold_ms:g} ms "
            f"({lower:.2%} to {upper:.2%}); the objective is {objective.share:.4g}"
        )
        return Gate("latency", within(1 - upper, 1 - lower, 1 - objective.share), words + beside)
    if a is None:
        return Gate("latency", Outcome.UNKNOWN, f"no latency of the champion is logged{beside}")
    timed = _timed(sides)
    if timed is None:
        return Gate("latency", Outcome.UNKNOWN, f"too few answers with a latency{beside}")
    found = difference(timed, _log_p99(timed.champion), _log_p99(timed.challenger))
    if found is None:
        return Gate("latency", Outcome.UNKNOWN, f"too few answers with a latency{beside}")
    value, lower, upper = (math.expm1(x) for x in (found.value, found.lower, found.upper))
    side = "slower" if value >= 0 else "faster"
    words = (
        f"99 % within {b.p99:.3g} ms against {a.p99:.3g} ms: {abs(value):.0%} {side} ({lower:+.0%} to {upper:+.0%}); "
        f"at most {rules.slower:+.0%} is allowed"
    )
    return Gate("latency", within(lower, upper, rules.slower), words)


def _log_p99(answers: Answers) -> Statistic:
    of = quantile(answers.latency, P99)
    return lambda weights: math.log(max(of(weights), 1e-6))


def _timed(sides: Sides) -> Sides | None:
    """The rows with a latency on both sides, where there are some hundred of them: below, there is no percentile."""
    kept = [np.isfinite(a.latency) for a in (sides.champion, sides.challenger)]
    if sides.paired:
        kept = [kept[0] & kept[1]] * 2
    if min(int(k.sum()) for k in kept) < 1 / (1 - P99):
        return None
    a, b = (answers.take(k) for answers, k in zip((sides.champion, sides.challenger), kept, strict=True))
    return Sides(sides.task, a, b, sides.paired, sides.classes)


def within(lower: float, upper: float, limit: float) -> Outcome:
    """Whether an interval lies within a limit: certainly, certainly not, or not certainly either."""
    if upper <= limit:
        return Outcome.PASSED
    return Outcome.FAILED if lower > limit else Outcome.UNKNOWN
