"""From the verdicts of a model to its signals: each rule reads its series, and of one subject the gravest counts."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime

from monitoring.core.alerting.reading import RECENT, Read
from monitoring.core.alerting.rules import RULES, Rule
from monitoring.core.alerting.signal import Condition, Signal, Subject
from monitoring.core.alerting.waits import Waits, stated
from monitoring.core.verdict import Status, Verdict

ORDER = (Condition.BEYOND, Condition.BETWEEN, Condition.UNKNOWN, Condition.CLEAR)
"""Of two pairs of windows, the one that burns speaks; all of them must be clear for the alert to be."""
LONGEST = 400
"""Characters of a sentence that a notification carries."""


def signals(
    model: str, name: str, owner: str, verdicts: Sequence[Verdict], now: datetime, waits: Sequence[Waits] = ()
) -> list[Signal]:
    """What is said now of everything that may alert. `verdicts` are in order of time, some windows a series; `waits`
    what is stated of the model."""
    out = []
    answered = list(_answered(verdicts))
    for rule in RULES:
        found = _series(model, rule, answered)
        for subject, every in found.items():
            whole = found.get(subject.whole) if subject.part else None
            reads = [
                read if whole is None else of_part(subject, read, series, whole[0])
                for series in every
                if (read := rule.read(series, now)) is not None
            ]
            if reads:
                out.append(signal_of(subject, rule, name, owner, reads, waits))
    return out


def shortened(text: str) -> str:
    """A sentence cut at a word, where it is too long."""
    return text if len(text) <= LONGEST else text[:LONGEST].rpartition(" ")[0] + " …"


def signal_of(
    subject: Subject, rule: Rule, name: str, owner: str, reads: Sequence[Read], waits: Sequence[Waits] = ()
) -> Signal:
    """What the gravest of a subject's series says."""
    read = gravest(reads)
    v = read.verdict
    first = shortened(next(iter(v.findings), ""))  # of a summing-up, the gravest finding
    return Signal(
        subject, rule.name, rule.kind, rule.severity, read.condition, first, owner, name,
        v.value, v.threshold, v.window.start, v.window.end, *(stated(subject, waits) if waits else ()),
    )  # fmt: skip


def gravest(reads: Sequence[Read]) -> Read:
    """What counts of several series of one subject."""
    return reads[0] if len(reads) == 1 else min(reads, key=lambda read: ORDER.index(read.condition))


def subject_of(model: str, v: Verdict, rule: Rule) -> Subject:
    """What an alert of a rule on a verdict would be about."""
    return Subject(model, v.check, v.column or "", v.slice or "", v.version or "", rule.name)


def of_part(subject: Subject, read: Read, own: Sequence[Verdict], whole: Sequence[Verdict]) -> Read:
    """What is said of a slice or a version that is no longer there while the model goes on. Of a slice nothing is known
    then; a version that answers nothing any more is no trouble any more."""
    last, other = own[-1], whole[-1]
    there = last.window.end == other.window.end is not None and last.status != Status.NO_DATA
    if there and not last.provisional and not other.provisional:
        return read  # by far the most, so not looked at any closer
    mine, others = ([v for v in series if not v.provisional][-RECENT:] for series in (own, whole))
    if not mine or not others:
        return read
    ended = _place(mine[-1]) < _place(others[-1])
    if subject.version and (ended or (_absent(mine) and not any(v.status == Status.NO_DATA for v in others))):
        words = f"Version {subject.version} answers nothing any more, and others do."
        return Read(Condition.CLEAR, mine[-1]._replace(reason=words))
    return Read(Condition.UNKNOWN, mine[-1]) if ended else read


def _absent(mine: Sequence[Verdict]) -> bool:
    return len(mine) == RECENT and all(v.status == Status.NO_DATA for v in mine)


def _series(model: str, rule: Rule, verdicts: Sequence[Verdict]) -> dict[Subject, list[list[Verdict]]]:
    """By subject, its series: one a method. One that ended before the others is not judged any more."""
    by_method: dict[tuple[Subject, str], list[Verdict]] = defaultdict(list)
    for v in verdicts:
        if rule.fits(v):
            by_method[subject_of(model, v, rule), v.method or ""].append(v)
    found: dict[Subject, list[list[Verdict]]] = defaultdict(list)
    for (subject, _), series in by_method.items():
        found[subject].append(series)
    out = {}
    for subject, every in found.items():
        newest = max(_place(series[-1]) for series in every)
        out[subject] = [series for series in every if _place(series[-1]) == newest]
    return out


def _answered(verdicts: Sequence[Verdict]) -> Iterator[Verdict]:
    """Verdicts where an estimate says nothing once labels have told how it really was."""
    told: dict[str, float] = {}
    for v in verdicts:
        whole = v.slice is None and v.version is None
        if whole and v.check.startswith("performance.") and not v.provisional and v.value is not None:
            told[v.check.removeprefix("performance.")] = _place(v)
    for v in verdicts:
        metric = v.check.removeprefix("estimated.")
        if metric != v.check and _place(v) <= told.get(metric, -math.inf):
            v = answered(v)
        yield v


def answered(v: Verdict) -> Verdict:
    """An estimate of what labels have told since."""
    metric = v.check.removeprefix("estimated.")
    return v._replace(status=Status.OK, value=None, reason=f"Labels have come: see performance.{metric}.")


def _place(v: Verdict) -> float:
    """Where a verdict's window ends in time, or in the row of chunks."""
    if v.window.end is None:
        return float(v.window.chunk or 0)
    return v.window.end.timestamp()
