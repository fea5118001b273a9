"""From the logs of several models to one incident: opened, continued, closed, and told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine, select

from monitoring import incidents
from monitoring.__main__ import main
from monitoring.core.verdict import Status, Verdict, Window
from monitoring.evaluate import Scope, evaluate
from monitoring.fleet import Columns
from monitoring.store import models
from monitoring.store.database import connect, reading, transaction
from monitoring.store.migrations import migrate
from monitoring.store.queries.incidents import IncidentEntry, of_model, open_now
from monitoring.store.tables import IncidentMemberRow, IncidentRow, MovementRow, VerdictRow
from monitoring.verdicts import since
from tests.logs_of import fleet_of

START = datetime(2026, 3, 2, tzinfo=UTC)
BROKEN, MENDED, DAYS = 35, 44, 49
SECOND = START + timedelta(days=BROKEN)


def log(folder: Path, key: str, seed: int, broken: bool) -> dict[str, Any]:
    """A model whose temperature is 8 degrees too warm for nine days."""
    random = np.random.default_rng(seed)
    hours = np.arange(0, DAYS * 24 * 6)
    day = hours // (24 * 6)
    temp = random.normal(15, 4, len(hours)) + 8 * (broken & (day >= BROKEN) & (day < MENDED))
    frame = pd.DataFrame(
        {
            "at": pd.Timestamp(START) + pd.to_timedelta(hours * 10, unit="min"),
            "temp": temp,
            "x": random.normal(0, 1, len(hours)),
            "guess": random.normal(30, 5, len(hours)),
        }
    )
    frame.to_parquet(folder / f"{key}.parquet", index=False)
    columns = {"timestamp": "at", "prediction": "guess", "features": ["temp", "x"]}
    return {
        "key": key,
        "task": "regression",
        "mode": "batch",
        "owner": f"team-{key}",
        "predictions": {"source": "parquet", "location": f"{key}.parquet", "columns": columns},
        "reference": {"from": "2026-03-02", "to": "2026-03-15"},
    }


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("incidents")
    return folder, [log(folder, key, n, key != "demand") for n, key in enumerate(("demand", "eta", "risk"))]


def opened(folder: Path, documents: list[dict[str, Any]], where: Path) -> Engine:
    store = connect(f"sqlite:///{where / 'leeway.db'}")
    migrate(store)
    with transaction(store) as session:
        models.apply(session, documents, folder, "test", START)
    return store


@pytest.fixture
def store(documents: tuple[Path, list[dict[str, Any]]], tmp_path: Path) -> Iterator[Engine]:
    engine = opened(*documents, tmp_path)
    yield engine
    engine.dispose()


def look(store: Engine, day: float) -> datetime:
    """Evaluate all models so many days after the start, then bring the incidents up to date."""
    now = START + timedelta(days=day)
    with reading(store) as session:
        fleet = models.watched(session)
    for watched in fleet:
        evaluate(store, watched, Scope(diagnosed=False), lambda: now, lambda share, words: None)
    incidents.update(store, now)
    return now


def ask(store: Engine, query: Callable[..., list[IncidentEntry]], *arguments: str) -> list[IncidentEntry]:
    with reading(store) as session:
        return query(session, *arguments)


def state(store: Engine) -> list[tuple[Any, ...]]:
    with reading(store) as session:
        return [
            tuple(row)
            for kind in (IncidentRow, IncidentMemberRow, MovementRow)
            for row in session.execute(select(*kind.__table__.columns))
        ]


def dates(store: Engine) -> dict[tuple[Any, ...], datetime | None]:
    """Since when every verdict's level is, by the verdict."""
    v = VerdictRow
    with reading(store) as session:
        query = select(v.model_id, v.check, v.column, v.method, v.first_slot, v.since)
        query = query.where(v.check.not_in(("model", "quality.schema")))  # they stand where one looked
        return {tuple(row[:-1]): row[-1] for row in session.execute(query)}


def test_an_incident_is_opened_kept_as_it_is_and_closed(store: Engine) -> None:
    now = look(store, 41.5)
    (found,) = ask(store, open_now)
    assert found.title == "temp moved in 2 models since 6 April"
    assert found.since == SECOND
    assert [m.key for m in found.members] == ["eta", "risk"] and found.owners == ["team-eta", "team-risk"]
    assert found.opened_at == now
    assert all("temp median 1" in m.words for m in found.members)
    before = state(store)
    look(store, 41.5)
    assert state(store) == before
    look(store, 42.5)
    assert [(i.id, i.opened_at) for i in ask(store, open_now)] == [(found.id, now)]
    closed = look(store, 47.5)
    assert ask(store, open_now) == []
    (gone,) = ask(store, of_model, "eta")
    assert gone.closed_at == closed and [m.left_at for m in gone.members] == [closed, closed]
    assert ask(store, of_model, "demand") == []


def test_an_incident_of_which_one_model_is_left_is_closed(store: Engine) -> None:
    now = look(store, 41.5)
    with transaction(store) as session:
        models.remove(session, "eta", "test", now)
    incidents.update(store, now)
    assert ask(store, open_now) == []


def test_a_log_that_cannot_be_read_is_told_once_for_all_that_read_it(
    documents: tuple[Path, list[dict[str, Any]]], tmp_path: Path
) -> None:
    folder, (document, *_) = documents
    gone = {**document["predictions"], "location": "gone.parquet"}
    both = [{**document, "key": key, "predictions": gone} for key in ("one", "two")]
    store = opened(folder, both, tmp_path)
    look(store, 10)
    look(store, 12)
    (found,) = ask(store, open_now)
    assert found.title == "gone.parquet cannot be read in 2 models since 12 March"
    store.dispose()


def test_dates_do_not_depend_on_how_often_one_looked(
    store: Engine, documents: tuple[Path, list[dict[str, Any]]], tmp_path: Path
) -> None:
    for day in (36.5, 37.2, 39.1, 41.5):
        look(store, day)
    (tmp_path / "once").mkdir()
    once = opened(*documents, tmp_path / "once")
    look(once, 41.5)
    assert dates(store) == dates(once)
    found = {k: d for k, d in dates(once).items() if k[1:3] == ("drift.feature", "temp") and d is not None}
    assert set(found.values()) == {SECOND} and len(found) == 2 * 6
    once.dispose()


def test_the_command_names_the_shared_cause_in_each_summing_up(
    documents: tuple[Path, list[dict[str, Any]]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, written = documents
    out = tmp_path / "out.json"
    fleet = fleet_of(folder, *written)
    assert main(["evaluate", "--fleet", str(fleet), "--json", str(out), "--as-of", "2026-04-12T12:00:00Z"]) == 0
    verdicts = json.loads(out.read_text())
    named = {v["model"]: "Shared cause: temp moved in 2 models since 6 April." in v["reason"]
             for v in verdicts if v["check"] == "model"}  # fmt: skip
    assert named == {"demand": False, "eta": True, "risk": True}
    assert "Shared cause: temp moved in 2 models since 6 April." in capsys.readouterr().out
    last = [v for v in verdicts if v["model"] == "eta" and v["check"] == "drift.feature" and v["column"] == "temp"][-1]
    assert last["since"] == "2026-04-06T00:00:00Z"
    summing_up = next(v["reason"] for v in verdicts if v["check"] == "model" and v["model"] == "eta")
    assert "since 6 April." in summing_up.partition("Shared cause")[0]


def test_a_feed_names_features_there_are() -> None:
    assert Columns(features=("temp",), feeds={"weather": ("temp",)}).feed_of("temp") == "weather"
    assert Columns().feed_of("temp") == ""
    with pytest.raises(ValueError, match="feed 'weather' names wind"):
        Columns(features=("temp",), feeds={"weather": ("wind",)})


def verdict(day: int, value: float, **more: Any) -> Verdict:
    window = Window(START + timedelta(days=day), START + timedelta(days=day + 1), 100)
    return Verdict("m", "performance.mae", window, Status.OK, "", value=value)._replace(**more)


COURSE = [verdict(day, 10 + 0.1 * (day % 3) + 5 * (day >= 40)) for day in range(60)]
CHANGED = START + timedelta(days=40)


def test_each_window_has_the_date_of_its_own_level() -> None:
    found, redated = since.date(COURSE, [], 24, None)
    assert [v.since for v in found] == [None] * 40 + [CHANGED] * 20
    assert redated == []


def test_windows_that_are_not_final_have_no_date_and_are_not_counted() -> None:
    odd = [v._replace(provisional=True, value=99.0) for v in COURSE[-4:]]
    found, _ = since.date([*COURSE[:-4], *odd], [], 24, None)
    assert [v.since for v in found[-5:]] == [CHANGED, None, None, None, None]


def test_only_the_stored_windows_whose_date_is_another_are_written_again() -> None:
    stored = [(n, v._replace(since=CHANGED if n == 40 else None)) for n, v in enumerate(COURSE[:-1])]
    found, redated = since.date(COURSE[-1:], stored, 24, None)
    assert found[0].since == CHANGED
    assert [n for n, _ in redated] == list(range(41, 59))


def test_a_level_that_began_before_the_windows_in_sight_keeps_its_date() -> None:
    long_ago = START - timedelta(days=3)
    stored = [(n, v._replace(since=long_ago)) for n, v in enumerate(COURSE[:30])]
    found, redated = since.date(COURSE[30:35], stored, 24, None)
    assert {v.since for v in found} == {long_ago} and redated == []


def test_what_says_the_same_again_keeps_its_date_and_asks_for_no_look() -> None:
    before = [v._replace(since=CHANGED) for v in COURSE[-3:]]
    kept, changed = since.keep(COURSE[-3:], before, START + timedelta(days=70), None)
    assert kept == before and changed == frozenset()
    other = [*COURSE[-3:-1], COURSE[-1]._replace(value=3.0)]
    assert since.keep(other, before, START + timedelta(days=70), None)[1] == {"performance.mae"}


def test_a_window_that_was_not_over_when_it_was_judged_is_looked_at_again() -> None:
    seen = START + timedelta(days=59, hours=12)
    assert since.keep(COURSE[-1:], COURSE[-1:], seen, None)[1] == {"performance.mae"}
