"""The Drift page's section on all columns together."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from monitoring.core.verdict import Status, Verdict, Window
from monitoring.store import verdicts
from monitoring.store.database import connect, transaction
from monitoring.store.tables import ModelRow, VerdictRow
from tests.clock import PRESENT
from tests.pages.conftest import Run, Written

PAGE = "observe/drift.py"
TOLD = "A classifier tells this window from the reference with AUC 0.83; most by <b>a</b>, b; 9.1 deviations of chance"


@pytest.fixture
def judged(small_store: str) -> str:
    """The small fleet, `delays` with verdicts of three methods on its judged days."""
    store = connect(small_store)
    with transaction(store) as session:
        model = session.scalars(select(ModelRow).where(ModelRow.key == "delays")).one()
        rows = session.execute(
            select(VerdictRow.window_start, VerdictRow.window_end)
            .where(VerdictRow.model_id == model.id, VerdictRow.check == "drift")
            .order_by(VerdictRow.first_slot)
        ).all()
        found = []
        for start, end in rows:
            window = Window(start, end, 288)
            last = start == rows[-1][0]
            found += [
                Verdict(
                    "delays", "drift.multivariate", window, Status.BREACHED if last else Status.OK, TOLD, value=0.83,
                    method="domain_classifier", threshold=0.75, warning=0.6, breached=0.75, false_alarms=0.5,
                ),
                Verdict(
                    "delays", "drift.multivariate", window, Status.INSUFFICIENT_DATA, "Too little for a swap to show.",
                    method="joint_with_prediction",
                ),
                Verdict("delays", "drift.multivariate", window, Status.FAILED, "no such test", method="nonsense"),
            ]  # fmt: skip
        verdicts.save(session, model.id, found, PRESENT)
    store.dispose()
    return small_store


def test_a_model_that_nobody_asked_it_for_says_how_to(small_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE, model="delays")
    assert not at.exception
    assert "All columns together" in written(at)
    assert "drift.multivariate" in written(at)


def test_each_method_has_its_newest_verdict_and_its_course(judged: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE, model="delays")
    assert not at.exception
    said = written(at).replace("\\", "")
    assert "AUC 0.83; most by <b>a</b>, b" in said
    assert "Domain classifier (AUC)" in said
    assert "Prediction given features" in said
    assert "Too little for a swap to show." in said
    assert "no such test" in said
    assert "Expected false alarms: 0.5 a quarter." in said
    charts = {element.proto.id for element in at.get("plotly_chart")}
    assert any("multivariate_domain_classifier" in name for name in charts)
    assert not any("multivariate_joint" in name for name in charts), "there is no value to draw"


def test_it_is_no_column_of_the_table(judged: str, run_page: Run) -> None:
    at = run_page(PAGE, model="delays")
    assert not at.dataframe[0].value["column"].str.contains("multivariate").any()
    assert "(drift.multivariate)" not in at.selectbox(key="feature").options


def test_a_slice_does_not_show_it(judged: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE, model="delays", slice="origin=EWR")
    assert not at.exception
    assert "All columns together" not in written(at)
