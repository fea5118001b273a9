"""A new version's first row is its deployment."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from monitoring import fleet
from monitoring.evaluate import Scope, evaluate
from monitoring.store import models
from monitoring.store.database import connect, reading, transaction
from monitoring.store.migrations import migrate
from monitoring.store.queries.standing import Deployed, deployments
from tests.logs_of import START, binary_model, fleet_of, flights, write

DAY = timedelta(days=1)


def test_versions_that_came_after_the_first_are_told_by_the_hour(tmp_path: Path) -> None:
    log = flights(days=8)
    came = {"b": START + 3 * DAY + timedelta(hours=7), "c": START + 5 * DAY}
    log["version"] = "a"
    for name, at in came.items():
        log.loc[log.ts >= at, "version"] = name
    log.loc[log.index[::10], "version"] = "shadow"  # there from the first day on
    document = binary_model(write(log, "parquet", tmp_path, "log"))
    document["predictions"]["columns"]["version"] = "version"
    store = connect(f"sqlite:///{tmp_path / 'leeway.db'}")
    migrate(store)
    now = START + 8 * DAY
    with transaction(store) as session:
        models.apply(session, fleet.load(fleet_of(tmp_path, document)), tmp_path, "test", now)
    with reading(store) as session:
        watched = models.watched(session)[0]
    evaluate(store, watched, Scope(now=now, diagnosed=False), lambda: now, lambda share, words: None)

    def found(start: datetime, end: datetime) -> list[Deployed]:
        with reading(store) as session:
            return deployments(session, watched.key, start, end)

    assert found(START, now) == [Deployed("b", came["b"]), Deployed("c", came["c"])]
    assert found(came["b"] + timedelta(hours=1), now) == [Deployed("c", came["c"])]
    assert found(came["b"], came["c"]) == [Deployed("b", came["b"])]
    assert found(START + 6 * DAY, now) == []
    store.dispose()
