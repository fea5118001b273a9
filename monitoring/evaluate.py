"""The shell: one evaluation of one model, from its logs to its verdicts. One bad model never stops the others."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from sqlalchemy import Engine, update

from monitoring.core.checks import PLANNED
from monitoring.core.movement import Movement, span
from monitoring.core.verdict import Flag, Status, Verdict, Window
from monitoring.diagnose import of_breach
from monitoring.errors import LeewayError, SourceError
from monitoring.ingest import Ingested, Progress, ingest
from monitoring.series import Told, tell
from monitoring.store import incidents, verdicts
from monitoring.store.database import reading, transaction
from monitoring.store.models import Watched
from monitoring.store.tables import EvaluationRow, ModelRow
from monitoring.subjects import Scope, build, looked_back_to
from monitoring.verdicts import drift, estimated, false_alarms, labels, performance, quality, service
from monitoring.verdicts.subject import Subject
from monitoring.verdicts.summing_up import sum_up

__all__ = ["Scope", "evaluate", "judge"]

VERSION = 7
"""Of the checks: another one judges every window again."""
MINUTES_5 = 300

FAMILIES: tuple[Callable[[Subject], Iterator[Verdict]], ...] = (
    quality.judge,
    labels.judge,
    drift.judge,
    false_alarms.judge,
    performance.judge,
    estimated.judge,
    service.judge,
)

NAMED_FOR = {
    "service": "slo.availability",
    "quality": "quality.volume",
    "false_alarms": "drift.false_alarms",
    "labels": labels.CHECK,
}
"""The check that says that a family failed, where that is not the family's name."""


def evaluate(
    store: Engine, watched: Watched, scope: Scope, clock: Callable[[], datetime], progress: Progress
) -> list[Verdict]:
    """Bring one model's verdicts up to date and return those that were judged. Failure is a verdict, too."""
    started = clock()
    began = time.perf_counter()
    now = scope.as_of or scope.now or started
    error, done, new = "", None, False
    told: Told | None = None
    failed: Exception | None = None
    try:
        done = ingest(store, watched.id, watched.model, watched.base, now, scope.as_of, progress)
        new = _new(watched, done)
        if not new and (still := _still(store, watched, done, scope, now)) is not None:
            with transaction(store) as session:
                session.add(_evaluation(watched, now, started, began, done, ""))
            return [still]
        subject = build(store, watched, done, scope, now, new)
        found = judge(subject, done)
        found += _by_rows(subject, watched, scope, progress)
        with reading(store) as session:
            since, matured = looked_back_to(subject)
            recalled = [] if new else list(verdicts.recall(session, watched.id, watched.key, since, matured))
            told = tell(session, watched, subject, found, recalled, since)
        every = _joined(told.before, told.found)
        diagnosed = None
        if scope.diagnosed:
            diagnosed = of_breach(store, watched, subject, done, every, new, scope.as_of, clock, progress)
        found = [*told.found, sum_up(subject, every, diagnosed)]
    except Exception as failure:
        failed = failure
        if not isinstance(failure, LeewayError):  # nobody foresaw it, so whoever mends it needs to see where
            logging.getLogger(__name__).exception("evaluating %s", watched.key)
        error = failure.sentence if isinstance(failure, LeewayError) else f"{type(failure).__name__}: {failure}"
        window = Window(None, now, 0) if watched.model.chunk.rows is None else Window(None, None, 0)
        found = [
            Verdict(watched.key, "model", window, Status.FAILED, f"Could not be evaluated: {error}", flag=Flag.PAGE)
        ]
    with transaction(store) as session:
        if new and not error:
            verdicts.forget(session, watched.id)
        verdicts.save(session, watched.id, found, now)
        if told is not None:
            verdicts.redate(session, told.redated)
            if told.movements is not None:
                incidents.replace_movements(session, watched.id, told.movements)
        elif isinstance(failed, SourceError):
            incidents.unreadable(session, watched.id, _unreadable(watched, failed, now))
        if not error:
            judged = _judged_by(watched)
            session.execute(update(ModelRow).where(ModelRow.id == watched.id).values(judged=judged))
        session.add(_evaluation(watched, now, started, began, done, error))
    return found


def _unreadable(watched: Watched, failure: SourceError, now: datetime) -> Movement:
    began, earliest, latest = span(now, None, timedelta(hours=watched.model.chunk.slots))
    words = f"cannot be read: {failure.what}"
    return Movement(watched.key, incidents.UNREADABLE, "", watched.log, "", began, earliest, latest, words)


def _evaluation(
    watched: Watched, now: datetime, started: datetime, began: float, done: Ingested | None, error: str
) -> EvaluationRow:
    return EvaluationRow(
        model_id=watched.id, now=now, started_at=started, seconds=time.perf_counter() - began,
        slots_read=len(done.changed) if done else 0, rows_read=done.rows if done else 0, error=error,
    )  # fmt: skip


def _still(store: Engine, watched: Watched, done: Ingested, scope: Scope, now: datetime) -> Verdict | None:
    """The summing-up as it stands, where nothing can have changed: no row, no threshold, and not the time, in whose
    5-minute slots burn rates and ages are counted."""
    if scope != Scope() or done.changed or done.types is not None:
        return None
    with reading(store) as session:
        last = verdicts.evaluated(session, watched.id)
        if last is None or int(last.timestamp()) // MINUTES_5 != int(now.timestamp()) // MINUTES_5:
            return None
        return verdicts.summing_up(session, watched.id, watched.key)


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
            check = NAMED_FOR.get(name, name)
            if name == "estimated":
                found.append(_estimate_failed(subject, reason))
                continue
            found.append(Verdict(subject.model.key, check, window, Status.FAILED, reason, method="failed"))
    if done.types is not None:  # where nothing was read, what was said of the columns stands
        found.append(quality.schema(subject, done.types))
    found.extend(_planned(subject))
    return found


def _by_rows(subject: Subject, watched: Watched, scope: Scope, progress: Progress) -> list[Verdict]:
    """Verdicts of methods that need rows, where one is chosen: they are imported only then."""
    found = _estimates(subject, watched, scope)
    if any((t.method or "").startswith(drift.PREFIX) for t in subject.model.thresholds):
        from monitoring.evidently.judge import judge as by_evidently

        found += by_evidently(subject, watched.base, scope.as_of)
    if any(t.check == "drift.multivariate" for t in subject.model.thresholds):
        from monitoring.multivariate.judge import judge as of_all_columns

        found += of_all_columns(subject, watched.base, scope.as_of, progress)
    return found


def _estimates(subject: Subject, watched: Watched, scope: Scope) -> list[Verdict]:
    """Estimated performance that needs rows. Its failure is a verdict, and the other verdicts stand."""
    from monitoring.estimating.judge import judge as estimate

    try:
        return list(estimate(subject, watched.base, scope.as_of))
    except Exception as error:
        if not isinstance(error, LeewayError):
            logging.getLogger(__name__).exception("estimating %s", subject.model.key)
        words = error.sentence if isinstance(error, LeewayError) else f"{type(error).__name__}: {error}"
        return [_estimate_failed(subject, f"The estimates failed: {words}")]


def _estimate_failed(subject: Subject, reason: str) -> Verdict:
    """Of the method that failed, so that its next estimate takes the place of the failure."""
    windows = estimated.due(subject) or list(subject.windows)
    window = subject.window(windows[-1], 0) if windows else Window(None, subject.now, 0)
    check = f"estimated.{subject.model.main_metric}"
    method = "dle" if subject.model.task == "regression" else "cbpe"
    return Verdict(subject.model.key, check, window, Status.FAILED, reason, method=method)


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
            yield Verdict(subject.model.key, name, window, Status.NO_DATA, "")._replace(
                reason="This version of Leeway does not have this check yet.",
            )
