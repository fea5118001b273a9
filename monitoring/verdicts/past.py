"""What chance is learned from: the reference, cut as the log is, and the windows after it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from monitoring.core.calibration.matching import FEWEST
from monitoring.core.summaries import Summaries
from monitoring.core.summary import Kind
from monitoring.core.window import Chunk, Slots, chunks
from monitoring.verdicts.monitored import Floats, Integers, Monitored
from monitoring.verdicts.subject import Subject

DAY = 24
ENOUGH = 60
"""Windows of which how far they differ is learned, those after the reference included."""
MORE = 1.2
"""How many more, as a factor, make it worth learning anew."""


@dataclass(frozen=True, slots=True)
class Past:
    """The stretch of `source` that is the reference, for windows of a `length`; and the windows after it, before the
    one that is judged, that say how far windows differ, too: `later`, in stretches no longer than the reference."""

    span: Slots
    source: Summaries
    length: int
    later: tuple[tuple[Slots, ...], ...] = ()

    @property
    def key(self) -> tuple[object, ...]:
        """What is the same for the same past."""
        return self.span, id(self.source), self.length, self.later


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
        return times(self.windows or [Slots(0, 1)], by_rows)


def times(windows: Sequence[Slots], by_rows: bool) -> NDArray[np.int64]:
    """The day that each window lies in; its place in the order, where windows are longer, or of rows."""
    length = len(windows[0]) if by_rows else max(len(windows[0]), DAY)
    return np.asarray([w.first // length for w in windows], dtype=np.int64)


def cut_of(subject: Subject, monitored: Monitored, slice_: str, past: Past) -> Cut:
    """The reference of a column, as fits windows of a length."""
    span, source, length = past.span, past.source, past.length
    heap = monitored.table(subject, source, [span], slice_)
    cut, longer, what = begun(subject, source, list(subject.reference_chunks(span))), 1, "windows"
    if len(cut) < FEWEST and length > DAY and not subject.by_rows:
        cut, longer, what = list(chunks(Chunk(hours=DAY), span)), length // DAY, "days"
    if len(cut) >= FEWEST:
        codes, counts = monitored.table(subject, source, cut, slice_)
        cut, counts = held(cut, counts)
    if len(cut) >= FEWEST:
        return Cut(heap, cut, (codes, counts), longer, f"chance learned from {len(cut)} {what} of the reference")
    basis = f"rows taken as independent, the reference having {len(cut)} {what} where {FEWEST} are needed"
    return Cut(heap, [], heap, 1, basis)


def held(windows: Sequence[Slots], counts: Floats) -> tuple[list[Slots], Floats]:
    """The windows that hold a row, with their counts."""
    some = counts.sum(axis=1) > 0
    return [w for w, s in zip(windows, some, strict=True) if s], counts[some]


def begun(subject: Subject, source: Summaries, cut: list[Slots]) -> list[Slots]:
    """Windows of the reference without a first one in which the log itself begins: it is not whole, where the others
    have rows at hours that it has not."""
    log = source.span()
    if subject.by_rows or log is None or len(cut) < 2 or not cut[0].first < log.first < cut[0].last:
        return cut
    early = [Slots(window.first, window.first + log.first - cut[0].first) for window in cut[1:]]
    some = source.table(Kind.ROWS, "", early)[1].sum(axis=1) > 0
    return cut[1:] if some.mean() > 0.5 else cut


def pasts(subject: Subject, windows: Sequence[Slots], slice_: str) -> Iterator[tuple[Past, list[Slots]]]:
    """The windows to judge beside the fixed reference, those together that have the same past. Each teaches those after
    it while the reference and they are not ENOUGH, but where the reference is too short for windows, or of a slice,
    which differs from the whole log in how its windows do."""
    span, source, length = subject.reference_span, subject.reference, len(windows[0])
    size = len(list(subject.reference_chunks(span)))
    room = max(0, ENOUGH - size)
    if slice_ or size < FEWEST or not room:
        yield Past(span, source, length), list(windows)
        return
    apart = subject.inside is None  # a reference that is no part of the log has no place in it
    later = (w for w in subject.history if (apart or w.first >= span.last) and subject.comparable(w))
    after = list(islice(later, room + 1))
    place = {window: at for at, window in enumerate(after)}
    groups: dict[int, list[Slots]] = {}
    for window in windows:
        before = place.get(window, room if after and window.first > after[-1].first else 0)
        groups.setdefault(_learned(size, min(before, room)), []).append(window)
    for known, group in groups.items():
        stretches = tuple(tuple(after[at : min(at + size, known)]) for at in range(0, known, size))
        yield Past(span, source, length, stretches), group


def _learned(size: int, after: int) -> int:
    """How many of the windows after a reference of a size, of those that there are, it was last learned from."""
    known = size
    while (following := min(math.ceil(known * MORE), max(ENOUGH, size))) <= size + after and following > known:
        known = following
    return known - size
