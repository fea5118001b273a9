"""The Performance page: the judged metric, its reference, slices and versions, and what to do without labels."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from sqlalchemy import select, update
from streamlit.testing.v1 import AppTest

from monitoring.store.database import connect, transaction
from monitoring.store.tables import ModelRow, VerdictRow

PAGE = "observe/performance.py"
Run = Callable[..., AppTest]
Words = Callable[[AppTest], str]


def test_without_a_model_one_is_asked_for(empty_store: str, run_page: Run, written: Words) -> None:
    at = run_page(PAGE)
    assert not at.exception
    assert "No model is chosen" in written(at)


def test_the_judged_metric_stands_first_with_its_figures(small_store: str, run_page: Run, written: Words) -> None:
    at = run_page(PAGE, model="delays")
    assert not at.exception
    assert at.selectbox(key="metric").value == "roc_auc"
    figures = {m.label: m.value for m in at.metric}
    assert set(figures) == {"ROC AUC", "In the reference", "Label completeness", "Labelled rows"}
    assert float(figures["ROC AUC"]) < float(figures["In the reference"])
    assert figures["Label completeness"].endswith("%")
    assert "labelled rows" in written(at) and "Thresholds" in written(at)


def test_all_metrics_of_the_window_are_in_one_table(small_store: str, run_page: Run) -> None:
    table = run_page(PAGE, model="delays").dataframe[0].value
    assert {"ROC AUC", "Brier score", "Accuracy"} <= set(table["name"])
    assert table["when"].nunique() == 1
    unheld = table[table["threshold"].isna() & table["value"].notna()]
    assert not unheld.empty and all(len(held) == 0 for held in unheld["held"]), "without a threshold nothing is ok"


def test_slices_are_shown_worst_first(small_store: str, run_page: Run) -> None:
    at = run_page(PAGE, model="delays", view="By slice")
    assert not at.exception
    table = at.dataframe[0].value
    assert all(name.startswith("origin=") for name in table["name"])
    order = [
        next((i for i, w in enumerate(("breached", "warning", "ok")) if s and w in s[0]), 3) for s in table["held"]
    ]
    assert order == sorted(order)


def test_without_versions_it_says_how_to_map_them(small_store: str, run_page: Run, written: Words) -> None:
    at = run_page(PAGE, model="eta", view="By version")
    assert not at.exception
    assert "nothing to show by version" in written(at)


def test_a_model_without_labels_says_how_to_add_them(small_store: str, run_page: Run, written: Words) -> None:
    store = connect(small_store)
    with transaction(store) as session:
        row = session.scalars(select(ModelRow).where(ModelRow.key == "eta")).one()
        predictions = dict(row.document["predictions"])
        predictions["columns"] = {k: v for k, v in predictions["columns"].items() if k not in ("label", "observed_at")}
        row.document = {**row.document, "predictions": predictions}
        for verdict in session.scalars(
            select(VerdictRow).where(VerdictRow.model_id == row.id, VerdictRow.check.like("performance.%"))
        ):
            session.delete(verdict)
    store.dispose()
    at = run_page(PAGE, model="eta")
    assert not at.exception
    assert "This model has no labels" in written(at)
    assert "labels:" in at.code[0].value


def test_a_range_without_a_window_says_so(small_store: str, run_page: Run, written: Words) -> None:
    at = run_page(PAGE, model="delays", **{"range": "custom", "from": "2020-01-01", "to": "2020-01-02"})
    assert not at.exception
    assert "No window was judged in this range" in written(at)


@pytest.mark.parametrize("key", ["new", "gone"])
def test_models_not_evaluated_say_so(small_store: str, run_page: Run, written: Words, key: str) -> None:
    at = run_page(PAGE, model=key)
    assert not at.exception
    assert "has not been evaluated yet" in written(at)


@pytest.mark.parametrize("metric", ["mae", "rmse", "bias"])
def test_any_metric_may_be_chosen(small_store: str, run_page: Run, metric: str) -> None:
    at = run_page(PAGE, model="eta", metric=metric)
    assert not at.exception
    assert at.selectbox(key="metric").value in at.selectbox(key="metric").options


def test_estimates_stand_beside_realised_values_and_are_told_from_them(
    small_store: str, run_page: Run, written: Words
) -> None:
    at = run_page(PAGE, model="delays")
    assert not at.exception
    text = written(at).replace("\\", "")
    assert "Diamonds on a dashed line are estimates" in text and "cannot see concept drift" in text
    assert re.search(r"Estimates were off by 0\.\d+ on average over \d+ windows", text)
    assert re.search(r"the band covered \d+ ?% of the realised values", text)
    traces = {t["name"]: t for t in json.loads(at.get("plotly_chart")[0].proto.spec)["data"] if t.get("name")}
    estimated, realised = traces["estimated (CBPE)"], traces["ROC AUC"]
    assert estimated["line"]["dash"] == "dash" and realised["line"].get("dash") is None
    assert estimated["line"]["color"] != realised["line"]["color"]
    assert all(words.startswith("estimated ") for words in estimated["customdata"])


def test_a_regressions_errors_are_foreseen_on_its_page(small_store: str, run_page: Run) -> None:
    at = run_page(PAGE, model="eta", metric="mae")
    assert not at.exception
    assert "estimated (DLE)" in {t.get("name") for t in json.loads(at.get("plotly_chart")[0].proto.spec)["data"]}


def test_a_metric_that_is_not_estimated_says_so(small_store: str, run_page: Run, written: Words) -> None:
    at = run_page(PAGE, model="delays", metric="calibration_error")
    assert not at.exception
    assert "This metric is not estimated before its labels come" in written(at)


def test_without_a_label_since_the_reference_estimates_cannot_be_compared_yet(
    small_store: str, run_page: Run, written: Words
) -> None:
    _change(small_store, "performance.%", value=None, lower=None, upper=None, status="no_data")
    at = run_page(PAGE, model="delays")
    assert not at.exception
    assert "None can be compared yet" in written(at)


def test_an_estimate_that_failed_says_why(small_store: str, run_page: Run, written: Words) -> None:
    _change(
        small_store, "estimated.%", value=None, lower=None, upper=None, status="failed", reason="The disk is on fire."
    )
    at = run_page(PAGE, model="delays")
    assert not at.exception
    assert "No estimate: The disk is on fire." in written(at).replace("\\", "")


def _change(url: str, check: str, **values: object) -> None:
    store = connect(url)
    with transaction(store) as session:
        session.execute(update(VerdictRow).where(VerdictRow.check.like(check)).values(**values))
    store.dispose()
