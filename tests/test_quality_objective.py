"""Quality objectives: predictions that came out right, of those whose labels are due, as raw rows have it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from monitoring import fleet
from monitoring.core.grid import NumericGrid
from monitoring.core.slo.quality import within
from monitoring.core.verdict import Status, Verdict
from monitoring.errors import FleetError
from monitoring.evaluate import Scope, evaluate
from monitoring.store import models
from monitoring.store.database import connect, reading, transaction
from monitoring.store.migrations import migrate
from monitoring.store.queries.objectives import objective
from tests.logs_of import START, binary_model, fleet_of, flights, multiclass, regression, write

DAYS = 10
NOW = START + timedelta(days=DAYS)
DELAY = pd.Timedelta(hours=40)
TOLERANCE = 6.0
COLUMNS: dict[str, Any] = {"id": "id", "timestamp": "ts", "observed_at": "observed_at", "features": ["distance"]}


def logged(task: str) -> tuple[pd.DataFrame, dict[str, Any], pd.Series[bool]]:
    """A log, its mapping, and which rows came out right."""
    if task == "regression":
        log = regression(DAYS).round({"eta": 0, "actual": 0})  # whole minutes: many errors are the tolerance itself
        columns = {**COLUMNS, "prediction": "eta", "label": "actual"}
        return log, columns, (log.eta - log.actual).abs() <= TOLERANCE
    if task == "multiclass_classification":
        log = multiclass(DAYS)
        scores = {name: f"p_{name}" for name in ("late", "early", "cancelled")}
        return log, {**COLUMNS, "score": scores, "prediction": "said", "label": "outcome"}, log.said == log.outcome
    log = flights(DAYS)
    return log, {**COLUMNS, "score": "score", "label": "label"}, (log.score >= 0.5).astype(int) == log.label


def judged(tmp_path: Path, log: pd.DataFrame, task: str, columns: dict[str, Any], **slo: Any) -> list[Verdict]:
    place = write(log, "parquet", tmp_path, "log")
    objective = {"sli": "quality", "objective": 0.8, "period": "7d"} | slo
    document = binary_model(place, key="right", task=task, slos=[objective])
    document["predictions"]["columns"] = columns
    store = connect(f"sqlite:///{tmp_path / 'leeway.db'}")
    migrate(store)
    with transaction(store) as session:
        models.apply(session, fleet.load(fleet_of(tmp_path, document)), tmp_path, "test", NOW)
    with reading(store) as session:
        watched = models.watched(session)[0]
    found = evaluate(store, watched, Scope(now=NOW, diagnosed=False), lambda: NOW, lambda share, words: None)
    store.dispose()
    return found


@pytest.mark.parametrize("task", ["binary_classification", "multiclass_classification", "regression"])
def test_an_objective_is_counted_as_raw_rows_have_it(task: str, tmp_path: Path) -> None:
    log, columns, right = logged(task)
    log["observed_at"] = log.ts + DELAY * np.random.default_rng(3).uniform(0.1, 1.0, len(log))
    slo = {"tolerance": TOLERANCE} if task == "regression" else {}
    found = {v.method: v for v in judged(tmp_path, log, task, columns, **slo) if v.check == "slo.quality"}
    budget = found["budget"]
    until = budget.window.end
    assert until is not None and NOW - DELAY - timedelta(hours=2) <= until <= NOW - 0.85 * DELAY
    inside = (log.ts >= until - timedelta(days=7)) & (log.ts < until) & (log.observed_at < NOW)
    assert budget.window.n == inside.sum()
    assert budget.value == pytest.approx(right[inside].mean())
    assert budget.status == (Status.BREACHED if right[inside].mean() < 0.8 else Status.OK)
    assert ("within ±6 of their label" if slo else "correct") in budget.reason
    for name, hours in (("1h/5m", 1), ("6h/30m", 6), ("1d/2h", 24), ("3d/6h", 72)):
        last = (log.ts >= until - timedelta(hours=hours)) & (log.ts < until) & (log.observed_at < NOW)
        assert found[f"burn {name}"].value == pytest.approx((~right[last]).mean() / 0.2)
        assert found[f"burn {name}"].threshold <= 2.5 + 1e-9  # what can be reached


def test_bad_predictions_are_for_watching_and_wake_nobody(tmp_path: Path) -> None:
    log, columns, _ = logged("binary_classification")
    log["observed_at"] = log.ts + pd.Timedelta(hours=1)
    log.loc[log.ts >= pd.Timestamp(NOW) - pd.Timedelta(days=2), "label"] = 1 - (log.score >= 0.5).astype(int)
    found = judged(tmp_path, log, "binary_classification", columns, objective=0.7)
    burning = next(v for v in found if v.method == "burn 1d/2h")
    assert burning.status == Status.WARNING
    fast = next(v for v in found if v.method == "burn 1h/5m")
    assert fast.status == Status.BREACHED
    model = found[-1]
    assert model.check == "model" and str(model.flag) != "page"
    assert any(line.startswith("Quality (70 % over ") and "is burning" in line for line in model.findings)


def test_the_page_shows_what_was_judged_and_its_course(tmp_path: Path) -> None:
    log, columns, right = logged("regression")
    log["observed_at"] = log.ts + pd.Timedelta(hours=3)
    found = judged(tmp_path, log, "regression", columns, tolerance=TOLERANCE)
    budget = next(v for v in found if v.method == "budget")
    assert budget.window.end is not None
    store = connect(f"sqlite:///{tmp_path / 'leeway.db'}")
    day = START + timedelta(days=8)
    with reading(store) as session:
        state = objective(
            session, "right", "quality", 0.8, "7d", TOLERANCE, budget.window.end, day, day + timedelta(days=1)
        )
    store.dispose()
    assert state is not None
    assert (state.budget.good, state.budget.valid) == (pytest.approx(budget.value), budget.window.n)
    hour = (log.ts >= day) & (log.ts < day + timedelta(hours=1))
    assert len(state.course) == 24 and state.course["valid"][0] == hour.sum()
    assert state.course["bad"][0] == (~right[hour]).sum()
    week = (log.ts >= day - timedelta(days=7, hours=-1)) & (log.ts < day + timedelta(hours=1))
    assert state.course["left"][0] == pytest.approx(1 - (~right[week]).mean() / 0.2)


def test_without_labels_or_before_the_first_is_due_nothing_is_known(tmp_path: Path) -> None:
    log, columns, _ = logged("binary_classification")
    bare = {k: v for k, v in columns.items() if k not in ("label", "observed_at")}
    found = judged(tmp_path, log.drop(columns=["label"]), "binary_classification", bare)
    verdict = next(v for v in found if v.check == "slo.quality")
    assert verdict.status == Status.NO_DATA
    assert verdict.reason == "The model has no labels, which this objective needs."


def test_a_regression_must_say_how_wrong_is_right(tmp_path: Path) -> None:
    log, columns, _ = logged("regression")
    with pytest.raises(FleetError, match="a regression's quality objective needs `tolerance`"):
        judged(tmp_path, log, "regression", columns)


def test_a_tolerance_that_is_no_class_limit_is_narrowed_and_said() -> None:
    """A tolerance that was set after the baseline was frozen."""
    grid = NumericGrid(0.0, 5.0)
    good, used = within(grid, 6.0)
    errors = np.random.default_rng(1).normal(0, 5, 20_000)
    counted = good(grid.code(errors))
    assert 5.7 < used < 6.0
    assert (counted == (np.abs(errors) <= used)).all()
    cut, exact = within(NumericGrid(0.0, 5.0, (-6.0 - 6e-9, 6.0 + 6e-9)), 6.0)
    assert exact == 6.0
    whole = np.array([-6.0, 6.0, -6.1, 6.1, 0.0])
    assert list(cut(NumericGrid(0.0, 5.0, (-6.0 - 6e-9, 6.0 + 6e-9)).code(whole))) == [True, True, False, False, True]
