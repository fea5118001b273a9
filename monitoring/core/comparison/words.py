"""A comparison in words: what it comes to, what the sequential test may say, and all of it as lines for a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator

from monitoring.core.comparison.comparison import Comparison, Figure, Outcome, Sequential, Verdict
from monitoring.core.comparison.differences import BURN_IN
from monitoring.core.comparison.rows import PAIRED

SAYS = {
    Outcome.PASSED: "passed",
    Outcome.FAILED: "failed",
    Outcome.UNKNOWN: "not certain",
}
LARGEST = 6
"""Decimal digits up to which an e-value is written out."""


def sentence(found: Comparison) -> str:
    """What it comes to, with the numbers that say so."""
    about, main = found.about, found.main
    names = f"{about.challenger} against {about.champion}"
    enough = next((g for g in found.gates if g.name == "rows" and g.outcome != Outcome.PASSED), None)
    if enough is not None:
        return f"{names}: nothing can be said, {enough.words}."
    numbers = changed(main) or f"{main.title} is {main.reason}"
    counted = f"from {rows(found)}"
    margin = f"{about.margin:.3g}{f' {main.unit}' if main.unit else ''}"
    says = {
        Verdict.BETTER: "better",
        Verdict.WORSE: "worse",
        Verdict.EQUAL: f"equal, within a margin of {margin}",
        Verdict.UNSURE: "neither certainly better nor certainly worse",
    }[found.verdict]
    return f"{names}: {says}. {numbers}, {counted}.{_gates(found)}"


def changed(figure: Figure) -> str:
    """A metric from what to what: "ROC AUC 0.712 → 0.731, +0.019 (+0.011 to +0.027)"; "" where that is undefined."""
    if figure.change is None or figure.champion is None or figure.challenger is None:
        return ""
    unit = f" {figure.unit}" if figure.unit else ""
    value, lower, upper = interval(figure.change.value, figure.change.lower, figure.change.upper)
    return f"{figure.title} {figure.champion:.4g} → {figure.challenger:.4g}{unit}, {value}{unit} ({lower} to {upper})"


def interval(value: float, lower: float, upper: float) -> tuple[str, str, str]:
    """A signed value and the ends of its interval, to two digits of the interval's width."""
    width = upper - lower
    digits = min(max(1 - math.floor(math.log10(width)), 0), 9) if width > 0 else 6
    return f"{value:+.{digits}f}", f"{lower:+.{digits}f}", f"{upper:+.{digits}f}"


def rows(found: Comparison) -> str:
    """How many rows, and how they were brought together."""
    about = found.about
    counted = (
        f"{about.rows:,}" if about.rows == about.challenger_rows else f"{about.rows:,} and {about.challenger_rows:,}"
    )
    used = about.rows + about.challenger_rows if about.pairing == "none" else about.rows
    sampled = f" of {about.of:,}" if about.of > used else ""
    return f"{counted}{sampled} labelled rows, {PAIRED[about.pairing]}"


def so_far(found: Sequential) -> str:
    """What the sequential test may say now."""
    if not found.course:
        return f"The sequential test has nothing to bet on yet: it begins after {BURN_IN} days of labels."
    last = found.course[-1]
    unit = f" {found.unit}" if found.unit else ""
    gain, lower, upper = interval(last.gain, last.lower, last.upper)
    mean = f"Mean gain of a day {gain}{unit}, between {lower} and {upper} (95 %, at any time)"
    if found.declared and found.declared_at is not None:
        return (
            f"The challenger may be declared {found.declared}, since {found.declared_at:%Y-%m-%d} (UTC), after "
            f"{_days(found.declared_days)} and {found.declared_rows:,} rows. {mean}."
        )
    return (
        f"Nothing may be declared after {_days(last.days)} and {last.rows:,} rows: evidence "
        f"{e_value(last.log_e_better)} for better and {e_value(last.log_e_worse)} for worse, {found.needed:g} is "
        f"needed. {mean}."
    )


def _days(count: int) -> str:
    return f"{count:,} day{'' if count == 1 else 's'} of bets"


def e_value(log: float) -> str:
    """An e-value from its decimal logarithm: "3.1", "10^12"."""
    return f"{10**log:,.3g}" if log < LARGEST else f"10^{log:.0f}"


def lines(found: Comparison) -> Iterator[str]:
    """All of it for a terminal."""
    yield sentence(found)
    yield so_far(found.sequential)
    yield f"A gain is the {found.sequential.words}."
    for gate in found.gates:
        yield f"{gate.name}: {SAYS[gate.outcome]}. {gate.words}."
    for figure in found.figures:
        yield f"  {changed(figure) or f'{figure.title}: {figure.reason}'}"
    for one in found.slices:
        if one.gain is None or one.lower is None or one.upper is None:
            yield f"  {one.name}, {one.rows:,} rows: undefined"
            continue
        gain, lower, upper = interval(one.gain, one.lower, one.upper)
        yield f"  {one.name}, {one.rows:,} rows: gain {gain} ({lower} to {upper}, all slices together 95 %)"
    yield from found.notes


def _gates(found: Comparison) -> str:
    """The gates that did not pass; that all passed."""
    parts = [f"{gate.name} failed" for gate in found.failed] + [f"{gate.name} not certain" for gate in found.unknown]
    return f" Gates: {', '.join(parts)}." if parts else " All gates passed."
