"""A diagnosis in words: what to do, where the drop comes from, and all of it as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from monitoring.core.diagnosis.diagnosis import About, Advice, Diagnosis
from monitoring.core.diagnosis.interval import Interval

EXTRAPOLATED = 0.2
"""Share of rows without their like in the reference from which the split of the drop is said to be a guess."""
PERIODS = ((2, "day"), (5, "few days"), (10, "week"), (25, "few weeks"), (45, "month"))
"""Up to how many days a window is called what."""


def sentence(found: Diagnosis) -> str:
    """What to do, with the numbers that say so."""
    done, title, advice = found.retraining, found.about.metric.title, found.advice
    if advice == Advice.MEND:
        first = found.broken[0]
        more = f", and {len(found.broken) - 1} more" if len(found.broken) > 1 else ""
        return f"Mend the data first: {first.feature} {first.words}{more}; retraining on it will not help."
    if done.change is None:
        return f"Cannot tell whether retraining helps: {done.reason}."
    numbers = f"{title} {signed(found.about, done.change)}"
    if advice == Advice.RETRAIN:
        return f"Retraining is likely to help: {numbers} expected."
    also = f"{title} {signed(found.about, done.learner)} on the reference already" if done.learner is not None else ""
    if advice == Advice.UNSURE:
        certain = done.change.times(found.about.metric.sign).lower > 0
        why = f"a challenger is better ({numbers}), but perhaps it was before ({also})" if certain and also else ""
        return f"Cannot tell whether retraining helps: {why or f'{numbers}, from {done.scored:,} labelled rows'}."
    if advice == Advice.SOUND:
        return f"No worse than the reference beyond chance: retraining would change {numbers}."
    if done.reason and also:
        return f"Retraining will not help: another learner is better ({numbers}), but it was before ({also})."
    return f"A harder {period(found.about)}: retraining will not help ({numbers})."


def cause(found: Diagnosis) -> str:
    """Where the drop comes from; empty where that could not be told."""
    split, about = found.split, found.about
    if split is None:
        return ""
    if not found.fell:
        return f"{about.metric.title} changed by {signed(about, split.change)}: no more than chance gives."
    worse = split.concept.times(-about.metric.sign)
    left = "the same inputs lose more than they did" if worse.lower > 0 else "no more than chance gives"
    words = (
        f"Of {signed(about, split.change)}, the inputs' shift explains {signed(about, split.shift)}; "
        f"{signed(about, split.concept)} is left: {left}."
    )
    if found.unsupported is not None and found.unsupported >= EXTRAPOLATED:
        words += (
            f" {found.unsupported:.0%} of the rows hardly have their like in the reference: for them it is a guess."
        )
    return words


def signed(about: About, figure: Interval) -> str:
    """A change with its interval, in the unit of the metric: "-10.8 min (-11.9 to -9.7)"."""
    in_unit = about.metric.in_unit
    digits = max(0, 3 - _magnitude(figure)) if in_unit else 3
    unit = f" {about.unit}" if about.unit and in_unit else ""
    value, lower, upper = (_number(x, digits) for x in (figure.value, figure.lower, figure.upper))
    return f"{value}{unit} ({lower} to {upper})"


def period(about: About) -> str:
    """How to call the window: day, week, month."""
    if about.start is None or about.end is None:
        return "stretch"
    length = about.end - about.start
    return next((name for days, name in PERIODS if length <= timedelta(days=days)), "season")


def span(about: About) -> str:
    """The window."""
    if about.start is None or about.end is None:
        return f"chunks {about.first:,} to {about.last - 1:,}"
    return f"{about.start:%Y-%m-%d %H:%M} to {about.end:%Y-%m-%d %H:%M} UTC"


def lines(found: Diagnosis) -> Iterator[str]:
    """All of it, most important first."""
    about, done = found.about, found.retraining
    yield f"{about.model}: {str(found.advice).upper()}. {sentence(found)}"
    if words := cause(found):
        yield f"    {words}"
    if found.then is not None and found.level is not None:
        yield f"    {about.metric.title} {found.then:.4g} in the reference, {found.level:.4g} in {span(about)}."
    if done.now is not None and done.after is not None:
        yield f"    On {done.scored:,} rows: champion {done.now:.4g}, retrained before each part {done.after:.4g}."
    if done.newer is not None:
        yield f"    Newer rows alone, against the same learner on the reference's rows: {signed(about, done.newer)}."
    if done.learner is not None:
        yield f"    Another learner alone, on the reference's rows: {signed(about, done.learner)}."
    for one in found.slices:
        there = f"{one.then:.4g} → {one.now:.4g}" + (" (hardly in the reference)" if one.new else "")
        yield f"    Lost most: {one.name}, {one.share:.0%} of the rows, loss {there}, {signed(about, one.contribution)}"
    for moved in found.moved:
        yield f"    Moved: {moved.feature}, {moved.words} (distance {moved.distance:.2f}, chance {moved.chance:.2f})"
    for broken in found.broken:
        yield f"    Broken: {broken.feature} {broken.words}"
    yield from (f"    {note}" for note in found.notes)
    yield (
        f"    From {about.now.used:,} of {about.now.of:,} labelled rows of the window and {about.reference.used:,} of "
        f"{about.reference.of:,} of the reference."
    )


def _magnitude(figure: Interval) -> int:
    """Digits before the point of the figure's largest number, at least 1."""
    largest = max(abs(figure.lower), abs(figure.upper), abs(figure.value))
    return max(1, len(str(int(largest))))


def _number(value: float, digits: int) -> str:
    """With a sign, and no minus before a zero."""
    text = f"{value:+,.{digits}f}"
    return text if float(text.replace(",", "")) != 0 else f"{0:.{digits}f}"
