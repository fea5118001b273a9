"""The shell that never ends: evaluate every model, answer what the dashboard asks, give a sign of life, repeat."""

from __future__ import annotations

import gc
import logging
import signal
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, select, update
from sqlalchemy.exc import SQLAlchemyError
from threadpoolctl import threadpool_limits

from monitoring import alerting, incidents, sender
from monitoring.comparing.compare import asked_for
from monitoring.core.verdict import Status
from monitoring.demo import play
from monitoring.diagnose import on_demand
from monitoring.dispatchers import command_run
from monitoring.dispatching import thread as dispatching
from monitoring.errors import LeewayError
from monitoring.evaluate import Scope, evaluate
from monitoring.evidently import cache
from monitoring.ingest import Progress
from monitoring.instant import instant
from monitoring.ping import ping
from monitoring.rebaseline import rebaseline
from monitoring.retraining import candidates, decisions, questions
from monitoring.settings import Settings
from monitoring.store import models, retention
from monitoring.store.database import reading, transaction
from monitoring.store.retention import Keep
from monitoring.store.tables import HeartbeatRow, RequestRow

POLL = 1.0
"""Seconds between two looks for requests."""
BEAT = 5.0
"""Seconds between two signs of life, or two marks of progress."""
PURGE = 3600.0
"""Seconds between two looks for what is past its time, where none is left."""
GARBAGE = 20_000
"""New objects that may form cycles, from which on the garbage collector looks for them."""
PATIENCE = 20.0
"""Seconds that what is being sent is waited for."""
SHIPPED = Path(__file__).parent.parent / "data"
log = logging.getLogger(__name__)

Clock = Callable[[], datetime]


def work(store: Engine, settings: Settings, clock: Clock) -> None:
    """Until SIGTERM or Ctrl-C. A database that is away is waited for."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with transaction(store) as session:  # left by a worker that was killed: begun again
        session.execute(update(RequestRow).where(RequestRow.state == "running").values(state="waiting", progress=0.0))
    sending = sender.start(store, settings, clock, stop)
    ordering = dispatching.start(store, settings, clock, stop)
    timing = alerting.start(store, settings, clock, stop)
    due = purged = 0.0
    warm = False
    try:
        while not stop.is_set():
            try:
                beat(store, clock, "waiting")
                attend(store, settings, clock)
                if time.monotonic() >= due:
                    due = time.monotonic() + settings.cadence_seconds
                    replay(settings, clock)
                    looked_at = evaluate_all(store, settings, clock, stop)
                    decisions.step(store, clock())
                    ping(settings, sender.http_of(settings, clock), looked_at, clock())
                    if not warm:
                        settle()
                        warm = True
                if time.monotonic() >= purged:
                    purged = time.monotonic() + (POLL if purge(store, settings, clock) else PURGE)
            except SQLAlchemyError:
                log.exception("the database did not answer; trying again")
            stop.wait(POLL)
    finally:
        stop.set()
        timing.join(PATIENCE)
        sending.join(PATIENCE)
        ordering.join(PATIENCE)
    beat(store, clock, "stopped")


def settle() -> None:
    """Take what a warm process keeps for good (modules, compiled statements) out of the garbage collector's sight.

    Going through all of it again costs a twentieth of an evaluation; looking for cycles among every 700 new objects, a
    fortieth: verdicts come by the thousand, and form none. The matrices of an evaluation are small: a second thread for
    them would only wait, at full load.
    """
    threadpool_limits(1, user_api="blas")
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE, *gc.get_threshold()[1:])


def beat(store: Engine, clock: Clock, detail: str) -> None:
    """Give a sign of life, unless one was given a moment ago."""
    with transaction(store) as session:
        row = session.get(HeartbeatRow, "worker")
        if row is None:
            session.add(HeartbeatRow(name="worker", at=clock(), detail=detail))
        elif (clock() - row.at).total_seconds() >= BEAT or detail == "stopped":
            row.at, row.detail = clock(), detail


def purge(store: Engine, settings: Settings, clock: Clock) -> bool:
    """Take out one step of what is past its time; whether there may be more."""
    keep = Keep(timedelta(days=settings.keep_days), timedelta(days=settings.keep_alerts_days))
    with transaction(store) as session:
        gone = retention.step(session, clock(), keep)
    if orders := command_run.clear(settings.home, clock() - keep.done):
        log.info("past their time: the files of %d orders", orders)
    if reports := cache.clear(settings.home / "reports", clock() - keep.done):
        log.info("past their time: %d reports", reports)
    if gone:
        log.info("past their time: %s", ", ".join(f"{number:,} of {table}" for table, number in gone.items()))
    return bool(gone)


def replay(settings: Settings, clock: Clock) -> None:
    """Let the demo fleet's logs grow, where there is one."""
    place = settings.home / "demo"
    if not (place / "demo.json").exists():
        return
    try:
        play.replay(place, SHIPPED, clock())
    except (OSError, LeewayError):
        log.exception("the demo fleet could not be replayed")


def evaluate_all(store: Engine, settings: Settings, clock: Clock, stop: threading.Event) -> int:
    """One evaluation of every model, attending to requests in between; how many there were until it was stopped."""
    with reading(store) as session:
        fleet = models.watched(session)
    for number, watched in enumerate(fleet):
        if stop.is_set():
            return number
        found = evaluate(store, watched, Scope(), clock, _beating(store, clock, f"evaluating {watched.key}"))
        if found[-1].status == Status.FAILED:
            log.warning("%s: %s", watched.key, " ".join(found[-1].findings))
        if alerting.hear(store, clock(), settings, [watched.key]):
            incidents.update(store, clock())  # before anybody is told: models that share a cause are told as one
        attend(store, settings, clock)
    incidents.update(store, clock())
    return len(fleet)


def attend(store: Engine, settings: Settings, clock: Clock) -> None:
    """What somebody may be waiting for: the answers to what was asked, how a new candidate compares, and what people
    have to decide."""
    answer(store, settings, clock)
    candidates.step(store, clock(), _beating(store, clock, "comparing a candidate"))
    questions.step(store, clock(), settings.url)


def answer(store: Engine, settings: Settings, clock: Clock) -> None:
    """Everything that was asked, oldest first. What cannot be done is answered with the reason."""
    while (taken := _take(store)) is not None:
        try:
            result = _do(store, settings, clock, taken)
            values = dict(state="done", progress=1.0, message="", result=result)
        except LeewayError as error:
            values = dict(state="failed", message=error.sentence)
        except Exception as error:
            log.exception("%s of %s", taken.kind, taken.model_key)
            values = dict(state="failed", message=f"{type(error).__name__}: {error}")
        with transaction(store) as session:
            session.execute(update(RequestRow).where(RequestRow.id == taken.id).values(finished_at=clock(), **values))


def _take(store: Engine) -> RequestRow | None:
    """The oldest waiting request, marked as running, so that no other worker takes it."""
    with transaction(store) as session:
        row = session.scalar(
            select(RequestRow)
            .where(RequestRow.state == "waiting")
            .order_by(RequestRow.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        if row is not None:
            row.state = "running"
        return row


def _do(store: Engine, settings: Settings, clock: Clock, taken: RequestRow) -> str:
    """Do what was asked; the result in words the dashboard knows."""
    progress = _beating(store, clock, f"{taken.kind} of {taken.model_key}", taken.id)
    window = None
    if taken.arguments.get("start") and taken.arguments.get("end"):
        window = (instant(taken.arguments["start"]), instant(taken.arguments["end"]))
    if taken.kind == "rebaseline":
        found = rebaseline(store, taken.model_key, window, taken.actor, clock, progress)
        alerting.hear(store, clock(), settings, [taken.model_key])
    elif taken.kind == "evaluate":
        with reading(store) as session:
            watched = models.watched(session, taken.model_key)[0]
        found = evaluate(store, watched, Scope(), clock, progress)
        alerting.hear(store, clock(), settings, [watched.key])
    elif taken.kind == "diagnose":
        with reading(store) as session:
            watched = models.watched(session, taken.model_key)[0]
        made = on_demand(store, watched, window, None, clock, progress)
        return "" if made.content is None else str(made.content.advice)
    elif taken.kind == "compare":
        with reading(store) as session:
            watched = models.watched(session, taken.model_key)[0]
        return asked_for(watched, taken.arguments, clock(), progress)
    elif taken.kind == "report" and window is not None:
        from monitoring.evidently.report import create

        with reading(store) as session:
            watched = models.watched(session, taken.model_key)[0]
        progress(0.0, "building the report: Evidently takes some 10 s to start")
        return create(watched.model, watched.base, window, None, settings.home / "reports").stem
    else:
        raise LeewayError(f"nothing is known of a request {taken.kind!r}", where="worker", mend="Is the worker older?")
    if found[-1].status == Status.FAILED:
        raise LeewayError(found[-1].reason)
    return str(found[-1].flag)


def _beating(store: Engine, clock: Clock, what: str, request: int | None = None) -> Progress:
    """Progress that is a sign of life, and shown with the request it belongs to."""
    last = 0.0

    def progress(share: float, words: str) -> None:
        nonlocal last
        if time.monotonic() - last < 0.5:
            return
        last = time.monotonic()
        beat(store, clock, what)
        if request is not None:
            with transaction(store) as session:
                session.execute(
                    update(RequestRow).where(RequestRow.id == request).values(progress=share, message=words)
                )

    return progress
