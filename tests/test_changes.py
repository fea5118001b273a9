"""What changed and when, as the Versions page lists it and charts mark it: versions, thresholds, rules, references."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from monitoring.core.summary import BLOCK
from monitoring.core.window import moment_of, slot_of
from monitoring.store.database import connect, reading, transaction
from monitoring.store.migrations import migrate
from monitoring.store.queries.changes import SOURCES, Changed, changes
from monitoring.store.revisions import record
from monitoring.store.tables import AuditRow, BaselineRow, ModelRow, SeriesRow, SummaryRow

FIRST = datetime(2026, 3, 2, tzinfo=UTC)
END = FIRST + timedelta(days=30)
DAY = slot_of(FIRST) // BLOCK
SEEN = {
    "delays": {"v1": (0, 9), "v2": (9, 29), "shadow": (0, 29)},
    "eta": {"": (0, 29)},
    "rows": {"v1": (0, 1), "v2": (1, 2)},
}
"""By model and version, the days of its first and its last row."""


def add(session: Any, key: str, versions: dict[str, tuple[int, int]]) -> None:
    document = {"key": key} | ({"chunk": {"rows": 50}} if key == "rows" else {})
    model = ModelRow(
        key=key, name=key, task="regression", mode="online", target="cloud", document=document, base="/",
        created_at=FIRST, updated_at=FIRST,
    )  # fmt: skip
    session.add(model)
    session.flush()
    for active in (True, False):  # an older baseline, of other grids, is not looked at
        frozen = BaselineRow(
            model_id=model.id, fingerprint="x", active=active, profile={"version": 0}, created_at=FIRST
        )
        session.add(frozen)
        session.flush()
        for version, (first, last) in versions.items():
            series = SeriesRow(baseline_id=frozen.id, role="current", kind="rows", column="", version=version, slice="")
            session.add(series)
            session.flush()
            shift = 0 if active else 1
            for day in {first, last}:
                session.add(SummaryRow(series_id=series.id, block=DAY + day + shift, n=5, total=b"", cells=b""))


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Engine]:
    url = (
        f"sqlite:///{tmp_path / 'leeway.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    )
    engine = connect(url)
    migrate(engine)
    with transaction(engine) as session:
        for key, versions in SEEN.items():
            add(session, key, versions)
    yield engine
    engine.dispose()


def found(store: Engine, key: str | None, start: datetime = FIRST, end: datetime = END) -> list[Changed]:
    with reading(store) as session:
        return changes(session, key, start, end)


def test_a_version_comes_after_the_log_began_and_goes_before_it_ends(store: Engine) -> None:
    told = found(store, None)
    assert [(c.model, c.mark, c.at, c.ends) for c in told] == [
        ("delays", "v1 ends", moment_of((DAY + 10) * BLOCK), True),
        ("delays", "v2", moment_of((DAY + 9) * BLOCK), False),
    ]
    assert told == found(store, "delays") and found(store, "eta") == []
    assert found(store, "delays", FIRST, FIRST + timedelta(days=9)) == []


def test_what_people_change_is_listed_with_who_and_why_but_not_what_a_model_began_with(store: Engine) -> None:
    low, high = [{"check": "drift", "warning": 0.1}], [{"check": "drift", "warning": 0.2}]
    rule = [{"key": "night", "check": "drift"}]

    def at(day: int) -> datetime:
        return FIRST + timedelta(days=day, hours=1)

    with transaction(store) as session:
        record(session, "model", "eta", [], low, "ann", at(1), "")
        record(session, "model", "eta", low, high, "bob", at(2), "too many")
        record(session, "model", "eta", high, low, "ann", at(3), "back", undoes=2)
        record(session, "rule", "night", [], rule, "cy", at(4), "quiet nights")
        audit = dict(actor="ann", action="model re-baselined", detail={"from": "2026-03-05", "to": "2026-03-08"})
        session.add(AuditRow(at=at(5), subject="eta", **audit))
        session.add(AuditRow(at=at(6), subject="eta", actor="ann", action="model changed", detail={}))
    told = found(store, "eta")
    assert [(c.kind, c.actor, c.reason) for c in told] == [
        ("reference", "ann", ""), ("thresholds", "ann", "back"), ("thresholds", "bob", "too many"),
    ]  # fmt: skip
    assert told[0].words == "reference frozen anew on 2026-03-05 to 2026-03-08"
    assert told[1].words.endswith("(revision 2 undone)")
    assert told[2].words == "thresholds: check drift, warning 0.1 → check drift, warning 0.2"
    every = found(store, None)
    assert "rule night: none → key night, check drift" in [c.words for c in every]
    assert [c.at for c in every] == sorted((c.at for c in every), reverse=True)


def test_a_further_kind_is_one_more_function(store: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def moon(session: Any, key: str | None, start: datetime, end: datetime) -> list[Changed]:
        return [Changed(start + timedelta(days=days), "", "moon", "full moon", "moon") for days in (-1, 3)]

    monkeypatch.setattr("monitoring.store.queries.changes.SOURCES", (*SOURCES, moon))
    assert [c.kind for c in found(store, "eta")] == ["moon"], "and what lies outside of the range is left out"
