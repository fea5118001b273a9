"""The Service levels page: budgets, burn rates and forecasts; no data is never 100 %."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from monitoring.evaluate import Scope, evaluate
from monitoring.store import models, revisions
from monitoring.store.database import connect, reading, transaction
from monitoring.store.tables import EvaluationRow, ModelRow, VerdictRow
from tests.clock import PRESENT
from tests.pages.conftest import Run, Written

PAGE = "observe/service_levels.py"


def change(url: str, key: str, **fields: object) -> None:
    store = connect(url)
    with transaction(store) as session:
        row = session.scalars(select(ModelRow).where(ModelRow.key == key)).one()
        row.document = {**row.document, **fields}
    store.dispose()


def test_without_a_model_one_is_asked_for(empty_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE)
    assert not at.exception
    assert "No model is chosen" in written(at)


def test_every_objective_has_its_budget_and_its_burn_rates(small_store: str, run_page: Run, written: Written) -> None:
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


def test_a_quality_objective_is_shown_like_the_others(small_store: str, run_page: Run, written: Written) -> None:
    change(small_store, "eta", slos=[{"sli": "quality", "objective": 0.8, "tolerance": 10}])
    store = connect(small_store)
    with reading(store) as session:
        watched = next(one for one in models.watched(session) if one.key == "eta")
    evaluate(store, watched, Scope(), lambda: PRESENT, lambda share, words: None)
    store.dispose()
    at = run_page(PAGE, model="eta")
    assert not at.exception
    headers = [h.value.replace("\\", "") for h in at.header]
    assert "Quality: 80 % of predictions within ±10 of their label over 30d" in headers
    assert {"Budget left", "Good share", "Bad of all", "Gone in"} <= {m.label for m in at.metric}
    waits = next(m for m in at.metric if m.label == "Provisional budget left")
    assert waits.delta.endswith("newer labelled")
    assert "Settled to" in written(at) and "Provisional since then" in written(at)
    good = next(m.value for m in at.metric if m.label == "Good share")
    assert f"{good} within ±10 of their label of" in written(at).replace("\\", "")


def test_a_period_without_a_request_is_no_data_and_not_100_percent(
    small_store: str, run_page: Run, written: Written
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
                column="freshness-4h-99-30d",
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
    figures = {m.label: m.value for m in at.metric}
    assert set(figures) == {"Age", "Allowed", "Budget left", "Good share", "Too old", "Gone in"}
    assert (figures["Age"], figures["Allowed"]) == ("5.0 h", "4h")
    assert not [d for d in at.dataframe if "pair" in d.value], "what is too old pages by itself: no burn rates"


def test_a_model_without_objectives_says_what_to_write(small_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE, model="eta")
    assert not at.exception
    assert "This model has no objectives" in written(at)
    assert "slos:" in at.code[0].value
    assert any("latency_ms" in c.value for c in at.code), "how to map latency, too"


def test_freshness_not_judged_yet_is_unknown(small_store: str, run_page: Run, written: Written) -> None:
    change(small_store, "eta", slos=[{"sli": "freshness", "max_age": "4h", "objective": 0.99}])
    at = run_page(PAGE, model="eta")
    assert not at.exception
    assert "age of the newest prediction is unknown" in written(at), "not judged yet: no verdict is invented"


@pytest.mark.parametrize("key", ["new", "gone"])
def test_models_not_evaluated_say_so(small_store: str, run_page: Run, written: Written, key: str) -> None:
    at = run_page(PAGE, model=key)
    assert not at.exception
    assert "has not been evaluated yet" in written(at)


def test_an_objective_without_its_column_says_what_to_map(small_store: str, run_page: Run, written: Written) -> None:
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


CHANGE = "Change objectives"


def slos_of(url: str, key: str) -> list[dict[str, Any]]:
    store = connect(url)
    with reading(store) as session:
        return list(next(d for _, d in models.documents(session) if d["key"] == key).get("slos") or [])


def choose(at: AppTest, name: str) -> AppTest:
    """Pick an objective by how its title begins."""
    box = next(s for s in at.selectbox if s.label == "Objective")
    return box.select(next(o for o in box.options if o.startswith(name))).run()


def new(at: AppTest, kind: str) -> AppTest:
    choose(at, "A new objective")
    return next(b for b in at.button_group if b.label == "Kind").set_value(kind).run()


def enter(at: AppTest, label: str, value: Any) -> AppTest:
    return next(i for i in (*at.number_input, *at.text_input) if i.label == label).set_value(value).run()


def before_and_after(at: AppTest) -> dict[str, tuple[str, str]]:
    return {m.label: (m.delta.removeprefix("as it is: "), m.value) for m in at.metric}


def test_a_change_shows_what_it_would_have_done_is_saved_with_a_reason_and_undone(
    small_store: str, run_page: Run, written: Written
) -> None:
    was = slos_of(small_store, "delays")
    at = choose(run_page(PAGE, model="delays", view=CHANGE), "Latency")
    assert not at.exception
    assert "As it is. Change it" in written(at) and not at.metric
    enter(at, "Within, ms", 20.0)
    assert not at.exception
    figures = before_and_after(at)
    assert set(figures) == {"Alerts opened", "Pages at night", "Time in alert", "Budget left at the end"}
    assert figures["Alerts opened"][1] != figures["Alerts opened"][0] == "none", "half of all answers take longer"
    assert "the budget was spent first on" in written(at)
    assert "The log begins on" in written(at)
    assert at.button(key="save-now").disabled
    at.text_input(key="save-reason").set_value("Callers wait 20 ms, not 50").run()
    at.button(key="save-now").click().run()
    assert not at.exception
    assert slos_of(small_store, "delays") == [{**was[0], "threshold_ms": 20.0}, was[1]]
    at = run_page(PAGE, model="delays")
    assert "local changed the objectives" in str(at.info[0].value), "not judged yet, and said so"

    at = run_page(PAGE, model="delays", view="History")
    table = next(d.value for d in at.dataframe if "reason" in d.value)
    assert list(table["author"]) == ["local", "tests"]
    assert table["reason"][0] == "Callers wait 20 ms, not 50"
    at.selectbox(key="undo").select("delays, revision 2").run()
    at.text_input(key="undo-reason").set_value("They do wait").run()
    at.button(key="undo-now").click().run()
    assert not at.exception
    assert slos_of(small_store, "delays") == was
    with reading(connect(small_store)) as session:
        newest = revisions.history(session, revisions.OBJECTIVES, "delays")[0]
    assert (newest.number, newest.undoes, newest.reason) == (3, 2, "They do wait")


NEW: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "Latency": ({"Within, ms": 30.0}, {"sli": "latency", "threshold_ms": 30.0, "objective": 0.99}),
    "Availability": ({"Objective, %": 99.9}, {"sli": "availability", "objective": 0.999}),
    "Freshness": ({"At most this old": "90m"}, {"sli": "freshness", "max_age": "90m", "objective": 0.99}),
    "Quality": ({"Objective, %": 75.0}, {"sli": "quality", "objective": 0.75}),
}


@pytest.mark.parametrize("kind", NEW)
def test_an_objective_of_every_kind_is_added(small_store: str, run_page: Run, written: Written, kind: str) -> None:
    entered, saved = NEW[kind]
    was = slos_of(small_store, "delays")
    at = new(run_page(PAGE, model="delays", view=CHANGE), kind)
    for label, value in entered.items():
        enter(at, label, value)
    assert not at.exception
    assert before_and_after(at)["Alerts opened"][0] == "none", "there was no such objective"
    at.text_input(key="save-reason").set_value("They asked for it").run()
    at.button(key="save-now").click().run()
    assert not at.exception
    assert slos_of(small_store, "delays") == [*was, saved]
    options = next(s for s in at.selectbox if s.label == "Objective").options
    assert len(options) == 4, "the form begins anew, with the new one among them"


def test_two_objectives_of_one_kind_are_told_apart_and_one_is_taken_away(
    small_store: str, run_page: Run, written: Written
) -> None:
    was = slos_of(small_store, "delays")
    change(small_store, "delays", slos=[*was, {"sli": "latency", "threshold_ms": 100, "objective": 0.9}])
    at = run_page(PAGE, model="delays")
    headers = [h.value.replace("\\", "") for h in at.header]
    assert "Latency: 95 % of requests within 50 ms over 7d" in headers
    assert "Latency: 90 % of requests within 100 ms over 30d" in headers
    at = choose(run_page(PAGE, model="delays", view=CHANGE), "Latency: 90 %")
    next(c for c in at.checkbox if c.label == "Take it away").check().run()
    assert not at.exception
    assert before_and_after(at)["Budget left at the end"][1] == "–"
    at.text_input(key="save-reason").set_value("One is enough").run()
    at.button(key="save-now").click().run()
    assert slos_of(small_store, "delays") == was


WRONG = {
    "an age that is none": ("Freshness", {"At most this old": "4 hours"}, "is no span of time such as 30m, 4h or 2d"),
    "the same once more": (
        "Latency",
        {"Within, ms": 50.0, "Objective, %": 95.0, "Over": "7d"},
        "objectives are the same",
    ),
}


@pytest.mark.parametrize("story", WRONG)
def test_what_is_wrong_with_an_objective_is_said_and_cannot_be_saved(
    small_store: str, run_page: Run, story: str
) -> None:
    kind, entered, words = WRONG[story]
    at = new(run_page(PAGE, model="delays", view=CHANGE), kind)
    for label, value in entered.items():
        if label == "Over":
            next(s for s in at.selectbox if s.label == label).select(value).run()
        else:
            enter(at, label, value)
    assert not at.exception
    assert words in at.error[0].value.replace("\\", "")
    assert not [b for b in at.button if b.key == "save-now"]


def test_what_is_missing_is_asked_for(small_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE, model="eta", view=CHANGE)
    assert "Say what is to be promised" in written(at), "there is none yet, so a new one is offered"
    at = new(at, "Quality")
    assert "Say how wrong a good prediction may be" in written(at)
    enter(at, "Within ±", 10.0)
    assert not at.exception and "Alerts opened" in before_and_after(at)


def test_what_cannot_be_told_beforehand_is_said_and_may_be_saved(small_store: str, run_page: Run) -> None:
    at = new(run_page(PAGE, model="eta", view=CHANGE), "Availability")
    enter(at, "Objective, %", 99.9)
    assert not at.exception
    assert "the log has no `status` mapped" in at.warning[0].value.replace("\\", "")
    at.text_input(key="save-reason").set_value("The log will have it").run()
    at.button(key="save-now").click().run()
    assert slos_of(small_store, "eta") == [{"sli": "availability", "objective": 0.999}]


@pytest.mark.parametrize("key", ["new", "gone"])
def test_a_model_that_was_never_evaluated_can_be_promised_something(small_store: str, run_page: Run, key: str) -> None:
    at = choose(run_page(PAGE, model=key, view=CHANGE), "Latency")
    enter(at, "Within, ms", 20.0)
    assert not at.exception
    assert "has not been evaluated yet" in at.warning[0].value


def test_without_a_change_history_says_so(small_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE, model="eta", view="History")
    assert not at.exception
    assert "No objectives were changed yet" in written(at)
