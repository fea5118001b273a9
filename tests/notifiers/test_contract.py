"""Every channel against real servers: what it says became of a notification, whatever the receiver does."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import pytest

from monitoring.notifiers.channel import Channel
from monitoring.notifiers.guard import Forbidden, Reach
from monitoring.notifiers.http import Http
from monitoring.notifiers.outcome import Delivered, Gone, Outcome, Refused, Retry
from monitoring.notifiers.registry import help_of, kinds, parse
from monitoring.notifiers.secrets import Secrets
from tests.notifiers.receivers import Receiver, http_receiver, smtp_receiver
from tests.notifiers.samples import NASTY_ONE, NOW, notification, resolved
from tests.patience import LONG

SHORT = 0.3
"""Seconds that a receiver is waited for which does not answer; all others are waited for as long as it takes."""
SIGNING = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLvQx"


def documents(port: int) -> dict[str, dict[str, Any]]:
    """A channel of each kind, whose receiver is on this port. A new kind belongs in here."""
    return {
        "webhook": {"url": "${URL}", "secret": "${SIGNING}", "headers": {"Authorization": "Bearer ${TOKEN}"}},
        "slack": {"url": "${URL}"},
        "teams": {"url": "${URL}"},
        "pagerduty": {"routing_key": "${TOKEN}", "url": f"http://127.0.0.1:{port}/v2/enqueue"},
        "apprise": {"url": "${APPRISE}"},
        "email": {"host": "127.0.0.1", "port": port, "tls": "none", "sender": "a@example.com", "to": ["b@example.com"]},
    }


def environment(port: int) -> dict[str, str]:
    return {
        "URL": f"http://127.0.0.1:{port}/services/T0/B0/abcdefghijklmnopqrstuvwx",
        "APPRISE": f"json://127.0.0.1:{port}/abcdefghijklmnopqrstuvwx",
        "SIGNING": SIGNING,
        "TOKEN": "tok-0123456789abcdef0123456789ab",
    }


def receiver_of(kind: str, behaviour: str) -> AbstractContextManager[Receiver]:
    return smtp_receiver(behaviour) if kind == "email" else http_receiver(behaviour)


def channel_of(kind: str, port: int) -> Channel:
    secrets = Secrets(environment(port))
    return parse({"name": "here", "kind": kind, **documents(port)[kind]}).expanded(secrets.expand)


def send(kind: str, behaviour: str, what: Any = None, seconds: float = LONG) -> tuple[Outcome, Receiver]:
    http = Http(Reach(loopback=True), seconds=seconds, clock=lambda: NOW)
    with receiver_of(kind, behaviour) as receiver:
        return channel_of(kind, receiver.port).send(what or notification(), http), receiver


def test_every_kind_is_in_the_contract_and_has_its_help() -> None:
    assert set(documents(1)) == set(kinds())
    for kind, config in kinds().items():
        assert config.title and len(help_of(kind)) > 60
        for name, field in config.model_fields.items():
            if name not in ("kind", "matchers"):
                assert field.description, f"{kind}.{name} says nothing of itself"


ANSWERS: dict[str, type[Outcome]] = {
    "200": Delivered, "400": Refused, "404": Refused, "410": Gone, "302": Refused, "429": Retry, "500": Retry,
    "reset": Retry, "hang": Retry, "drip": Retry,
}  # fmt: skip
NOT_OF_SMTP = ("302", "404", "410")


@pytest.mark.parametrize(
    ("kind", "behaviour", "wanted"),
    [(k, b, w) for k in kinds() for b, w in ANSWERS.items() if k != "email" or b not in NOT_OF_SMTP],
)
def test_what_a_receiver_does_decides_what_becomes_of_it(kind: str, behaviour: str, wanted: type[Outcome]) -> None:
    found, receiver = send(kind, behaviour, seconds=SHORT if behaviour in ("hang", "drip") else LONG)
    assert isinstance(found, wanted), found
    assert not receiver.outlasted, "a total limit, however slowly the receiver goes on"
    if behaviour == "429" and kind != "email":
        assert isinstance(found, Retry) and found.after == 7
    if behaviour == "302":
        assert len(receiver.requests) == 1 and b"elsewhere" not in receiver.requests[0], "the redirect is not followed"
    if isinstance(found, Retry | Refused | Gone):
        assert found.reason and "abcdefghijklmnop" not in found.reason
    if behaviour in ("hang", "drip"):
        assert f"within {SHORT:g} s" in str(found) or "in time" in str(found)


@pytest.mark.parametrize("kind", kinds())
def test_nobody_listening_is_tried_again(kind: str) -> None:
    with http_receiver() as receiver:
        port = receiver.port
    found = channel_of(kind, port).send(notification(), Http(Reach(loopback=True), seconds=LONG))
    assert isinstance(found, Retry)


@pytest.mark.parametrize("kind", kinds())
@pytest.mark.parametrize("what", ["firing", "resolved", "nasty"])
def test_it_reaches_the_receiver_with_its_reason(kind: str, what: str) -> None:
    one = {"firing": notification(), "resolved": resolved(), "nasty": NASTY_ONE}[what]
    found, receiver = send(kind, "200", one)
    assert isinstance(found, Delivered)
    assert len(receiver.requests) == 1
    if what == "firing":
        assert b"first notice of this incident" in receiver.requests[0]


@pytest.mark.parametrize("kind", kinds())
def test_no_channel_reaches_this_machine_unless_a_developer_allows_it(kind: str) -> None:
    with receiver_of(kind, "200") as receiver:
        http = Http(Reach.of(f"127.0.0.1:{receiver.port}", "", False), seconds=LONG)
        try:
            found = channel_of(kind, receiver.port).send(notification(), http)
        except Forbidden as error:
            found = Refused(error.sentence)
        assert isinstance(found, Refused) and "127.0.0.1" in found.reason, found
        assert receiver.requests == []
