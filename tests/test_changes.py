"""What changed and when, as the Versions page lists it and charts mark it: versions, thresholds, rules, references."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, delete, select

from monitoring.core.retraining.request import Cause, RetrainRequest
from monitoring.core.retraining.state import State
from monitoring.core.summary import BLOCK
from monitoring.core.window import moment_of, slot_of
from monitoring.store.database import reading, transaction
from monitoring.store.queries.changes import SOURCES, Changed, _difference, changes, shares
from monitoring.store.retrains import open_request
from monitoring.store.revisions import record
from monitoring.store.tables import AuditRow, BaselineRow, ModelRow, RetrainEventRow, RetrainRow, SeriesRow, SummaryRow

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


@pytest.fixture
def store(store: Engine) -> Engine:
    """With the models that were SEEN."""
    with transaction(store) as session:
        for key, versions in SEEN.items():
            add(session, key, versions)
    return store


def found(store: Engine, key: str | None, start: datetime = FIRST, end: datetime = END) -> list[Changed]:
    with reading(store) as session:
        return changes(session, key, start, end)


def test_a_version_comes_after_the_log_began_and_goes_before_it_ends(store: Engine) -> None:
    told = found(store, None)
    assert [(c.model, c.mark, c.at, c.quiet) for c in told] == [
        ("delays", "v1 ends", moment_of((DAY + 10) * BLOCK), True),
        ("delays", "v2", moment_of((DAY + 9) * BLOCK), False),
    ]
    assert told[1].words == "v2 answered first, 50% of that day's rows"
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
    assert told[2].words == "drift: warning 0.1 → 0.2"
    every = found(store, None)
    assert "rule night: night drift: added" in [c.words for c in every]
    assert [c.at for c in every] == sorted((c.at for c in every), reverse=True)


DIFFERENCES: list[tuple[list[dict[str, Any]], list[dict[str, Any]], str]] = [
    ([{"check": "drift", "warning": 1}], [{"check": "drift", "breached": 2}], "drift: warning 1 → –, breached – → 2"),
    ([{"check": "drift", "warning": 1}], [], "drift: removed (warning 1)"),
    ([], [{"sli": "latency", "period": "30d", "objective": 0.99}], "latency 30d: added (objective 0.99)"),
    (
        [{"sli": "latency", "threshold_ms": 20}, {"sli": "latency", "threshold_ms": 50}],
        [{"sli": "latency", "threshold_ms": 20}, {"sli": "latency", "threshold_ms": 60}],
        "latency: removed (threshold_ms 50); latency: added (threshold_ms 60)",
    ),
    ([{"check": "a"}, {"check": "b"}], [{"check": "b"}, {"check": "a"}], "put in another order"),
]


@pytest.mark.parametrize(("before", "after", "words"), DIFFERENCES)
def test_a_change_of_thresholds_says_what_is_not_as_it_was(before: Any, after: Any, words: str) -> None:
    assert _difference(before, after) == words


def test_what_became_of_retrains_is_listed_and_what_changes_the_model_is_marked(store: Engine) -> None:
    kinds = ["requested", "approved", "running", "candidate", "promoted", "verified", "rolled_back"]
    with transaction(store) as session:
        made = RetrainRequest("eta", 0, "ETA", "", Cause.PERSON, "it fell", "ann", "x", State.REQUESTED, FIRST, FIRST)
        row, _ = open_request(session, made, (), FIRST)
        id_ = session.scalar(select(RetrainRow.id))
        session.execute(delete(RetrainEventRow))
        for seq, kind in enumerate(kinds):
            at = FIRST + timedelta(days=seq, hours=1)
            event = dict(kind=kind, words=f"It is {kind}.", actor="ann" if seq < 2 else "")
            session.add(RetrainEventRow(retrain_id=id_, seq=seq + 100, at=at, **event))
    told = found(store, "eta")[::-1]
    assert [c.mark for c in told if not c.quiet] == ["retrain requested", "promoted", "rolled back"]
    assert [c.mark for c in told if c.quiet] == ["approved", "candidate", "verified"]
    assert all(c.kind == "retraining" and c.words.startswith(f"{row.key}: It is") for c in told)
    assert found(store, "delays", FIRST, FIRST + timedelta(days=9)) == []


def test_a_canary_has_a_share_and_takes_over(store: Engine) -> None:
    with transaction(store) as session:
        add(session, "canary", {"old": (0, 20), "new": (5, 20)})
        for version, day, n in (("old", 5, 95), ("old", 12, 40), ("new", 12, 60)):
            series = session.scalars(
                select(SeriesRow.id)
                .join(BaselineRow, BaselineRow.id == SeriesRow.baseline_id)
                .join(ModelRow, ModelRow.id == BaselineRow.model_id)
                .where(ModelRow.key == "canary", BaselineRow.active, SeriesRow.version == version)
            ).one()
            session.add(SummaryRow(series_id=series, block=DAY + day, n=n, total=b"", cells=b""))
    words = [c.words for c in found(store, "canary")]
    assert words == ["new answers most rows: 60% of the day", "new answered first, 5% of that day's rows"]
    with reading(store) as session:
        table = shares(session, "canary")["canary"]
    assert list(table.loc[moment_of((DAY + 12) * BLOCK)]) == [0.6, 0.4]


def test_a_further_kind_is_one_more_function(store: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def moon(session: Any, key: str | None, start: datetime, end: datetime) -> list[Changed]:
        return [Changed(start + timedelta(days=days), "", "moon", "full moon", "moon") for days in (-1, 3)]

    monkeypatch.setattr("monitoring.store.queries.changes.SOURCES", (*SOURCES, moon))
    assert [c.kind for c in found(store, "eta")] == ["moon"], "and what lies outside of the range is left out"
