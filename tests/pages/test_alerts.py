"""The Alerts page: what needs me, and one click for what can be done about it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select
from streamlit.testing.v1 import AppTest

from monitoring import alerting
from monitoring.settings import Settings
from monitoring.store import alerts, silences
from monitoring.store.database import connect, reading, transaction
from monitoring.store.tables import AlertRow, AuditRow, HeartbeatRow, ModelRow
from monitoring.web.alerts import badges
from monitoring.web.span import parse
from tests.clock import PRESENT
from tests.pages.conftest import Run, Written

PAGE = "respond/alerts.py"


@pytest.fixture
def alerted(small_store: str) -> Iterator[Engine]:
    """The small fleet with its alerts, as the worker would have decided on them over five minutes."""
    store = connect(small_store)
    with reading(store) as session:
        keys = list(session.scalars(select(ModelRow.key)))
    start = PRESENT - timedelta(minutes=5)
    for minute in range(5):
        alerting.step(store, start + timedelta(minutes=minute), Settings(), keys)
    yield store
    store.dispose()


def plain(text: str) -> str:
    return text.replace("\\", "")


def button(at: AppTest, label: str, number: int = 0) -> Any:
    return [b for b in at.button if b.label == label][number]


def first(store: Engine) -> AlertRow:
    """The alert on top: the page about the log that cannot be read."""
    with reading(store) as session:
        return session.scalars(select(AlertRow).where(AlertRow.model_key == "gone")).one()


def test_an_empty_fleet_says_what_to_do_next(empty_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE)
    assert not at.exception
    assert "No model is watched yet" in written(at)


def test_a_fleet_without_an_alert_needs_nobody(small_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE)
    assert not at.exception
    assert "Nothing needs you" in written(at)
    assert "Nobody is told of alerts" in written(at)


def test_the_gravest_stand_first_with_what_why_since_when_and_whose(
    alerted: Engine, run_page: Run, written: Written
) -> None:
    at = run_page(PAGE)
    assert not at.exception
    text = plain(written(at))
    assert text.index("**gone** · not evaluated: model") < text.index("**Arrival delays** · ")
    assert "Could not be evaluated" in text and "nobody" in text
    assert "Runbook [" in text and "(https://runbooks.example.org/delays)" in text
    assert "Needs somebody" in at.segmented_control(key="alerts_show").options[0]


def test_a_name_reaches_the_screen_as_it_is_written(alerted: Engine, run_page: Run, written: Written) -> None:
    with transaction(alerted) as session:
        session.scalars(select(AlertRow)).first().model_name = "x ![a](https://example.org/x.png)"  # type: ignore[union-attr]
    assert "![a](" not in written(run_page(PAGE))


def test_acknowledging_is_one_click_is_audited_and_can_be_taken_back(
    alerted: Engine, run_page: Run, written: Written
) -> None:
    at = run_page(PAGE)
    button(at, "Acknowledge").click().run()
    assert not at.exception
    assert first(alerted).acked_by == "local"
    assert "Acknowledged] by local until" in plain(written(at))
    with reading(alerted) as session:
        assert session.scalars(select(AuditRow.subject).where(AuditRow.action == "alert acknowledged")).all() == [
            "gone"
        ]
    button(at, "Give back").click().run()
    assert first(alerted).acked_by == ""


@pytest.mark.parametrize(("label", "hours"), [("Silence 1 h", 1), ("Silence 8 h", 8)])
def test_silencing_is_one_click_and_says_until_when(
    alerted: Engine, run_page: Run, written: Written, label: str, hours: int
) -> None:
    at = run_page(PAGE)
    button(at, label).click().run()
    assert not at.exception
    present = PRESENT
    with reading(alerted) as session:
        (made,) = silences.active(session, present)
    assert timedelta(hours=hours) - timedelta(minutes=1) < made.ends - present <= timedelta(hours=hours)
    assert str(made.matchers[0]) == 'model="gone"' and made.author == "local"
    assert "Silenced by local until" in plain(written(at))


def test_escalating_ends_the_acknowledgement_and_asks_for_the_next(alerted: Engine, run_page: Run) -> None:
    at = run_page(PAGE)
    button(at, "Acknowledge").click().run()
    at = run_page(PAGE)
    key = first(alerted).key
    next(b for b in at.button if b.key == f"Escalate {key}").click().run()
    row = first(alerted)
    assert (row.acked_by, row.asked_by) == ("", "local")


def test_what_is_over_meanwhile_is_not_touched(alerted: Engine, run_page: Run) -> None:
    at = run_page(PAGE)
    with transaction(alerted) as session:
        session.scalars(select(AlertRow).where(AlertRow.model_key == "gone")).one().state = "resolved"
    button(at, "Acknowledge").click().run()
    assert not at.exception
    assert any("over already" in t.value for t in at.toast)


def test_useful_and_noise_give_each_rule_a_precision(alerted: Engine, run_page: Run) -> None:
    with transaction(alerted) as session:
        now = PRESENT
        keys = list(session.scalars(select(AlertRow.key).where(AlertRow.model_key == "gone")))
        alerts.judge(session, keys[0], True, "ann", now)
    at = run_page(PAGE)
    table = at.dataframe[-1].value
    row = table[table["rule"] == "not evaluated"].iloc[0]
    assert (row["alerts"], row["useful"], row["noise"], row["precision"]) == (1, 1, 0, 100.0)
    assert table[table["rule"] != "not evaluated"]["precision"].isna().all()


def test_filters_are_kept_in_the_address_and_can_be_cleared(alerted: Engine, run_page: Run, written: Written) -> None:
    at = run_page(PAGE, show="resolved")
    assert "No alert matches" in written(at)
    button(at, "Show all open alerts").click().run()
    assert "not evaluated" in written(at)
    at = run_page(PAGE, show="ticket")
    assert "not evaluated: model" not in plain(written(at))
    at = run_page(PAGE, model="gone")
    assert "Arrival delays" not in plain(written(at)).split("What each rule")[0]
    group = first(alerted).group
    assert "not evaluated" in written(run_page(PAGE, group=group))


def test_the_menu_counts_what_needs_somebody(alerted: Engine, run_page: Run) -> None:
    at = run_page(PAGE)
    page, section = badges()
    number = int(section.strip(" ()"))
    assert page == f" :red-badge[{number}]"
    button(at, "Acknowledge").click().run()
    assert badges() == (f" :orange-badge[{number - 1}]", f" ({number - 1})")


def test_alerts_that_cannot_be_decided_are_said_in_red(alerted: Engine, run_page: Run) -> None:
    with transaction(alerted) as session:
        session.get_one(HeartbeatRow, "alerting").detail = "ValueError: no such *thing*"
    at = run_page(PAGE)
    assert "ValueError: no such *thing*" in plain(at.error[0].value)


def test_the_time_line_tells_what_happened(alerted: Engine, run_page: Run, written: Written) -> None:
    text = plain(written(run_page(PAGE, model="gone")))
    assert "**Pending**: Could not be evaluated" in text and "Fires if it holds for 2 min." in text
    assert "**Sent**: New: not evaluated, model. No channel fits" in text


def test_the_days_of_an_alert_are_a_range_that_pages_know(alerted: Engine) -> None:
    with reading(alerted) as session:
        found = [a for a in alerts.open_ones(session) if a.window_start and a.window_end]
    assert found
    for alert in found:
        shown = parse(alert.days)
        assert shown is not None and shown.start <= alert.window_start < alert.window_end <= shown.end


def test_the_fleet_page_says_how_many_are_open_and_who_has_them(alerted: Engine, run_page: Run) -> None:
    button(run_page(PAGE), "Acknowledge").click().run()
    shown = run_page("observe/fleet.py").dataframe[0].value.set_index("name")
    assert shown.loc["gone", "open"] == "1 page · local"
    assert shown.loc["new", "open"] == ""
