"""The worker's thread that hands orders over and looks at runs."""

from __future__ import annotations

import logging
import os
import random
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from monitoring.dispatching import orders, runs
from monitoring.dispatching.desk import Desk
from monitoring.sender import http_of
from monitoring.settings import Settings
from monitoring.store import outbox, retrains
from monitoring.store.database import reading, transaction
from monitoring.store.dispatches import LOOK, ORDER
from monitoring.store.outbox import Leased

POLL = 1.0
"""Seconds between two looks into the outbox."""
THREADS = 4
"""Models that are served at the same time."""
KINDS = (ORDER, LOOK)
log = logging.getLogger(__name__)


def start(store: Engine, settings: Settings, clock: Callable[[], datetime], stop: threading.Event) -> threading.Thread:
    """Dispatching in a thread of its own, until `stop` is set."""
    desk = Desk(store, settings, http_of(settings, clock), os.environ, clock, random.random)
    thread = threading.Thread(target=Dispatching(desk, stop).run, name="dispatching", daemon=True)
    thread.start()
    return thread


class Dispatching:
    """One of them, at its desk."""

    def __init__(self, desk: Desk, stop: threading.Event | None = None) -> None:
        self._desk, self._stop = desk, stop or threading.Event()
        self._token = uuid.uuid4().hex
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="dispatch")
        self._busy: set[str] = set()
        self._lock = threading.Lock()

    def run(self) -> None:
        """Until it is stopped. Nothing that happens ends it."""
        while not self._stop.is_set():
            try:
                began = self.step()
            except SQLAlchemyError as error:
                began = 0
                log.warning("the outbox cannot be read, trying again: %s", type(error).__name__)
            except Exception:
                began = 0
                log.exception("dispatching failed, trying again")
            if not began:
                self._stop.wait(POLL)
        self.close()

    def step(self) -> int:
        """Lease what is due, as much as there are free threads, and begin with it; how many that was."""
        with self._lock:
            busy = set(self._busy)
        if len(busy) >= THREADS:
            return 0
        with reading(self._desk.store) as session:
            if not outbox.due(session, self._desk.clock(), KINDS):
                return 0
        with transaction(self._desk.store) as session:
            leased = outbox.lease(
                session,
                self._desk.clock(),
                self._token,
                seconds=orders.CLAIM,
                limit=THREADS - len(busy),
                busy=busy,
                kinds=KINDS,
            )
        for row in leased:
            with self._lock:
                self._busy.add(row.target)
            self._threads.submit(self._work, row)
        return len(leased)

    def settle(self) -> None:
        """Do all that is due now, and wait until it is written down."""
        while True:
            with self._lock:
                idle = not self._busy
            if not self.step() and idle:
                return
            time.sleep(0.005)

    def close(self) -> None:
        """Wait for what is under way."""
        self._threads.shutdown(wait=True)

    def _work(self, leased: Leased) -> None:
        try:
            (orders.hand_over if leased.kind == ORDER else runs.look)(self._desk, leased)
        except retrains.RetrainError as error:
            self._desk.end(leased, error.sentence)
        except SQLAlchemyError as error:  # the claim runs out, and whoever takes it next looks before it sends
            log.warning("what became of %s cannot be kept: %s", leased.dedup_key, type(error).__name__)
        except Exception:
            log.exception("%s failed", leased.dedup_key)
        finally:
            with self._lock:
                self._busy.discard(leased.target)
