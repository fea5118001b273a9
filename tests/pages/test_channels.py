"""Channels: the list, the form of every kind, a test with its result, dead letters, and no secret anywhere."""

from __future__ import annotations

import os
import threading
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select

from monitoring.notifiers.guard import Reach
from monitoring.notifiers.http import Http
from monitoring.notifiers.registry import kinds, parse
from monitoring.sender import Sender
from monitoring.store import channels, oncall, outbox
from monitoring.store.database import connect, reading, transaction
from monitoring.store.tables import AuditRow, ChannelRow, OutboxRow
from tests.clock import PRESENT
from tests.notifiers.receivers import http_receiver
from tests.notifiers.samples import NASTY, notification
from tests.pages.conftest import Run, Written
from tests.patience import LONG

PAGE = "configure/channels.py"
SECRET = "s3cr3t-s3cr3t-s3cr3t"


def now() -> datetime:
    return PRESENT


def apply(url: str, *documents: dict[str, Any]) -> None:
    store = connect(url)
    with transaction(store) as session:
        channels.apply(session, [parse(d) for d in documents], "tests", now())
    store.dispose()


def send(url: str) -> None:
    """What the worker does: send all that is due."""
    store = connect(url)
    sender = Sender(store, Http(Reach(loopback=True), seconds=LONG), os.environ, now, lambda: 0.5, threading.Event())
    sender.settle()
    sender.close()
    store.dispose()


def rows(url: str, table: Any) -> list[Any]:
    store = connect(url)
    with reading(store) as session:
        found = list(session.scalars(select(table).order_by(table.id)))
    store.dispose()
    return found


def hook(url: str, name: str = "hook", **more: Any) -> dict[str, Any]:
    return {"name": name, "kind": "webhook", "url": f"{url}/${{TOKEN}}"} | more


def plain(text: str) -> str:
    return text.replace("\\", "")


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", SECRET)


@pytest.mark.parametrize(
    ("view", "words"),
    [
        ("Channels", "No channel is set up yet"),
        ("Dead letters", "Everything has arrived"),
        ("Add a channel", "signed as Standard Webhooks"),
    ],
)
def test_every_view_of_nothing_says_what_to_do(
    empty_store: str, run_page: Run, written: Written, view: str, words: str
) -> None:
    at = run_page(PAGE, view=view)
    assert not at.exception and not at.error
    assert words in plain(written(at))


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_has_a_form_with_its_help_and_its_fields(
    empty_store: str, run_page: Run, written: Written, kind: str
) -> None:
    at = run_page(PAGE, view="Add a channel")
    at.segmented_control(key="new_kind").set_value(kind).run()
    assert not at.exception and not at.error
    own = [n for n in kinds()[kind].model_fields if n not in ("name", "kind", "matchers")]
    keys = {w.key for kind_ in ("text_input", "number_input", "selectbox", "multiselect", "text_area")
            for w in getattr(at, kind_)}  # fmt: skip
    assert {f"channel_new_{kind}_{name}" for name in own} <= keys
    assert {f"channel_new_{kind}_matchers_owner", f"channel_new_{kind}_matchers_severity"} <= keys


def test_a_channel_is_added_changed_and_removed_with_audit(empty_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE, view="Add a channel")
    at.segmented_control(key="new_kind").set_value("slack").run()
    at.text_input(key="channel_new_name").set_value("ops-slack").run()
    at.text_input(key="channel_new_slack_url").set_value("https://hooks.slack.com/services/T/B/x").run()
    assert "write ${NAME}" in plain(at.error[0].value) and at.button(key="add_channel").disabled
    at.text_input(key="channel_new_slack_url").set_value("${SLACK_URL}").run()
    at.multiselect(key="channel_new_slack_matchers_severity").set_value(["page"]).run()
    assert "kind: slack" in at.code[0].value and "models" not in at.code[0].value
    at.button(key="add_channel").click().run()
    assert not at.exception and not at.error
    wanted = {"name": "ops-slack", "kind": "slack", "url": "${SLACK_URL}", "matchers": {"severity": ["page"]}}
    assert rows(empty_store, ChannelRow)[0].document == wanted
    frame = at.dataframe[0].value.iloc[0]
    assert (frame["name"], frame["told"], frame["state"]) == ("ops-slack", "all pages", ["? Never used"])

    assert at.button(key="save_channel").disabled, "nothing has changed"
    at.text_input(key="channel_ops-slack_url").set_value("${OTHER_URL}").run()
    assert "+url: ${OTHER_URL}" in at.code[0].value
    at.button(key="save_channel").click().run()
    assert rows(empty_store, ChannelRow)[0].document["url"] == "${OTHER_URL}"
    at.button(key="remove").click().run()
    assert at.button(key="remove_now").disabled, "without a reason"
    assert [(r.actor, r.action) for r in rows(empty_store, AuditRow)] == [
        ("local", "channel added"), ("local", "channel changed"),
    ]  # fmt: skip


def test_a_channel_to_where_nothing_may_be_sent_is_refused_and_nothing_that_was_typed_is_lost(
    empty_store: str, run_page: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LEEWAY_PRIVATE_HOSTS", raising=False)
    at = run_page(PAGE, view="Add a channel")
    at.text_input(key="channel_new_name").set_value("inside").run()
    at.text_input(key="channel_new_webhook_url").set_value("https://10.0.0.8/${TOKEN}").run()
    at.button(key="add_channel").click().run()
    words = plain(at.error[0].value)
    assert "channel inside: 10.0.0.8 is a private address" in words and "LEEWAY_PRIVATE_HOSTS" in words
    assert at.text_input(key="channel_new_webhook_url").value == "https://10.0.0.8/${TOKEN}"
    assert rows(empty_store, ChannelRow) == [] and SECRET not in str(at.main)
    monkeypatch.setenv("LEEWAY_PRIVATE_HOSTS", "10.0.0.8")
    at.button(key="add_channel").click().run()
    assert not at.error and rows(empty_store, ChannelRow)[0].name == "inside"


def test_a_secret_that_is_typed_in_full_is_refused_and_not_shown_again(empty_store: str, run_page: Run) -> None:
    at = run_page(PAGE, view="Add a channel")
    at.text_input(key="channel_new_name").set_value("hook").run()
    at.text_input(key="channel_new_webhook_url").set_value("https://hooks.example.org").run()
    at.text_input(key="channel_new_webhook_secret").set_value("whsec_typed").run()
    assert "write ${NAME}" in plain(at.error[0].value) and at.button(key="add_channel").disabled
    assert not any("typed" in code.value for code in at.code)


def test_a_channel_that_somebody_is_told_through_stays_and_it_is_said(empty_store: str, run_page: Run) -> None:
    apply(empty_store, hook("https://a.example.com"))
    store = connect(empty_store)
    with transaction(store) as session:
        oncall.apply(session, [{"key": "ada", "channels": ["hook"]}], [], "tests", now())
    store.dispose()
    at = run_page(PAGE, channel="hook")
    at.session_state["remove_reason"] = "old"
    at.button(key="remove").click().run()
    at.button(key="remove_now").click().run()
    assert not at.exception
    assert "is named by person ada" in plain(at.error[0].value)
    assert [row.name for row in rows(empty_store, ChannelRow)] == ["hook"]


def test_a_name_that_is_taken_is_said(empty_store: str, run_page: Run, written: Written) -> None:
    apply(empty_store, hook("https://a.example.com"))
    at = run_page(PAGE, view="Add a channel")
    at.text_input(key="channel_new_name").set_value("hook").run()
    assert "there already" in at.error[0].value


@pytest.mark.parametrize(
    ("behaviour", "words"), [("200", "delivered after"), ("404", "not delivered. 127.0.0.1 answered HTTP 404")]
)
def test_a_test_goes_through_the_outbox_and_its_result_is_shown(
    empty_store: str, run_page: Run, written: Written, behaviour: str, words: str
) -> None:
    with http_receiver(behaviour) as receiver:
        apply(empty_store, hook(receiver.url))
        at = run_page(PAGE, channel="hook")
        at.button(key="send_test").click().run()
        assert "the worker has stopped" in plain(written(at)), "no worker gives a sign of life here"
        send(empty_store)
        at.run()
        assert words in plain(written(at))
        assert len(receiver.requests) == 1 and b"local asked for a test" in receiver.requests[0]
    assert ("local", "channel test asked for") in [(r.actor, r.action) for r in rows(empty_store, AuditRow)]


def test_a_disabled_channel_says_why_and_is_enabled_again(empty_store: str, run_page: Run, written: Written) -> None:
    with http_receiver("410") as receiver:
        apply(empty_store, hook(receiver.url))
        store = connect(empty_store)
        with transaction(store) as session:
            outbox.notify(session, notification(), "hook", "g", now())
        store.dispose()
        send(empty_store)
    at = run_page(PAGE, channel="hook")
    assert at.dataframe[0].value.iloc[0]["state"] == ["✕ Disabled"]
    assert "HTTP 410" in plain(at.error[0].value) and at.button(key="send_test").disabled
    at.button(key="enable").click().run()
    assert rows(empty_store, ChannelRow)[0].disabled_at is None
    assert not at.exception


def dead(url: str) -> None:
    """Two dead letters, one with a nasty name."""
    with http_receiver("400") as receiver:
        apply(url, hook(receiver.url))
        store = connect(url)
        with transaction(store) as session:
            outbox.notify(session, notification(), "hook", "g", now())
            outbox.notify(session, notification(id="ntf-2", model_name=NASTY), "hook", "g", now())
        store.dispose()
        send(url)
        send(url)


def test_dead_letters_are_told_on_every_page_and_sent_again_or_discarded(
    empty_store: str, run_page: Run, written: Written
) -> None:
    dead(empty_store)
    assert "2 notifications were not delivered" in plain(written(run_page("observe/fleet.py")))
    at = run_page(PAGE, view="Dead letters")
    text = plain(written(at))
    assert "given up after 1 attempt: 127.0.0.1 answered HTTP 400" in text
    assert "No other channel has told anybody" in text and "Arrival delays" in text
    assert "![" not in written(at) and "[x](https" not in written(at), "a name is no Markdown"
    numbers = [r.id for r in rows(empty_store, OutboxRow)]
    at.button(key=f"revive_{numbers[0]}").click().run()
    at.button(key=f"discard_{numbers[1]}").click().run()
    assert [r.state for r in rows(empty_store, OutboxRow)] == ["waiting", "cancelled"]
    assert "Everything has arrived" in written(at)
    done = [r.action for r in rows(empty_store, AuditRow) if r.subject == "outbox"]
    assert done == ["dead letters sent again", "dead letters discarded"]


@pytest.mark.parametrize("query", [{}, {"channel": "hook"}, {"view": "Dead letters"}, {"view": "Add a channel"}])
def test_no_page_shows_a_secret(empty_store: str, run_page: Run, written: Written, query: dict[str, str]) -> None:
    dead(empty_store)
    at = run_page(PAGE, **query)
    assert not at.exception
    for element in at.main:
        assert SECRET not in repr(element)
    assert SECRET not in written(at)
