"""Time-outs that are told: a client's time is over when its receiver says so, not when the machine was slow."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any

from monitoring.notifiers.deadline import Deadline

LONG = 120.0
"""Seconds that no test reaches, however busy the machine is."""

_lock = threading.Lock()
_alive: set[Patience] = set()


class Patience(Deadline):
    """A limit for `Http(..., seconds=LONG, limit=Patience)`, which `exhaust` brings to its end."""

    def __enter__(self) -> Patience:
        super().__enter__()
        with _lock:
            _alive.add(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with _lock:
            _alive.discard(self)
        super().__exit__(kind, error, at)

    def of(self, client: Any) -> bool:
        """Whether it is the limit on the connection that comes from this address."""
        with self._lock:
            return any(watched.getsockname() == client for watched in self._watched)


def exhaust(client: Any) -> None:
    """The time of the exchange that comes from this address is over. Does nothing to a client with a clock."""
    with _lock:
        found = [one for one in _alive if one.of(client)]
    for one in found:
        one.expire()
