"""What the pages ask is kept for a while, until a write, and to the minute; what changes while one looks is not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from monitoring.web import cached

NOON = datetime(2026, 5, 14, 12, 0, 10, tzinfo=UTC)


@pytest.fixture
def query(empty_store: str) -> Callable[..., list[Any]]:
    """A query that answers with all that it was ever asked."""
    seen: list[Any] = []

    def query(session: Session, *given: Any, **named: Any) -> list[Any]:
        seen.append((*given, *named.values()))
        return list(seen)

    return query


def test_a_question_is_asked_again_only_after_a_write(query: Callable[..., list[Any]]) -> None:
    question = cached.kept(query)
    assert question("delays") == question("delays") == [("delays",)]
    cached.write(lambda session: None)
    assert question("delays") == [("delays",), ("delays",)]


def test_other_arguments_by_place_or_by_name_are_another_question(query: Callable[..., list[Any]]) -> None:
    question = cached.kept(query)
    assert [len(question("delays")), len(question("eta")), len(question("eta", column="x"))] == [1, 2, 3]
    assert len(question("eta", column="y")) == 4
    assert len(question("eta", column="x")) == 3


def test_moments_of_one_minute_are_one_question(query: Callable[..., list[Any]]) -> None:
    question = cached.kept(query, to=cached.to_minute)
    assert question(NOON) == question(NOON + timedelta(seconds=49)) == [(NOON.replace(second=0),)]
    assert question(at=NOON)[-1] == (NOON.replace(second=0),)
    assert len(question(NOON + timedelta(seconds=50))) == 3


def test_a_live_question_is_asked_each_time(query: Callable[..., list[Any]]) -> None:
    question = cached.live(query)
    assert len(question("delays")) < len(question("delays"))


def test_another_database_has_other_answers(query: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    question = cached.kept(query)
    question("delays")
    monkeypatch.setenv("LEEWAY_DATABASE", "sqlite:///:memory:")
    assert len(question("delays")) == 2
