"""The shell: one evaluation of one model, from its logs to its verdicts. One bad model never stops the others."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Engine, update

from monitoring.core.checks import PLANNED
from monitoring.core.summaries import Summaries
from monitoring.core.verdict import Flag, Status, Verdict, Window
from monitoring.core.window import Slots, chunks, moment_of, slot_of
from monitoring.errors import LeewayError
from monitoring.ingest import Ingested, Progress, ingest
from monitoring.store import summaries, verdicts
from monitoring.store.database import reading, transaction
from monitoring.store.models import Watched
from monitoring.store.tables import EvaluationRow, ModelRow
from monitoring.verdicts import drift, performance, quality, service
from monitoring.verdicts.subject import Subject
from monitoring.verdicts.summing_up import sum_up

VERSION = 2
"""Of the checks: another one judges every window again."""
AGAIN = 4
"""Newest windows that are judged every time, as time itself changes them: now complete, now mature."""
EMPTY = 7
"""Windows without a row that are judged after the last row: past them, a log has stopped for good."""
RECENT = 12
"""Windows of stored verdicts that the summing-up looks back on."""

FAMILIES: tuple[Callable[[Subject], Iterator[Verdict]], ...] = (
    quality.judge,
    drift.judge,
    performance.judge,
    service.judge,
)


@dataclass(frozen=True, slots=True)
class Scope:
    """What to evaluate: as of `now`, windows touching [start, end); `finished` takes a log as it lies."""

    now: datetime | None = None
    as_of: datetime | None = None
    start: datetime | None = None
    end: datetime | None = None
    finished: bool = False


def evaluate(
    store: Engine, watched: Watched, scope: Scope, clock: Callable[[], datetime], progress: Progress
) -> list[Verdict]:
    """Bring one model's verdicts up to date and return those that were judged. Failure is a verdict, too."""
    started = clock()
    began = time.perf_counter()
    now = scope.as_of or scope.now or started
    error, done = "", None
    try:
        done = ingest(store, watched.id, watched.model, watched.base, now, scope.as_of, progress)
        subject = _subject(store, watched, done, scope, now)
        found = judge(subject, done)
        found += _by_rows(subject, watched, scope, progress)
        with reading(store) as session:
            since = subject.history[-RECENT].first if len(subject.history) > RECENT else 0
            before = [] if _new(watched, done) else list(verdicts.recall(session, watched.id, watched.key, since))
        found.append(sum_up(subject, _joined(before, found)))
    except Exception as failure:
        if not isinstance(failure, LeewayError):  # nobody foresaw it, so whoever mends it needs to see where
            logging.getLogger(__name__).exception("evaluating %s", watched.key)
        error = failure.sentence if isinstance(failure, LeewayError) else f"{type(failure).__name__}: {failure}"
        window = Window(None, now, 0) if watched.model.chunk.rows is None else Window(None, None, 0)
        found = [
            Verdict(watched.key, "model", window, Status.FAILED, f"Could not be evaluated: {error}", flag=Flag.PAGE)
        ]
    with transaction(store) as session:
        if done is not None and _new(watched, done) and not error:
            verdicts.forget(session, watched.id)
        verdicts.save(session, watched.id, found, now)
        if not error:
            judged = _judged_by(watched)
            session.execute(update(ModelRow).where(ModelRow.id == watched.id).values(judged=judged))
        session.add(
            EvaluationRow(
                model_id=watched.id, now=now, started_at=started, seconds=time.perf_counter() - began,
                slots_read=len(done.changed) if done else 0, rows_read=done.rows if done else 0, error=error,
            )
        )  # fmt: skip
    return found


def judge(subject: Subject, done: Ingested) -> list[Verdict]:
    """All verdicts on the subject's windows. A family that fails is a verdict `failed`, the others go on."""
    found: list[Verdict] = []
    for family in FAMILIES:
        try:
            found.extend(family(subject))
        except Exception as error:
            logging.getLogger(__name__).exception("judging %s", subject.model.key)
            name = family.__module__.rpartition(".")[2]
            window = subject.window(subject.windows[-1], 0) if subject.windows else Window(None, subject.now, 0)
            reason = f"The {name} checks failed: {type(error).__name__}: {error}"
            check = {"service": "slo.availability", "quality": "quality.volume"}.get(name, name)
            found.append(Verdict(subject.model.key, check, window, Status.FAILED, reason, method="failed"))
    found.append(quality.schema(subject, done.types))
    found.extend(_planned(subject))
    return found


def _by_rows(subject: Subject, watched: Watched, scope: Scope, progress: Progress) -> list[Verdict]:
    """Verdicts of methods that need rows, where one is chosen: they are imported only then."""
    found: list[Verdict] = []
    if any((t.method or "").startswith(drift.PREFIX) for t in subject.model.thresholds):
        from monitoring.evidently.judge import judge as by_evidently

        found += by_evidently(subject, watched.base, scope.as_of)
    if any(t.check == "drift.multivariate" for t in subject.model.thresholds):
        from monitoring.multivariate.judge import judge as of_all_columns

        found += of_all_columns(subject, watched.base, scope.as_of, progress)
    return found


def _subject(store: Engine, watched: Watched, done: Ingested, scope: Scope, now: datetime) -> Subject:
    """Summaries and windows. With nothing else changed, only windows whose summaries did are judged again."""
    baseline, model = done.baseline, watched.model
    with reading(store) as session:
        current = summaries.load(session, baseline.id, "current")
        reference = current if baseline.own is None else summaries.load(session, baseline.id, "reference")
    inside = None
    span = reference.span() or Slots(0, 0)
    if baseline.own is None and baseline.profile.first is not None and baseline.profile.last is not None:
        inside = span = Slots(baseline.profile.first, baseline.profile.last)
    history = _history(watched, current, now, scope, inside)
    if scope.finished and scope.as_of is None and history and model.chunk.rows is None:
        newest = current.span()
        now = moment_of(newest.last) if newest else now
    windows = list(history)
    if not _new(watched, done):
        length = model.chunk.slots
        touched = {_number(history, slot, length) for slot in done.changed}
        windows = [w for i, w in enumerate(history) if i in touched or i >= len(history) - AGAIN]
    if model.chunk.rows is None:
        windows = [w for w in windows if scope.start is None or moment_of(w.last) > scope.start]
        windows = [w for w in windows if scope.end is None or moment_of(w.first) < scope.end]
    return Subject(
        model, baseline.profile, reference, span, current, tuple(windows), tuple(history), now, inside, scope.finished
    )


def _history(watched: Watched, current: Summaries, now: datetime, scope: Scope, inside: Slots | None) -> list[Slots]:
    """All windows of the log up to now, and a few empty ones after its last row."""
    span = current.span()
    if span is None:
        return []
    chunk = watched.model.chunk
    if chunk.rows is not None:
        return list(chunks(chunk, span))
    present = slot_of(now) + 1
    last = span.last
    if not scope.finished:
        last = min(present, span.last + EMPTY * chunk.slots)
    found = chunks(chunk, Slots(span.first, max(last, span.first + 1)), inside.first if inside else None)
    return [w for w in found if scope.finished or w.first < present]


def _number(history: list[Slots], slot: int, length: int) -> int:
    return (slot - history[0].first) // length if history else 0


def _joined(before: list[Verdict], found: list[Verdict]) -> list[Verdict]:
    """Stored and new verdicts in order of time, the new in the place of the old."""

    def key(v: Verdict) -> tuple[object, ...]:
        return v.check, v.column, v.slice, v.version, v.method, v.window.start, v.window.chunk

    fresh = {key(v) for v in found}
    again = {v.check for v in found if v.check.startswith("slo.")}
    kept = [v for v in before if key(v) not in fresh and v.check not in again and v.check != "model"]
    return sorted(
        [*kept, *found], key=lambda v: (v.window.chunk or 0, v.window.start.timestamp() if v.window.start else 0.0)
    )


def _judged_by(watched: Watched) -> str:
    document = watched.model.model_dump(mode="json") | {"checks": VERSION}
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _new(watched: Watched, done: Ingested) -> bool:
    """Whether every window must be judged: another baseline, other thresholds, or another version of the checks."""
    return done.fresh or watched.judged != _judged_by(watched)


def _planned(subject: Subject) -> Iterator[Verdict]:
    """A check that the fleet file may name but this version does not have is said to be missing, not passed over."""
    names = {t.check for t in subject.model.thresholds} | {f"slo.{s.sli}" for s in subject.model.slos}
    for name in sorted(names):
        if name in PLANNED or name.split(".")[0] in PLANNED:
            window = Window(subject.now, subject.now, 0)
            yield replace(
                Verdict(subject.model.key, name, window, Status.NO_DATA, ""),
                reason="This version of Leeway does not have this check yet.",
            )
