"""What each channel writes: within the service's limits, whatever strings users have given."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from monitoring.notifiers import email, pagerduty, slack, teams, wording
from monitoring.notifiers.guard import Reach
from monitoring.notifiers.http import Http
from monitoring.notifiers.outcome import Delivered, Refused
from monitoring.notifiers.registry import parse
from monitoring.store.channels import test_notification as a_test
from tests.notifiers.certificates import contexts
from tests.notifiers.samples import LINE, NASTY, NASTY_ONE, NOW, notification, resolved

ALL = [notification(), resolved(), NASTY_ONE, a_test("t", "ann", NOW), notification(lines=())]
SENDER, TO = "leeway@example.com", ("ann@example.com", "bo@example.com")


@pytest.mark.parametrize("one", ALL)
def test_slack_takes_every_message(one: Any) -> None:
    found = slack.message(one)
    assert found["text"] and len(found["blocks"]) <= 50
    for block in found["blocks"]:
        texts = [block["text"]] if "text" in block else block["elements"]
        limit = {"header": 150, "section": 3_000, "context": 3_000, "actions": 3_000}[block["type"]]
        for element in texts:
            text = element["text"] if isinstance(element["text"], str) else element["text"]["text"]
            assert 1 <= len(text) <= limit
            if element.get("url"):
                assert element["url"].startswith("http")
    assert "<!channel>" not in json.dumps([b for b in found["blocks"] if b["type"] == "section"])


@pytest.mark.parametrize("one", ALL)
def test_teams_takes_every_message(one: Any) -> None:
    found = teams.message(one)
    assert len(json.dumps(found)) < 28_000
    card = found["attachments"][0]["content"]
    assert all(b["type"] == "RichTextBlock" for b in card["body"]), "a TextBlock would read Markdown"
    assert all(a["url"].startswith("http") for a in card["actions"])


@pytest.mark.parametrize("one", ALL)
def test_pagerduty_takes_every_event(one: Any) -> None:
    for action in pagerduty.actions(one):
        found = pagerduty.event(one, action, "k")
        assert found["dedup_key"] == one.incident and found["event_action"] == action
        if action == "trigger":
            assert 1 <= len(found["payload"]["summary"]) <= 1_024 and found["payload"]["source"]
            assert found["payload"]["severity"] in ("critical", "error", "warning", "info")
            assert len(json.dumps(found)) < 512_000


def test_pagerduty_resolves_only_when_nothing_fires_any_more() -> None:
    assert pagerduty.actions(notification()) == ("trigger",)
    assert pagerduty.actions(resolved()) == ("resolve",)
    half = notification(lines=(LINE, replace(LINE, state="resolved")))
    assert pagerduty.actions(half) == ("trigger",)
    assert pagerduty.actions(a_test("t", "ann", NOW)) == ("trigger", "resolve")


@pytest.mark.parametrize("one", ALL)
def test_a_mail_has_no_header_of_a_users_making(one: Any) -> None:
    raw = email.message(one, SENDER, TO).as_bytes()
    mail = message_from_bytes(raw, policy=default)
    assert mail["To"] == ", ".join(TO) and mail["Bcc"] is None
    assert "Sent because:" in mail.get_content() and wording.title(one).split()[0] in mail["Subject"]
    assert not mail.defects


def test_a_mail_is_told_from_its_repetition_and_threads_by_incident() -> None:
    first, again, end = (email.message(n, SENDER, TO) for n in (notification(), notification(), resolved()))
    assert first["Message-ID"] == again["Message-ID"] != end["Message-ID"]
    assert first["References"] == end["References"] == end["In-Reply-To"]
    other = email.message(notification(incident="inc-2"), SENDER, TO)
    assert other["References"] != first["References"]


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (notification(), "[FIRING:1] Arrival delays (page)"),
        (resolved(), "[RESOLVED] Arrival delays (page)"),
        (a_test("t", "ann", NOW), "[TEST] Leeway can reach you here"),
    ],
)
def test_a_title_says_the_state_and_the_model(one: Any, words: str) -> None:
    assert words in wording.title(one)


def test_the_text_says_why_what_since_when_and_where() -> None:
    text = wording.text(notification())
    for words in ("Sent because: first notice of this incident.", "drift dep_delay origin=EWR v3 firing",
                  "Since 2026-05-20 12:00 UTC", "Owner: flight-operations", "Runbook: https://runbooks",
                  "https://leeway.example.com/model?model=delays&range=7d"):  # fmt: skip
        assert words in text
    assert "and 30 more" in wording.text(NASTY_ONE)


class Mailbox:
    """aiosmtpd's handler and authenticator: keeps what it takes."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.signed_in: list[tuple[bytes, bytes]] = []

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if address.startswith("gone"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.mails.append(envelope)
        return "250 taken"

    def __call__(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.signed_in.append((data.login, data.password))
        return AuthResult(success=data.password == b"right-password", handled=False)


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_a_real_mail_server_is_signed_in_to_over_tls(tmp_path: Path, tls: str) -> None:
    server_context, trusting = contexts(tmp_path, "localhost")
    box = Mailbox()
    options: dict[str, Any] = {"authenticator": box, "auth_required": True, "auth_require_tls": tls == "starttls"}
    if tls == "starttls":
        options |= {"tls_context": server_context, "require_starttls": True}
    else:
        options |= {"ssl_context": server_context}
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        document = {
            "name": "mail", "kind": "email", "host": "localhost", "port": port, "tls": tls, "user": "leeway",
            "sender": SENDER, "to": ["ann@example.com", "gone@example.com"], "password": "${PASSWORD}",
        }  # fmt: skip
        http = Http(Reach((), (f"localhost:{port}",), False), seconds=5, context=trusting,
                    resolve=lambda h, p: ["127.0.0.1"])  # fmt: skip
        channel = parse(document).expanded(lambda text: text.replace("${PASSWORD}", "right-password"))
        found = channel.send(notification(model_name=NASTY), http)
        assert isinstance(found, Delivered) and "gone@example.com" in found.note
        assert box.signed_in[0] == (b"leeway", b"right-password")
        assert box.mails[0].rcpt_tos == ["ann@example.com"] and box.mails[0].mail_from == SENDER
        wrong = parse(document).expanded(lambda text: text.replace("${PASSWORD}", "wrong-password"))
        refused = wrong.send(notification(), http)
        assert isinstance(refused, Refused) and "535" in refused.reason and "wrong-password" not in refused.reason
    finally:
        controller.stop()
