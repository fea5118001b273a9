"""The Fleet page: what is broken now, and who has it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update
from streamlit.testing.v1 import AppTest

from monitoring.store.database import connect, transaction
from monitoring.store.tables import VerdictRow
from monitoring.web.escape import escape
from tests.pages.conftest import Run, Written


def table(at: AppTest) -> Any:
    return at.dataframe[0].value


def test_an_empty_fleet_says_what_to_do_next(empty_store: str, run_page: Run, written: Written) -> None:
    at = run_page("observe/fleet.py")
    assert not at.exception
    text = written(at).replace("\\", "")
    assert "No model is watched yet" in text
    assert "python -m monitoring apply fleet.yaml" in text
    assert not at.dataframe


def test_models_stand_worst_first_with_owner_metric_and_why(small_store: str, run_page: Run) -> None:
    at = run_page("observe/fleet.py")
    assert not at.exception
    shown = table(at)
    assert list(shown["name"])[-1] == "new"
    flags = [flag[0] for flag in shown["flag"]]
    assert flags[0] == "✕ Page"
    assert flags[-1] == "? Not evaluated"
    delays = shown[shown["name"] == "Arrival delays"].iloc[0]
    assert delays["owner"] == "flight-operations"
    assert delays["metric"] == "ROC AUC"
    assert 0.3 < delays["value"] < 0.7
    assert delays["drifted"] > 0
    assert "breached" in delays["why"]
    gone = shown[shown["name"] == "gone"].iloc[0]
    assert "Could not be evaluated" in gone["why"]


def test_counts_act_as_filters_and_the_address_keeps_them(small_store: str, run_page: Run) -> None:
    at = run_page("observe/fleet.py")
    everything = len(table(at))
    labels = at.segmented_control(key="fleet_flag").options
    assert any("Page" in label and "**" in label for label in labels)
    at.segmented_control(key="fleet_flag").set_value("page").run()
    assert at.query_params["flag"] == "page"
    only = table(at)
    assert 0 < len(only) < everything
    assert {flag[0] for flag in only["flag"]} == {"✕ Page"}
    assert len(table(run_page("observe/fleet.py", flag="page"))) == len(only)


def test_an_unknown_flag_in_the_address_shows_all(small_store: str, run_page: Run) -> None:
    at = run_page("observe/fleet.py", flag="no-such-flag")
    assert not at.exception
    assert len(table(at)) == 4


@pytest.mark.parametrize(("query", "expected"), [("taxi", 1), ("FLIGHT", 2), ("flight arrival", 1), ("batch", 1)])
def test_search_finds_by_name_owner_and_mode(small_store: str, run_page: Run, query: str, expected: int) -> None:
    assert len(table(run_page("observe/fleet.py", q=query))) == expected


def test_nothing_matching_offers_a_way_back(small_store: str, run_page: Run, written: Written) -> None:
    at = run_page("observe/fleet.py", q="no such model", owner="nobody")
    assert not at.exception
    assert "No model matches" in written(at)
    next(b for b in at.button if b.label == "Show all models").click().run()
    assert len(table(at)) == 4


def test_a_name_reaches_the_screen_as_it_is_written(small_store: str, run_page: Run, written: Written) -> None:
    text = written(run_page("observe/fleet.py", q="ETA"))
    assert "![ETA](" not in text


def test_a_worker_that_gives_no_sign_of_life_is_told(
    empty_store: str, small_store: str, run_page: Run, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Worker stopped" not in written(run_page("observe/fleet.py"))
    monkeypatch.setenv("LEEWAY_DATABASE", empty_store)
    assert "Worker stopped" in written(run_page("observe/fleet.py"))


def test_each_finding_of_a_flag_has_a_line_of_its_own_however_many_sentences_it_is(
    small_store: str, run_page: Run
) -> None:
    lines = [
        "slo.latency: 98.1% within 20 ms; error budget left 5%. At the present pace it is gone in 3 h.",
        "drift.prediction: median 0.1757 → 0.1366, p < 0.001. Nobody knows why. It began in St. John.",
    ]
    store = connect(small_store)
    with transaction(store) as session:
        session.execute(update(VerdictRow).where(VerdictRow.check == "model").values(reason="\n".join(lines)))
    store.dispose()
    at = run_page("observe/fleet.py")
    card = next(m.value for m in at.markdown if m.value.startswith("- slo"))
    assert card == "\n".join(f"- {escape(line)}" for line in lines)
    assert set(at.dataframe[0].value["why"].dropna()) >= {lines[0]}
