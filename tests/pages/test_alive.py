"""A dashboard whose worker is dead says so in red on every page."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update
from streamlit.testing.v1 import AppTest

from monitoring.store.database import connect, transaction
from monitoring.store.tables import EvaluationRow, HeartbeatRow
from tests.clock import PRESENT
from tests.pages.conftest import Run


def aged(url: str, worker: timedelta | None, evaluated: timedelta) -> None:
    """Make the last sign of life, and the last evaluation, so old."""
    store, present = connect(url), PRESENT
    with transaction(store) as session:
        if worker is None:
            session.delete(session.get_one(HeartbeatRow, "worker"))
        else:
            session.get_one(HeartbeatRow, "worker").at = present - worker
        session.execute(update(EvaluationRow).values(now=present - evaluated))
    store.dispose()


def warnings(at: AppTest) -> list[str]:
    return [m.value for m in at.markdown if "Nothing has been evaluated" in m.value]


@pytest.mark.parametrize(
    ("worker", "words"),
    [
        (timedelta(minutes=40), "The worker gave its last sign of life 40 min ago"),
        (timedelta(seconds=5), "The worker is alive, but has not come to the end of a model"),
        (None, "The worker has never run"),
    ],
    ids=["stopped", "stuck", "never started"],
)
@pytest.mark.parametrize("page", ["observe/fleet.py", "respond/on_call.py"])
def test_nothing_evaluated_is_said_in_red(
    page: str, worker: timedelta | None, words: str, small_store: str, run_page: Run
) -> None:
    aged(small_store, worker, timedelta(minutes=38))
    (said,) = warnings(run_page(page))
    assert "red-badge" in said and "evaluated for 38 min" in said and words in said


def test_a_worker_that_does_its_rounds_is_not_mentioned(small_store: str, run_page: Run) -> None:
    aged(small_store, timedelta(seconds=5), timedelta(seconds=20))
    assert not warnings(run_page("respond/on_call.py"))


def test_a_fleet_without_models_needs_no_worker(empty_store: str, run_page: Run) -> None:
    assert not warnings(run_page("observe/fleet.py"))
