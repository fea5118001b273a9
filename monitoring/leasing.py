"""Work by leases: rows of the outbox are taken as they fall due and worked on, one thread a target.

The sender and the dispatching of orders are made of it.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from monitoring.store import outbox
from monitoring.store.database import reading, transaction
from monitoring.store.outbox import Leased

POLL = 1.0
"""Seconds between two looks into the outbox."""
log = logging.getLogger(__name__)


class Leasing(ABC):
    """One of any number that may run at once. A target that hangs holds one thread, and no other target."""

    kinds: tuple[str, ...]
    """Of rows that are taken."""
    threads: int
    """Targets that are worked on at the same time."""
    claim: float
    """Seconds for which a row is ours: longer than the work on it may take."""

    def __init__(self, store: Engine, clock: Callable[[], datetime], stop: threading.Event | None = None) -> None:
        self._store, self._clock, self._stop = store, clock, stop or threading.Event()
        self._token = uuid.uuid4().hex
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix=type(self).__name__.lower())
        self._busy: set[str] = set()
        self._lock = threading.Lock()
        self._freed = threading.Event()

    @abstractmethod
    def work(self, leased: Leased) -> None:
        """Do what a row asks for, and write down what became of it. What it raises is logged, and the row is free again
        when its claim has run out."""

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
                log.exception("%s failed, trying again", type(self).__name__)
            if not began:
                self._freed.wait(POLL)
                self._freed.clear()
        self.close()

    def step(self) -> int:
        """Lease what is due, as much as there are free threads, and begin with it; how many that was."""
        with self._lock:
            busy = set(self._busy)
        if len(busy) >= self.threads:
            return 0
        with reading(self._store) as session:
            if not outbox.due(session, self._clock(), self.kinds):
                return 0
        with transaction(self._store) as session:
            leased = outbox.lease(
                session, self._clock(), self._token, seconds=self.claim, limit=self.threads - len(busy), busy=busy,
                kinds=self.kinds,
            )  # fmt: skip
        for row in leased:
            with self._lock:
                self._busy.add(row.target)
            self._pool.submit(self._do, row)
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
        self._pool.shutdown(wait=True)

    def _do(self, leased: Leased) -> None:
        try:
            self.work(leased)
        except SQLAlchemyError as error:
            words = "what became of %s for %s cannot be kept: %s"
            log.warning(words, leased.dedup_key, leased.target, type(error).__name__)
        except Exception:
            log.exception("what became of %s for %s is not known", leased.dedup_key, leased.target)
        finally:
            with self._lock:
                self._busy.discard(leased.target)
            self._freed.set()
