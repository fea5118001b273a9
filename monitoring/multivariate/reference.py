"""A reference as tests on rows know it: sampled rows, and what they say of chance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from monitoring.core.multivariate import chance as chances
from monitoring.core.multivariate.chance import Chance, Measure, drawn
from monitoring.core.multivariate.encoding import Encoder, Rows
from monitoring.core.summary import Kind
from monitoring.core.window import Slots
from monitoring.errors import SourceError
from monitoring.evidently.windows import reference_reader, renamed
from monitoring.ingest import Progress
from monitoring.logs.reader import LogReader
from monitoring.logs.samples import samples
from monitoring.rowtests.registry import Fitted, NotJudged, RowTest
from monitoring.verdicts.subject import Subject

SEED = 0
KEPT, AGAINST = 6_000, 4_000
"""Rows kept of a reference, and rows of it that a window is held against."""
SIZES = (50, 100, 250, 500, 1_000)
"""Rows of a window that are looked at: the largest of these that it has. Chance is judged for each apart."""
WIDEST = 100
"""Features looked at, the first in the log's order."""


@dataclass
class Known:
    """Sampled `rows` of a reference with the `slot` of each, `blocks` by their first slot with their rows in the log,
    and of how many `features` the encoder has the first. Chance is by method and size; None where it is not known."""

    encoder: Encoder
    rows: Rows
    slot: NDArray[np.int64]
    blocks: dict[int, int]
    features: int
    chance: dict[tuple[str, int], Chance | None] = field(default_factory=dict)
    _fitted: dict[str, Fitted] = field(default_factory=dict)

    def size(self, n: int) -> int:
        """How many rows of a window of `n` are looked at; 0 where it has too few."""
        fitting = [size for size in SIZES if size <= n]
        timed = [s for s in fitting if sum(rows >= s for rows in self.blocks.values()) >= chances.FEWEST]
        whole = [s for s in fitting if 2 * s <= len(self.rows)]
        return max(timed or whole, default=0)

    def fitted(self, test: RowTest) -> Fitted:
        """A test that knows this reference."""
        if test.name not in self._fitted:
            against = drawn(self.rows, AGAINST, np.random.default_rng(SEED))
            self._fitted[test.name] = test.fit(against, self.encoder.owner, SEED)
        return self._fitted[test.name]


def read(subject: Subject, base: Path, reader: LogReader) -> Known:
    """Read a reference's rows and fix how they become numbers. Raises LeewayError where there are none."""
    with reference_reader(subject.model, base, None, reader) as other:
        found, theirs = samples(other, [subject.reference_span], KEPT, SEED)
        blocks = {w.first: subject.reference.rows(w) for w in _blocks(subject, other)}
    if not found:
        raise SourceError("the reference has no rows", where=subject.model.key)
    _, ours = samples(reader, [], 0, SEED)
    sample = next(iter(found.values()))
    frame = sample.frame.rename(columns=renamed(theirs, ours))
    monitored = {c.name for c in subject.profile.columns if c.kind == Kind.FEATURE}
    features = [f for f in ours.features if f in monitored and f in frame]
    predictions = ours.scores or ((ours.prediction,) if ours.prediction else ())
    encoder = Encoder.fitted(frame, features[:WIDEST], [p for p in predictions if p in frame])
    return Known(encoder, encoder.encode(frame), sample.slot, blocks, len(features))


def judge_chance(
    known: Known,
    subject: Subject,
    base: Path,
    reader: LogReader,
    tests: Mapping[str, RowTest],
    sizes: Iterable[int],
    progress: Progress,
) -> None:
    """Judge chance for the sizes it has not been judged for: the reference's blocks are read once for all."""
    wanted = [(m, size) for m in tests for size in sorted(sizes) if (m, size) not in known.chance]
    if not wanted:
        return
    blocks: dict[int, Rows] = {}
    if known.blocks:
        with reference_reader(subject.model, base, None, reader) as other:
            found, theirs = samples(other, _blocks(subject, other), SIZES[-1], SEED)
        names = renamed(theirs, samples(reader, [], 0, SEED)[1])
        blocks = {w.first: known.encoder.encode(one.frame.rename(columns=names)) for w, one in found.items()}
    reference = chances.Reference(known.rows, known.slot, subject.model.chunk.slots, blocks)
    for number, (method, size) in enumerate(wanted):
        progress(number / len(wanted), "judging from the reference how far chance goes")

        def fit(rows: Rows, test: RowTest = tests[method]) -> Measure:
            return _quiet(test.fit(rows, known.encoder.owner, SEED))

        known.chance[method, size] = chances.chance(fit, reference, size, AGAINST, SEED)


def encoded(known: Known, frame: pd.DataFrame, size: int) -> Rows:
    """`size` rows of a window, as numbers."""
    return drawn(known.encoder.encode(frame), size, np.random.default_rng(SEED))


def _blocks(subject: Subject, other: LogReader) -> list[Slots]:
    """Windows of the reference to judge chance by, where it can be cut as the log is."""
    if other.model.chunk != subject.model.chunk:
        return []
    every = {w.first: w for w in subject.reference_chunks()}
    return [every[first] for first in chances.spread_out(sorted(every), SEED)]


def _quiet(fitted: Fitted) -> Measure:
    """A block of the reference that cannot be judged says nothing of chance."""

    def measure(rows: Rows) -> float:
        try:
            return fitted.measure(rows)
        except NotJudged:
            return float("nan")

    return measure
