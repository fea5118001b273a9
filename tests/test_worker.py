"""The worker: evaluates, answers, gives a sign of life, and survives what it cannot do."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine, select

import monitoring.evaluate
from monitoring.core.verdict import Verdict
from monitoring.ingest import Ingested
from monitoring.settings import Settings
from monitoring.store import models
from monitoring.store.database import connect, reading, transaction
from monitoring.store.migrations import migrate
from monitoring.store.tables import AlertRow, AuditRow, BaselineRow, EvaluationRow, HeartbeatRow, RequestRow, VerdictRow
from monitoring.verdicts.subject import Subject
from monitoring.worker import answer, beat, evaluate_all

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)


def clock() -> datetime:
    return NOW


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(database=f"sqlite:///{tmp_path}/leeway.db", home=tmp_path)


@pytest.fixture
def store(settings: Settings, tmp_path: Path) -> Engine:
    random = np.random.default_rng(3)
    times = pd.date_range(NOW - timedelta(days=12), NOW - timedelta(minutes=30), freq="10min")
    frame = pd.DataFrame({"at": times, "x": random.normal(0, 1, len(times)), "score": random.random(len(times))})
    frame.to_csv(tmp_path / "log.csv", index=False)
    engine = connect(settings.database)
    migrate(engine)
    document = {
        "key": "small",
        "task": "binary_classification",
        "predictions": {"source": "csv", "location": "log.csv", "columns": {"timestamp": "at", "score": "score"}},
    }
    broken = document | {"key": "broken", "predictions": document["predictions"] | {"location": "gone.csv"}}  # type: ignore[operator]
    with transaction(engine) as session:
        models.apply(session, [broken, document], tmp_path, "test", NOW)
    return engine


def ask(store: Engine, kind: str, key: str, **arguments: str) -> int:
    with transaction(store) as session:
        row = RequestRow(
            kind=kind, model_key=key, arguments=arguments, actor="ann", asked_at=NOW, state="waiting", progress=0.0,
            message="", result="", finished_at=None,
        )  # fmt: skip
        session.add(row)
        session.flush()
        return row.id


def outcome(store: Engine, number: int) -> tuple[str, str]:
    with reading(store) as session:
        row = session.get_one(RequestRow, number)
        return row.state, row.message or row.result


def evaluate(store: Engine, settings: Settings) -> None:
    evaluate_all(store, settings, clock, threading.Event())


def test_a_broken_model_does_not_stop_the_others(store: Engine, settings: Settings) -> None:
    evaluate(store, settings)
    with reading(store) as session:
        rows = session.execute(select(VerdictRow.status, VerdictRow.flag).where(VerdictRow.check == "model")).all()
        errors = list(session.scalars(select(EvaluationRow.error).order_by(EvaluationRow.id)))
    assert ("failed", "page") in [tuple(r) for r in rows]
    assert len(rows) == 2
    assert "gone.csv" in errors[0] and errors[1] == ""


def test_what_an_evaluation_finds_becomes_an_alert(store: Engine, settings: Settings) -> None:
    evaluate(store, settings)
    with reading(store) as session:
        found = [(r.model_key, r.rule, r.state) for r in session.scalars(select(AlertRow))]
    assert ("broken", "not evaluated", "pending") in found
    assert not [rule for model, rule, _ in found if model == "small" and rule == "not evaluated"]


def test_evaluating_twice_changes_nothing(store: Engine, settings: Settings) -> None:
    def state() -> list[tuple[object, ...]]:
        with reading(store) as session:
            query = select(
                VerdictRow.check, VerdictRow.column, VerdictRow.first_slot, VerdictRow.value, VerdictRow.revision
            )
            return sorted(tuple(r) for r in session.execute(query.where(VerdictRow.status != "failed")))

    evaluate(store, settings)
    before = state()
    evaluate(store, settings)
    assert state() == before


def test_a_request_is_done_once_and_says_the_flag(store: Engine, settings: Settings) -> None:
    number = ask(store, "evaluate", "small")
    answer(store, settings, clock)
    assert outcome(store, number)[0] == "done"
    assert outcome(store, number)[1] in ("healthy", "watch", "retrain", "page")


@pytest.mark.parametrize(
    ("kind", "key", "words"),
    [
        ("evaluate", "nobody", "no model is called 'nobody'"),
        ("evaluate", "broken", "gone.csv"),
        ("rebaseline", "nobody", "no model is called 'nobody'"),
        ("dance", "small", "nothing is known of a request 'dance'"),
    ],
)
def test_what_cannot_be_done_is_answered_with_the_reason(
    store: Engine, settings: Settings, kind: str, key: str, words: str
) -> None:
    number = ask(store, kind, key)
    answer(store, settings, clock)
    state, message = outcome(store, number)
    assert state == "failed"
    assert words in message


def test_rebaselining_on_another_window_changes_the_document_and_is_audited(store: Engine, settings: Settings) -> None:
    evaluate(store, settings)
    with reading(store) as session:
        old = session.scalars(select(BaselineRow.fingerprint)).all()
    number = ask(store, "rebaseline", "small", start="2026-05-12T00:00:00Z", end="2026-05-15T00:00:00Z")
    answer(store, settings, clock)
    assert outcome(store, number)[0] == "done"
    with reading(store) as session:
        assert models.watched(session, "small")[0].model.reference is not None
        new = session.scalars(select(BaselineRow.fingerprint)).all()
        audit = session.scalars(select(AuditRow.actor).where(AuditRow.action == "model re-baselined")).all()
    assert len(new) == 1 and new != old
    assert audit == ["ann"]


def test_signs_of_life_are_given_but_not_all_the_time(store: Engine) -> None:
    moments = iter([NOW, NOW + timedelta(seconds=1), NOW + timedelta(seconds=60), NOW + timedelta(seconds=60)])
    beat(store, lambda: NOW, "waiting")
    beat(store, lambda: next(moments), "soon after")
    with reading(store) as session:
        assert session.get_one(HeartbeatRow, "worker").detail == "waiting"
    beat(store, lambda: NOW + timedelta(seconds=60), "later")
    with reading(store) as session:
        assert session.get_one(HeartbeatRow, "worker").at == NOW + timedelta(seconds=60)


def test_a_model_of_which_nothing_changed_is_not_judged_again_until_time_itself_changes_something(
    store: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[str] = []
    judge = monitoring.evaluate.judge

    def counted(subject: Subject, done: Ingested) -> list[Verdict]:
        judged.append(subject.model.key)
        return judge(subject, done)

    monkeypatch.setattr(monitoring.evaluate, "judge", counted)

    def evaluate_at(moment: datetime) -> None:
        evaluate_all(store, settings, lambda: moment, threading.Event())

    evaluate_at(NOW)
    evaluate_at(NOW + timedelta(seconds=60))
    assert len(judged) == 1
    evaluate_at(NOW + timedelta(seconds=300))
    assert len(judged) == 2
    with reading(store) as session:
        moments = [r.now for r in session.scalars(select(EvaluationRow).where(EvaluationRow.error == ""))]
    assert moments == [NOW, NOW + timedelta(seconds=60), NOW + timedelta(seconds=300)], "each look is on record"
