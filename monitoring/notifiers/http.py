"""Outgoing requests: guarded, without redirects, with a limit on all of the exchange."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from monitoring.notifiers import guard
from monitoring.notifiers.deadline import Deadline
from monitoring.notifiers.guard import Destination, Forbidden, Reach, Resolve
from monitoring.notifiers.outcome import Outcome, Response, Retry, outcome

SECONDS = 10.0
"""An exchange may take this long, from looking the name up to the answer's head."""
EXCERPT = 2_000
"""Bytes of an error's body that are read."""
WHOLE = 2_000_000
"""Bytes of an answer that is asked for."""


@dataclass(frozen=True, slots=True)
class NotSent:
    """A request that surely reached nobody."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A request that was sent, at least in part, and had no answer: it may have been acted upon."""

    reason: str


def resolve(host: str, port: int) -> Sequence[str]:
    """All addresses of a host, by the system's resolver."""
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _now() -> datetime:
    return datetime.now(UTC)


class Http:
    """Posts to webhooks and connects to mail servers, within `reach` and `seconds`.

    `resolve`, `context` (what certificates are trusted), `clock` and `limit` (what keeps the time) are parameters for
    the tests' sake.
    """

    def __init__(
        self, reach: Reach, *, seconds: float = SECONDS, resolve: Resolve = resolve,
        context: ssl.SSLContext | None = None, clock: Callable[[], datetime] = _now,
        limit: Callable[[float], Deadline] = Deadline,
    ) -> None:  # fmt: skip
        self.reach, self.seconds, self.clock, self._limit = reach, seconds, clock, limit
        self.context = context or ssl.create_default_context()
        self.resolve = resolve

    def deadline(self) -> Deadline:
        """The limit on one exchange, from now on."""
        return self._limit(self.seconds)

    def post(self, url: str, body: bytes, headers: Mapping[str, str] | None = None) -> Outcome:
        """Post JSON. Raises guard.Forbidden where the URL may not be reached."""
        with self.deadline() as deadline:
            host = "the receiver"
            try:
                destination = guard.webhook(url, self.reach, self._within(deadline))
                host = destination.host
                with self._open(destination, deadline) as sock:
                    answer = self._exchange(sock, destination, "POST", body, headers or {}, deadline)
                return outcome(answer, self.clock())
            except (OSError, http.client.HTTPException) as error:
                return Retry(self.words(host, error, deadline))

    def ask(
        self, method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Response | NotSent | Unanswered:
        """Any request, with all of its answer. Raises guard.Forbidden where the URL may not be reached."""
        with self.deadline() as deadline:
            host = "the receiver"
            try:
                destination = guard.webhook(url, self.reach, self._within(deadline))
                host = destination.host
                sock = self._open(destination, deadline)
            except (OSError, http.client.HTTPException) as error:
                return NotSent(self.words(host, error, deadline))
            try:
                with sock:
                    return self._exchange(sock, destination, method, body, headers or {}, deadline, whole=True)
            except UnicodeError as error:  # before anything is sent
                raise Forbidden("a header has a letter that no header may have", where=host) from error
            except (OSError, http.client.HTTPException) as error:
                return Unanswered(self.words(host, error, deadline))

    def connect_mail(self, host: str, port: int, deadline: Deadline) -> socket.socket:
        """A connection to a mail server. Raises guard.Forbidden and OSError."""
        return _connect(guard.mail_server(host, port, self.reach, self._within(deadline)), deadline)

    def check(self, url: str) -> None:
        """Whether a URL may be reached: nothing is sent. Raises guard.Forbidden, and OSError for no such name."""
        with self.deadline() as deadline:
            guard.webhook(url, self.reach, self._within(deadline))

    def check_mail(self, host: str, port: int) -> None:
        """The same of a mail server."""
        with self.deadline() as deadline:
            guard.mail_server(host, port, self.reach, self._within(deadline))

    def words(self, host: str, error: Exception, deadline: Deadline) -> str:
        """What went wrong on the way, for a person."""
        if deadline.expired or isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
            return f"{host} gave no full answer within {deadline.seconds:g} s"
        if isinstance(error, socket.gaierror):
            return f"{host} cannot be found: {error.strerror}"
        said = getattr(error, "strerror", None) or str(error)
        return f"{host}: {type(error).__name__}" + (f": {said}" if said else "")

    def _within(self, deadline: Deadline) -> Resolve:
        """The resolver, which has no time-out of its own, in a thread that is not waited for longer."""

        def limited(host: str, port: int) -> Sequence[str]:
            found: list[Sequence[str]] = []
            failed: list[OSError] = []

            def look() -> None:
                try:
                    found.append(self.resolve(host, port))
                except OSError as error:
                    failed.append(error)

            thread = threading.Thread(target=look, daemon=True)
            thread.start()
            thread.join(deadline.left)
            if failed:
                raise failed[0]
            if not found:
                raise TimeoutError
            return found[0]

        return limited

    def _open(self, to: Destination, deadline: Deadline) -> socket.socket:
        sock = _connect(to, deadline)
        try:
            return self.context.wrap_socket(sock, server_hostname=to.host) if to.tls else sock
        except BaseException:
            sock.close()
            raise

    def _exchange(
        self, sock: socket.socket, to: Destination, method: str, body: bytes | None, headers: Mapping[str, str],
        deadline: Deadline, whole: bool = False,
    ) -> Response:  # fmt: skip
        connection = http.client.HTTPConnection(to.host, to.port)
        connection.sock = sock
        fixed = {"Host": to.authority, "Content-Type": "application/json", "User-Agent": "Leeway"}
        connection.request(method, to.target, body, fixed | dict(headers) | {"Connection": "close"})
        answer = connection.getresponse()
        _ = deadline.left  # a head that the deadline cut off looks like a whole one
        text = b""
        if whole or not 200 <= answer.status < 300:
            # the head has decided; a body that does not come changes nothing
            with suppress(OSError, http.client.HTTPException):
                text = answer.read(WHOLE if whole else EXCERPT)
        named = {name.lower(): value for name, value in answer.getheaders()}
        return Response(answer.status, named, text.decode("utf-8", "replace"), to.host)


def _connect(to: Destination, deadline: Deadline) -> socket.socket:
    """To the first of the checked addresses that answers."""
    failed: OSError = OSError("no address")
    for address in to.addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(deadline.left)
            deadline.watch(sock)
            sock.connect((address, to.port))
            return sock
        except OSError as error:
            sock.close()
            failed = error
    raise failed
