"""The distributions a model is watched by, their reference cut into windows, and how those depend on each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from monitoring.core.calibration.matching import FEWEST, classes
from monitoring.core.calibration.priors import Told, priors, told
from monitoring.core.calibration.windows import Known
from monitoring.core.grid import Grid
from monitoring.core.profile import Column
from monitoring.core.summaries import Summaries
from monitoring.core.summary import Kind
from monitoring.core.window import Chunk, Slots, chunks
from monitoring.verdicts.subject import Subject

DAY = 24
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
class Cut:
    """The reference as a heap, and cut into windows: `longer` of them make one of the windows that are judged. With
    too few to learn chance from, `windows` is empty and there is only the heap."""

    heap: tuple[Integers, Floats]
    windows: list[Slots]
    counts: tuple[Integers, Floats]
    longer: int
    basis: str

    def times(self, by_rows: bool) -> NDArray[np.int64]:
        """The day that each window lies in; its place in the order, where windows are longer, or of rows."""
        of = self.windows or [Slots(0, 1)]
        length = len(of[0]) if by_rows else max(len(of[0]), DAY)
        return np.asarray([w.first // length for w in of], dtype=np.int64)


def cut_of(subject: Subject, monitored: Monitored, slice_: str, span: Slots, source: Summaries, length: int) -> Cut:
    """The reference of a column, as fits windows of a length."""
    heap = monitored.table(subject, source, [span], slice_)
    cut, longer, what = begun(subject, source, list(subject.reference_chunks(span))), 1, "windows"
    if len(cut) < FEWEST and length > DAY and not subject.by_rows:
        cut, longer, what = list(chunks(Chunk(hours=DAY), span)), length // DAY, "days"
    if len(cut) >= FEWEST:
        codes, counts = monitored.table(subject, source, cut, slice_)
        held = counts.sum(axis=1) > 0
        cut, counts = [c for c, h in zip(cut, held, strict=True) if h], counts[held]
    if len(cut) >= FEWEST:
        return Cut(heap, cut, (codes, counts), longer, f"chance learned from {len(cut)} {what} of the reference")
    basis = f"rows taken as independent, the reference having {len(cut)} {what} where {FEWEST} are needed"
    return Cut(heap, [], heap, 1, basis)


def begun(subject: Subject, source: Summaries, cut: list[Slots]) -> list[Slots]:
    """Windows of the reference without a first one in which the log itself begins: it is not whole, where the others
    have rows at hours that it has not."""
    log = source.span()
    if subject.by_rows or log is None or len(cut) < 2 or not cut[0].first < log.first < cut[0].last:
        return cut
    early = [Slots(window.first, window.first + log.first - cut[0].first) for window in cut[1:]]
    held = source.table(Kind.ROWS, "", early)[1].sum(axis=1) > 0
    return cut[1:] if held.mean() > 0.5 else cut


@dataclass(frozen=True, slots=True)
class Priors:
    """How far the reference's windows differ and how much they resemble the ones before, by what all the columns of a
    model say together."""

    subject: Subject
    monitored: Sequence[Monitored]
    _known: dict[tuple[Slots, bool, int, str], dict[tuple[Kind, str], dict[str, Floats]]] = field(default_factory=dict)

    def of(self, m: Monitored, span: Slots, source: Summaries, length: int, how: str) -> dict[str, Floats]:
        """The prior for a column, from the others; empty where nothing was learned from windows of this length."""
        key = span, source is self.subject.reference, length, how
        if key not in self._known:
            self._known[key] = self._learned(span, source, length, how)
        return self._known[key].get(m.column.key, {})

    def _learned(
        self, span: Slots, source: Summaries, length: int, how: str
    ) -> dict[tuple[Kind, str], dict[str, Floats]]:
        found: dict[tuple[Kind, str], tuple[list[Slots], Told]] = {}
        for m in self.monitored:
            cut = cut_of(self.subject, m, "", span, source, length)
            if not cut.windows:
                continue
            codes, counts = cut.counts
            matched = classes(how, cut.windows)
            times = cut.times(self.subject.by_rows)
            known = Known(counts, matched, times, int(matched.max()) + 1, longer=cut.longer)
            try:
                found[m.column.key] = cut.windows, told(m.grid, codes, known)
            except (ArithmeticError, ValueError, IndexError, np.linalg.LinAlgError):
                continue  # it has nothing to say of the others; its own verdict fails with the reason
        every = sorted({window for windows, _ in found.values() for window in windows})
        place = {window: at for at, window in enumerate(every)}
        columns = []
        for windows, said in found.values():  # a column may have no row in some
            apart = np.zeros(len(every))
            apart[[place[w] for w in windows]] = said.apart
            columns.append(replace(said, apart=apart))
        return dict(zip(found, priors(columns), strict=True)) if columns else {}
