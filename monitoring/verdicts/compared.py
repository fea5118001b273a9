"""A column's windows against the reference: the counts that are compared, and how surprising the difference is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from monitoring.core.calibration.column import chance_of
from monitoring.core.calibration.matching import FEWEST, Match, match
from monitoring.core.calibration.null import Chance
from monitoring.core.calibration.windows import Known, Windows
from monitoring.core.histogram import Histogram
from monitoring.core.window import Slots
from monitoring.fleet import MovingReference, Threshold
from monitoring.verdicts.learned import Learned, Priors
from monitoring.verdicts.monitored import Floats, Integers, Monitored, spread
from monitoring.verdicts.past import DAY, Cut, Past, begun, cut_of, held, pasts
from monitoring.verdicts.subject import Subject

FOLDS = 5
FEW = 0.4
"""Independent windows that the reference counts as, as a share of its own, below which a verdict says so."""
Prior = Callable[[str], Learned]
"""What was learned of how far windows differ, where they are matched so."""


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """One window beside its reference. `p_value` is how often chance takes a window as far; NaN where nothing can be
    said. `basis` says what chance was learned from, `failure` why it could not be."""

    window: Slots
    current: Histogram
    reference: Histogram
    p_value: float
    basis: str
    failure: str = ""


def compare(
    subject: Subject, monitored: Monitored, slice_: str, windows: Sequence[Slots], own: Threshold | None,
    priors: Priors,
) -> dict[Slots, Compared]:  # fmt: skip
    """Every window beside the reference that it has."""
    if not windows:
        return {}
    side = {"up": 1, "down": -1}.get((own.direction if own else None) or "", 0)
    found: dict[Slots, Compared] = {}
    for past, group in _moving(subject, windows, own) or pasts(subject, windows, slice_):
        reference = cut_of(subject, monitored, slice_, past)
        table = monitored.table(subject, subject.current, group, slice_)
        prior = partial(priors.of, monitored, past)
        found.update({c.window: c for c in _beside(subject, monitored, group, table, reference, side, prior)})
    return found


def _moving(subject: Subject, windows: Sequence[Slots], own: Threshold | None) -> list[tuple[Past, list[Slots]]]:
    """The windows beside a reference that moves with them; none where it is fixed."""
    if (own is None or own.reference is None) and not isinstance(subject.model.reference, MovingReference):
        return []
    begins = subject.current.span()
    spans: dict[Slots, list[Slots]] = {}
    for window in windows:
        span = subject.reference_of(window, own)
        if begins is not None and span.first < begins.first:  # not yet whole
            span = Slots(span.first, span.first)
        spans.setdefault(span, []).append(window)
    return [(Past(span, subject.current, len(group[0])), group) for span, group in spans.items()]


def compare_reference(subject: Subject, monitored: Monitored, priors: Priors) -> dict[Slots, Compared]:
    """Every window of a fixed reference beside the rest of it: FOLDS times, a part of the windows by the others. Empty
    where that leaves too few to learn chance from."""
    cut = begun(subject, subject.reference, list(subject.reference_chunks()))
    if len(cut) * (FOLDS - 1) < FEWEST * FOLDS:
        return {}
    codes, counts = monitored.table(subject, subject.reference, cut, "")
    cut, counts = held(cut, counts)
    found = {}
    past = Past(subject.reference_span, subject.reference, len(cut[0]) if cut else 0)
    prior = partial(priors.of, monitored, past)
    for fold in np.array_split(np.arange(len(cut)), FOLDS):  # neighbours together: they are alike
        others = np.setdiff1d(np.arange(len(cut)), fold)
        if not len(fold) or not len(others):
            continue
        heap, rest = (codes, counts[others].sum(axis=0)[None]), [cut[at] for at in others]
        reference = Cut(heap, rest, (codes, counts[others]), 1, "chance learned from the rest of the reference")
        part = [cut[at] for at in fold]
        table = codes, counts[fold]
        found.update({c.window: c for c in _beside(subject, monitored, part, table, reference, 0, prior)})
    return found


def _beside(
    subject: Subject, monitored: Monitored, windows: list[Slots], table: tuple[Integers, Floats],
    reference: Cut, side: int, prior: Prior,
) -> list[Compared]:  # fmt: skip
    every = np.union1d(np.union1d(table[0], reference.heap[0]), reference.counts[0]).astype(np.int32)
    whole, before, current = (spread(every, *t) for t in (reference.heap, reference.counts, table))
    alike = np.zeros(len(windows), dtype=np.int64)
    matches = [Match("", np.arange(len(windows)), alike, np.zeros(len(before), dtype=np.int64))]
    if reference.windows and reference.longer == 1 and not subject.by_rows:  # a number of a chunk is no hour
        matches = match(reference.windows, windows)
    out = []
    for m in matches:
        size = int(max(m.reference.max(), m.matched.max())) + 1
        alone, longer = not reference.windows, reference.longer
        learned = prior(m.how)
        times = reference.times(subject.by_rows)
        known = Known(before, m.reference, times, size, alone, longer, learned.priors, learned.later)
        failure = ""
        try:
            found = chance_of(monitored.grid, every, known, Windows(current[m.at], m.matched), side)
        except (ArithmeticError, ValueError, IndexError, np.linalg.LinAlgError) as error:
            found, failure = Chance(np.full(len(m.at), np.nan), 0.0), f"What chance does could not be learned: {error}"
        basis = reference.basis
        if reference.windows and 0 < found.counts_as < FEW * len(reference.windows) / reference.longer:
            basis += f", which count as {max(found.counts_as, 1):.0f} independent ones, each being like the one before"
        basis += f", {m.how} together" if m.how else ""
        basis += f", and from {learned.later} after it" if learned.later else ""
        for at, class_, value in zip(m.at, m.matched, found.p_values, strict=True):
            # an hour of the night is compared with nights
            nights = m.how and len(windows[at]) < DAY
            usual = before[m.reference == class_].sum(axis=0) if nights else whole[0]
            rounded = float(f"{value:.6g}")  # the last digits depend on how many windows are looked at together
            out.append(
                Compared(windows[at], _histogram(every, current[at]), _histogram(every, usual), rounded, basis, failure)
            )
    return out


def _histogram(codes: Integers, counts: Floats) -> Histogram:
    kept = counts > 0
    return Histogram(codes[kept], counts[kept].astype(np.int64))
