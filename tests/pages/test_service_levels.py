"""The Service levels page: budgets, burn rates and forecasts; no data is never 100 %."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from monitoring.evaluate import Scope, evaluate
from monitoring.store import models
from monitoring.store.database import connect, reading, transaction
from monitoring.store.tables import EvaluationRow, ModelRow, VerdictRow

PAGE = "observe/service_levels.py"
Run = Callable[..., AppTest]
Words = Callable[[AppTest], str]


def change(url: str, key: str, **fields: object) -> None:
    store = connect(url)
    with transaction(store) as session:
        row = session.scalars(select(ModelRow).where(ModelRow.key == key)).one()
        row.document = {**row.document, **fields}
    store.dispose()


def test_without_a_model_one_is_asked_for(empty_store: str, run_page: Run, written: Words) -> None:
    at = run_page(PAGE)
    assert not at.exception
    assert "No model is chosen" in written(at)


def test_every_objective_has_its_budget_and_its_burn_rates(small_store: str, run_page: Run, written: Words) -> None:
    at = run_page(PAGE, model="delays")
    assert not at.exception
    headers = [h.value.replace("\\", "") for h in at.header]
    assert any(h.startswith("Latency:") for h in headers) and any(h.startswith("Availability:") for h in headers)
    for figure in ("Budget left", "Good share", "Bad of all", "Gone in"):
        assert sum(m.label == figure for m in at.metric) == 2, figure
    burns = [d.value for d in at.dataframe if "pair" in d.value]
    assert len(burns) == 2
    assert list(burns[0]["pair"]) == ["1h/5m", "6h/30m", "1d/2h", "3d/6h"] or len(burns[0]) >= 3
    assert burns[0]["reason"].str.contains("fires at").all()
    assert "Traffic by hour" in headers


def test_a_quality_objective_is_shown_like_the_others(small_store: str, run_page: Run, written: Words) -> None:
    change(small_store, "eta", slos=[{"sli": "quality", "objective": 0.8, "tolerance": 10}])
    store = connect(small_store)
    with reading(store) as session:
        watched = next(one for one in models.watched(session) if one.key == "eta")
    evaluate(store, watched, Scope(), lambda: datetime.now(UTC), lambda share, words: None)
    store.dispose()
    at = run_page(PAGE, model="eta")
    assert not at.exception
    headers = [h.value.replace("\\", "") for h in at.header]
    assert "Quality: 80 % of predictions within ±10 of their label over 30d" in headers
    assert {"Budget left", "Good share", "Bad of all", "Gone in"} <= {m.label for m in at.metric}
    good = next(m.value for m in at.metric if m.label == "Good share")
    assert f"{good} within ±10 of their label of" in written(at).replace("\\", "")


def test_a_period_without_a_request_is_no_data_and_not_100_percent(
    small_store: str, run_page: Run, written: Words
) -> None:
    store = connect(small_store)
    with transaction(store) as session:
        for row in session.scalars(select(EvaluationRow)):
            row.now = row.now + timedelta(days=100)
    store.dispose()
    at = run_page(PAGE, model="delays")
    assert not at.exception
    assert "No request in the last" in written(at)
    assert not [m.value for m in at.metric if m.label in ("Budget left", "Good share")]


def test_freshness_of_an_evaluated_model(small_store: str, run_page: Run) -> None:
    store = connect(small_store)
    with transaction(store) as session:
        model = session.scalars(select(ModelRow).where(ModelRow.key == "eta")).one()
        model.document = {**model.document, "slos": [{"sli": "freshness", "max_age": "4h", "objective": 0.99}]}
        old = session.scalars(
            select(VerdictRow).where(VerdictRow.model_id == model.id, VerdictRow.check == "drift")
        ).first()
        assert old is not None
        session.add(
            VerdictRow(
                model_id=model.id,
                check="slo.freshness",
                method="age_hours",
                first_slot=old.first_slot,
                window_start=old.window_start,
                window_end=old.window_end,
                n=0,
                value=5.0,
                threshold=4.0,
                breached=4.0,
                status="breached",
                automatic=False,
                provisional=False,
                reason="The newest prediction is 5 h old; at most 4h is allowed.",
                evaluated_at=old.evaluated_at,
            )
        )
    store.dispose()
    at = run_page(PAGE, model="eta")
    assert not at.exception
    assert {m.label: m.value for m in at.metric} == {"Age": "5.0 h", "Allowed": "4h"}


def test_a_model_without_objectives_says_what_to_write(small_store: str, run_page: Run, written: Words) -> None:
    at = run_page(PAGE, model="eta")
    assert not at.exception
    assert "This model has no objectives" in written(at)
    assert "slos:" in at.code[0].value
    assert any("latency_ms" in c.value for c in at.code), "how to map latency, too"


def test_freshness_not_judged_yet_is_unknown(small_store: str, run_page: Run, written: Words) -> None:
    change(small_store, "eta", slos=[{"sli": "freshness", "max_age": "4h", "objective": 0.99}])
    at = run_page(PAGE, model="eta")
    assert not at.exception
    assert "age of the newest prediction is unknown" in written(at), "not judged yet: no verdict is invented"


@pytest.mark.parametrize("key", ["new", "gone"])
def test_models_not_evaluated_say_so(small_store: str, run_page: Run, written: Words, key: str) -> None:
    at = run_page(PAGE, model=key)
    assert not at.exception
    assert "has not been evaluated yet" in written(at)


def test_an_objective_without_its_column_says_what_to_map(small_store: str, run_page: Run, written: Words) -> None:
    change(
        small_store,
        "eta",
        slos=[{"sli": "availability", "objective": 0.99}, {"sli": "latency", "threshold_ms": 5, "objective": 0.9}],
    )
    at = run_page(PAGE, model="eta")
    assert not at.exception
    said = written(at).replace("\\", "")
    assert "the log has no status" in said and "the log has no latency" in said
    assert not [m for m in at.metric if m.label == "Good share"]
