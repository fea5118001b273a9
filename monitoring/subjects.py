"""Building the subject of an evaluation: the summaries of a model, and the windows of its log that are judged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Engine

from monitoring.core.summaries import Summaries
from monitoring.core.summary import Kind
from monitoring.core.window import Slots, chunks, moment_of, slot_of
from monitoring.fleet import MovingReference
from monitoring.ingest import Ingested
from monitoring.store import summaries, verdicts
from monitoring.store.database import reading
from monitoring.store.models import Watched
from monitoring.verdicts import labels
from monitoring.verdicts.performance import first_answers
from monitoring.verdicts.subject import Subject

AGAIN = 2
"""Newest windows that are judged every time, whatever changed."""
EMPTY = 7
"""Windows without a row that are judged after the last row: past them, a log has stopped for good."""
RECENT = 12
"""Windows of stored verdicts that the summing-up looks back on."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What to evaluate: as of `now`, windows touching [start, end); `finished` takes a log as it lies.

    `diagnosed` is false where nobody waits for why performance fell.
    """

    now: datetime | None = None
    as_of: datetime | None = None
    start: datetime | None = None
    end: datetime | None = None
    finished: bool = False
    diagnosed: bool = True


def build(store: Engine, watched: Watched, done: Ingested, scope: Scope, now: datetime, new: bool) -> Subject:
    """What an evaluation at `now` looks at. Every window is judged where `new`, else those whose summaries changed."""
    baseline, model = done.baseline, watched.model
    with reading(store) as session:
        current = summaries.load(session, baseline.id, "current")
        reference = current if baseline.own is None else summaries.load(session, baseline.id, "reference")
    inside = None
    span = reference.span() or Slots(0, 0)
    if baseline.own is None and baseline.profile.first is not None and baseline.profile.last is not None:
        span = Slots(baseline.profile.first, baseline.profile.last)
        inside = None if isinstance(model.reference, MovingReference) else span
    history = _history(watched, current, now, scope, inside)
    if scope.finished and scope.as_of is None and history and model.chunk.rows is None:
        newest = current.span()
        now = moment_of(newest.last) if newest else now
    windows = list(history)
    if not new:
        windows = _changed(store, watched, done, history)
    windows = _within(windows, watched, scope)
    due = _due(store, watched, done, windows, new, span if baseline.own is None else Slots(0, 0))
    subject = Subject(
        model, baseline.profile, reference, span, current, tuple(windows), tuple(history), now, inside, scope.finished,
        due,
    )  # fmt: skip
    subject = replace(subject, lacking=frozenset() if new else _lacking(store, watched, subject, scope))
    return _with_labels(store, watched, subject, new)


def _within(windows: Iterable[Slots], watched: Watched, scope: Scope) -> list[Slots]:
    """Those that touch the stretch of time that is asked for."""
    by_rows, start, end = watched.model.chunk.rows is not None, scope.start, scope.end
    return [
        w for w in windows
        if by_rows or ((start is None or moment_of(w.last) > start) and (end is None or moment_of(w.first) < end))
    ]  # fmt: skip


def _lacking(store: Engine, watched: Watched, subject: Subject, scope: Scope) -> frozenset[tuple[str, int]]:
    """Windows in which a version has no verdict of its own yet: with one version there are none, so the first one's
    are made once a second one appears."""
    first = first_answers(subject.current)
    if not first or subject.profile.find(Kind.OUTCOME, "") is None:
        return frozenset()
    with reading(store) as session:
        known = verdicts.of_versions(session, watched.id, f"performance.{watched.model.main_metric}")
    windows = _within(subject.history, watched, scope)
    return frozenset((v, w.first) for v, slot in first.items() for w in windows if w.last > slot) - known


def _changed(store: Engine, watched: Watched, done: Ingested, history: list[Slots]) -> list[Slots]:
    """The windows with rows that changed, those after them, which ask whether drift lasts, those that were not over
    when the model was evaluated last, and the newest."""
    touched = {_number(history, slot, watched.model.chunk.slots) for slot in done.changed}
    touched |= {number + 1 for number in touched}
    opened = len(history) - AGAIN
    if watched.model.chunk.rows is None:
        with reading(store) as session:
            last = verdicts.evaluated_well(session, watched.id)
        while last is not None and opened > 0 and moment_of(history[opened - 1].last) > last:
            opened -= 1
    return [window for number, window in enumerate(history) if number in touched or number >= opened]


def _due(
    store: Engine, watched: Watched, done: Ingested, windows: list[Slots], new: bool, learned: Slots
) -> frozenset[Slots] | None:
    """The windows to estimate performance of: labels change no estimate but by the reference they are learned from."""
    if new or any(slot in learned for slot in done.changed):
        return None
    with reading(store) as session:
        known = verdicts.estimated(session, watched.id, [w.first for w in windows])
    return frozenset(w for w in windows if w.first not in known or any(slot in w for slot in done.read))


def _with_labels(store: Engine, watched: Watched, subject: Subject, new: bool) -> Subject:
    """How the labels stand; windows that time alone has made mature (or provisional again), or whose labels are due
    since, are judged, too."""
    if subject.profile.find(Kind.OUTCOME, "") is None or not subject.history:
        return subject
    state = labels.state_of(subject)
    subject = replace(subject, labels=state)
    early = labels.provisional(subject)
    subject = replace(subject, early=early)
    if new:
        return subject
    with reading(store) as session:
        before = verdicts.provisional(session, watched.id, f"performance.{watched.model.main_metric}", "realised")
        waiting = verdicts.provisional(session, watched.id, labels.CHECK, labels.COMPLETENESS)
    turned = {first for first, was in before.items() if was != (first in early)}
    if any(waiting.values()):
        turned |= {first for first, was in waiting.items() if was} & labels.due(subject, state)
    judged = {w.first for w in subject.windows}
    windows = [w for w in subject.history if w.first in judged or (w.first in turned and state.at(w) is not None)]
    return replace(subject, windows=tuple(windows))


def looked_back_to(subject: Subject) -> tuple[int, int]:
    """The first slots of the stored verdicts that the summing-up needs: of all checks, and of those of labels."""
    history = subject.history
    since = history[-RECENT].first if len(history) > RECENT else 0
    early = labels.provisional(subject) if subject.labels is not None else frozenset()
    mature = [w.first for w in history if w.first not in early]
    return since, min(since, mature[-RECENT] if len(mature) > RECENT else 0)


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
