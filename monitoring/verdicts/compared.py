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


@dataclass(frozen=True, slots=True)
class Monitored:
    """A distribution to compare: its column and grid."""

    column: Column
    grid: Grid

    def table(
        self, subject: Subject, summaries: Summaries, windows: Sequence[Slots], slice_: str
    ) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
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
    for span, group in spans.items():
        for one in _against(subject, monitored, slice_, group, span, source, side):
            found[one.window] = one
    return found


def _against(
    subject: Subject, monitored: Monitored, slice_: str, windows: list[Slots], span: Slots, source: Summaries, side: int
) -> list[Compared]:
    cut, longer = list(subject.reference_chunks(span)), 1
    if len(cut) < FEWEST and len(windows[0]) > DAY and subject.model.chunk.rows is None:
        cut, longer = list(chunks(Chunk(hours=DAY), span)), len(windows[0]) // DAY
    whole_codes, whole = monitored.table(subject, source, [span], slice_)
    cut_codes, known = monitored.table(subject, source, cut, slice_)
    kept = known.sum(axis=1) > 0
    cut, known = [c for c, k in zip(cut, kept, strict=True) if k], known[kept]
    codes, current = monitored.table(subject, subject.current, windows, slice_)
    every = np.union1d(np.union1d(codes, cut_codes), whole_codes).astype(np.int32)
    whole, known, current = (
        _spread(every, c, counts) for c, counts in ((whole_codes, whole), (cut_codes, known), (codes, current))
    )
    few = len(cut) < FEWEST
    alike = np.zeros(len(windows), dtype=np.int64)
    if few:
        matches = [Match("", np.arange(len(windows)), alike, alike[:1])]
    elif longer > 1:
        matches = [Match("", np.arange(len(windows)), alike, np.zeros(len(cut), dtype=np.int64))]
    else:
        matches = match(cut, windows)
    out = []
    for m in matches:
        learned = Counted(whole if few else known, m.reference)
        p = _surprise(monitored.grid, every, learned, Counted(current[m.at], m.matched), few, side, longer)
        what = "windows" if longer == 1 else "days"
        basis = f"chance learned from {len(cut)} {what} of the reference" + (f", {m.how} together" if m.how else "")
        if few:
            basis = f"rows taken as independent, the reference having {len(cut)} such windows where {FEWEST} are needed"
        for at, class_, value in zip(m.at, m.matched, p, strict=True):
            # an hour of the night is compared with nights
            reference = known[m.reference == class_].sum(axis=0) if m.how and len(windows[at]) < DAY else whole[0]
            rounded = float(f"{value:.6g}")  # the last digits depend on how many windows are looked at together
            beside = _histogram(every, current[at]), _histogram(every, reference)
            out.append(Compared(windows[at], *beside, rounded, basis))
    return out


def _surprise(
    grid: Grid,
    codes: NDArray[np.int32],
    reference: Counted,
    windows: Counted,
    independent: bool,
    side: int,
    longer: int,
) -> NDArray[np.float64]:
    if not len(codes) or not reference.counts.sum():
        return np.full(len(windows.counts), np.nan)
    if not isinstance(grid, CategoricalGrid):
        contrasts = numeric(reference.counts.sum(axis=0), np.isin(codes, (MISSING, NONFINITE)))
        return p_values(reference, windows, contrasts, independent, side, longer)
    known = reference.counts.sum(axis=0) > 0
    new = windows.counts[:, ~known].sum(axis=1)
    out = np.full(len(windows.counts), np.nan)
    for chosen in (new > 0, new == 0):  # a class more must not change what is said of windows without it
        if not chosen.any():
            continue
        before, after = reference.counts[:, known], windows.counts[chosen][:, known]
        if new[chosen].any():
            before, after = _with_new(codes[known], before, after, new[chosen])
        counted = Counted(after, windows.matched[chosen])
        of = directed(np.arange(before.shape[1], dtype=float)) if side else categorical(before.sum(axis=0))
        out[chosen] = p_values(Counted(before, reference.matched), counted, of, independent, side, longer)
    return out


def _with_new(
    codes: NDArray[np.int32], before: NDArray[np.float64], after: NDArray[np.float64], new: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
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


def _spread(every: NDArray[np.int32], codes: NDArray[np.int32], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    out = np.zeros((len(counts), len(every)))
    out[:, np.searchsorted(every, codes)] = counts
    return out


def _histogram(codes: NDArray[np.int32], counts: NDArray[np.float64]) -> Histogram:
    kept = counts > 0
    return Histogram(codes[kept], counts[kept].astype(np.int64))
