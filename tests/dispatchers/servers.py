"""Real HTTP servers that do as dispatchers' servers do, well and badly, on free ports of 127.0.0.1."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.patience import LONG, exhaust

GRACE = 2 * LONG


@dataclass(frozen=True)
class Asked:
    """A request as it came: header names in small letters."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Answer:
    """What is answered: JSON, or text as it is."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Server:
    """`handle` answers; `faults` are what goes wrong with the next requests that a method and a path's part match.

    A fault is a status ("500", "429"), "lost" (acted upon, and never answered), "cut" (acted upon, and the connection
    reset), "hangs" (not acted upon, never answered), "late" (acted upon only when `release` is set, never answered),
    "500 done" (acted upon, and then 500), "malformed" (acted upon, and answered with what is no JSON). Where nothing is
    answered, the client's `Patience` is over.
    """

    def __init__(self, handle: Callable[[Asked], Answer]) -> None:
        self.asked: list[Asked] = []
        self.faults: list[tuple[str, str, str]] = []
        self.release, self.closing = threading.Event(), threading.Event()
        self._handle, self._lock = handle, threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                if len(body) < length:
                    return  # whoever sent it was killed in the midst of it: nobody takes half a request
                heads = {name.lower(): value for name, value in self.headers.items()}
                outer.serve(self, Asked(self.command, self.path, heads, body))

            do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = answer  # noqa: N815

            def log_message(self, *_: object) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def fail(self, fault: str, method: str = "POST", part: str = "") -> None:
        self.faults.append((fault, method, part))

    def of(self, method: str, part: str = "") -> list[Asked]:
        return [one for one in self.asked if one.method == method and part in one.path]

    def serve(self, handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        with self._lock:
            self.asked.append(asked)
            fault = next((f for f in self.faults if f[1] == asked.method and f[2] in asked.path), None)
            if fault is not None:
                self.faults.remove(fault)
        what = fault[0] if fault else ""
        if what == "hangs":
            self.hang(handler)
            return
        if what.isdigit():
            more = {"Retry-After": "7"} if what in ("429", "503") else {}
            more |= {"Location": "/elsewhere"} if what == "302" else {}
            _send(handler, Answer(int(what), {"message": "not now"}, more))
            return
        if what == "late":
            exhaust(handler.client_address)
            self.release.wait(GRACE)
        with self._lock:
            answer = self._handle(asked)
        if what in ("lost", "late"):
            self.hang(handler)
        elif what == "cut":
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif what == "500 done":
            _send(handler, Answer(500, {"message": "oh"}))
        elif what == "malformed":
            _send(handler, Answer(answer.status, "<html>{not json"))
        else:
            _send(handler, answer)

    def hang(self, handler: BaseHTTPRequestHandler) -> None:
        exhaust(handler.client_address)
        self.closing.wait(GRACE)


def _send(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
    text = answer.body if isinstance(answer.body, str) else "" if answer.body is None else json.dumps(answer.body)
    with suppress(OSError):
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(text.encode())))
        handler.end_headers()
        handler.wfile.write(text.encode())


@contextmanager
def serving(server: Server) -> Iterator[None]:
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.closing.set()
        server.release.set()
        server.http.shutdown()
        server.http.server_close()


class Trainer:
    """A service that trains, as docs/dispatchers.md asks of a webhook's receiver: takes an order once, by its id.

    `meanwhile` is what happens elsewhere while it takes one.
    """

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.runs: dict[str, dict[str, Any]] = {}
        self.meanwhile: Callable[[], None] = lambda: None
        self.server = Server(self.handle)

    def handle(self, asked: Asked) -> Answer:
        if asked.method == "POST":
            order = asked.json["data"]
            self.meanwhile()
            if asked.headers["webhook-id"] in self.runs:
                return Answer(409, {"run": f"run-of-{order['id']}"})
            self.taken.append(order["id"])
            self.runs[order["id"]] = {"state": "running", "progress": 0.0, "run": f"run-of-{order['id']}"}
            if order["action"] == "cancel":
                for one in self.runs.values():
                    if one["run"] == order["run"]:
                        one["state"] = "failed"
            return Answer(202, {"run": f"run-of-{order['id']}"})
        name = asked.path.partition("?order=")[2].replace("%2F", "/")
        return Answer(200, self.runs[name]) if name in self.runs else Answer(404, {"message": "no such order"})


@contextmanager
def trainer() -> Iterator[Trainer]:
    found = Trainer()
    with serving(found.server):
        yield found
