"""What stored verdicts would have said under other thresholds is what they say once they are judged by them."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, select

from monitoring.backtest import Proposal, back_test
from monitoring.core.alerting.alert import Alert
from monitoring.core.backtest import Difference, Period, Quiet, course, delays
from monitoring.core.verdict import Status, Verdict
from monitoring.evaluate import Scope, evaluate
from monitoring.fleet import Model, parse_model, parse_rule
from monitoring.store import edits, models, rules
from monitoring.store.database import connect, reading, transaction
from monitoring.store.migrations import migrate
from monitoring.store.queries import backtest as queries
from monitoring.store.tables import VerdictRow
from monitoring.store.verdicts import from_row
from monitoring.verdicts.rejudge import Rejudged, needed, rejudge
from tests.logs_of import START, binary_model, flights, write

NOW = START + timedelta(days=33)
Threshold = dict[str, Any]


def log_of(folder: Path) -> dict[str, Any]:
    """A month whose days differ: distances wander, a value goes missing more and more, and the scores decay."""
    log = flights(33, per_hour=6, seed=5, decay_after=27)
    draw = np.random.default_rng(8)
    day = (log.ts.dt.dayofyear - log.ts.dt.dayofyear.min()).to_numpy()
    log["distance"] += draw.normal(0, 60, 40)[day]
    log.loc[draw.random(len(log)) < np.maximum(0, day - 15) / 60, "carrier"] = None
    log = log[(day % 9 != 4) | (draw.random(len(log)) < 0.3)]  # few rows on some days
    return binary_model(
        write(log, "parquet", folder), reference={"from": "2026-03-02", "to": "2026-03-12"}, slos=[],
    )  # fmt: skip


def judged(store: Engine) -> Model:
    """Evaluate the model of a store; the model with the thresholds it was judged by."""
    with reading(store) as session:
        (watched,) = models.watched(session)
    evaluate(store, watched, Scope(now=NOW, diagnosed=False), lambda: NOW, lambda share, words: None)
    return watched.model


def stored(store: Engine, model: Model, checks: set[str]) -> list[Verdict]:
    with reading(store) as session:
        ((id_, _),) = models.documents(session)
        series = queries.wholes(session, {id_: model.key}, checks, 0)
        return queries.verdicts(session, series, model.chunk.slots, 0)[model.key]


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rejudged")
    store = connect(f"sqlite:///{folder / 'leeway.db'}")
    migrate(store)
    with transaction(store) as session:
        models.apply(session, [log_of(folder)], folder, "tests", NOW)
    judged(store)
    store.dispose()
    return folder / "leeway.db"


@pytest.fixture
def store(evaluated: Path, tmp_path: Path) -> Engine:
    return connect(f"sqlite:///{shutil.copy(evaluated, tmp_path / 'leeway.db')}")


def said(verdicts: Sequence[Verdict]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Status and levels by place; where a window could not be judged, its levels say nothing."""
    known = (Status.OK, Status.WARNING, Status.BREACHED)
    return {
        (v.check, v.column, v.method, v.window.start): (
            v.status, *((v.warning, v.breached, v.threshold) if v.status in known else ())
        ) for v in verdicts
    }  # fmt: skip


CHANGES: dict[str, list[Threshold]] = {
    "levels of missing values": [{"check": "quality.missing", "warning": 0.1, "breached": 0.15}],
    "missing values of one column, where few rows say nothing": [
        {"check": "quality.missing", "column": "carrier", "breached": 0.02, "min_rows": 60}
    ],
    "levels of volume": [{"check": "quality.volume", "warning": 0.1, "breached": 0.3}],
    "levels of the metric it is judged by": [{"check": "performance.roc_auc", "warning": 0.84, "breached": 0.82}],
    "a metric it was not judged by": [{"check": "performance.accuracy", "breached": 0.7, "min_rows": 20}],
    "levels of the share of features": [{"check": "drift", "warning": 0.5, "breached": 0.75}],
    "a larger budget": [{"check": "drift", "false_alarms_per_quarter": 20}],
    "a smaller budget": [{"check": "drift", "false_alarms_per_quarter": 0.01}],
    "levels of a feature, which leaves the family": [
        {"check": "drift.feature", "column": "distance", "warning": 0.05, "breached": 0.3}
    ],
    "a budget of a feature's own": [
        {"check": "drift.feature", "column": "distance", "false_alarms_per_quarter": 5}
    ],
    "a feature judged only where there are many rows": [{"check": "drift.feature", "min_rows": 140}],
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_stored_verdicts_judged_again_are_what_an_evaluation_says(store: Engine, change: str) -> None:
    told, checks = looked_back(store, CHANGES[change])
    was, foreseen, came = foreseen_and_judged(store, CHANGES[change])
    assert said(foreseen.verdicts) == said(came)
    assert not foreseen.unknown
    assert [v.status for v in was] != [v.status for v in foreseen.verdicts], "nothing changed"
    assert bool(told.unknown) == (change == "a metric it was not judged by"), "its slices never were"
    assert opened(told.after.alerts, told.unknown) == opened(alerts_of(store, checks), told.unknown)


OF_PARTS: dict[str, list[Threshold]] = {
    "levels of what is predicted": [{"check": "drift.prediction", "warning": 0.05, "breached": 0.2}],
    "levels of what is predicted for one slice": [
        {"check": "drift.prediction", "slice": "origin=JFK", "warning": 0.05, "breached": 0.2}
    ],
    "a level of one slice": [{"check": "performance.roc_auc", "slice": "origin=EWR", "breached": 0.85}],
    "a level of one version": [{"check": "performance.roc_auc", "version": "v1", "breached": 0.9}],
    "a level that one slice alone is spared": [
        {"check": "performance.roc_auc", "breached": 0.8},
        {"check": "performance.roc_auc", "slice": "origin=JFK", "breached": 0.1},
    ],
}  # fmt: skip


@pytest.mark.parametrize("change", OF_PARTS)
def test_the_alerts_of_slices_and_versions_are_foreseen(store: Engine, change: str) -> None:
    told, checks = looked_back(store, OF_PARTS[change])
    foreseen_and_judged(store, OF_PARTS[change])
    came = opened(alerts_of(store, checks))
    assert opened(told.after.alerts) == came
    assert came != opened(told.before.alerts), "nothing changed"
    assert any(about.slice or about.version for about, *_ in came)


@pytest.mark.parametrize("budget", [0.1, 4, 12, 60])
def test_features_that_stay_fine_need_not_be_read_one_by_one(
    store: Engine, monkeypatch: pytest.MonkeyPatch, budget: float
) -> None:
    def seen() -> Difference:
        with reading(store) as session:
            ((_, document),) = models.documents(session)
            change = [{"check": "drift", "false_alarms_per_quarter": budget}]
            return back_test(session, Proposal({document["key"]: change}), 33, NOW).models[0]

    counted: list[int] = []
    really = queries.quiet

    def quiet(*asked: Any) -> dict[str, Quiet]:
        found = really(*asked)
        counted.extend(number for one in found.values() for number in one.features.values())
        return found

    monkeypatch.setattr(queries, "quiet", quiet)
    quick = seen()
    assert sum(counted) > 30, "windows of features were only counted"
    monkeypatch.setattr("monitoring.backtest.quiet_levels", lambda *_: {})
    assert seen() == quick


def looked_back(store: Engine, change: list[Threshold]) -> tuple[Difference, set[str]]:
    """What a back-test says of a change, and of which checks; as it is, it is what the stored verdicts come to."""
    with reading(store) as session:
        ((_, document),) = models.documents(session)
        (found,) = back_test(session, Proposal({document["key"]: change}), 33, NOW).models
        before = models.watched(session)[0].model
    checks = needed(before, parse_model({**document, "thresholds": change}, document["key"]))
    assert opened(found.before.alerts) == opened(alerts_of(store, checks))
    return found, checks


def alerts_of(store: Engine, checks: set[str]) -> tuple[Alert, ...]:
    """The alerts that every verdict there is of some checks would have raised, by the one decision."""
    with reading(store) as session:
        query = select(VerdictRow).where(VerdictRow.check.in_(checks))
        rows = list(session.scalars(query.order_by(VerdictRow.first_slot, VerdictRow.id)))
        model = models.watched(session)[0].model
    every = [from_row(row, model.key) for row in rows]
    late = delays([v for v in every if not v.slice and not v.version], NOW)
    period = Period(NOW - timedelta(days=33), NOW)
    return course(model.key, model.title, model.owner, every, late, period, ()).alerts


def opened(alerts: Sequence[Alert], unknown: Iterable[str] = ()) -> list[tuple[Any, ...]]:
    """What they are about, and when; without what is said to be unknown."""
    return sorted(
        ((a.subject, a.fired_at, a.closed_at) for a in alerts
         if not (a.subject.part and any(why.startswith(a.subject.check) for why in unknown))),
        key=lambda each: (each[0].words, each[1]),
    )  # fmt: skip


def test_a_floor_and_a_budget_of_all_columns_together_are_foreseen(store: Engine) -> None:
    method = {"check": "drift.multivariate", "method": "domain_classifier"}
    foreseen_and_judged(store, [method])
    _, foreseen, came = foreseen_and_judged(store, [method | {"breached": 0.6, "false_alarms_per_quarter": 9}])
    assert {v.status for v in came} > {Status.OK, Status.BREACHED}
    assert [v.status for v in foreseen.verdicts] == [v.status for v in came]


def foreseen_and_judged(store: Engine, change: list[Threshold]) -> tuple[list[Verdict], Rejudged, list[Verdict]]:
    """The verdicts as they are, what is foreseen of them under other thresholds, and what they come to."""
    with reading(store) as session:
        ((_, document),) = models.documents(session)
        before = models.watched(session)[0].model
    with transaction(store) as session:
        edits.change(session, "model", before.key, document.get("thresholds", []), change, "ada", NOW, "a test")
    with reading(store) as session:
        after = models.watched(session)[0].model
    checks = needed(before, after)
    was = stored(store, before, checks)
    foreseen = rejudge(before, after, was, queries_begun(store))
    judged(store)
    return was, foreseen, stored(store, after, checks)


def queries_begun(store: Engine) -> int:
    with reading(store) as session:
        ((id_, _),) = models.documents(session)
        return queries.begun(session, [id_])[id_]


def test_a_rule_of_the_fleet_is_foreseen_like_a_threshold_of_its_own(store: Engine) -> None:
    document = {
        "key": "nulls",
        "matchers": {"task": "binary_classification"},
        "check": "quality.missing",
        "breached": 0.1,
    }
    with reading(store) as session:
        before = models.watched(session)[0].model
    after = before.under([parse_rule(document, "a test")])
    checks = needed(before, after)
    foreseen = rejudge(before, after, stored(store, before, checks))
    with transaction(store) as session:
        rules.apply(session, [document], "ada", NOW, "a test")
    assert said(stored(store, judged(store), checks)) == said(foreseen.verdicts)


def test_what_is_not_kept_is_said_to_be_unknown_and_stays(store: Engine) -> None:
    with reading(store) as session:
        ((_, document),) = models.documents(session)
    was = [{"check": "performance.roc_auc", "breached": 0.82}]
    with transaction(store) as session:
        edits.change(session, "model", document["key"], [], was, "ada", NOW, "a test")
    before = judged(store)
    after = before.model_copy(update={"thresholds": ()})
    verdicts = stored(store, before, needed(before, after))
    foreseen = rejudge(before, after, verdicts)
    assert sum(foreseen.unknown.values()) > 10
    assert all("automatic levels" in why for why in foreseen.unknown)
    assert said(foreseen.verdicts) == said(verdicts)

    one_way = before.model_copy(
        update={
            "thresholds": (
                *before.thresholds,
                parse_rule({"key": "r", "check": "drift.feature", "direction": "up"}, "a test").threshold(),
            )
        }
    )
    of_drift = stored(store, before, needed(before, one_way))
    foreseen = rejudge(before, one_way, of_drift)
    assert any("direction" in why for why in foreseen.unknown)
    assert said(foreseen.verdicts) == said(of_drift)
    assert any(v.status == Status.BREACHED for v in of_drift)
