"""Multivariate drift, where an owner asked for it: rows are sampled of the reference and of each window to be judged.

What a reference says of chance is kept in memory, and so are the verdicts of the newest windows, which are judged at
each look: a look that finds nothing new reads no row.
"""

from __future__ import annotations

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from threadpoolctl import threadpool_limits

from monitoring.baseline import fingerprint
from monitoring.core.multivariate.chance import rate
from monitoring.core.summaries import Summaries
from monitoring.core.summary import Kind
from monitoring.core.verdict import Status, Verdict
from monitoring.core.window import Slots
from monitoring.fleet import Threshold
from monitoring.ingest import Progress
from monitoring.logs.reader import LogReader
from monitoring.logs.samples import Sampled, samples
from monitoring.multivariate.reference import SEED, SIZES, WIDEST, Known, encoded, judge_chance, read
from monitoring.rowtests.registry import NotJudged, RowTest, UnknownRowTest, get
from monitoring.verdicts import multivariate as verdicts
from monitoring.verdicts.multivariate import CHECK, MIN_ROWS, Measured
from monitoring.verdicts.subject import Subject

AT_ONCE = 100
"""Windows whose rows are read by one statement."""
MODELS, WINDOWS = 64, 16
"""References, and verdicts of the newest windows of each, that are remembered."""


@dataclass
class Remembered:
    """A model's reference, and its newest verdicts with a mark of the rows that they are of."""

    known: Known
    newest: dict[Slots, tuple[str, list[Verdict]]] = field(default_factory=dict)


_MEMORY: OrderedDict[str, Remembered] = OrderedDict()
"""By a digest of all that a reference and its verdicts depend on, so that a stale one is never found."""


def judge(subject: Subject, base: Path, as_of: datetime | None, progress: Progress) -> Iterator[Verdict]:
    """The verdicts of every method asked for, on each window that is over. Failures are verdicts."""
    asked = verdicts.chosen(subject.model)
    windows = [w for w in subject.windows if subject.comparable(w)]
    if not asked or not windows:
        return
    tests: dict[str, RowTest] = {}
    for method in asked:
        try:
            tests[method] = get(method)
        except UnknownRowTest as error:
            for window in windows:
                yield _blank(subject, window, method)._replace(status=Status.FAILED, reason=str(error))
    try:
        with threadpool_limits(1):  # of matrices this small, threads that wait for one another cost ten times as much
            found = list(_Run(subject, base, as_of, progress, asked, tests).judged(windows))
        yield from found
    except Exception as error:
        logging.getLogger(__name__).exception("multivariate drift of %s", subject.model.key)
        reason = f"Rows could not be compared: {type(error).__name__}: {error}"
        for window in windows:
            for method in tests:
                yield _blank(subject, window, method)._replace(status=Status.FAILED, reason=reason)


@dataclass
class _Run:
    """One judging of one model."""

    subject: Subject
    base: Path
    as_of: datetime | None
    progress: Progress
    asked: dict[str, Threshold]
    tests: dict[str, RowTest]

    def judged(self, windows: list[Slots]) -> Iterator[Verdict]:
        """Verdicts, the remembered ones first. Nothing is read where all are remembered."""
        name = self._name()
        memory = _MEMORY.get(name)
        marks = {w: _mark(self.subject, self.subject.current, w) for w in windows}
        fresh = []
        for window in windows:
            if memory is not None and memory.newest.get(window, ("", []))[0] == marks[window]:
                yield from memory.newest[window][1]
            else:
                fresh.append(window)
        if not fresh:
            return
        with closing(LogReader(self.subject.model, self.base, self.as_of)) as reader:
            if memory is None:
                self.progress(0.0, "looking at the reference's rows")
                memory = _MEMORY[name] = Remembered(read(self.subject, self.base, reader))
            for at in range(0, len(fresh), AT_ONCE):
                batch = fresh[at : at + AT_ONCE]
                self.progress(at / len(fresh), f"comparing rows of {len(fresh):,} windows with the reference")
                for window, found in self._batch(memory.known, reader, batch):
                    memory.newest[window] = marks[window], found
                    yield from found
        for window in sorted(memory.newest)[:-WINDOWS]:
            del memory.newest[window]
        _MEMORY.move_to_end(name)
        while len(_MEMORY) > MODELS:
            _MEMORY.popitem(last=False)

    def _batch(self, known: Known, reader: LogReader, windows: list[Slots]) -> Iterator[tuple[Slots, list[Verdict]]]:
        rows, _ = samples(reader, windows, SIZES[-1], SEED)
        sizes = {known.size(len(one.slot)) for one in rows.values()} - {0}
        judge_chance(known, self.subject, self.base, reader, self.tests, sizes, self.progress)
        for window in windows:
            yield window, [self._verdict(known, method, window, rows.get(window)) for method in self.tests]

    def _name(self) -> str:
        """What a reference and its verdicts depend on."""
        s = self.subject
        thresholds = sorted(f"{m}={t.model_dump_json()}" for m, t in self.asked.items())
        of_reference = _mark(s, s.reference, s.reference_span)
        parts = [s.model.key, fingerprint(s.model), str(self.base), str(self.as_of), of_reference, *thresholds]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def _verdict(self, known: Known, method: str, window: Slots, read: Sampled | None) -> Verdict:
        subject, test, own = self.subject, self.tests[method], self.asked[method]
        n = subject.current.rows(window)
        blank = _blank(subject, window, method)._replace(window=subject.window(window, n))
        if read is None or n == 0:
            return blank._replace(status=Status.NO_DATA, reason="No row in this window.")
        short = blank._replace(status=Status.INSUFFICIENT_DATA)
        size, fewest = known.size(len(read.slot)), max(own.min_rows or MIN_ROWS, SIZES[0])
        if size == 0 or min(n, len(known.rows)) < fewest:
            few, where = (n, "window") if n < fewest else (len(known.rows), "reference")
            return short._replace(reason=f"{few:,} rows in the {where}; at least {fewest} are needed.")
        versions, share = verdicts.new_versions(subject, window)
        if test.of_model and share > 0.5:
            return short._replace(reason=f"{', '.join(versions)} answered, of which the reference has no row.")
        try:
            return self._held(known, test, blank, size, read)
        except NotJudged as reason:
            return short._replace(reason=str(reason))
        except Exception as error:
            logging.getLogger(__name__).exception("%s of %s", method, subject.model.key)
            return blank._replace(status=Status.FAILED, reason=f"{test.title} failed: {type(error).__name__}: {error}")

    def _held(self, known: Known, test: RowTest, blank: Verdict, size: int, read: Sampled) -> Verdict:
        """The verdict where there are rows enough. Raises NotJudged where they say nothing."""
        subject, own = self.subject, self.asked[test.name]
        fitted, rows = known.fitted(test), encoded(known, read.frame, size)
        found = Measured(fitted.measure(rows), size)
        chance = known.chance[test.name, size]
        if chance is None:
            raise NotJudged("The reference has too few rows to judge by how far chance goes.")
        hours = None if subject.by_rows else float(subject.model.chunk.slots)
        one, alarms = rate(verdicts.budget(self.asked), hours, len(self.tests))
        levels = verdicts.levels(test, own, chance, one)
        if levels.beyond(test, found.value):
            found = replace(found, names=known.encoder.names, shares=[float(s) for s in fitted.shares(rows)])
        verdict = verdicts.held(blank._replace(false_alarms=alarms), test, own, found, levels)
        if known.features <= WIDEST:
            return verdict
        left = f" Of {known.features:,} features, the first {WIDEST} are looked at."
        return verdict._replace(reason=verdict.reason + left)


def _blank(subject: Subject, window: Slots, method: str) -> Verdict:
    return Verdict(subject.model.key, CHECK, subject.window(window, 0), Status.OK, "", method=method)


def _mark(subject: Subject, summaries: Summaries, window: Slots) -> str:
    """Changes when the rows of a window do."""
    told = hashlib.sha256()
    for column in subject.profile.columns:
        if column.kind in (Kind.FEATURE, Kind.SCORE, Kind.PREDICTION):
            counts = summaries.histogram(column.kind, column.name, window)
            told.update(counts.codes.tobytes() + counts.counts.tobytes())
    return told.hexdigest()
