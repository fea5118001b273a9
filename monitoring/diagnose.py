"""The shell: why one model's performance fell. Asked for by an evaluation that finds a breach, or by a person."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from monitoring.baseline import find
from monitoring.core.diagnosis.diagnosis import Attempt
from monitoring.core.diagnosis.episode import breached, episode, mature
from monitoring.core.diagnosis.inputs import Broken
from monitoring.core.summary import Kind
from monitoring.core.verdict import Status, Verdict
from monitoring.core.window import Slots, slot_ceiling, slot_of
from monitoring.diagnosis.examine import Case, examine
from monitoring.diagnosis.rows import LIMIT, DiagnosisError, opened
from monitoring.errors import LeewayError
from monitoring.fleet import Model, MovingReference
from monitoring.ingest import Ingested, Progress
from monitoring.store import diagnoses, verdicts
from monitoring.store.database import reading, transaction
from monitoring.store.models import Watched
from monitoring.store.summaries import read_slots
from monitoring.verdicts.subject import Subject

VERSION = 1
"""Of the method: another one diagnoses every breach that goes on anew."""
DAY, LONGEST = 24, 28 * 24
"""Slots between two diagnoses of a breach that goes on, and the slots of an episode that one looks at."""
TRICKLE = 0.05
"""Share by which labels of the same rows may have become more."""
REST = timedelta(hours=1)
"""A diagnosis younger than this is not made again, however often rows of its windows change."""

Clock = Callable[[], datetime]


def of_breach(
    store: Engine, watched: Watched, subject: Subject, done: Ingested, found: Sequence[Verdict], new: bool,
    as_of: datetime | None, clock: Clock, progress: Progress,
) -> Attempt | None:  # fmt: skip
    """The diagnosis of the breach that goes on; None where there is none.

    The newest one serves until another day of windows is mature, or the rows it was made from are others. `found` are
    the newest verdicts; where `new`, they replace all that are stored.
    """
    check = breached(found, f"performance.{watched.model.main_metric}")
    if check is None:
        return None
    last = _slots(mature(found, check)[-1]).last
    with reading(store) as session:
        before = None if done.fresh else diagnoses.newest(session, watched.id, check)
        if before is not None and _serves(before, session, subject, done, last, clock()):
            return before
        since = max(0, last - _longest(watched.model) * watched.model.chunk.slots)
        stored = [] if new else [v for _, v in verdicts.course(session, watched.id, watched.key, (), [check], since)]
        by_slot = {_slots(v).first: v for v in [*mature(stored, check), *mature(found, check)]}
        windows = episode([by_slot[slot] for slot in sorted(by_slot)], _longest(watched.model))
        window = _outside(windows, subject.inside)
        state = _state(session, subject, done, window)
    made = _tried(watched, Case(check, window, _broken(found, window)), as_of, clock(), progress, state, True)
    with transaction(store) as session:
        if done.fresh:
            diagnoses.forget(session, watched.id)
        diagnoses.save(session, watched.id, made)
    return made


def on_demand(
    store: Engine, watched: Watched, span: tuple[datetime, datetime] | None, as_of: datetime | None, clock: Clock,
    progress: Progress,
) -> Attempt:  # fmt: skip
    """The diagnosis of a span of time; without one, of the breach that goes on, else of the newest mature windows.

    Kept in the database, but takes no part in the flag. Raises LeewayError where it is not possible.
    """
    check = f"performance.{watched.model.main_metric}"
    if span is not None:
        window = Slots(slot_of(span[0]), slot_ceiling(span[1]))
        if len(window) == 0:
            raise DiagnosisError("the window ends before it begins.", where=watched.key)
        if watched.model.chunk.rows is not None:
            raise DiagnosisError("the log has no real time, so no span of it can be named.", where=watched.key)
    else:
        with reading(store) as session:
            checks = {check, *(t.check for t in watched.model.thresholds if t.check.startswith("performance."))}
            stored = [v for _, v in verdicts.course(session, watched.id, watched.key, (), checks, 0)]
            inside = _inside(session, watched)
        stored.sort(key=lambda v: _slots(v).first)
        check = breached(stored, check) or check
        longest = _longest(watched.model)
        windows = episode(mature(stored, check), longest) or mature(stored, check)[-longest:]
        if not windows:
            raise DiagnosisError(
                "no mature window is there yet.", where=watched.key, mend="Evaluate first, or wait for labels."
            )
        window = _outside(windows, inside)
    made = _tried(watched, Case(check, window), as_of, clock(), progress)
    with transaction(store) as session:
        diagnoses.save(session, watched.id, made)
    if made.content is None:
        raise DiagnosisError(made.error)
    return made


def _tried(
    watched: Watched, case: Case, as_of: datetime | None, now: datetime, progress: Progress, state: str = "",
    automatic: bool = False,
) -> Attempt:  # fmt: skip
    """A diagnosis, or what prevented it: that is kept as well, so that it is not tried again every minute."""

    def said(share: float, words: str) -> None:
        progress(share, f"diagnosing {case.check}: {words}")

    made, error = None, ""
    try:
        with opened(watched.model, watched.base, case.check.partition(".")[2], as_of) as logs:
            made = examine(logs, case, said)
    except LeewayError as failure:
        error = failure.sentence
    except Exception as failure:
        logging.getLogger(__name__).exception("diagnosing %s", watched.key)
        error = f"{type(failure).__name__}: {failure}"
    return Attempt(case.check, case.window, now, made, error, state, automatic)


def _serves(before: Attempt, session: Session, subject: Subject, done: Ingested, last: int, now: datetime) -> bool:
    """Whether a diagnosis still stands, for windows up to slot `last`."""
    step = 1 if subject.by_rows else max(DAY, subject.model.chunk.slots)
    if not before.window.last <= last < before.window.last + step:
        return False
    return now - before.made_at < REST or _alike(before.state, _state(session, subject, done, before.window))


def _state(session: Session, subject: Subject, done: Ingested, window: Slots) -> str:
    """What a diagnosis is made from: a hash of the rows of a window and of its reference, and how many have labels."""
    found = hashlib.sha256(f"{VERSION} {done.baseline.id} {subject.model.unit}".encode())
    sides = (
        ("current", subject.current, window),
        (done.baseline.role, subject.reference, subject.reference_of(window)),
    )
    for role, _, slots in sides:
        for slot, seen in sorted(read_slots(session, done.baseline.id, role).items()):
            if slot in slots:
                found.update(f"{slot} {seen}".encode())
    labelled = [summaries.histogram(Kind.OUTCOME, "", slots).n for _, summaries, slots in sides]
    return " ".join([found.hexdigest()[:32], *map(str, labelled)])


def _alike(state: str, other: str) -> bool:
    """Whether two states are of the same rows and nearly as many labels: the last few that trickle in do not matter."""
    before, after = state.split(), other.split()
    pairs = zip(map(int, before[1:]), map(int, after[1:]), strict=False)
    return before[:1] == after[:1] and all(abs(a - b) <= TRICKLE * max(a, b) for a, b in pairs)


def _inside(session: Session, watched: Watched) -> Slots | None:
    """The reference's slots, where it is a fixed window of the log itself."""
    frozen = find(session, watched.id, watched.model)
    moves = isinstance(watched.model.reference, MovingReference)
    if frozen is None or frozen.own is not None or moves or frozen.profile.first is None or frozen.profile.last is None:
        return None
    return Slots(frozen.profile.first, frozen.profile.last)


def _outside(windows: Sequence[Verdict], inside: Slots | None) -> Slots:
    """From the first window that is no part of the reference to the last one; all, where none is."""
    spans = [_slots(v) for v in windows]
    apart = [s for s in spans if inside is None or s.first >= inside.last or s.last <= inside.first]
    return Slots((apart or spans)[0].first, spans[-1].last)


def _slots(verdict: Verdict) -> Slots:
    """The slots of a verdict's window."""
    window = verdict.window
    if window.chunk is not None or window.start is None or window.end is None:
        return Slots(window.chunk or 0, (window.chunk or 0) + 1)
    return Slots(slot_of(window.start), slot_ceiling(window.end))


def _longest(model: Model) -> int:
    """Windows of an episode that one diagnosis looks at, at most."""
    if model.chunk.rows is not None:
        return -(-LIMIT // model.chunk.rows)
    return LONGEST // model.chunk.slots


def _broken(found: Sequence[Verdict], window: Slots) -> tuple[Broken, ...]:
    """Columns whose missing share was breached in half of the windows or more, and a schema that is."""
    out = []
    for column in sorted({v.column for v in found if v.check == "quality.missing" and v.column}):
        mine = [v for v in found if v.check == "quality.missing" and v.column == column]
        mine = [v for v in mine if window.first <= _slots(v).first < window.last]
        bad = [v for v in mine if v.status == Status.BREACHED]
        if bad and 2 * len(bad) >= len(mine):
            out.append(Broken(column, bad[-1].reason.rstrip(".")))
    schema = [v for v in found if v.check == "quality.schema"][-1:]
    out += [Broken("the log", v.reason.rstrip(".").lower()) for v in schema if v.status == Status.BREACHED]
    return tuple(out)
