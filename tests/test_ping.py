"""The ping to a monitor outside: sent after a round, guarded, its secret kept, and no trouble when it fails."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

import pytest

from monitoring.notifiers.guard import Reach
from monitoring.notifiers.http import Http
from monitoring.ping import ping
from monitoring.settings import Settings
from tests.notifiers.receivers import http_receiver
from tests.patience import LONG

NOW = datetime(2026, 11, 26, 6, tzinfo=UTC)
LOCAL = Http(Reach.of("127.0.0.1", "", True), seconds=LONG)


def test_without_a_monitor_nothing_is_sent() -> None:
    assert not ping(Settings(), LOCAL, 3, NOW, {})


def test_a_round_is_told_with_its_moment_and_its_models() -> None:
    with http_receiver() as receiver:
        assert ping(Settings(ping_url=f"{receiver.url}/${{TOKEN}}"), LOCAL, 3, NOW, {"TOKEN": "s3cret-token"})
    assert json.loads(receiver.bodies()[0]) == {"at": "2026-11-26T06:00:00+00:00", "models": 3}
    assert b"POST /s3cret-token " in receiver.requests[0]


@pytest.mark.parametrize("behaviour", ["404", "500", "reset", "302"])
def test_a_ping_that_fails_is_logged_without_its_secret(behaviour: str, caplog: pytest.LogCaptureFixture) -> None:
    with http_receiver(behaviour) as receiver, caplog.at_level(logging.WARNING):
        assert not ping(Settings(ping_url=f"{receiver.url}/${{TOKEN}}"), LOCAL, 3, NOW, {"TOKEN": "s3cret-token"})
    assert "ping" in caplog.text and "s3cret-token" not in caplog.text


@pytest.mark.parametrize(
    ("url", "words"),
    [("http://169.254.169.254/x", "could not be sent"), ("https://nobody.example/${NOT_SET}", "NOT_SET is not set")],
)
def test_a_ping_that_may_not_be_sent_is_logged(url: str, words: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert not ping(Settings(ping_url=url), LOCAL, 3, NOW, {})
    assert words in caplog.text
