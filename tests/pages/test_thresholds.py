"""The Thresholds page: what everything is held against, and what a change would have done, before it is saved."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from monitoring import alerting
from monitoring.settings import load
from monitoring.store import alerts, models, revisions, rules
from monitoring.store.database import connect, reading, transaction
from tests.clock import PRESENT
from tests.pages.conftest import Run, words

PAGE = "configure/thresholds.py"


def documents(url: str) -> dict[str, dict[str, Any]]:
    store = connect(url)
    with reading(store) as session:
        return {document["key"]: document for _, document in models.documents(session)}


def figures(at: AppTest) -> dict[str, tuple[str, str]]:
    """With the change, and as it is."""
    return {m.label: (m.value, m.delta.removeprefix("as it is: ")) for m in at.metric}


def test_without_a_model_the_next_step_is_named(empty_store: str, run_page: Run) -> None:
    at = run_page(PAGE)
    assert not at.exception
    assert "No model is watched yet" in words(at).replace("\\", "")


def test_a_model_that_was_never_judged_says_so(small_store: str, run_page: Run) -> None:
    at = run_page(PAGE, model="new")
    assert not at.exception
    assert "new has no verdict yet" in words(at)


def test_every_check_of_every_model_is_listed_with_where_its_levels_come_from(small_store: str, run_page: Run) -> None:
    at = run_page(PAGE)
    assert not at.exception
    table = at.dataframe[0].value
    assert set(table.model) == {"delays", "eta"}
    origins = {(m, c): o for m, c, o in zip(table.model, table.check, table.origin, strict=True)}
    assert origins["delays", "quality.missing"] == "default"
    assert origins["delays", "performance.roc_auc"] == "automatic"
    assert origins["delays", "performance.accuracy"] == "none set"
    how = table[(table.model == "delays") & (table.check == "performance.roc_auc")].reason.iloc[0]
    assert "automatic: reference" in how


def test_a_change_shows_at_once_what_it_would_have_done_and_is_saved_with_a_reason(
    small_store: str, run_page: Run
) -> None:
    at = run_page(PAGE, model="delays", check="performance.roc_auc")
    assert not at.exception
    assert "Set a level" in words(at)
    at.number_input(key="own-delays-performance.roc_auc-breached").set_value(0.05).run()
    assert not at.exception
    after, before = figures(at)["Alerts opened"]
    assert int(before) > 1 and after == "0"  # it and its slices decay within the two weeks; nothing is as bad as 0.05
    (of_parts,) = [c.value for c in at.caption if "Of slices and versions" in c.value]
    assert f"are {int(before) - 1} of the alerts that were open as it is, 0 with the change" in of_parts
    assert at.button(key="save-now").disabled
    at.text_input(key="save-reason").set_value("The old level paged us for nothing").run()
    at.button(key="save-now").click().run()
    assert not at.exception
    assert documents(small_store)["delays"]["thresholds"] == [{"check": "performance.roc_auc", "breached": 0.05}]
    store = connect(small_store)
    with reading(store) as session:
        (revision,) = revisions.history(session, revisions.THRESHOLDS)
    assert (revision.author, revision.reason) == ("local", "The old level paged us for nothing")

    at = run_page(PAGE, view="History")
    at.selectbox(key="undo").select("delays, revision 1").run()
    at.text_input(key="undo-reason").set_value("It hid a real one").run()
    at.button(key="undo-now").click().run()
    assert not at.exception
    assert "thresholds" not in documents(small_store)["delays"]
    with reading(store) as session:
        newest, _ = revisions.history(session, revisions.THRESHOLDS)
    assert (newest.number, newest.undoes, newest.reason) == (2, 1, "It hid a real one")


def test_how_long_an_alert_waits_is_edited_looked_back_on_and_saved(small_store: str, run_page: Run) -> None:
    at = run_page(PAGE, model="delays", check="performance.roc_auc")
    at.text_input(key="own-delays-performance.roc_auc-for").set_value("soon").run()
    assert "write how long as 90s, 30m, 2h or 1d" in at.error[0].value.replace("\\", "")
    at.text_input(key="own-delays-performance.roc_auc-for").set_value("20d").run()
    assert not at.exception
    after, before = figures(at)["Alerts opened"]
    assert int(before) > 1 and after == "0", "it and its slices have not been as bad for so long"
    at.text_input(key="save-reason").set_value("Wait for more labels").run()
    at.button(key="save-now").click().run()
    assert not at.exception
    assert documents(small_store)["delays"]["thresholds"] == [{"check": "performance.roc_auc", "for": "20d"}]
    table = run_page(PAGE, model="delays").dataframe[0].value
    held = table[table.check == "performance.roc_auc"]
    assert list(held.wait) == ["20d"] and list(held.origin) == ["automatic"], "the levels are as they were"


def test_a_rule_is_looked_back_on_over_all_its_models(small_store: str, run_page: Run) -> None:
    at = run_page(PAGE, model="delays", check="drift")
    at.segmented_control(key="scope").set_value("All models of a rule").run()
    at.multiselect(key="rule-drift-owner").set_value([]).run()
    at.number_input(key="rule-drift-breached").set_value(0.99).run()
    assert not at.exception, at.exception
    assert set(at.dataframe[1].value.model) == {"delays", "eta"}
    at.text_input(key="save-rule-reason").set_value("Half of the features is too few").run()
    at.button(key="save-rule-now").click().run()
    assert not at.exception
    store = connect(small_store)
    with reading(store) as session:
        assert rules.export(session) == [{"key": "drift", "check": "drift", "warning": 0.25, "breached": 0.99}]
        held = {w.key: w.model.thresholds[-1].rule for w in models.watched(session)}
    assert held == {"delays": "drift", "eta": "drift", "gone": "drift", "new": "drift"}

    at = run_page(PAGE, view="Fleet-wide rules", rule="drift")
    assert not at.exception
    assert list(at.dataframe[0].value.key) == ["drift"]
    at = run_page(PAGE, model="delays")
    table = at.dataframe[0].value
    assert list(table[table.check == "drift"].origin) == ["rule drift"]


def test_alerts_that_people_called_useful_are_looked_for_again(small_store: str, run_page: Run) -> None:
    store = connect(small_store)
    present = PRESENT - timedelta(minutes=2)
    alerting.step(store, present, load(), ["delays"])
    with transaction(store) as session:
        mine = next(a for a in alerts.open_ones(session) if a.subject.check == "performance.roc_auc")
        alerts.judge(session, mine.key, True, "ada", present + timedelta(seconds=1))
    at = run_page(PAGE, model="delays", check="performance.roc_auc")
    at.number_input(key="own-delays-performance.roc_auc-breached").set_value(0.05).run()
    after, before = figures(at)["Time to detect, useful alerts"]
    assert before.endswith("1 of 1")
    assert after == "0 of 1"


def test_what_cannot_be_told_is_said(small_store: str, run_page: Run) -> None:
    at = run_page(PAGE, model="delays", check="drift.feature · distance")
    at.selectbox(key="own-delays-drift.feature · distance-direction").select("up").run()
    assert not at.exception
    assert any("Not told in" in str(w.value) for w in at.warning)


@pytest.mark.parametrize("model", ["delays", "eta"])
def test_every_check_can_be_opened(small_store: str, run_page: Run, model: str) -> None:
    at = run_page(PAGE, model=model)
    options = at.selectbox(key="check").options
    assert len(options) > 10
    for label in options:
        at.selectbox(key="check").select(label).run()
        assert not at.exception, (label, at.exception)
