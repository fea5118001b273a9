"""The Drift page: which columns moved, from what to what, since when; and the report that is asked for."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from monitoring.store.database import connect, transaction
from monitoring.store.tables import RequestRow, VerdictRow
from tests.clock import PRESENT
from tests.pages.conftest import Run, Written

PAGE = "observe/drift.py"


def test_without_a_model_one_is_asked_for(empty_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE)
    assert not at.exception
    assert "No model is chosen" in written(at)


def test_a_model_never_evaluated_says_so(small_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE, model="new")
    assert not at.exception
    assert "Nothing has been compared yet" in written(at)


def test_a_range_without_a_window_says_so(small_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE, model="delays", range="2020-01-01 to 2020-01-02")
    assert not at.exception
    assert "No window was compared in this range" in written(at)


def test_every_column_stands_in_the_table_the_gravest_first(small_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE, model="delays")
    assert not at.exception
    assert {m.label for m in at.metric} >= {
        "Features drifted",
        "Prediction drift",
        "Label drift",
        "Features not judged",
    }
    table = at.dataframe[0].value
    assert {"(prediction)", "(label)"} <= set(table["column"])
    assert table["change"].str.contains("→").any()
    grave = [status[0] for status in table["status"]]
    assert "provisional" in grave[-1], "the newest labels are still to come"
    order = ("breached", "warning", "ok", "provisional")
    assert grave == sorted(grave, key=lambda s: next(i for i, w in enumerate(order) if w in s))
    drifted = table["status"].map(lambda s: "breached" in s[0] or "warning" in s[0])
    assert table["since"].notna().equals(drifted), "what has drifted says since when, and nothing else does"
    assert "Newest complete window" in written(at) and "When each column moved" in written(at)


def test_the_most_drifted_column_is_shown_unless_another_is_chosen(
    small_store: str, run_page: Run, written: Written
) -> None:
    at = run_page(PAGE, model="delays")
    worst = at.dataframe[0].value["column"].iloc[0]
    assert at.selectbox(key="feature").value == worst
    at.selectbox(key="feature").set_value("carrier").run()
    assert not at.exception
    assert "share of" in written(at).replace("\\", "")
    for name in ("(label)", "(prediction)"):
        at.selectbox(key="feature").set_value(name).run()
        assert not at.exception


def test_a_slice_is_looked_at_alone(small_store: str, run_page: Run) -> None:
    whole = run_page(PAGE, model="delays").dataframe[0].value["n"].max()
    at = run_page(PAGE, model="delays", slice="origin=EWR")
    assert not at.exception
    assert at.selectbox(key="slice").value == "origin=EWR"
    assert at.dataframe[0].value["n"].max() < whole


def test_a_window_that_was_a_false_run_is_no_since(small_store: str, run_page: Run) -> None:
    """An ok window between two drifted ones ends the run."""
    store = connect(small_store)
    with transaction(store) as session:
        query = select(VerdictRow).where(
            VerdictRow.check == "drift.feature", VerdictRow.column == "distance", VerdictRow.slice == ""
        )
        rows = list(session.scalars(query.order_by(VerdictRow.first_slot)))
        delays = [r for r in rows if r.model_id == rows[0].model_id]
        for row, status in zip(delays[-4:], ("breached", "ok", "warning", "breached"), strict=True):
            row.status = status
        began = delays[-2].window_start
    store.dispose()
    table = run_page(PAGE, model="delays").dataframe[0].value
    assert table.set_index("column")["since"]["distance"].to_pydatetime() == began


@pytest.mark.parametrize("season", ["As a year ago, so the season: ", "Explained by temp, so the season: "])
def test_a_movement_that_is_the_season_is_said_to_be(small_store: str, run_page: Run, season: str) -> None:
    store = connect(small_store)
    with transaction(store) as session:
        query = select(VerdictRow).where(VerdictRow.column == "distance", VerdictRow.check == "drift.feature")
        for row in session.scalars(query):
            row.status, row.reason = "ok", season + row.reason
    store.dispose()
    table = run_page(PAGE, model="delays").dataframe[0].value.set_index("column")
    assert table["change"]["distance"].endswith(", the season")


def test_a_report_is_asked_for_once_and_then_linked(small_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE, model="delays")
    at.button(key="build_report").click().run()
    at.button(key="build_report").click().run()
    assert not at.exception
    store = connect(small_store)
    with transaction(store) as session:
        asked = list(session.scalars(select(RequestRow).where(RequestRow.kind == "report")))
        assert len(asked) == 1
        assert set(asked[0].arguments) == {"start", "end"}
        asked[0].state, asked[0].result, asked[0].finished_at = "done", "delays-abc", PRESENT
    store.dispose()
    at = run_page(PAGE, model="delays")
    links = [element.proto.url for element in at.get("link_button")]
    assert links == ["/v1/reports/delays-abc", "/v1/reports/delays-abc?download"]


@pytest.mark.parametrize("key", ["eta", "gone"])
def test_other_models_show_no_error(small_store: str, run_page: Run, key: str) -> None:
    assert not run_page(PAGE, model=key).exception
