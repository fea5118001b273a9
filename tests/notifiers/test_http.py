"""Outgoing requests over TLS: to the address that was checked, under the name that was asked for."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from standardwebhooks import Webhook as Verifier

from monitoring.notifiers import signature
from monitoring.notifiers.guard import Forbidden, Reach
from monitoring.notifiers.http import Http
from monitoring.notifiers.outcome import Delivered, Gone, Outcome, Refused, Response, Retry, outcome, retry_after
from monitoring.notifiers.secrets import NotSet, Secrets
from tests.notifiers.certificates import contexts
from tests.notifiers.receivers import http_receiver
from tests.patience import LONG

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
NAME = "hooks.test.example"


def reach(port: int) -> Reach:
    return Reach((f"{NAME}:{port}",), (), True)


def test_the_checked_address_is_connected_to_with_the_name_in_sni_and_host(tmp_path: Path) -> None:
    server, trusting = contexts(tmp_path, NAME)
    asked: list[str] = []
    named: list[str | None] = []
    server.sni_callback = lambda _sock, name, _context: named.append(name)
    with http_receiver("200", lambda sock: server.wrap_socket(sock, server_side=True)) as receiver:

        def resolve(host: str, port: int) -> Sequence[str]:
            asked.append(host)
            return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]  # another answer to whoever asks again

        http = Http(reach(receiver.port), seconds=LONG, resolve=resolve, context=trusting)
        assert http.post(f"https://{NAME}:{receiver.port}/a?b=c", b"{}") == Delivered()
        assert asked == [NAME] and named == [NAME]
        head = receiver.requests[0].decode()
        assert head.startswith("POST /a?b=c HTTP/1.1\r\n") and f"Host: {NAME}:{receiver.port}\r\n" in head
        with pytest.raises(Forbidden):
            http.post(f"https://{NAME}:{receiver.port}/", b"{}")
        assert len(receiver.requests) == 1


@pytest.mark.parametrize("trusted", [True, False])
def test_a_certificate_of_another_name_or_of_nobody_is_not_spoken_to(tmp_path: Path, trusted: bool) -> None:
    server, trusting = contexts(tmp_path, "other.example" if trusted else NAME)
    context = trusting if trusted else ssl.create_default_context()
    with http_receiver("200", lambda sock: server.wrap_socket(sock, server_side=True)) as receiver:
        http = Http(reach(receiver.port), seconds=LONG, resolve=lambda h, p: ["127.0.0.1"], context=context)
        found = http.post(f"https://{NAME}:{receiver.port}/", b"{}")
        assert isinstance(found, Retry) and "certificate" in found.reason
        assert receiver.requests == []


def test_a_server_that_never_finishes_the_handshake_is_left_in_time() -> None:
    with http_receiver("drip") as receiver:  # speaks no TLS
        http = Http(reach(receiver.port), seconds=0.5, resolve=lambda h, p: ["127.0.0.1"])
        found = http.post(f"https://{NAME}:{receiver.port}/", b"{}")
    assert isinstance(found, Retry) and "within 0.5 s" in found.reason, "and not that the receiver left"


def test_a_resolver_that_hangs_is_left_in_time() -> None:
    let_go = threading.Event()

    def hang(host: str, port: int) -> Sequence[str]:
        let_go.wait(LONG)
        return ["127.0.0.1"]

    found = Http(Reach((NAME,)), seconds=0.3, resolve=hang).post(f"https://{NAME}/", b"{}")
    let_go.set()
    assert isinstance(found, Retry) and "within 0.3 s" in found.reason, "and not that this address is refused"


def test_a_name_that_is_not_known_is_tried_again() -> None:
    def unknown(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    found = Http(Reach((NAME,)), seconds=LONG, resolve=unknown).post(f"https://{NAME}/", b"{}")
    assert isinstance(found, Retry) and "Name or service not known" in found.reason


def test_an_address_that_does_not_answer_gives_way_to_the_next(tmp_path: Path) -> None:
    server, trusting = contexts(tmp_path, NAME)
    with http_receiver("200", lambda sock: server.wrap_socket(sock, server_side=True)) as receiver:
        http = Http(
            reach(receiver.port), seconds=LONG, resolve=lambda h, p: ["127.0.0.2", "127.0.0.1"], context=trusting
        )
        assert http.post(f"https://{NAME}:{receiver.port}/", b"{}") == Delivered()


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, Delivered), (202, Delivered), (204, Delivered), (301, Refused), (302, Refused), (307, Refused),
     (400, Refused), (401, Refused), (403, Refused), (404, Refused), (408, Refused), (410, Gone), (413, Refused),
     (422, Refused), (429, Retry), (500, Retry), (502, Retry), (503, Retry), (504, Retry), (101, Refused)],
)  # fmt: skip
def test_retry_classes(status: int, kind: type[Outcome]) -> None:
    assert isinstance(outcome(Response(status, {}, "", "a.example"), NOW), kind)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7), ("0", 0), ("-5", 0), ("1.5", 1.5), ("", None), ("soon", None), ("nan", None), ("1e99", 86_400),
        ("Wed, 20 May 2026 12:02:00 GMT", 120), ("Wed, 20 May 2026 11:00:00 GMT", 0),
        ("Wed, 20 May 2027 11:00:00 GMT", 86_400), ("Wed, 99 May 2026", None),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_moment(text: str, seconds: float | None) -> None:
    assert retry_after(text, NOW) == seconds


def test_a_signature_is_what_another_implementation_checks_and_tampering_is_found() -> None:
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLvQx", b'{"a": 1}'
    headers = signature.headers("msg_1", datetime.now(UTC), body, secret)
    assert Verifier(secret).verify(body, headers) == {"a": 1}
    late = signature.headers("msg_1", datetime.now(UTC) - timedelta(minutes=6), body, secret)
    for wrong_body, wrong in ((b'{"a": 2}', headers), (body, headers | {"webhook-id": "msg_2"}), (body, late)):
        with pytest.raises(Exception, match=r"signature|old"):
            Verifier(secret).verify(wrong_body, wrong)


def test_a_signature_is_the_same_as_another_implementations() -> None:
    at, body, secret = NOW.replace(microsecond=123), '{"ü": 2432232314}', "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLvQw"
    found = signature.headers("msg_1", at, body.encode(), secret)
    assert found["webhook-signature"] == Verifier(secret).sign("msg_1", at, body)
    with pytest.raises(ValueError, match="whsec_"):
        signature.headers("msg_1", at, b"", "my secret!")


def test_secrets_are_taken_out_in_every_way_they_may_be_written() -> None:
    import base64
    import json
    from urllib.parse import quote

    value = 'https://hooks.example.com/services/T0/B0/abcdefgh"ijkl mnop&q'
    secrets = Secrets({"HOOK": value, "EMPTY": ""})
    assert secrets.expand("${HOOK}") == value
    path = value.partition(".com")[2]
    for written in (value, quote(value, safe=""), path, quote(path), json.dumps(value), repr(value),
                    base64.b64encode(value.encode()).decode(), 'abcdefgh"ijkl mnop&q'):  # fmt: skip
        assert "abcdefgh" not in secrets.redact(f"error at {written}!") and "${HOOK}" in secrets.redact(written)
    assert secrets.redact("services answered") == "services answered"
    with pytest.raises(NotSet, match="setting of Leeway"):
        Secrets({"LEEWAY_DATABASE": "postgresql://ann:secret@host/db"}).expand("${LEEWAY_DATABASE}")
    for name in ("EMPTY", "NOBODY"):
        with pytest.raises(NotSet, match=name):
            secrets.expand(f"${{{name}}}")
