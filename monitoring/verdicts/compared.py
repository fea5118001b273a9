"""A column's windows against the reference: the counts that are compared, and how surprising the difference is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitoring.core.calibration.contrasts import categorical, directed, numeric
from monitoring.core.calibration.matching import FEWEST, Match, match
from monitoring.core.calibration.null import Counted, p_values
from monitoring.core.grid import MISSING, NONFINITE, REST, CategoricalGrid, Grid
from monitoring.core.histogram import Histogram
from monitoring.core.profile import Column
from monitoring.core.summaries import Summaries
from monitoring.core.summary import Kind
from monitoring.core.window import Chunk, Slots, chunks
from monitoring.fleet import MovingReference, Threshold
from monitoring.verdicts.subject import Subject

DAY = 24
FOLDS = 5
Integers = NDArray[np.int32]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Monitored:
    """A distribution to compare: its column and grid."""

    column: Column
    grid: Grid

    def table(
        self, subject: Subject, summaries: Summaries, windows: Sequence[Slots], slice_: str
    ) -> tuple[Integers, Floats]:
        """Class codes and counts, a row a window. A classifier's label is kept with its outcome."""
        if self.column.kind != Kind.LABEL or subject.model.task == "regression":
            return summaries.table(self.column.kind, self.column.name, windows, slice_)
        codes, counts = summaries.table(Kind.OUTCOME, "", windows, slice_)
        size = 2 if subject.model.task == "binary_classification" else len(subject.profile.classes)
        labels = np.zeros((len(windows), size))
        np.add.at(labels.T, codes % size, counts.T)
        return np.arange(size, dtype=np.int32), labels


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """One window beside its reference. `p_value` is how often chance takes a window as far; NaN where nothing can be
    said. `basis` says what chance was learned from."""

    window: Slots
    current: Histogram
    reference: Histogram
    p_value: float
    basis: str


def compare(
    subject: Subject, monitored: Monitored, slice_: str, windows: Sequence[Slots], own: Threshold | None
) -> dict[Slots, Compared]:
    """Every window beside the reference that it has."""
    spans: dict[Slots, list[Slots]] = {}
    for window in windows:
        spans.setdefault(subject.reference_of(window, own), []).append(window)
    moving = (own is not None and own.reference is not None) or isinstance(subject.model.reference, MovingReference)
    source = subject.current if moving else subject.reference
    side = {"up": 1, "down": -1}.get((own.direction if own else None) or "", 0)
    found: dict[Slots, Compared] = {}
    begun = subject.current.span()
    for span, group in spans.items():
        if moving and begun is not None and span.first < begun.first:  # not yet whole
            span = Slots(span.first, span.first)
        for one in _against(subject, monitored, slice_, group, span, source, side):
            found[one.window] = one
    return found


def compare_reference(subject: Subject, monitored: Monitored) -> dict[Slots, Compared]:
    """Every window of a fixed reference beside the rest of it: FOLDS times, a part of the windows by the others. Empty
    where that leaves too few to learn chance from."""
    cut = list(subject.reference_chunks())
    if len(cut) * (FOLDS - 1) < FEWEST * FOLDS:
        return {}
    codes, counts = monitored.table(subject, subject.reference, cut, "")
    held = counts.sum(axis=1) > 0
    cut, counts = [c for c, h in zip(cut, held, strict=True) if h], counts[held]
    found = {}
    for fold in np.array_split(np.arange(len(cut)), FOLDS):  # neighbours together: they are alike
        others = np.setdiff1d(np.arange(len(cut)), fold)
        if not len(fold) or not len(others):
            continue
        heap, rest = (codes, counts[others].sum(axis=0)[None]), [cut[at] for at in others]
        known = _Known(heap, rest, (codes, counts[others]), 1, "the rest of the reference")
        found.update({c.window: c for c in _beside(monitored, [cut[at] for at in fold], codes, counts[fold], known, 0)})
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """The reference as a heap, and cut into windows: `longer` of them make one of the windows that are judged. With
    too few to learn chance from, `cut` is empty and there is only the heap."""

    heap: tuple[Integers, Floats]
    cut: list[Slots]
    counts: tuple[Integers, Floats]
    longer: int
    basis: str


def _known(subject: Subject, monitored: Monitored, slice_: str, span: Slots, source: Summaries, length: int) -> _Known:
    heap = monitored.table(subject, source, [span], slice_)
    cut, longer, what = list(subject.reference_chunks(span)), 1, "windows"
    if len(cut) < FEWEST and length > DAY and not subject.by_rows:
        cut, longer, what = list(chunks(Chunk(hours=DAY), span)), length // DAY, "days"
    if len(cut) >= FEWEST:
        codes, counts = monitored.table(subject, source, cut, slice_)
        held = counts.sum(axis=1) > 0
        cut, counts = [c for c, h in zip(cut, held, strict=True) if h], counts[held]
    if len(cut) >= FEWEST:
        return _Known(heap, cut, (codes, counts), longer, f"chance learned from {len(cut)} {what} of the reference")
    basis = f"rows taken as independent, the reference having {len(cut)} {what} where {FEWEST} are needed"
    return _Known(heap, [], heap, 1, basis)


def _against(
    subject: Subject, monitored: Monitored, slice_: str, windows: list[Slots], span: Slots, source: Summaries, side: int
) -> list[Compared]:
    known = _known(subject, monitored, slice_, span, source, len(windows[0]))
    codes, current = monitored.table(subject, subject.current, windows, slice_)
    return _beside(monitored, windows, codes, current, known, side)


def _beside(
    monitored: Monitored, windows: list[Slots], codes: Integers, current: Floats, known: _Known, side: int
) -> list[Compared]:
    every = np.union1d(np.union1d(codes, known.heap[0]), known.counts[0]).astype(np.int32)
    whole, before, current = (_spread(every, *t) for t in (known.heap, known.counts, (codes, current)))
    alike = np.zeros(len(windows), dtype=np.int64)
    matches = [Match("", np.arange(len(windows)), alike, np.zeros(len(before), dtype=np.int64))]
    if known.cut and known.longer == 1:
        matches = match(known.cut, windows)
    out = []
    for m in matches:
        learned = Counted(before, m.reference)
        p = _surprise(monitored.grid, every, learned, Counted(current[m.at], m.matched), known, side)
        basis = known.basis + (f", {m.how} together" if m.how else "")
        for at, class_, value in zip(m.at, m.matched, p, strict=True):
            # an hour of the night is compared with nights
            nights = m.how and len(windows[at]) < DAY
            reference = before[m.reference == class_].sum(axis=0) if nights else whole[0]
            rounded = float(f"{value:.6g}")  # the last digits depend on how many windows are looked at together
            beside = _histogram(every, current[at]), _histogram(every, reference)
            out.append(Compared(windows[at], *beside, rounded, basis))
    return out


def _surprise(grid: Grid, codes: Integers, reference: Counted, windows: Counted, known: _Known, side: int) -> Floats:
    if not len(codes) or not reference.counts.sum():
        return np.full(len(windows.counts), np.nan)
    independent, longer = not known.cut, known.longer
    if not isinstance(grid, CategoricalGrid):
        contrasts = numeric(reference.counts.sum(axis=0), np.isin(codes, (MISSING, NONFINITE)))
        return p_values(reference, windows, contrasts, independent, side, longer)
    seen = reference.counts.sum(axis=0) > 0
    new = windows.counts[:, ~seen].sum(axis=1)
    out = np.full(len(windows.counts), np.nan)
    for chosen in (new > 0, new == 0):  # a class more must not change what is said of windows without it
        if not chosen.any():
            continue
        before, after = reference.counts[:, seen], windows.counts[chosen][:, seen]
        if new[chosen].any():
            before, after = _with_new(codes[seen], before, after, new[chosen])
        counted = Counted(after, windows.matched[chosen])
        of = directed(np.arange(before.shape[1], dtype=float)) if side else categorical(before.sum(axis=0))
        out[chosen] = p_values(Counted(before, reference.matched), counted, of, independent, side, longer)
    return out


def _with_new(codes: Integers, before: Floats, after: Floats, new: Floats) -> tuple[Floats, Floats]:
    """Rows of values that the reference has not, with as many in the reference as it has values seen once.

    Good & Turing (Good 1953). Where rare values are one class, new ones belong to it.
    """
    if REST in codes:
        after = after.copy()
        after[:, int(np.searchsorted(codes, REST))] += new
        return before, after
    total = before.sum(axis=0)
    once = float(((total == 1) & (codes < REST)).sum())
    share = before.sum(axis=1) / max(float(total.sum()), 1.0)
    return np.column_stack([before, once * share]), np.column_stack([after, new])


def _spread(every: Integers, codes: Integers, counts: Floats) -> Floats:
    out = np.zeros((len(counts), len(every)))
    out[:, np.searchsorted(every, codes)] = counts
    return out


def _histogram(codes: Integers, counts: Floats) -> Histogram:
    kept = counts > 0
    return Histogram(codes[kept], counts[kept].astype(np.int64))
