"""The Model page: is it healthy; if not, why, and what should be done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from streamlit.testing.v1 import AppTest

from monitoring.store.database import connect, reading
from monitoring.store.queries.fleet import work
from monitoring.store.queries.standing import coverage, standing, versions
from tests.clock import PRESENT
from tests.pages.conftest import Run, Written

PAGE = "observe/model.py"


def ask(url: str, query: Callable[..., Any], *arguments: Any) -> Any:
    store = connect(url)
    with reading(store) as session:
        found = query(session, *arguments)
    store.dispose()
    return found


def metrics(at: AppTest) -> dict[str, Any]:
    return {metric.label: metric for metric in at.metric}


def test_without_a_model_it_says_where_to_choose_one(small_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE)
    assert not at.exception
    assert "No model is chosen" in written(at)


def test_with_an_empty_database_it_says_so_too(empty_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE, model="delays")
    assert not at.exception
    assert "No model is chosen" in written(at)


def test_a_decayed_model_is_told_with_why_and_what_to_do(small_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE, model="delays")
    assert not at.exception
    text = written(at).replace("\\", "")
    assert "Arrival delays" in text
    assert "What to do:" in text
    assert "Owner flight-operations" in text
    assert "Versions v2" in text and "v1" in text
    assert "https://runbooks.example.org/delays" in text
    shown = metrics(at)
    assert list(shown)[:4] == ["ROC AUC", "Features drifted", "Error budget left", "Rows in the newest window"]
    assert 0.3 < float(shown["ROC AUC"].value) < 0.7
    assert "breached" in shown["ROC AUC"].delta
    assert shown["Features drifted"].value.endswith("%")


def test_every_newest_finding_is_listed_worst_first(small_store: str, run_page: Run) -> None:
    at = run_page(PAGE, model="delays")
    shown = at.dataframe[0].value
    words = [status[0] for status in shown["status"]]
    assert words[0] == "✕ breached"
    assert "✓ ok" not in words
    assert words == sorted(words, key=["✕ breached", "! failed", "▲ warning"].index)
    row = shown[(shown["check"] == "drift.feature") & (shown["column"] == "distance") & shown["slice"].isna()].iloc[0]
    assert row["value"] > row["threshold"]
    assert "median" in row["reason"]
    at.segmented_control(key="family").set_value("performance").run()
    assert {check.split(".")[0] for check in at.dataframe[0].value["check"]} == {"performance"}


def test_charts_cover_the_range_and_say_their_finding(small_store: str, run_page: Run) -> None:
    at = run_page(PAGE, model="delays", range="90d")
    charts = [chart for chart in at.get("plotly_chart") if chart.key != "why_it_fell"]
    assert len(charts) == 4
    alts = [chart.proto.alt for chart in charts]
    assert "windows breached" in alts[0] and alts[0].startswith("ROC AUC")
    assert alts[1].startswith("Share of features drifted")
    assert alts[2].startswith("Rows a window")
    assert alts[3].startswith("Latency p95 by hour")


def test_a_range_without_a_window_says_what_to_do(small_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE, model="eta", range="2020-01-01 to 2020-01-02")
    assert not at.exception
    assert "No window lies in this range" in written(at)


def test_a_name_reaches_the_screen_as_it_is_written(small_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE, model="eta")
    assert not at.exception
    text = written(at)
    assert "![ETA](" not in text
    assert "taxi & co" in text.replace("\\", "")


def test_a_model_that_could_not_be_evaluated_says_why(small_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE, model="gone")
    assert not at.exception
    text = written(at).replace("\\", "")
    assert "Could not be evaluated" in text and "gone.csv" in text


def test_a_model_never_evaluated_is_not_called_healthy(small_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE, model="new")
    assert not at.exception
    assert "Not evaluated" in written(at) and "Healthy" not in written(at)
    assert not at.metric


def test_evaluate_now_asks_the_worker_once(small_store: str, run_page: Run) -> None:
    at = run_page(PAGE, model="delays")
    at.button(key="evaluate").click().run()
    assert "asked to evaluate" in at.toast[0].value
    at.button(key="evaluate").click().run()
    assert "asked for already" in at.toast[0].value
    found = ask(small_store, work, "delays")
    assert [(w.kind, w.state, w.actor) for w in found] == [("evaluate", "waiting", "local")]


def test_flag_history_holds_the_present_flag(small_store: str, run_page: Run) -> None:
    at = run_page(PAGE, model="delays")
    assert len(at.dataframe[-1].value) == 1


def test_no_provisional_verdict_stands_where_a_final_one_is_known(small_store: str) -> None:
    found = ask(small_store, standing, "delays")
    whole = next(v for v in found if v.check == "performance.roc_auc" and not v.slice and not v.version)
    assert not whole.provisional and whole.value is not None
    assert len({(v.check, v.column, v.slice, v.version, v.method) for v in found}) == len(found)


def test_versions_and_coverage_come_from_the_log(small_store: str) -> None:
    seen = ask(small_store, versions, "delays")
    assert [v.version for v in seen] == ["v2", "v1"]
    assert all(v.rows > 0 and v.first and v.last and v.first <= v.last for v in seen)
    windows = ask(small_store, coverage, "delays", "roc_auc", None, PRESENT)
    assert windows["rows"].sum() == sum(v.rows for v in seen)
    assert windows["complete"].dropna().between(0, 1).all()
    assert windows["complete"].iloc[4] > 0.9
