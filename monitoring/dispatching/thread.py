"""The worker's thread that hands orders over and looks at runs."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Engine

from monitoring.dispatching import orders, runs
from monitoring.dispatching.desk import Desk
from monitoring.leasing import Leasing
from monitoring.sender import http_of
from monitoring.settings import Settings
from monitoring.store import retrains
from monitoring.store.dispatches import LOOK, ORDER
from monitoring.store.outbox import Leased


def start(store: Engine, settings: Settings, clock: Callable[[], datetime], stop: threading.Event) -> threading.Thread:
    """Dispatching in a thread of its own, until `stop` is set."""
    desk = Desk(store, settings, http_of(settings, clock), os.environ, clock, random.random)
    thread = threading.Thread(target=Dispatching(desk, stop).run, name="dispatching", daemon=True)
    thread.start()
    return thread


class Dispatching(Leasing):
    """One of them, at its desk. A model is a target."""

    kinds = (ORDER, LOOK)
    threads = 4
    claim = orders.CLAIM

    def __init__(self, desk: Desk, stop: threading.Event | None = None) -> None:
        super().__init__(desk.store, desk.clock, stop)
        self._desk = desk

    def work(self, leased: Leased) -> None:
        """Hand an order over, or look at a run."""
        try:
            (orders.hand_over if leased.kind == ORDER else runs.look)(self._desk, leased)
        except retrains.RetrainError as error:
            self._desk.end(leased, error.sentence)
