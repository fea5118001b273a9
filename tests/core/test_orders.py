"""Orders as JSON, how long is waited, and what a run tells of itself."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.core.retraining.order import Action, Order
from monitoring.core.retraining.report import RunState
from monitoring.core.retraining.waiting import LONGEST, before_attempt, before_look
from monitoring.dispatchers import told

MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.builds(
        Order,
        id=st.text(min_size=1),
        action=st.sampled_from(Action),
        train_until=st.none() | MOMENTS,
        at=MOMENTS,
        evidence=st.dictionaries(st.text(), st.integers() | st.text(), max_size=3),
    )
)
def test_an_order_is_itself_again_after_its_journey(order: Order) -> None:
    assert Order.from_json(json.loads(json.dumps(order.as_json()))) == order


@pytest.mark.parametrize("wrong", [{}, {"at": None}, {"at": "x"}, {"at": "2026-01-01", "action": "dance"}, {"at": 7}])
def test_what_is_no_order_is_said(wrong: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Order.from_json(wrong)


@given(st.integers(1, 500), st.none() | st.floats(0, 1e5), st.floats(0, 1, exclude_max=True))
def test_attempts_are_never_more_than_a_minute_apart_unless_it_was_asked_for(
    attempts: int, asked: float | None, chance: float
) -> None:
    pause = before_attempt(attempts, asked, chance)
    assert pause >= (asked or 0) and 1.8 <= pause <= max(LONGEST * 1.1, asked or 0)
    assert before_attempt(attempts + 1, asked, 0.5) >= before_attempt(attempts, asked, 0.5)


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_looks_become_rarer_up_to_the_slowest(looks: int, chance: float) -> None:
    pace = (5.0, 60.0)
    assert 4.5 <= before_look(looks, pace, None, chance) <= 66
    assert before_look(looks + 1, pace, None, 0.5) >= before_look(looks, pace, None, 0.5)
    assert before_look(1, pace, None, 0.5) == 5 and before_look(100, pace, None, 0.5) == 60


@given(
    st.dictionaries(
        st.sampled_from(["state", "progress", "message", "version", "metrics", "cost", "run", "url", "x"]), JSON
    )
)
def test_whatever_a_run_tells_nothing_of_it_is_wild(said: dict[str, Any]) -> None:
    found = told.report(said)
    if found is None:
        return
    assert found.progress is None or 0 <= found.progress <= 1
    assert len(found.message) <= told.LONGEST and len(found.version) <= 200 and len(found.metrics) <= told.METRICS
    assert all(math.isfinite(value) for value in [*found.metrics.values(), found.cost or 0.0])
    assert found.url == "" or found.url.startswith(("https://", "http://"))
    assert found.state != RunState.CANDIDATE or found.version


@given(st.text())
def test_whatever_a_line_is_it_is_an_object_or_none(line: str) -> None:
    assert told.document(line) is None or isinstance(told.document(line), dict)


def test_a_deep_line_ends_nothing() -> None:
    assert told.document("[" * 100_000) is None
