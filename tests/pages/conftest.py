"""What the tests of pages share: an empty database, a small real one, and a way to run a page inside its frame."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from monitoring.store.database import connect, transaction
from monitoring.store.migrations import migrate
from monitoring.store.tables import HeartbeatRow
from monitoring.web import clock
from tests.clock import PRESENT
from tests.patience import LONG

FRAME = Path(__file__).parents[2] / "monitoring" / "web" / "frame.py"
PAGES = FRAME.parents[2] / "pages"
Run = Callable[..., AppTest]
"""As `run_page` is called."""
Written = Callable[[AppTest], str]


def _use(monkeypatch: pytest.MonkeyPatch, database: Path) -> str:
    url = f"sqlite:///{database}"
    monkeypatch.setenv("LEEWAY_DATABASE", url)
    monkeypatch.setenv("LEEWAY_HOME", str(database.parent / "home"))
    monkeypatch.delenv("LEEWAY_SIGN_IN", raising=False)
    st.cache_data.clear()
    st.cache_resource.clear()
    return url


@pytest.fixture(autouse=True)
def present(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every page is looked at in one moment: no hour, day of the week or slow machine makes another page of it."""
    monkeypatch.setattr(clock, "read", lambda: PRESENT)


@pytest.fixture
def empty_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A migrated database without a model; its URL."""
    url = _use(monkeypatch, tmp_path / "empty.db")
    store = connect(url)
    migrate(store)
    store.dispose()
    yield url
    st.cache_resource.clear()


@pytest.fixture
def small_store(small_fleet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A copy of the small fleet, see tests.small_fleet; its URL."""
    copy = tmp_path / "small.db"
    with sqlite3.connect(small_fleet) as source, sqlite3.connect(copy) as target:
        source.backup(target)
    store = connect(f"sqlite:///{copy}")
    with transaction(store) as session:
        session.add(HeartbeatRow(name="worker", at=PRESENT, detail=""))
    store.dispose()
    yield _use(monkeypatch, copy)
    st.cache_resource.clear()


@pytest.fixture
def run_page() -> Run:
    """run_page("observe/fleet.py", model="delays", range="7d"): a page inside its frame, with the address's values."""

    def run(page: str, **query: Any) -> AppTest:
        at = AppTest.from_file(str(FRAME), default_timeout=LONG)
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
def written() -> Written:
    """All that is written on a page, as one text."""
    return words
