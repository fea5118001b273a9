"""A notification is kept as JSON, and says whether anything of it still fires."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.core.alerting.notification import Line, Notification, NotifyReason

moments = st.datetimes(
    datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=st.sampled_from([UTC, ZoneInfo("Asia/Kathmandu")])
)
numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False)
lines = st.builds(Line, state=st.sampled_from(["firing", "resolved"]), value=numbers, threshold=numbers,
                  severity=st.sampled_from(["page", "ticket"]), since=st.none() | moments)  # fmt: skip
notifications = st.builds(
    Notification, reason=st.sampled_from(list(NotifyReason)), severity=st.sampled_from(["page", "ticket"]),
    lines=st.lists(lines, max_size=3).map(tuple), at=moments,
)  # fmt: skip


@given(notifications)
def test_what_the_outbox_keeps_gives_the_notification_back(notification: Notification) -> None:
    assert Notification.from_json(json.loads(json.dumps(notification.as_json()))) == notification


@given(notifications)
def test_it_is_resolved_when_it_has_alerts_and_none_of_them_fires(notification: Notification) -> None:
    assert notification.resolved == (bool(notification.lines) and not notification.firing)


@given(notifications)
def test_one_more_reason_is_added_to_the_words_and_nothing_else_changes(notification: Notification) -> None:
    more = notification.because("Slack did not answer")
    assert more.why.endswith("Slack did not answer") and more.why.startswith(notification.why)
    assert (more.id, more.lines) == (notification.id, notification.lines)


@pytest.mark.parametrize("document", [{}, {"lines": [], "at": None}, {"lines": [{"since": None}], "at": None}])
def test_what_is_no_notification_is_an_error(document: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Notification.from_json(document)


def test_moments_are_written_in_utc() -> None:
    at = datetime(2026, 5, 20, 12, tzinfo=ZoneInfo("Asia/Kathmandu"))
    found = Notification("i", "e", NotifyReason.FIRST, "first", "m", "M", "o", "page", (), "", "", at)
    assert found.as_json()["at"] == "2026-05-20T06:15:00Z"
