"""A preview reads a bounded part of a log, in a process of its own, and is stopped when it takes too long."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import create_engine, text

from monitoring import excerpt as excerpts
from monitoring import glance
from monitoring.apart import Ended, TookTooLong, apart
from monitoring.errors import FleetError, LeewayError, SourceError
from monitoring.excerpt import excerpt
from monitoring.fleet import Log, parse_model
from monitoring.glance import look, slow
from monitoring.logs.sql import SqlSource
from monitoring.preview import preview
from tests.errands import add, die, refuse, told, wait
from tests.logs_of import binary_model, flights, write
from tests.patience import LONG

OWN = {"check": "quality.volume", "warning": 0.2, "breached": 0.3}


def test_work_apart_returns_what_it_returns_and_tells_how_far_it_is() -> None:
    heard: list[tuple[float, str]] = []
    assert apart(add, 2, 3, seconds=LONG) == 5
    assert apart(told, seconds=LONG, progress=lambda share, words: heard.append((share, words))) != os.getpid()
    assert heard == [(0.5, "half")]


def test_an_error_of_work_apart_is_raised_here_with_all_it_says() -> None:
    with pytest.raises(FleetError) as raised:
        apart(refuse, seconds=LONG)
    assert (raised.value.what, raised.value.where, raised.value.mend) == ("it is wrong", "here", "Mend it.")
    assert raised.value.problems == ("one", "two")


def test_work_that_takes_too_long_is_stopped() -> None:
    with pytest.raises(TookTooLong, match="longer than 1 s"):
        apart(time.sleep, 3600, seconds=1)


def test_work_that_dies_says_so() -> None:
    with pytest.raises(Ended, match="ended with 3"):
        apart(die, seconds=LONG)


def test_what_stops_the_page_stops_the_work() -> None:
    def leave(share: float, words: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apart(wait, seconds=LONG, progress=leave)


@pytest.fixture(params=["sqlite", "postgres"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    return write(flights(days=8), request.param, tmp_path, "log", url)


def test_of_a_table_only_the_newest_rows_are_read(
    table: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(excerpts, "ROWS", 500)
    document = binary_model(table)
    cut, notices = excerpt(document, parse_model(document, "test"), tmp_path, tmp_path)
    found = pd.read_parquet(cut["predictions"]["location"])
    every = flights(days=8)
    assert list(found["id"]) == list(every["id"][-500:])
    assert notices[0] == "Of the predictions only the newest 500 rows by ts of log were read."
    assert "reference" not in cut and "The reference is the first quarter of what was read." in notices


def test_a_small_table_is_judged_whole_and_nothing_is_said(table: dict[str, Any], tmp_path: Path) -> None:
    document = binary_model(table)
    result = preview(document, [], tmp_path, lambda: datetime(2026, 4, 1, tzinfo=UTC), lambda share, words: None)
    assert result.notices == ()
    drift = next(v for v in result.newest if v.check == "drift.feature" and v.column == "distance" and not v.slice)
    last = flights(days=8).ts.dt.date
    assert drift.window.n == (last == last.iloc[-1]).sum()


def test_the_rules_of_the_fleet_hold_in_a_preview_as_they_will(tmp_path: Path) -> None:
    document = binary_model(write(flights(days=8), "parquet", tmp_path, "log"), thresholds=[OWN]) | {"owner": "ops"}
    rules = [
        {"key": "nulls", "matchers": {"owner": ["ops"]}, "check": "quality.missing", "warning": 0.12, "breached": 0.45},
        {"key": "volume", "check": "quality.volume", "breached": 0.77},
        {"key": "others", "matchers": {"owner": ["else"]}, "check": "quality.unseen", "breached": 0.99},
    ]  # fmt: skip
    result = preview(document, rules, tmp_path, lambda: datetime(2026, 4, 1, tzinfo=UTC), lambda share, words: None)
    levels = {v.check: (v.warning, v.breached) for v in result.newest if not v.slice}
    assert levels["quality.missing"] == (0.12, 0.45)
    assert levels["quality.volume"] == (0.2, 0.3), "its own comes first"
    assert levels["quality.unseen"][1] != 0.99
    assert result.notices == ("Fleet-wide rules that hold for it: nulls.",)


def test_labels_of_their_own_are_bounded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(excerpts, "ROWS", 100)
    log = flights(days=4)
    place = write(log.drop(columns=["label", "observed_at"]), "parquet", tmp_path, "predictions")
    labels = write(log[["id", "label", "observed_at"]], "sqlite", tmp_path, "outcomes")
    columns = {"id": "id", "label": "label", "observed_at": "observed_at"}
    document = binary_model(place, labels={**labels, "columns": columns})
    cut, notices = excerpt(document, parse_model(document, "test"), tmp_path, tmp_path)
    assert cut["predictions"] == document["predictions"]
    assert len(pd.read_parquet(cut["labels"]["location"])) == 100
    assert notices[0] == "Of the labels only the newest 100 rows by observed_at of outcomes were read."


def test_of_many_files_only_the_newest_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = flights(days=4)
    for day, part in log.groupby(log.ts.dt.day):
        write(part, "parquet", tmp_path / "log", f"{day:02d}")
    sizes = [path.stat().st_size for path in sorted((tmp_path / "log").iterdir())]
    monkeypatch.setattr(excerpts, "LARGEST", sizes[-1] + sizes[-2])
    document = binary_model({"source": "parquet", "location": str(tmp_path / "log")})
    cut, notices = excerpt(document, parse_model(document, "test"), tmp_path, tmp_path)
    found = pd.concat(pd.read_parquet(path) for path in sorted(Path(cut["predictions"]["location"]).iterdir()))
    assert sorted(found.ts.dt.day.unique()) == [4, 5]
    assert notices[0] == "Of the predictions only the newest 2 of 4 files were read."


def slow_view(url: str) -> None:
    """A view that takes minutes for its first row."""
    many = "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT i FROM n)"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE VIEW slow AS SELECT count(*) AS id FROM {many} AS every"))
    engine.dispose()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_table_that_takes_too_long_is_said_to(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = request.getfixturevalue("postgres_url") if kind == "postgres" else f"sqlite:///{tmp_path / 'log.db'}"
    slow_view(url)
    monkeypatch.setattr(glance, "SECONDS", 1)
    with pytest.raises(SourceError, match=r"took longer than 1 s to give 4,000 rows"):
        look(Log(source="sql", url=url, table="slow"), tmp_path)


def test_a_look_at_a_table_asks_for_no_more_than_it_shows(
    table: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[SqlSource] = []
    provide = SqlSource.provide

    def watched(self: SqlSource, *arguments: Any) -> None:
        asked.append(self)
        provide(self, *arguments)

    monkeypatch.setattr(SqlSource, "provide", watched)
    monkeypatch.setattr(glance, "HEAD", 50)
    assert look(Log(source="sql", url=table["url"], table=table["table"]), tmp_path).count == 50
    assert [one.limit for one in asked] == [50]


def test_a_look_is_done_apart_where_it_may_take_long(
    table: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    csv, parquet = (Log(**write(flights(days=1), kind, tmp_path, kind)) for kind in ("csv", "parquet"))
    assert slow(Log(**table), tmp_path)
    assert not slow(csv, tmp_path)
    monkeypatch.setattr(glance, "LARGE", 1_000)
    assert slow(csv, tmp_path)
    assert not slow(parquet, tmp_path)  # its first rows are read without the rest


def test_an_unknown_table_is_an_error_apart_as_well(tmp_path: Path) -> None:
    write(flights(days=1), "sqlite", tmp_path, "log")
    with pytest.raises(LeewayError, match="has no table 'nothing'"):
        apart(look, Log(source="sql", url=f"sqlite:///{tmp_path / 'log.db'}", table="nothing"), tmp_path, seconds=LONG)
