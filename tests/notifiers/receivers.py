"""Real servers that answer as receivers do, well and badly: HTTP and SMTP, on free ports of 127.0.0.1."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.patience import LONG, exhaust

HTTP_ANSWERS: dict[str, tuple[str, ...]] = {
    "200": ("HTTP/1.1 200 OK", "Content-Length: 2"),
    "202": ("HTTP/1.1 202 Accepted", "Content-Length: 2"),
    "400": ("HTTP/1.1 400 Bad Request", "Content-Length: 2"),
    "404": ("HTTP/1.1 404 Not Found", "Content-Length: 2"),
    "410": ("HTTP/1.1 410 Gone", "Content-Length: 2"),
    "429": ("HTTP/1.1 429 Too Many Requests", "Retry-After: 7", "Content-Length: 2"),
    "500": ("HTTP/1.1 500 Internal Server Error", "Content-Length: 2"),
    "302": ("HTTP/1.1 302 Found", "Location: http://127.0.0.1:{port}/elsewhere", "Content-Length: 2"),
}
SMTP_ANSWERS = {"200": "250 OK", "400": "550 no such mailbox", "429": "450 too many", "500": "451 local error"}
GRACE = 2 * LONG


@dataclass
class Receiver:
    """`requests` are what it was sent, whole.

    `behaviour` is a status, or hang | drip | reset | drip body | when told (200 when `stop` is set). Where it hangs or
    drips, the client's `Patience` is over; `outlasted` says that somebody waited for longer than anybody should.
    """

    behaviour: str = "200"
    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    outlasted: bool = False

    def hang(self, connection: socket.socket) -> None:
        """Answer nothing, as long as anybody may wait for it."""
        exhaust(connection.getpeername())
        self.outlasted |= not self.stop.wait(GRACE)

    def drip(self, connection: socket.socket, data: bytes) -> None:
        """A byte every 50 ms: no single read is ever slow."""
        exhaust(connection.getpeername())
        until = time.monotonic() + GRACE
        for byte in data:
            if self.stop.wait(0.05):
                return
            if time.monotonic() > until:
                self.outlasted = True
                return
            connection.sendall(bytes([byte]))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def bodies(self) -> list[bytes]:
        return [request.partition(b"\r\n\r\n")[2] for request in self.requests]


@contextmanager
def http_receiver(behaviour: str = "200", wrap: Any = None) -> Iterator[Receiver]:
    """An HTTP server; `wrap` puts TLS around a connection."""

    def serve(connection: socket.socket, receiver: Receiver) -> None:
        request = _read_request(connection)
        receiver.requests.append(request)
        how = receiver.behaviour
        if how == "hang":
            receiver.hang(connection)
        elif how == "when told":
            receiver.stop.wait(GRACE)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        elif how == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif how == "drip":
            receiver.drip(connection, b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10_000)
        elif how == "drip body":
            connection.sendall(b"HTTP/1.1 500 Oh\r\nContent-Length: 5000\r\n\r\n")
            receiver.drip(connection, b"x" * 5_000)
        else:
            head = "\r\n".join(HTTP_ANSWERS[how]).format(port=receiver.port)
            connection.sendall(f"{head}\r\nConnection: close\r\n\r\nok".encode())

    with _server(serve, behaviour, wrap) as receiver:
        yield receiver


@contextmanager
def smtp_receiver(behaviour: str = "200") -> Iterator[Receiver]:
    """An SMTP server that takes or refuses a mail at RCPT; `requests` are the mails."""

    def serve(connection: socket.socket, receiver: Receiver) -> None:
        how = receiver.behaviour
        if how == "hang":
            receiver.hang(connection)
            return
        if how == "drip":
            receiver.drip(connection, b"220 " + b"x" * 10_000)
            return
        lines = connection.makefile("rb")
        connection.sendall(b"220 test ESMTP\r\n")
        for line in lines:
            verb = line[:4].upper()
            if how == "reset" and verb == b"MAIL":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                lines.close()
                return
            if verb == b"EHLO":
                connection.sendall(b"250-test\r\n250 8BITMIME\r\n")
            elif verb == b"RCPT":
                connection.sendall(f"{SMTP_ANSWERS[how]}\r\n".encode())
            elif verb == b"DATA":
                connection.sendall(b"354 go on\r\n")
                mail = b""
                while not mail.endswith(b"\r\n.\r\n"):
                    mail += lines.readline()
                receiver.requests.append(mail[:-5])
                connection.sendall(b"250 taken\r\n")
            elif verb == b"QUIT":
                connection.sendall(b"221 bye\r\n")
                return
            else:
                connection.sendall(b"250 OK\r\n")

    with _server(serve, behaviour, None) as receiver:
        yield receiver


@contextmanager
def _server(serve: Any, behaviour: str, wrap: Any) -> Iterator[Receiver]:
    listener = socket.create_server(("127.0.0.1", 0))
    receiver = Receiver(behaviour, listener.getsockname()[1])

    def one(connection: socket.socket) -> None:
        with suppress(OSError, ValueError):
            connection.settimeout(GRACE)
            if wrap is not None:
                connection = wrap(connection)
            with connection:
                serve(connection, receiver)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield receiver
    finally:
        receiver.stop.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65_536)
        if not more:
            return data
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(h.split(b":")[1]) for h in head.split(b"\r\n") if h.lower().startswith(b"content-length")), 0)
    while len(body) < length:
        body += connection.recv(65_536)
    return head + b"\r\n\r\n" + body
