"""The Retraining page: what is asked for, what speaks against it, how far it is, and every decision with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import streamlit as st
from sqlalchemy import Engine, select
from streamlit.testing.v1 import AppTest

from monitoring.core.retraining import change, serving, underway
from monitoring.core.retraining.report import Report, RunState
from monitoring.core.retraining.request import Cause, RetrainRequest
from monitoring.core.retraining.state import State
from monitoring.core.retraining.trouble import UNTOLD
from monitoring.retraining import decisions, trouble
from monitoring.store import models, retrains
from monitoring.store.database import connect, reading, transaction
from monitoring.store.queries import retraining as queries
from monitoring.store.tables import AuditRow, ModelRow
from tests.clock import PRESENT
from tests.pages.conftest import Run, Written

PAGE = "respond/retraining.py"
COMMAND = {"kind": "command", "command": ["{python}", "train.py"], "promote": ["{python}", "promote.py"]}
LET = {"dispatcher": COMMAND, "labels": 100, "labels_per_class": 10, "label_coverage": 0.1, "holdout": "1d"}


@pytest.fixture
def store(small_store: str) -> Iterator[Engine]:
    """The small fleet; `delays` may be retrained by a command."""
    engine = connect(small_store)
    with transaction(engine) as session:
        row = session.scalars(select(ModelRow).where(ModelRow.key == "delays")).one()
        row.document = row.document | {"retraining": LET}
    yield engine
    engine.dispose()


def asked(store: Engine, who: str = "ann") -> RetrainRequest:
    st.cache_data.clear()  # as time would
    with transaction(store) as session:
        model = models.watched(session, "delays")[0]
        return decisions.ask(session, model, Cause.PERSON, "New routes <b>since</b> May", who, PRESENT)[0]


def step(store: Engine, act: Callable[[RetrainRequest], change.Change]) -> RetrainRequest:
    st.cache_data.clear()  # as time would
    with transaction(store) as session:
        return retrains.change(session, "delays-1", act, PRESENT).request


def press(at: AppTest, label: str) -> AppTest:
    next(b for b in at.button if b.label == label).click()
    return at.run()


def fill(at: AppTest, key: str, text: str) -> AppTest:
    return at.text_input(key=key).set_value(text).run()


def newest(store: Engine) -> RetrainRequest:
    with reading(store) as session:
        return queries.requests(session)[0]


@pytest.mark.parametrize("kind", ["empty_store", "small_store"])
def test_without_a_request_it_says_how_one_comes_about(
    kind: str, request: pytest.FixtureRequest, run_page: Run, written: Written
) -> None:
    request.getfixturevalue(kind)
    at = run_page(PAGE)
    assert not at.exception
    assert "No retrain was requested yet" in written(at)


def test_one_asks_with_a_reason_and_sees_before_what_the_guards_say(
    store: Engine, run_page: Run, written: Written
) -> None:
    at = run_page(PAGE, show="ask", model="eta")
    assert "No dispatcher is set up" in written(at)
    at = run_page(PAGE, show="ask", model="delays")
    assert "None objects" in written(at)
    assert next(b for b in at.button if b.label == "Request a retrain").disabled
    at = press(fill(at, "retrain_reason", "New routes"), "Request a retrain")
    assert not at.exception
    assert "Requested" in written(at) and "New routes" in written(at)
    made = newest(store)
    assert (made.key, made.requester, made.state) == ("delays-1", "local", State.REQUESTED)
    with reading(store) as session:
        assert session.scalar(select(AuditRow.actor).where(AuditRow.action == "retrain requested")) == "local"


def test_a_request_is_approved_runs_and_is_cancelled_with_a_reason(
    store: Engine, run_page: Run, written: Written
) -> None:
    asked(store)
    at = press(run_page(PAGE), "Approve")
    assert newest(store).approver == "local"
    step(store, lambda r: underway.accepted(r, r.order, "run-1", "Begun.", PRESENT))
    step(store, lambda r: underway.reported(r, Report(RunState.RUNNING, 0.4, "epoch 4"), PRESENT))
    at = run_page(PAGE, show="running")
    assert "epoch 4" in next(p.proto.text for p in at.get("progress"))
    at = press(fill(at, "why Cancel delays-1", "not needed"), "Cancel")
    assert not at.exception
    assert newest(store).state == State.CANCELLED
    assert "not needed" in written(run_page(PAGE, show="over"))


def test_what_a_guard_blocks_is_approved_only_with_a_reason(store: Engine, run_page: Run, written: Written) -> None:
    with transaction(store) as session:
        row = session.scalars(select(ModelRow).where(ModelRow.key == "delays")).one()
        row.document = row.document | {"retraining": LET | {"labels": 1_000_000}}
    asked(store)
    at = run_page(PAGE, show="decide")
    assert "new mature labels" in written(at) and "1,000,000 are needed" in written(at)
    assert not [b for b in at.button if b.label == "Approve"]
    at = press(fill(at, "why Approve all the same delays-1", "labels are weekly"), "Approve all the same")
    assert (newest(store).state, newest(store).override) == (State.APPROVED, "labels are weekly")


COMPARED: dict[str, Any] = {"verdict": "better", "gates": []}


def candidate(store: Engine) -> None:
    asked(store)
    with transaction(store) as session:
        decisions.approve(session, "delays-1", "bo", PRESENT)
    step(store, lambda r: underway.reported(r, Report(RunState.CANDIDATE, version="v3"), PRESENT))


def test_a_candidate_that_was_not_compared_is_promoted_only_with_a_reason(
    store: Engine, run_page: Run, written: Written
) -> None:
    candidate(store)
    at = run_page(PAGE)
    assert "Not compared yet" in written(at)
    assert not [b for b in at.button if b.label == "Promote"]
    at = press(fill(at, "why Promote all the same delays-1", "I saw it"), "Promote all the same")
    assert str(newest(store).pending) == "promote"


def test_a_better_one_is_promoted_at_a_click_and_rolled_back_with_a_reason(
    store: Engine, run_page: Run, written: Written
) -> None:
    candidate(store)
    gain = {"metric": "ROC AUC", "value": 0.05, "lower": 0.03, "upper": 0.07, "unit": ""}
    step(store, lambda r: serving.evaluated(r, COMPARED, gain, "Better.", PRESENT))
    at = run_page(PAGE)
    assert "ROC AUC 0.05 better (95 % from 0.03 to 0.07)" in written(at).replace("\\", "")
    press(at, "Promote")
    step(store, lambda r: underway.reported(r, Report(RunState.DONE), PRESENT))
    at = run_page(PAGE, show="promoted")
    at = press(fill(at, "why Roll back delays-1", "it hallucinates"), "Roll back")
    assert not at.exception
    assert newest(store).state == State.ROLLED_BACK  # no command rolls back: it was done elsewhere


def test_somebody_who_was_faster_is_named(store: Engine, run_page: Run, written: Written) -> None:
    asked(store)
    at = run_page(PAGE)
    with transaction(store) as session:
        decisions.approve(session, "delays-1", "bo", PRESENT)
    at = press(at, "Approve")
    assert "approved by bo already" in written(at)


def test_what_went_wrong_at_the_last_look_is_shown_until_the_next_goes_well(
    store: Engine, run_page: Run, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("no rows")

    with monkeypatch.context() as patched:
        patched.setattr(decisions, "propose", broken)
        decisions.step(store, PRESENT)
    assert "delays: ZeroDivisionError: no rows" in written(run_page(PAGE)).replace("\\", "")
    decisions.step(store, PRESENT)
    st.cache_data.clear()  # as time would
    assert "ZeroDivisionError" not in written(run_page(PAGE))


def test_what_people_wrote_is_shown_as_text(store: Engine, run_page: Run, written: Written) -> None:
    asked(store)
    assert "<b>" not in written(run_page(PAGE)).replace("\\<b", "")


def test_the_model_page_leads_to_a_request_and_shows_the_open_one(
    store: Engine, run_page: Run, written: Written
) -> None:
    at = run_page("observe/model.py", model="delays")
    assert "Retrain request" not in written(at)
    asked(store)
    at = run_page("observe/model.py", model="delays")
    assert "Retrain request delays-1" in written(at).replace("\\", "")


def test_what_waiting_costs_puts_requests_in_order_and_the_ledger_tells_what_helped(
    store: Engine, run_page: Run, written: Written
) -> None:
    with transaction(store) as session:
        row = session.scalars(select(ModelRow).where(ModelRow.key == "delays")).one()
        row.document = row.document | {"retraining": LET | {"cost": 6.0, "value": 2000.0}}
    candidate(store)
    gain = {"metric": "ROC AUC", "value": 0.05, "lower": 0.03, "upper": 0.07, "unit": ""}
    step(store, lambda r: serving.evaluated(r, COMPARED, gain, "Better.", PRESENT))
    text = written(run_page(PAGE, show="decide")).replace("\\", "")
    assert "a day of waiting costs" in text and "it pays for itself in" in text
    at = run_page(PAGE, show="ledger")
    assert not at.exception
    assert list(at.dataframe[0].value["compared"]) == ["+0.05 (+0.03 to +0.07)"]
    assert list(at.dataframe[1].value["cause"]) == ["person"]


def test_how_often_a_model_should_be_retrained_is_said_or_why_not(
    store: Engine, run_page: Run, written: Written
) -> None:
    at = run_page(PAGE, show="often")
    assert not at.exception
    (row,) = at.dataframe[0].value.to_dict("records")
    assert row["cadence"] == "by events"
    assert row["reason"]


def test_trouble_that_nobody_foresaw_stands_on_the_card_until_it_is_over(
    store: Engine, run_page: Run, written: Written
) -> None:
    key, present = asked(store).key, PRESENT
    trouble.met(store, key, UNTOLD, KeyError("*lines*"), present)
    st.cache_data.clear()  # as time would
    at = run_page(PAGE)
    assert not at.exception
    assert "Not told" in written(at) and "Nobody could be told through the channels since" in written(at)
    assert "KeyError" in written(at) and "*lines*" not in "".join(m.value for m in at.markdown)
    with transaction(store) as session:
        trouble.over(session, key, UNTOLD, present + timedelta(seconds=1))
    st.cache_data.clear()
    at = run_page(PAGE)
    assert "Nobody could be told" not in written(at) and "Told again" in written(at)
