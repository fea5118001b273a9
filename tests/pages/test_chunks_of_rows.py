"""A log without real time: its windows are chunks of rows, on every page that looks at one model."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitoring import fleet
from monitoring.evaluate import Scope, evaluate
from monitoring.store import models
from monitoring.store.database import connect, reading, transaction
from monitoring.store.migrations import migrate
from tests.clock import PRESENT
from tests.logs_of import binary_model, fleet_of, flights, write
from tests.pages.conftest import Run, Written


@pytest.fixture
def by_rows(tmp_path: Path, empty_store: str) -> str:
    """A model `rows` of chunks of 500 rows, the first 1,000 rows its reference."""
    document = binary_model(
        write(flights(8, decay_after=5), "csv", tmp_path, "rows"),
        key="rows",
        chunk={"rows": 500},
        reference={"rows": 1000},
    )
    columns = document["predictions"]["columns"]
    document["predictions"]["columns"] = {k: v for k, v in columns.items() if k not in ("timestamp", "observed_at")}
    document.pop("slos", None)
    store = connect(empty_store)
    migrate(store)
    with transaction(store) as session:
        models.apply(session, fleet.load(fleet_of(tmp_path, document)), tmp_path, "tests", PRESENT)
    with reading(store) as session:
        watched = models.watched(session)
    evaluate(store, watched[0], Scope(), lambda: PRESENT, lambda share, text: None)
    store.dispose()
    return empty_store


def test_chunks_have_numbers_where_windows_have_times(by_rows: str, run_page: Run, written: Written) -> None:
    at = run_page("observe/drift.py", model="rows")
    assert not at.exception
    assert "chunk 4" in written(at)
    table = at.dataframe[0].value
    distance = table.set_index("column").loc["distance"]
    assert int(distance["since"]) >= 2
    assert at.selectbox(key="window").options[0] == "chunk 4"
    assert "Reports need a log with real time" in written(at)

    at = run_page("observe/performance.py", model="rows")
    assert not at.exception
    assert "chunk" in written(at)
    assert {m.label: m.value for m in at.metric}["Label completeness"] != "–"

    at = run_page("observe/service_levels.py", model="rows")
    assert not at.exception
    assert "This log has no real time" in written(at)
