"""Models and logs: every log with its state, adding a model, changing it, ending it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from monitoring.store import models
from monitoring.store.database import connect, reading, transaction
from monitoring.store.tables import AuditRow, ModelRow, RequestRow
from tests.clock import PRESENT
from tests.logs_of import flights, write
from tests.pages.conftest import Run, Written

PAGE = "configure/models_and_logs.py"


def rows(url: str, table: Any) -> list[Any]:
    store = connect(url)
    with reading(store) as session:
        found = list(session.scalars(select(table).order_by(table.id)))
    store.dispose()
    return found


def code(at: AppTest) -> str:
    return "\n".join(str(c.value) for c in at.code)


def test_an_empty_fleet_says_what_to_do_next(empty_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE)
    assert not at.exception
    assert "No model is watched yet" in written(at)
    assert "Add a model" in written(at)


@pytest.mark.parametrize("view", ["Models", "Add a model", "Changes"])
def test_every_view_of_an_empty_fleet(empty_store: str, run_page: Run, view: str) -> None:
    at = run_page(PAGE, view=view)
    assert not at.exception and not at.error


def test_every_log_with_its_state_and_every_error_in_full(small_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE)
    assert not at.exception
    frame = at.dataframe[0].value
    states = dict(zip(frame["model"], frame["state"].str[0], strict=True))
    assert states["gone"] == "✕ Error" and states["new"] == "? Not read yet"
    assert states["delays"] in ("✓ OK", "▲ Notice")
    assert frame["model"].iloc[0] == "gone", "errors first"
    assert {m.label: m.value for m in at.metric}["Models watched"] == "4"
    assert {m.label: m.value for m in at.metric}["Logs with an error"] == "1"
    text = written(at).replace("\\", "")
    assert "no file is there" in text and "Relative locations start from" in text


def test_looking_at_a_csv_fills_the_form_and_saving_watches_it(
    empty_store: str, run_page: Run, written: Written, tmp_path: Path
) -> None:
    place = write(flights(days=6), "csv", tmp_path, "My flights")
    at = run_page(PAGE, view="Add a model")
    at.text_input(key="add_location").set_value(place["location"])
    at.button[0].click().run()
    assert not at.exception and not at.error
    document = yaml.safe_load(code(at))["models"][0]
    assert document["key"] == "my-flights" and document["task"] == "binary_classification"
    assert document["predictions"]["source"] == "csv"
    assert document["predictions"]["columns"]["label"] == "label"
    assert at.selectbox(key="add_timestamp").value == "ts"

    at.button(key="preview_now").click().run()
    assert not at.exception and not at.error
    assert "First verdicts" in written(at)
    assert rows(empty_store, ModelRow) == [], "a preview keeps nothing"

    at.button(key="save_now").click().run()
    assert not at.exception and not at.error
    assert [m.key for m in rows(empty_store, ModelRow)] == ["my-flights"]
    assert [(r.kind, r.model_key) for r in rows(empty_store, RequestRow)] == [("evaluate", "my-flights")]
    assert rows(empty_store, AuditRow)[0].actor == "local"
    assert at.text_area(key="yaml_my-flights").value.startswith("key: my-flights")


def test_what_cannot_be_read_is_said_and_nothing_typed_is_lost(
    empty_store: str, run_page: Run, written: Written, tmp_path: Path
) -> None:
    (tmp_path / "half.parquet").write_bytes(b"PAR1 half a file")
    at = run_page(PAGE, view="Add a model")
    at.text_input(key="add_location").set_value(str(tmp_path / "half.parquet"))
    at.button[0].click().run()
    assert not at.exception
    assert "half\\.parquet" in at.error[0].value
    assert at.text_input(key="add_location").value == str(tmp_path / "half.parquet")


def test_a_mapping_that_does_not_fit_is_said_before_saving(empty_store: str, run_page: Run, tmp_path: Path) -> None:
    place = write(flights(days=2), "csv", tmp_path)
    at = run_page(PAGE, view="Add a model")
    at.text_input(key="add_location").set_value(place["location"])
    at.button[0].click().run()
    at.selectbox(key="add_score").set_value(None).run()
    assert "map `score`" in at.error[0].value.replace("\\", "")
    assert at.button(key="save_now").disabled
    at.selectbox(key="add_score").set_value("score").run()
    at.selectbox(key="add_timestamp").set_value(None).run()
    assert "timestamp" in at.error[0].value
    assert at.selectbox(key="add_score").value == "score"


def test_labels_apart_are_looked_at_and_mapped(empty_store: str, run_page: Run, tmp_path: Path) -> None:
    log = flights(days=3)
    place = write(log.drop(columns=["label", "observed_at"]), "jsonl", tmp_path, "asked")
    labels = write(log[["id", "label", "observed_at"]], "parquet", tmp_path, "seen")
    at = run_page(PAGE, view="Add a model")
    at.text_input(key="add_location").set_value(place["location"])
    at.button[0].click().run()
    assert "label" not in yaml.safe_load(code(at))["models"][0]["predictions"]["columns"]
    at.segmented_control(key="add_labels").set_value("in a log of their own").run()
    at.text_input(key="add_lab_location").set_value(labels["location"])
    at.button[1].click().run()
    assert not at.exception and not at.error
    document = yaml.safe_load(code(at))["models"][0]
    assert document["labels"]["columns"] == {"id": "id", "label": "label", "observed_at": "observed_at"}
    assert document["labels"]["source"] == "parquet" and document["predictions"]["source"] == "jsonl"


def test_a_table_of_a_database_is_looked_at(empty_store: str, run_page: Run, tmp_path: Path) -> None:
    place = write(flights(days=2), "sqlite", tmp_path, "calls")
    at = run_page(PAGE, view="Add a model")
    at.segmented_control(key="add_kind").set_value("sql").run()
    at.text_input(key="add_url").set_value(place["url"])
    at.text_input(key="add_table").set_value("nothing")
    at.button[0].click().run()
    assert "no table" in at.error[0].value
    at.text_input(key="add_table").set_value(place["table"])
    at.button[0].click().run()
    assert not at.exception and not at.error
    assert yaml.safe_load(code(at))["models"][0]["predictions"]["table"] == "calls"


def test_pasted_yaml_tells_every_problem(empty_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE, view="Add a model")
    at.segmented_control(key="add_way").set_value("Paste YAML").run()
    at.text_area(key="add_yaml").set_value("key: Not Good\ntask: guessing\npredictions: {source: csv}\n").run()
    text = at.error[0].value.replace("\\", "")
    assert "key" in text and "task" in text and "location" in text
    at.text_area(key="add_yaml").set_value("key: [").run()
    assert "is not YAML" in at.error[0].value
    good = "key: a\ntask: regression\npredictions:\n  source: csv\n  location: a.csv\n"
    good += "  columns: {timestamp: at, prediction: p}\n"
    at.text_area(key="add_yaml").set_value(good).run()
    assert not at.error
    at.button(key="save_now").click().run()
    assert [m.key for m in rows(empty_store, ModelRow)] == ["a"]


def test_a_change_is_shown_before_it_is_saved(small_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE, view="Models", edit="delays")
    area = at.text_area(key="yaml_delays")
    text = area.value
    area.set_value(text.replace("owner: flight-operations", "owner: somebody-else")).run()
    assert "+owner: somebody-else" in code(at) and "-owner: flight-operations" in code(at)
    assert len([line for line in code(at).splitlines() if line[0] in "+-"]) == 2, "nothing else changes, nor the order"
    at.button(key="save_yaml").click().run()
    assert not at.exception
    assert next(m for m in rows(small_store, ModelRow) if m.key == "delays").owner == "somebody-else"
    assert ("evaluate", "delays") in [(r.kind, r.model_key) for r in rows(small_store, RequestRow)]


def test_a_bad_change_is_explained_and_kept(small_store: str, run_page: Run) -> None:
    at = run_page(PAGE, view="Models", edit="delays")
    area = at.text_area(key="yaml_delays")
    broken = area.value.replace("key: delays", "key: other")
    area.set_value(broken).run()
    assert "key must stay delays" in at.error[0].value.replace("\\", "")
    assert at.button(key="save_yaml").disabled
    assert at.text_area(key="yaml_delays").value == broken
    at.button(key="undo_yaml").click().run()
    assert not at.error


def test_a_dispatcher_to_where_nothing_may_be_sent_is_refused_and_what_was_typed_is_kept(
    small_store: str, run_page: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LEEWAY_PRIVATE_HOSTS", raising=False)
    at = run_page(PAGE, view="Models", edit="delays")
    inside = "retraining: {dispatcher: {kind: mlflow, url: 'https://10.0.0.8/', model: delays}}\n"
    changed = at.text_area(key="yaml_delays").value + inside
    at.text_area(key="yaml_delays").set_value(changed).run()
    at.button(key="save_yaml").click().run()
    words = at.error[0].value.replace("\\", "")
    assert "dispatcher of delays: 10.0.0.8 is a private address" in words and "LEEWAY_PRIVATE_HOSTS" in words
    assert at.text_area(key="yaml_delays").value == changed
    monkeypatch.setenv("LEEWAY_PRIVATE_HOSTS", "10.0.0.8")
    at.button(key="save_yaml").click().run()
    assert not at.error
    assert next(m for m in rows(small_store, ModelRow) if m.key == "delays").document["retraining"]["dispatcher"]


def test_rebaselining_asks_the_worker(small_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE, view="Models", edit="delays")
    at.button(key="rebaseline").click().run()
    at.button(key="rebaseline_now").click().run()
    assert not at.exception
    assert [(r.kind, r.model_key, r.arguments) for r in rows(small_store, RequestRow)] == [("rebaseline", "delays", {})]


def test_stopping_needs_the_key_and_a_reason(small_store: str, run_page: Run) -> None:
    at = run_page(PAGE, view="Models", edit="delays")
    at.button(key="stop").click().run()
    assert not at.exception
    assert at.button(key="stop_now").disabled  # how it goes on: tests/browser/test_add_model.py


def test_the_audit_is_listed_with_reasons(small_store: str, run_page: Run) -> None:
    store = connect(small_store)
    with transaction(store) as session:
        models.remove(session, "new", "ann", PRESENT, "retired")
    store.dispose()
    frame = run_page(PAGE, view="Changes").dataframe[0].value
    newest = frame.iloc[0]
    assert (newest["actor"], newest["action"], newest["subject"], newest["reason"]) == (
        "ann",
        "model removed",
        "new",
        "retired",
    )


def test_another_models_request_is_not_shown_here(small_store: str, run_page: Run, written: Written) -> None:
    store = connect(small_store)
    with transaction(store) as session:
        session.get_one(ModelRow, 2).owner = "still there"
    store.dispose()
    at = run_page(PAGE, view="Models", edit="eta")
    assert not at.exception
    assert "waiting for the worker" not in written(at)
