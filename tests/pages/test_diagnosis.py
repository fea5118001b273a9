"""Why it fell, on the Model page: diagnosed, nothing to diagnose, failed, and told as somebody else wrote it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from monitoring.core.diagnosis.words import sentence
from monitoring.core.window import moment_of
from monitoring.store.database import connect, reading, transaction
from monitoring.store.diagnoses import from_stored
from monitoring.store.queries.fleet import work
from monitoring.store.tables import DiagnosisRow, VerdictRow
from monitoring.web.reasons import next_step
from monitoring.web.span import parse
from tests.pages.conftest import Run, Written

PAGE = "observe/model.py"


def rows(url: str) -> list[DiagnosisRow]:
    store = connect(url)
    with reading(store) as session:
        found = list(session.scalars(select(DiagnosisRow)))
    store.dispose()
    return found


def change(url: str, **values: Any) -> None:
    store = connect(url)
    with transaction(store) as session:
        session.execute(update(DiagnosisRow).values(**values))
    store.dispose()


def test_a_breach_is_told_with_its_slices_its_inputs_and_the_challenger(
    small_store: str, run_page: Run, written: Written
) -> None:
    (row,) = rows(small_store)
    made = from_stored(row).content
    assert made is not None and made.retraining.change is not None
    at = run_page(PAGE, model="delays")
    assert not at.exception
    text = written(at).replace("\\", "")
    assert sentence(made) in text
    assert "Diagnosed by an evaluation" in text
    assert {"ROC AUC in the reference", "ROC AUC in these windows", "ROC AUC if retrained"} <= {
        m.label for m in at.metric
    }
    drawn = next(c.proto.alt for c in at.get("plotly_chart") if c.proto.alt.startswith("Since the reference"))
    assert "inputs' shift" in drawn and "Retrained" in drawn
    moved = next(d.value for d in at.dataframe if "feature" in d.value)
    assert list(moved["feature"]) == ["distance"] and "median" in moved["words"][0]


def test_the_flag_and_what_to_do_go_by_the_diagnosis(small_store: str) -> None:
    store = connect(small_store)
    with reading(store) as session:
        reasons = list(session.scalars(select(VerdictRow.reason).where(VerdictRow.check == "model")))
    store.dispose()
    (row,) = rows(small_store)
    made = from_stored(row).content
    assert made is not None and any(sentence(made) in reason for reason in reasons)


def test_what_to_do_is_said_by_the_diagnosis_where_it_says_more_than_the_flag() -> None:
    harder = "2 of the last 3 mature windows are breached: MAE 9. A harder month: retraining will not help (MAE +0.1)."
    assert next_step("watch", harder).startswith("Do not retrain")
    assert next_step("watch", "drift: median 1 → 2.").startswith("Nothing at once")
    assert next_step("retrain", "Retraining is likely to help.").startswith("Retrain it")


def test_a_sound_model_says_when_it_would_be_diagnosed(small_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE, model="eta")
    assert not at.exception
    assert "Nothing has been diagnosed" in written(at)


def test_a_diagnosis_that_failed_says_why_and_that_the_flag_goes_by_the_breach(
    small_store: str, run_page: Run, written: Written
) -> None:
    change(small_store, content=None, error="log.csv *gone*: cannot be read.")
    at = run_page(PAGE, model="delays")
    assert not at.exception
    text = written(at)
    assert "Not diagnosed" in text and "\\*gone\\*" in text
    assert "goes by the breach alone" in text


def test_a_diagnosis_of_another_version_is_no_exception(small_store: str, run_page: Run, written: Written) -> None:
    change(small_store, content={"about": {}})
    at = run_page(PAGE, model="delays")
    assert not at.exception
    assert "another version of Leeway" in written(at)


def test_diagnose_now_asks_the_worker_once(small_store: str, run_page: Run) -> None:
    at = run_page(PAGE, model="delays")
    at.button(key="diagnose").click().run()
    assert "asked to diagnose" in at.toast[0].value
    at.button(key="diagnose").click().run()
    assert "asked for already" in at.toast[0].value
    store = connect(small_store)
    with reading(store) as session:
        assert [(w.kind, w.state) for w in work(session, "delays")] == [("diagnose", "waiting")]
    store.dispose()


@pytest.mark.parametrize("name", ["drift", "performance"])
def test_its_links_lead_to_the_windows_that_were_diagnosed(name: str, small_store: str, run_page: Run) -> None:
    (row,) = rows(small_store)
    at = run_page(PAGE, model="delays", range="7d")
    at.button(key=f"to_{name}").click().run()
    assert not at.exception
    assert at.title[0].value == name.capitalize()
    shown = parse(at.selectbox(key="range").value)
    assert shown is not None
    assert (shown.start, shown.end) == (moment_of(row.first_slot), moment_of(row.last_slot))
