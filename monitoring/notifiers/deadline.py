"""A limit on all of an exchange: a receiver that sends a byte a second defeats every time-out of a single read."""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import suppress
from types import TracebackType


class Deadline:
    """`with Deadline(10) as deadline: deadline.watch(sock)`: after 10 s the watched sockets are shut, whatever waits
    on them. A duplicate of the descriptor is kept, as TLS takes the socket over."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.expired = False
        self._until = time.monotonic() + seconds
        self._watched: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self.expire)
        self._timer.daemon = True

    def __enter__(self) -> Deadline:
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._timer.cancel()
        with self._lock:
            for watched in self._watched:
                watched.close()
            self._watched = []

    @property
    def left(self) -> float:
        """Seconds left. Raises TimeoutError where there are none."""
        left = self._until - time.monotonic()
        if self.expired or left <= 0:
            raise TimeoutError
        return left

    def watch(self, sock: socket.socket) -> None:
        """Shut this socket when the time is over."""
        with self._lock:
            self._watched.append(socket.socket(fileno=os.dup(sock.fileno())))
        _ = self.left

    def expire(self) -> None:
        """The time is over: shut what is watched."""
        with self._lock:
            self.expired = True
            for watched in self._watched:
                with suppress(OSError):
                    watched.shutdown(socket.SHUT_RDWR)
