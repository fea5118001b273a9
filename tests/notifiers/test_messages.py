"""What each channel writes: within the service's limits, whatever strings users have given."""

from __future__ import annotations

import json
from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_sdk.errors import SlackObjectFormationError

from monitoring.notifiers import email, pagerduty, payload, slack, teams, webhook, wording
from monitoring.notifiers.guard import Reach
from monitoring.notifiers.http import Http
from monitoring.notifiers.outcome import Delivered, Refused
from monitoring.notifiers.registry import parse
from monitoring.store.channels import test_notification as a_test
from tests.notifiers.certificates import contexts
from tests.notifiers.samples import LINE, NASTY, NASTY_ONE, NOW, notification, question, resolved
from tests.notifiers.vendors import pagerduty_takes, slack_takes, teams_takes
from tests.patience import LONG
from tests.ports import free_port

QUESTIONS = [question(), question("failed"), question("decided")]
ALL = [notification(), resolved(), NASTY_ONE, a_test("t", "ann", NOW), notification(lines=()), *QUESTIONS]
LENGTHY = "Задержка вылета 遅延 " * 150
LARGE = [
    notification(id="forty", lines=(replace(LINE, summary="x" * 400),) * 40),
    notification(id="long words", why=LENGTHY, owner=LENGTHY, model=LENGTHY, model_name=LENGTHY,
                 lines=(replace(LINE, summary=LENGTHY, slice=LENGTHY, column=LENGTHY),) * 12),
    notification(id="escaped", lines=(replace(LINE, summary="<&>" * 900, slice="&" * 400),) * 10),
    notification(id="long links", link="https://a.example/" + "y" * 5_000, runbook="https://b.example/" + "z" * 2_500,
                 lines=(replace(LINE, link="https://c.example/" + "x" * 4_000),) * 3),
    notification(id="i", incident="i" * 255),
]  # fmt: skip
SENDER, TO = "leeway@example.com", ("ann@example.com", "bo@example.com")


@pytest.mark.parametrize("one", [*ALL, *LARGE], ids=lambda one: one.id)
def test_every_vendor_takes_every_message(one: Any) -> None:
    slack_takes(payload.encoded(slack.message(one)))
    teams_takes(payload.encoded(teams.message(one)))
    for action in pagerduty.actions(one):
        found = pagerduty.event(one, action, "0" * 32)
        assert found["dedup_key"] == one.incident and found["event_action"] == action
        pagerduty_takes(payload.encoded(found))


@pytest.mark.parametrize("one", [*ALL, *LARGE], ids=lambda one: one.id)
def test_what_is_left_out_is_counted(one: Any) -> None:
    sections = [b for b in slack.message(one)["blocks"] if b["type"] == "section"]
    left = len(one.lines) - len(sections)
    assert not one.lines or sections, "the gravest is always there"
    assert (f"and {left} more" in json.dumps(slack.message(one))) == (left > 0)
    body = [b["inlines"][0]["text"] for b in teams.message(one)["attachments"][0]["content"]["body"]]
    shown = sum(line.startswith(("drift ", "promote ")) for line in body)
    left = len(one.lines) - shown
    assert (f"and {left} more" in body) == (left > 0) and (shown or not one.lines)


ASKS = [
    (question(), "[WAITING] Arrival delays: promote version 2", "retrain.waiting", ("trigger",)),
    (question("failed"), "[FAILED] Arrival delays: promote version 2", "retrain.failed", ("trigger",)),
    (question("decided"), "[DECIDED] Arrival delays: promote version 2", "retrain.decided", ("resolve",)),
]


@pytest.mark.parametrize(("one", "title", "kind", "actions"), ASKS, ids=[case[2] for case in ASKS])
def test_what_a_retrain_asks_reads_as_a_question(one: Any, title: str, kind: str, actions: tuple[str, ...]) -> None:
    assert wording.title(one) == title and webhook.kind(one) == kind and pagerduty.actions(one) == actions
    assert "Better: MAE 5.6 instead of 15.9 min." in wording.text(one)
    assert "firing" not in wording.text(one).lower()


@given(
    words=st.text(max_size=3_000), repeat=st.integers(1, 40), link=st.text(max_size=4_000),
    resolved=st.booleans(), model=st.text(max_size=400),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_whatever_users_write_is_taken(words: str, repeat: int, link: str, resolved: bool, model: str) -> None:
    state: Any = "resolved" if resolved else "firing"
    line = replace(LINE, summary=words, column=words[:300], slice=words[:400], state=state, link=f"https://a/{link}")
    one = notification(
        model=model, model_name=words[:200], owner=model, why=words, lines=(line,) * repeat, runbook=f"https://b/{link}"
    )
    slack_takes(payload.encoded(slack.message(one)))
    teams_takes(payload.encoded(teams.message(one)))
    for action in pagerduty.actions(one):
        pagerduty_takes(payload.encoded(pagerduty.event(one, action, "0" * 32)))


@pytest.mark.parametrize(
    ("takes", "spoilt"),
    [
        (slack_takes, {"text": "x", "blocks": [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}]}),
        (slack_takes, {"text": "x", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": ""}}]}),
        (slack_takes, {"text": "x", "blocks": [{"type": "divider"}] * 51}),
        (slack_takes, {"text": "x", "blocks": [{"type": "paragraph", "text": {"type": "mrkdwn", "text": "x"}}]}),
        (pagerduty_takes, pagerduty.event(notification(), "trigger", "short")),
        (pagerduty_takes, {"routing_key": "0" * 32, "event_action": "trigger", "dedup_key": "x"}),
        (pagerduty_takes, pagerduty.event(notification(incident="x"), "trigger", "0" * 32) | {"colour": "red"}),
    ],
)
def test_the_checks_of_vendors_can_fail(takes: Any, spoilt: dict[str, Any]) -> None:
    with pytest.raises((AssertionError, SlackObjectFormationError, KeyError)):
        takes(payload.encoded(spoilt))


@pytest.mark.parametrize(
    "change",
    [{"color": "Purple"}, {"text": 1}, {"size": "Enormous"}, {"type": "TextRoom"}, {"weight": "Heavy"}],
    ids=str,
)  # fmt: skip
def test_the_check_of_a_card_can_fail(change: dict[str, Any]) -> None:
    found = teams.message(notification())
    found["attachments"][0]["content"]["body"][0]["inlines"][0] |= change
    with pytest.raises(AssertionError):
        teams_takes(payload.encoded(found))


def test_what_users_write_is_neither_a_link_nor_a_call_to_all() -> None:
    blocks = slack.message(NASTY_ONE)["blocks"]
    assert "<!channel>" not in json.dumps([b for b in blocks if b["type"] == "section"])
    card = teams.message(NASTY_ONE)["attachments"][0]["content"]
    assert all(b["type"] == "RichTextBlock" for b in card["body"]), "a TextBlock would read Markdown"
    assert card["actions"] == []


@pytest.mark.parametrize("runbook", ["https://runbooks.example.org/delays", "the red folder on the third shelf"])
@pytest.mark.parametrize("found", [notification(), resolved()], ids=["firing", "resolved"])
def test_why_it_was_sent_and_what_to_do_are_in_every_message(found: Any, runbook: str) -> None:
    one = replace(found, runbook=runbook)
    said = [slack.message(one), teams.message(one), *(pagerduty.event(one, a, "k") for a in pagerduty.actions(one))]
    texts = [json.dumps(message) for message in said if message.get("event_action") != "resolve"]
    for text in [*texts, wording.text(one), json.dumps(one.as_json())]:
        assert runbook in text and one.why in text and one.link in text


def test_other_scripts_are_not_escaped() -> None:
    assert "Москва" in payload.encoded(slack.message(notification(model_name="Москва"))).decode()
    assert payload.encoded({"text": "\ud83d"}) == b'{"text": "?"}', "half a letter"


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
    port = free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port, ready_timeout=LONG, **options)
    controller.start()
    try:
        document = {
            "name": "mail", "kind": "email", "host": "localhost", "port": port, "tls": tls, "user": "leeway",
            "sender": SENDER, "to": ["ann@example.com", "gone@example.com"], "password": "${PASSWORD}",
        }  # fmt: skip
        http = Http(Reach((), (f"localhost:{port}",), False), seconds=LONG, context=trusting,
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
