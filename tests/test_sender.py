"""The sender: everything arrives, in order, whatever receivers, channels and the database do; on both databases."""

from __future__ import annotations

import base64
import json
import logging
import socket
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, make_url, select
from standardwebhooks import Webhook as Verifier

from monitoring import sender as sending
from monitoring.core.alerting.notification import Notification
from monitoring.notifiers import registry
from monitoring.notifiers.channel import Channel
from monitoring.notifiers.guard import Reach
from monitoring.notifiers.http import Http
from monitoring.notifiers.outcome import Outcome
from monitoring.notifiers.secrets import Secret
from monitoring.sender import Sender
from monitoring.store import channels, outbox
from monitoring.store.database import connect, create, reading, transaction
from monitoring.store.tables import AuditRow, ChannelRow, OutboxRow
from tests.clock import Clock
from tests.notifiers.receivers import Receiver, http_receiver
from tests.notifiers.samples import NOW, notification
from tests.patience import LONG, Patience
from tests.waiting import until

SECRET = "hunter2-hunter2-hunter2"
SIGNING = "whsec_" + base64.b64encode(b"k" * 32).decode()


class Post:
    """A store with channels whose receivers are real, and a sender over it."""

    def __init__(self, store: Engine, stack: ExitStack) -> None:
        self.store, self.clock, self._stack = store, Clock(NOW), stack
        self.receivers: dict[str, Receiver] = {}
        self.environment = {"SECRET": SECRET, "SIGNING": SIGNING}
        self.stop = threading.Event()
        self.sender = self.another()

    def another(self, clock: Callable[[], datetime] | None = None) -> Sender:
        http = Http(Reach(loopback=True), seconds=LONG, clock=lambda: datetime.now(UTC), limit=Patience)
        return Sender(self.store, http, self.environment, clock or self.clock, lambda: 0.5, self.stop)

    def channel(self, name: str, behaviour: str = "200", **more: Any) -> Receiver:
        receiver = self._stack.enter_context(http_receiver(behaviour))
        self.receivers[name] = receiver
        document = {"name": name, "kind": "webhook", "url": f"{receiver.url}/${{SECRET}}", "secret": "${SIGNING}"}
        self.apply(document | more)
        return receiver

    def apply(self, document: dict[str, Any]) -> None:
        with transaction(self.store) as session:
            channels.apply(session, [registry.parse(document)], "tests", NOW)

    def notify(self, target: str, what: Notification | None = None, order: str = "g", **more: Any) -> None:
        with transaction(self.store) as session:
            outbox.notify(session, what or notification(), target, order, self.clock(), **more)

    def row(self, target: str, key: str = "ntf-1") -> OutboxRow:
        with reading(self.store) as session:
            query = select(OutboxRow).where(OutboxRow.target == target, OutboxRow.dedup_key == key)
            return session.scalars(query).one()

    def rows(self) -> list[tuple[str, str, str]]:
        with reading(self.store) as session:
            found = session.scalars(select(OutboxRow).order_by(OutboxRow.id))
            return [(r.dedup_key, r.target, r.state) for r in found]

    def health(self, name: str) -> ChannelRow:
        with reading(self.store) as session:
            return session.scalars(select(ChannelRow).where(ChannelRow.name == name)).one()

    def whys(self, name: str) -> list[str]:
        return [json.loads(body)["data"]["why"] for body in self.receivers[name].bodies()]


@contextmanager
def post_of(store: Engine) -> Iterator[Post]:
    with ExitStack() as stack:
        post = Post(store, stack)
        yield post
        post.stop.set()
        post.sender.close()


@pytest.fixture
def post(store: Engine) -> Iterator[Post]:
    with post_of(store) as found:
        yield found


@pytest.fixture
def local(sqlite: Engine) -> Iterator[Post]:
    """As `post`, on SQLite only: what does not touch how rows are leased."""
    with post_of(sqlite) as found:
        yield found


TICKET = replace(notification(), severity="ticket")


def test_what_is_delivered_is_signed_marked_and_the_channel_is_well(post: Post) -> None:
    receiver = post.channel("ops")
    post.notify("ops")
    post.sender.settle()
    assert post.row("ops").state == "sent" and post.row("ops").sent_at == NOW
    assert post.health("ops").delivered_at == NOW
    head, _, body = receiver.requests[0].partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    verified = Verifier(SIGNING).verify(body, {k.lower(): v for k, v in headers.items()})
    assert verified["data"]["id"] == headers["webhook-id"] == "ntf-1"


def test_a_page_that_fails_twice_goes_to_the_next_and_still_arrives_at_the_first(post: Post) -> None:
    first = post.channel("first", "500")
    post.channel("second")
    post.channel("third")
    post.notify("first", fallbacks=["second"])
    post.sender.settle()
    assert post.row("first").due_at == NOW + timedelta(seconds=2) and len(post.rows()) == 1
    post.clock.forward(2)
    post.sender.settle()
    assert post.row("second").state == "sent"
    assert "first failed 2 times" in post.whys("second")[0] and "HTTP 500" in post.whys("second")[0]
    first.behaviour = "200"
    post.clock.forward(60)
    post.sender.settle()
    assert post.row("first").state == "sent" and post.health("first").failures == 0
    assert [target for _, target, _ in post.rows()] == ["first", "second"], "the third has heard nothing"
    ids = {json.loads(b)["data"]["id"] for r in post.receivers.values() for b in r.bodies()}
    assert ids == {"ntf-1"}


def test_a_ticket_is_tried_at_growing_pauses_then_given_up_and_told_elsewhere(local: Post) -> None:
    local.channel("first", "500")
    local.channel("second")
    local.notify("first", TICKET)
    pauses = []
    for _ in range(5):
        local.sender.settle()
        row = local.row("first")
        pauses.append((row.due_at - local.clock()).total_seconds())
        local.clock.now = row.due_at
        assert row.state == "waiting" and len(local.rows()) == 1
    assert pauses == [5, 300, 1_800, 7_200, 18_000]
    local.sender.settle()
    assert local.rows() == [("ntf-1", "first", "dead"), ("ntf-1", "second", "sent")]
    assert "first gave up" in local.whys("second")[0]


def test_retry_after_is_obeyed(local: Post) -> None:
    local.channel("ops", "429")
    local.notify("ops")
    local.sender.settle()
    assert local.row("ops").due_at == NOW + timedelta(seconds=7)
    local.clock.forward(6)
    local.sender.settle()
    assert len(local.receivers["ops"].requests) == 1


@pytest.mark.parametrize("behaviour", ["400", "404", "302"])
def test_a_refusal_is_a_dead_letter_at_once_and_alerts_on_another_channel(local: Post, behaviour: str) -> None:
    local.channel("ops", behaviour)
    local.channel("other")
    local.notify("ops", TICKET)
    local.sender.settle()
    assert local.rows() == [("ntf-1", "ops", "dead"), ("ntf-1", "other", "sent")]
    assert f"HTTP {behaviour}" in local.row("ops").last_error
    assert local.health("ops").disabled_at is None


def test_where_all_channels_were_told_the_failure_of_one_is_told_to_the_other_once(local: Post) -> None:
    local.channel("ops", "400")
    local.channel("other")
    local.notify("ops")
    local.notify("other")
    local.sender.settle()
    local.sender.settle()
    assert sorted(local.rows()) == [
        ("ntf-1", "ops", "dead"), ("ntf-1", "other", "sent"), ("ntf-1/undelivered/ops", "other", "sent"),
    ]  # fmt: skip


def test_where_no_channel_works_it_ends(local: Post) -> None:
    for name in ("a", "b", "c"):
        local.channel(name, "400")
    local.notify("a")
    for _ in range(10):
        local.sender.settle()
    assert sorted(local.rows()) == [
        ("ntf-1", "a", "dead"), ("ntf-1", "b", "dead"), ("ntf-1", "c", "dead"),
    ]  # fmt: skip


def test_gone_disables_the_channel_and_what_follows_goes_elsewhere(local: Post) -> None:
    gone = local.channel("ops", "410")
    local.channel("other")
    local.notify("ops")
    local.notify("ops", notification(id="ntf-2"))
    local.sender.settle()
    local.sender.settle()
    assert local.health("ops").disabled_at == NOW and "HTTP 410" in local.health("ops").disabled_reason
    assert len(gone.requests) == 1, "nothing more is sent there"
    assert sorted(r for r in local.rows() if r[1] == "other") == [
        ("ntf-1", "other", "sent"),
        ("ntf-2", "other", "sent"),
    ]
    with reading(local.store) as session:
        assert session.scalars(select(AuditRow.actor).where(AuditRow.action == "channel disabled")).all() == ["worker"]
        assert channels.fitting(session, "anybody", "page") == ["other"]
    with transaction(local.store) as session:
        channels.enable(session, "ops", "ann", NOW)
        outbox.revive(session, [local.row("ops").id], NOW)
    gone.behaviour = "200"
    local.sender.settle()
    assert local.row("ops").state == "sent"


def test_a_channel_that_was_removed_or_never_was_is_told_elsewhere(local: Post) -> None:
    local.channel("other")
    local.notify("nobody")
    local.sender.settle()
    assert local.rows() == [("ntf-1", "nobody", "dead"), ("ntf-1", "other", "sent")]


def test_a_receiver_that_hangs_holds_no_other(local: Post) -> None:
    hang = [local.channel(f"hangs-{number}", "when told") for number in range(4)]
    for number in range(4):
        local.notify(f"hangs-{number}", order=str(number))
    local.channel("ops")
    local.notify("ops")
    local.sender.step()
    until(lambda: local.row("ops").state == "sent")
    assert [local.row(f"hangs-{number}").state for number in range(4)] == ["leased"] * 4
    for receiver in hang:
        receiver.stop.set()
    local.sender.settle()
    assert local.row("hangs-0").state == "sent"


def test_a_receiver_that_never_answers_is_tried_again(local: Post) -> None:
    local.channel("ops", "hang")
    local.notify("ops")
    local.sender.settle()
    assert local.row("ops").state == "waiting"
    assert local.row("ops").last_error == f"127.0.0.1 gave no full answer within {LONG:g} s"


def test_a_channel_whose_code_raises_is_tried_again_and_its_secret_is_not_told(
    local: Post, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Raises(Channel):
        token: Secret

        def send(self, notification: Notification, http: Http) -> Outcome:
            raise RuntimeError(f"cannot use {self.token}")

    registry.kinds()
    monkeypatch.setitem(registry._KINDS, "raises", Raises)
    local.apply({"name": "ops", "kind": "raises", "token": "${SECRET}"})
    local.notify("ops")
    with caplog.at_level(logging.DEBUG):
        local.sender.settle()
    assert local.row("ops").state == "waiting"
    assert local.row("ops").last_error == "the channel's own code failed: RuntimeError: cannot use ${SECRET}"
    assert SECRET not in caplog.text and "RuntimeError" in caplog.text


@pytest.mark.parametrize("behaviour", ["200", "400", "500", "410", "302", "reset", "hang", "drip body"])
def test_no_secret_is_kept_or_logged_whatever_the_receiver_does(
    local: Post, behaviour: str, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    local.channel("ops", behaviour)
    local.channel("other", "400")
    local.notify("ops")
    with caplog.at_level(logging.DEBUG):
        local.sender.settle()
        local.clock.forward(3)
        local.sender.settle()
    assert SECRET.encode() in local.receivers["ops"].requests[0], "it was used"
    with reading(local.store) as session:
        exported = str(channels.export(session))
    with sqlite3.connect(tmp_path / "leeway.db") as dump:
        kept = "\n".join(dump.iterdump())
    for secret in (SECRET, SIGNING, SIGNING.removeprefix("whsec_")):
        assert secret not in caplog.text + exported + kept
    assert "${SECRET}" in exported and "${SECRET}" in kept


def test_a_secret_that_is_not_set_is_said_by_its_name(local: Post) -> None:
    local.channel("ops")
    del local.environment["SECRET"]
    local.notify("ops")
    local.sender.settle()
    assert "SECRET is not set" in local.row("ops").last_error and local.row("ops").state == "dead"


def test_a_notification_that_cannot_be_read_is_a_dead_letter_and_holds_nothing(local: Post) -> None:
    local.channel("ops")
    with transaction(local.store) as session:
        outbox.put(session, "notification", "bad", "ops", {"lines": "?"}, "g", NOW)
    local.notify("ops")
    local.sender.settle()
    assert local.rows() == [("bad", "ops", "dead"), ("ntf-1", "ops", "sent")]


def test_a_test_is_sent_once_and_its_failure_bothers_nobody(local: Post) -> None:
    local.channel("ops", "500")
    local.channel("other")
    with transaction(local.store) as session:
        channels.ask_for_test(session, "ops", "test-1", "ann", NOW)
    local.sender.settle()
    assert local.rows() == [("test-1", "ops", "cancelled")]
    assert "HTTP 500" in local.row("ops", "test-1").last_error
    local.receivers["ops"].behaviour = "200"
    with transaction(local.store) as session:
        channels.ask_for_test(session, "ops", "test-2", "ann", NOW)
    local.sender.settle()
    assert local.row("ops", "test-2").state == "sent"


def test_several_senders_deliver_each_once_and_in_order(post: Post) -> None:
    names = [f"c{n}" for n in range(4)]
    for name in names:
        post.channel(name)
    for number in range(40):
        post.notify(names[number % 4], notification(id=f"n{number:02}"), order=str(number % 8))
    many = [post.another() for _ in range(3)]
    threads = [threading.Thread(target=one.settle) for one in many]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    got = {name: [json.loads(b)["data"]["id"] for b in post.receivers[name].bodies()] for name in names}
    assert Counter(i for ids in got.values() for i in ids) == {f"n{number:02}": 1 for number in range(40)}
    for ids in got.values():
        for lane in range(8):
            mine = [i for i in ids if int(i[1:]) % 8 == lane]
            assert mine == sorted(mine)
    for one in many:
        one.close()


class Line:
    """A line to a server that can be cut: every connection is closed, and none is made until it is mended."""

    def __init__(self, port: int) -> None:
        self._to, self.cut = port, False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._listener.accept()
            except OSError:
                return
            if self.cut:
                here.close()
                continue
            there = socket.create_connection(("127.0.0.1", self._to))
            self._open += [here, there]
            for pair in ((here, there), (there, here)):
                threading.Thread(target=self._copy, args=pair, daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(data)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def sever(self) -> None:
        self.cut = True
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.sever()
        self._listener.close()


AWAY, SPEED = timedelta(seconds=60), 40
"""How long a database is away, and how much faster than the real one the clock runs by which that is counted."""


def by_a_fast_clock() -> Callable[[], datetime]:
    began, first = time.monotonic(), datetime.now(UTC)
    return lambda: first + (time.monotonic() - began) * SPEED * timedelta(seconds=1)


def away_for_a_minute(post: Post, go: Callable[[], None], come: Callable[[], None]) -> None:
    """Three are sent in order; the database goes while the first is, which is delivered while it is away."""
    clock = by_a_fast_clock()
    receiver = post.channel("ops", "when told")
    for number in range(3):
        post.notify("ops", notification(id=f"n{number}"))
    runner = threading.Thread(target=post.another(clock).run)
    runner.start()
    until(lambda: receiver.requests)
    go()
    gone = clock()
    receiver.stop.set()
    while clock() < gone + AWAY:
        time.sleep(0.02)
    come()
    until(lambda: [state for *_, state in post.rows()] == ["sent"] * 3)
    post.stop.set()
    runner.join()
    assert [json.loads(b)["data"]["id"] for b in receiver.bodies()] == ["n0", "n1", "n2"]


def test_postgresql_that_is_away_for_a_minute_while_sending_is_waited_for_and_nothing_is_sent_twice(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "POLL", 0.05)
    parsed = make_url(postgres_url)
    line = Line(parsed.port or 0)
    store = connect(parsed.set(port=line.port).render_as_string(hide_password=False))
    create(store)
    with post_of(store) as post:
        away_for_a_minute(post, line.sever, lambda: setattr(line, "cut", False))
    store.dispose()
    line.close()


def test_sqlite_that_is_locked_for_a_minute_while_sending_is_waited_for_and_nothing_is_sent_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "POLL", 0.05)
    store = connect(f"sqlite:///{tmp_path / 'leeway.db'}")
    create(store)

    @event.listens_for(store, "connect")
    def impatient(connection: sqlite3.Connection, _: object) -> None:
        """By the fast clock as long as it waits for a lock by the real one."""
        connection.execute(f"PRAGMA busy_timeout={30_000 // SPEED}")

    store.dispose()  # what is connected waits for long
    other = sqlite3.connect(tmp_path / "leeway.db", timeout=LONG, isolation_level=None, check_same_thread=False)
    with post_of(store) as post:
        away_for_a_minute(
            post, lambda: other.execute("BEGIN EXCLUSIVE") and None, lambda: other.execute("ROLLBACK") and None
        )
    other.close()
    store.dispose()
