"""What the tests of pages share: an empty database, a small real one, and a way to run a page inside its frame."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from monitoring import fleet
from monitoring.evaluate import Scope, evaluate
from monitoring.store import models
from monitoring.store.database import connect, reading, transaction
from monitoring.store.migrations import migrate
from monitoring.store.tables import HeartbeatRow
from tests.logs_of import START, binary_model, fleet_of, flights, regression, write

FRAME = Path(__file__).parents[2] / "monitoring" / "web" / "frame.py"
PAGES = FRAME.parents[2] / "pages"
NASTY = "Air time ![ETA](https://example.org/x.png) $a$ *b*"
"""A model's name that must reach the screen as it is written."""


def _use(monkeypatch: pytest.MonkeyPatch, database: Path) -> str:
    url = f"sqlite:///{database}"
    monkeypatch.setenv("LEEWAY_DATABASE", url)
    monkeypatch.setenv("LEEWAY_HOME", str(database.parent / "home"))
    monkeypatch.delenv("LEEWAY_SIGN_IN", raising=False)
    st.cache_data.clear()
    st.cache_resource.clear()
    return url


@pytest.fixture
def empty_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A migrated database without a model; its URL."""
    url = _use(monkeypatch, tmp_path / "empty.db")
    store = connect(url)
    migrate(store)
    store.dispose()
    yield url
    st.cache_resource.clear()


@pytest.fixture(scope="session")
def _small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four models, made once a session: see `small_store`."""
    folder = tmp_path_factory.mktemp("small")
    present = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    days = 14
    shift = pd.Timestamp(present) - pd.Timestamp(START) - pd.Timedelta(days=days)
    midnight = (START + shift.to_pytimedelta()).replace(hour=0)
    first, last = (f"{midnight + timedelta(days=days):%Y-%m-%d}" for days in (1, 4))
    reference = {"from": first, "to": last}

    def moved(log: pd.DataFrame) -> pd.DataFrame:
        out = log.assign(ts=log.ts + shift, observed_at=log.observed_at + shift)
        return out[out.ts < pd.Timestamp(present)].assign(**{"label": out.get("label")} if "label" in out else {})

    decayed, fine = moved(flights(days, decay_after=9)), moved(regression(days, seed=4))
    columns = {"id": "id", "timestamp": "ts", "prediction": "eta", "label": "actual", "observed_at": "observed_at"}
    columns |= {"features": ["distance", "hour", "carrier"]}  # type: ignore[dict-item]
    documents = [
        binary_model(
            write(decayed, "csv", folder, "delays"), name="Arrival delays", owner="flight-operations",
            reference=reference, runbook="https://runbooks.example.org/delays",
        ),
        {
            "key": "eta", "name": NASTY, "owner": "taxi & co", "task": "regression", "mode": "batch",
            "reference": reference,
            "predictions": {**write(fine, "csv", folder, "eta"), "columns": columns},
        },
        binary_model({"source": "csv", "location": str(folder / "gone.csv")}, key="gone", owner="nobody"),
        binary_model(write(decayed, "csv", folder, "new"), key="new", owner="flight-operations", reference=reference),
    ]  # fmt: skip
    path = fleet_of(folder, *documents)
    store = connect(f"sqlite:///{folder / 'small.db'}")
    migrate(store)
    with transaction(store) as session:
        models.apply(session, fleet.load(path), folder, "tests", present)
    with reading(store) as session:
        watched = models.watched(session)
    for one in watched:
        if one.key != "new":
            evaluate(store, one, Scope(), lambda: datetime.now(UTC), lambda share, text: None)
    store.dispose()
    return folder / "small.db"


@pytest.fixture
def small_store(_small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A copy of a small evaluated fleet; its URL. 14 days of 12 rows an hour, up to now:

    - `delays`: binary, online, latency and availability objectives, slices by origin; decays and drifts in
      the last 5 days
    - `eta`: regression, batch, sound; its name is NASTY
    - `gone`: its log is not there, so it could not be evaluated
    - `new`: never evaluated
    """
    copy = tmp_path / "small.db"
    with sqlite3.connect(_small) as source, sqlite3.connect(copy) as target:
        source.backup(target)
    store = connect(f"sqlite:///{copy}")
    with transaction(store) as session:  # now: a copy may be made long after the original
        session.add(HeartbeatRow(name="worker", at=datetime.now(UTC), detail=""))
    store.dispose()
    yield _use(monkeypatch, copy)
    st.cache_resource.clear()


@pytest.fixture
def run_page() -> Callable[..., AppTest]:
    """run_page("observe/fleet.py", model="delays", range="7d"): a page inside its frame, with the address's values."""

    def run(page: str, **query: Any) -> AppTest:
        at = AppTest.from_file(str(FRAME), default_timeout=30)
        at.query_params.update(query)
        at.run()
        if page != "observe/fleet.py":
            at.query_params.update(query)
            at.switch_page(os.path.relpath(PAGES / page, FRAME.parent)).run()
        return at

    return run


def words(at: AppTest) -> str:
    """All that is written on a page, as one text."""
    kinds = ("title", "header", "subheader", "caption", "markdown", "error", "warning", "info", "success")
    return "\n".join(str(element.value) for kind in kinds for element in getattr(at, kind))


@pytest.fixture
def written() -> Callable[[AppTest], str]:
    """All that is written on a page, as one text."""
    return words
