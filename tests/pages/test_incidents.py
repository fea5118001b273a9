"""Incidents on the pages: a card a cause on Fleet, and what a model shares with others on its own page."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from monitoring.store.database import connect, transaction
from monitoring.store.tables import IncidentMemberRow, IncidentRow, ModelRow, VerdictRow
from tests.clock import PRESENT
from tests.pages.conftest import Run, Written

NOW = PRESENT.replace(minute=0, second=0, microsecond=0)


@pytest.fixture
def shared(small_store: str) -> str:
    """The small fleet with two models in an open incident, and a closed one."""
    store = connect(small_store)
    with transaction(store) as session:
        ids = [session.scalars(select(ModelRow.id).where(ModelRow.key == key)).one() for key in ("delays", "eta")]
        for title, closed in (("distance moved in 2 models since 3 July", None), ("hour moved in 2 models", NOW)):
            row = IncidentRow(
                cause="feature", name="distance", what="drift", since=NOW - timedelta(days=5), title=title,
                reason="The features are of one name and made the same move, and all of it began at the same time. x.",
                opened_at=NOW - timedelta(days=4), last_seen=NOW, closed_at=closed,
            )  # fmt: skip
            session.add(row)
            session.flush()
            session.add_all(
                IncidentMemberRow(
                    incident_id=row.id, model_id=id_, words="distance median 800 → 1400", began=row.since,
                    joined_at=row.opened_at, left_at=closed,
                )
                for id_ in ids
            )  # fmt: skip
    store.dispose()
    return small_store


def test_the_fleet_page_has_a_card_for_each_open_cause(shared: str, run_page: Run, written: Written) -> None:
    at = run_page("observe/fleet.py")
    assert not at.exception
    text = written(at).replace("\\", "")
    assert "One cause, many models" in text
    assert "distance moved in 2 models since 3 July" in text and "hour moved" not in text
    assert "Arrival delays**: distance median 800 → 1400" in text
    assert "Owned by flight-operations, taxi & co" in text
    assert "![ETA](" not in written(at)


def test_a_fleet_without_an_incident_says_nothing_of_them(small_store: str, run_page: Run, written: Written) -> None:
    at = run_page("observe/fleet.py")
    assert not at.exception and "One cause" not in written(at)


def test_an_empty_fleet_has_none(empty_store: str, run_page: Run, written: Written) -> None:
    at = run_page("observe/fleet.py")
    assert not at.exception and "One cause" not in written(at)


def test_a_model_says_what_it_shares_and_keeps_what_is_over(shared: str, run_page: Run, written: Written) -> None:
    at = run_page("observe/model.py", model="delays")
    assert not at.exception
    text = written(at).replace("\\", "")
    assert "Part of an incident with 1 other model. Here: distance median 800 → 1400." in text
    assert list(at.dataframe[-1].value["what"]) == [
        "distance moved in 2 models since 3 July",
        "hour moved in 2 models",
    ]
    assert "Part of an incident" not in written(run_page("observe/model.py", model="gone"))


@pytest.mark.parametrize("page", ["observe/model.py", "observe/performance.py", "observe/drift.py"])
def test_charts_say_when_a_level_changed(shared: str, run_page: Run, written: Written, page: str) -> None:
    began = NOW - timedelta(days=3)
    store = connect(shared)
    with transaction(store) as session:
        for row in session.scalars(select(VerdictRow).where(VerdictRow.window_start >= began)):
            row.since = began
    store.dispose()
    at = run_page(page, model="delays", range="30d")
    assert not at.exception
    assert f"Its level last changed on {began:%Y-%m-%d}" in written(at).replace("\\", "")
