"""The Performance page: the judged metric, its reference, slices and versions, and what to do without labels."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from sqlalchemy import select, update
from streamlit.testing.v1 import AppTest

from monitoring.store.database import connect, transaction
from monitoring.store.tables import ModelRow, VerdictRow
from tests.pages.conftest import Run, Written

PAGE = "observe/performance.py"


def test_without_a_model_one_is_asked_for(empty_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE)
    assert not at.exception
    assert "No model is chosen" in written(at)


def test_the_judged_metric_stands_first_with_its_figures(small_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE, model="delays")
    assert not at.exception
    assert at.selectbox(key="metric").value == "roc_auc"
    figures = {m.label: m.value for m in at.metric}
    assert {"ROC AUC", "In the reference", "Label completeness", "Labelled rows"} <= set(figures)
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


def test_without_versions_it_says_how_to_map_them(small_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE, model="eta", view="By version")
    assert not at.exception
    assert "nothing to show by version" in written(at)


def test_a_model_without_labels_says_how_to_add_them(small_store: str, run_page: Run, written: Written) -> None:
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


def test_a_range_without_a_window_says_so(small_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE, model="delays", range="2020-01-01 to 2020-01-02")
    assert not at.exception
    assert "No window was judged in this range" in written(at)


@pytest.mark.parametrize("key", ["new", "gone"])
def test_models_not_evaluated_say_so(small_store: str, run_page: Run, written: Written, key: str) -> None:
    at = run_page(PAGE, model=key)
    assert not at.exception
    assert "has not been evaluated yet" in written(at)


@pytest.mark.parametrize("metric", ["mae", "rmse", "bias"])
def test_any_metric_may_be_chosen(small_store: str, run_page: Run, metric: str) -> None:
    at = run_page(PAGE, model="eta", metric=metric)
    assert not at.exception
    assert at.selectbox(key="metric").value in at.selectbox(key="metric").options


def test_estimates_stand_beside_realised_values_and_are_told_from_them(
    small_store: str, run_page: Run, written: Written
) -> None:
    at = run_page(PAGE, model="delays")
    assert not at.exception
    text = written(at).replace("\\", "")
    assert "Diamonds on a dashed line are estimates" in text and "cannot see concept drift" in text
    assert re.search(r"Estimates were off by 0\.\d+ on average over \d+ windows", text)
    assert re.search(r"the band covered \d+ ?% of the realised values", text)
    newest = r"In the newest \([\d-]+\) the estimate was [\d.]+, the realised value [\d.]+: [\d.]+ too (high|low)\."
    assert re.search(newest, text)
    assert "ROC AUC, realised and estimated" in text
    traces = {t["name"]: t for t in json.loads(at.get("plotly_chart")[0].proto.spec)["data"] if t.get("name")}
    estimated, realised = traces["estimated (CBPE)"], traces["ROC AUC"]
    assert estimated["line"]["dash"] == "dash" and realised["line"].get("dash") is None
    assert estimated["line"]["color"] != realised["line"]["color"]
    assert all(words.startswith("estimated ") for words in estimated["customdata"])


def test_a_regressions_errors_are_foreseen_on_its_page(small_store: str, run_page: Run) -> None:
    at = run_page(PAGE, model="eta", metric="mae")
    assert not at.exception
    assert "estimated (DLE)" in {t.get("name") for t in json.loads(at.get("plotly_chart")[0].proto.spec)["data"]}


def traces(at: AppTest, number: int) -> dict[str, dict[str, Any]]:
    """The named traces of one of a page's charts."""
    spec = json.loads(at.get("plotly_chart")[number].proto.spec)
    return {t["name"]: t for t in spec["data"] if t.get("name")}


def test_what_probabilities_say_stands_beside_what_happens_and_the_reference(
    small_store: str, run_page: Run, written: Written
) -> None:
    at = run_page(PAGE, model="delays")
    assert not at.exception
    curve = traces(at, 1)
    assert {"current", "reference", "says what happens", "95 % of current", "95 % of reference"} <= set(curve)
    rows = [int(re.search(r"n ([\d,]+)", said)[1].replace(",", "")) for said in curve["current"]["customdata"]]  # type: ignore[index]
    (figure,) = [m for m in at.metric if m.label == "Calibration error (ECE)"]
    assert "by chance alone" in figure.delta and "in the reference" in figure.delta
    text = written(at).replace("\\", "")
    assert f"{sum(rows):,} labelled rows. Bins of about equal mass" in text
    assert "**Level**" in text and "**Slope**" in text and "happen" in text


def test_all_mature_windows_have_more_rows_than_the_newest(small_store: str, run_page: Run, written: Written) -> None:
    def rows(**query: str) -> int:
        text = written(run_page(PAGE, model="delays", **query)).replace("\\", "")
        return int(re.search(r": ([\d,]+) labelled rows\. Bins", text)[1].replace(",", ""))  # type: ignore[index]

    assert rows(reliability="All mature windows") > 2 * rows()


def test_a_regression_has_no_probabilities(small_store: str, run_page: Run, written: Written) -> None:
    assert "Reliability" not in written(run_page(PAGE, model="eta"))


def test_without_a_mature_window_there_is_no_curve_yet(small_store: str, run_page: Run, written: Written) -> None:
    _change(small_store, "performance.%", provisional=True)
    at = run_page(PAGE, model="delays")
    assert not at.exception
    assert "No window has its labels yet" in written(at)


def test_how_long_labels_take_is_drawn(small_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE, model="delays")
    assert not at.exception
    (share,) = traces(at, 2).values()
    assert share["y"][0] < 0.1 and 0.9 < max(share["y"]) <= 1
    assert re.search(r"Of the labels that come, half arrive within 1\d h, 95 % within \d+ h", written(at))


def test_labels_without_a_time_of_observation_say_how_to_have_one(
    small_store: str, run_page: Run, written: Written
) -> None:
    store = connect(small_store)
    with transaction(store) as session:
        row = session.scalars(select(ModelRow).where(ModelRow.key == "eta")).one()
        predictions = dict(row.document["predictions"])
        predictions["columns"] = {k: v for k, v in predictions["columns"].items() if k != "observed_at"}
        row.document = {**row.document, "predictions": predictions}
    store.dispose()
    at = run_page(PAGE, model="eta")
    assert not at.exception
    assert "Labels have no time of observation" in written(at) and "observed" in written(at)


def test_a_metric_that_is_not_estimated_says_so(small_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE, model="delays", metric="calibration_error")
    assert not at.exception
    assert "This metric is not estimated before its labels come" in written(at)


def test_without_a_label_since_the_reference_estimates_cannot_be_compared_yet(
    small_store: str, run_page: Run, written: Written
) -> None:
    _change(small_store, "performance.%", value=None, lower=None, upper=None, status="no_data")
    at = run_page(PAGE, model="delays")
    assert not at.exception
    assert "None can be compared yet" in written(at)


def test_an_estimate_that_failed_says_why(small_store: str, run_page: Run, written: Written) -> None:
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
