"""What the benchmarks that send have in common: a real HTTP receiver of webhooks, which notes what came."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

LONGEST = 8.0
"""Seconds that a message is kept waiting: less than what the sender gives it."""


class Arrival(NamedTuple):
    """A message that came: the model it tells of, its id, its reason, and when (time.monotonic)."""

    model: str
    id: str
    reason: str
    at: float


class Receiver:
    """Answers 204, at once, or once `answer` is set where it was cleared; `first` is set when something has come."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []
        self.first, self.answer = threading.Event(), threading.Event()
        self.answer.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["data"]
                at = time.monotonic()
                receiver.arrivals.append(Arrival(told["model"], self.headers["webhook-id"], told["reason"], at))
                receiver.first.set()
                receiver.answer.wait(LONGEST)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    @property
    def came(self) -> dict[str, float]:
        """When each model was first told of as in trouble."""
        of_trouble = [one for one in self.arrivals if one.reason != "resolved"]
        return {one.model: one.at for one in reversed(of_trouble)}

    @property
    def ids(self) -> Counter[tuple[str, str]]:
        """How often each message came, by model and id."""
        return Counter((one.model, one.id) for one in self.arrivals)

    @property
    def told(self) -> set[str]:
        """The models that anything came of."""
        return {one.model for one in self.arrivals}
