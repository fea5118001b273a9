"""The time range: one word of the address, and versions that came in it."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest

from monitoring.web import span
from monitoring.web.span import parse, text_of, whole_hours
from tests.pages.conftest import FRAME, PAGES, Run, Written

NOON = datetime(2025, 9, 14, 12, 0, 30, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(span, "now", lambda: NOON)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("24h", "2025-09-13 12:00", "2025-09-14 12:00"),
        ("30d", "2025-08-15 12:00", "2025-09-14 12:00"),
        ("2025-09-01", "2025-09-01", "2025-09-02"),
        ("2025-09-01 to 2025-09-14", "2025-09-01", "2025-09-15"),
        (" 2025-09-01  to 2025-09-14 ", "2025-09-01", "2025-09-15"),
        ("2025-09-01 06:00 to 2025-09-01 18:30", "2025-09-01 06:00", "2025-09-01 18:30"),
        ("2025-09-01T06:00 to 2025-09-02", "2025-09-01 06:00", "2025-09-03"),
    ],
)
def test_a_range_is_a_length_or_two_moments(text: str, start: str, end: str) -> None:
    found = parse(text)
    assert found is not None
    assert (found.start, found.end) == (at(start), at(end))


@pytest.mark.parametrize(
    "text", ["", "custom", "31h", "2025-09-31", "2025-09-14 to 2025-09-01", "2025-09-01 06:00", "2025-09-01 to", "<b>"]
)
def test_what_is_no_range_is_told_from_one(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        ("2025-09-01", "2025-09-02", "2025-09-01"),
        ("2025-09-01", "2025-09-15", "2025-09-01 to 2025-09-14"),
        ("2025-09-01 06:20", "2025-09-01 17:40", "2025-09-01 06:00 to 2025-09-01 18:00"),
        ("2025-09-01 06:20", "2025-09-01 06:21", "2025-09-01 06:00 to 2025-09-01 07:00"),
        ("2025-09-01 06:00", "2025-09-01 06:00", "2025-09-01 06:00 to 2025-09-01 07:00"),
    ],
)
def test_a_dragged_range_is_of_whole_hours_and_reads_back_as_itself(start: str, end: str, text: str) -> None:
    hours = whole_hours(at(start), at(end))
    assert text_of(*hours) == text
    found = parse(text)
    assert found is not None and (found.start, found.end) == hours


def test_what_was_typed_and_is_no_range_is_said_and_the_default_shown(
    small_store: str, run_page: Run, written: Written
) -> None:
    text = written(run_page("observe/model.py", model="delays", range="yesterday"))
    assert "No range. Write one as 2025-09-01 to 2025-09-14" in text
    assert "Over the last 30 days" in text


@pytest.mark.parametrize("page", ["observe/fleet.py", "configure/models_and_logs.py"])
def test_pages_without_a_range_offer_none(small_store: str, run_page: Run, page: str) -> None:
    at = run_page(page)
    assert not at.exception
    assert "Time range" not in [box.label for box in at.selectbox]


@pytest.mark.parametrize("between", ["respond/retraining.py", "observe/fleet.py"])
def test_a_chosen_range_is_still_chosen_after_a_page_that_has_none(
    small_store: str, run_page: Run, between: str
) -> None:
    at = run_page("observe/performance.py", model="delays", range="7d")
    for page in (between, "observe/drift.py"):
        at.switch_page(os.path.relpath(PAGES / page, FRAME.parent)).run()
        assert not at.exception
    assert at.selectbox(key="range").value == "7d"
    assert "7d" in at.query_params["range"]


OWN = "2025-09-01 06:00 to 2025-09-01 18:00"


@pytest.mark.parametrize("without", ["respond/retraining.py", "observe/fleet.py", "configure/channels.py"])
@pytest.mark.parametrize("text", ["7d", OWN])
def test_a_page_that_has_no_range_keeps_it_in_the_address_for_a_reload(
    small_store: str, run_page: Run, without: str, text: str
) -> None:
    at = run_page(without, range=text)  # as a browser that loads the page anew asks for it
    assert "Time range" not in [box.label for box in at.selectbox]
    assert at.query_params["range"] in (text, [text])
    at.run()
    assert at.query_params["range"] in (text, [text])
    at.switch_page(os.path.relpath(PAGES / "observe/drift.py", FRAME.parent)).run()
    assert at.selectbox(key="range").value == text


def test_the_usual_range_is_not_in_the_address(small_store: str, run_page: Run) -> None:
    assert "range" not in run_page("respond/retraining.py").query_params
