"""What of a model is not as it was, for the incidents of the fleet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from monitoring.core.binned import Binned, align
from monitoring.core.grid import MISSING, NONFINITE, CategoricalGrid
from monitoring.core.movement import Move, Movement, run, span
from monitoring.core.summary import Kind
from monitoring.core.verdict import Status, Verdict
from monitoring.core.window import EPOCH, Slots, slot_ceiling, slot_of
from monitoring.fleet import MovingReference
from monitoring.verdicts.subject import Subject

WHAT = {
    "drift.feature": "drift",
    "quality.missing": "missing",
    "quality.range": "values",
    "quality.unseen": "values",
    "quality.schema": "schema",
    "quality.volume": "volume",
    "quality.duplicates": "duplicates",
    "slo.freshness": "freshness",
    "slo.latency": "latency",
    "slo.availability": "availability",
}
"""What a check's finding is called among movements."""
OF_SERVICE = ("freshness", "latency", "availability")
BAD = (Status.WARNING, Status.BREACHED)
NULLS = 0.05
"""A change of the share of missing values that is what moved, rather than the values."""
DAY = timedelta(days=1)


def movements(subject: Subject, course: Sequence[Verdict], log: str) -> list[Movement]:
    """The movements that last, of the verdicts of the whole log in `course`: of each series the newest run."""
    groups: dict[tuple[str, str, str | None], list[Verdict]] = defaultdict(list)
    for v in course:
        spent = (v.check, v.method) == ("slo.freshness", "budget")  # long after predictions have come again
        if v.check in WHAT and not spent and not v.slice and not v.version and _final(subject, v):
            groups[v.check, v.column or "", v.method].append(v)
    found: dict[tuple[str, str], Movement] = {}
    for (check, column, _), group in groups.items():
        group.sort(key=_moment)
        first = run([_bad(v) for v in group])
        if first is None:
            continue
        last = next(v for v in reversed(group) if _bad(v))
        movement = _movement(subject, log, WHAT[check], column, _moment(group[first]), last)
        other = found.get((movement.what, column))
        if other is None or movement.earliest < other.earliest:
            found[movement.what, column] = movement
    drifted = {column for what, column in found if what == "drift"}
    return [m for (what, column), m in sorted(found.items()) if what != "values" or column not in drifted]


def _movement(subject: Subject, log: str, what: str, column: str, first: datetime, last: Verdict) -> Movement:
    window = (last.window.end - last.window.start) if last.window.start and last.window.end else DAY
    began, earliest, latest = span(first, last.since, DAY if last.check.startswith("slo.") else window)
    move = _move(subject, what, column, last) if column else None
    return Movement(
        subject.model.key, what, column, log, subject.model.predictions.columns.feed_of(column), began, earliest,
        latest, _words(what, move, last), move,
    )  # fmt: skip


def _bad(v: Verdict) -> bool:
    return v.status in BAD or (v.status == Status.NO_DATA and v.check == "quality.volume")


def _final(subject: Subject, v: Verdict) -> bool:
    judged = v.status == Status.OK or _bad(v)
    return judged and not v.provisional and v.window.end is not None and subject.complete_window(v)


def _moment(v: Verdict) -> datetime:
    """When a verdict's window begins; objectives look back from its end."""
    if v.check.startswith("slo."):
        return v.window.end or EPOCH
    return v.window.start or EPOCH


def _words(what: str, move: Move | None, last: Verdict) -> str:
    if last.effect:
        return last.effect
    if move is None:
        return ""
    return f"{move.of} {move.before:.1%} → {move.after:.1%}" if what == "missing" else ""


def _move(subject: Subject, what: str, column: str, last: Verdict) -> Move | None:
    """From where to where a feature went: in the reference and in its last bad window."""
    kept = subject.profile.find(Kind.FEATURE, column)
    if kept is None or last.window.start is None or last.window.end is None:
        return None
    window = Slots(slot_of(last.window.start), slot_ceiling(last.window.end))
    reference = subject.reference_of(window, subject.threshold("drift.feature", column))
    moving = reference != subject.reference_span or isinstance(subject.model.reference, MovingReference)
    source = subject.current if moving else subject.reference
    before = source.histogram(Kind.FEATURE, column, reference)
    after = subject.current.histogram(Kind.FEATURE, column, window)
    if not before.n or not after.n:
        return None
    nulls = [(h.count(MISSING) + h.count(NONFINITE)) / h.n for h in (before, after)]
    if what == "missing" or abs(nulls[1] - nulls[0]) > NULLS:
        return Move("missing", *nulls)
    if isinstance(kept.grid, CategoricalGrid):
        shares = {int(c): [before.count(int(c)) / before.n, after.count(int(c)) / after.n] for c in
                  np.union1d(before.codes, after.codes) if c not in (MISSING, NONFINITE)}  # fmt: skip
        most = max(shares, key=lambda code: abs(shares[code][1] - shares[code][0]), default=None)
        return None if most is None else Move(f"share of {kept.grid.name(most)}", *shares[most])
    binned = align(kept.grid, before, after)
    return Move("median", _median(binned, binned.reference), _median(binned, binned.current))


def _median(binned: Binned, counts: np.ndarray) -> float:
    upto = np.cumsum(counts)
    return float(binned.middle[int(np.searchsorted(upto, upto[-1] / 2))]) if len(upto) and upto[-1] else 0.0
