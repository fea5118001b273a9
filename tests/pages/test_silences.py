"""Silences: what is silenced until when and why; making one with a view of what it would catch; ending it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from monitoring.core.alerting.matcher import parse
from monitoring.core.alerting.silence import Silence
from monitoring.core.recurrence import Recurrence
from monitoring.core.verdict import Status, Verdict, Window
from monitoring.store import silences, verdicts
from monitoring.store.database import connect, reading, transaction
from monitoring.store.tables import AuditRow, ModelRow
from tests.clock import PRESENT
from tests.pages.conftest import Run, Written

PAGE = "respond/silences.py"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def filled(empty_store: str) -> str:
    """A model whose check was breached on ten of the last days; its URL."""
    store, present = connect(empty_store), PRESENT
    with transaction(store) as session:
        row = ModelRow(
            key="eta", name="Air time", owner="desk", task="regression", mode="online", target="cloud", document={},
            base=".", created_at=present, updated_at=present,
        )  # fmt: skip
        session.add(row)
        session.flush()
        found = [
            Verdict("eta", "drift.feature", Window(at - DAY, at, 9), Status.BREACHED, "it moved", column="distance")
            for at in (present.replace(hour=0, minute=0, second=0, microsecond=0) - n * DAY for n in range(10))
        ]
        verdicts.save(session, row.id, found, present)
    store.dispose()
    return empty_store


def make(url: str, matchers: str, **more: Any) -> int:
    store, present = connect(url), PRESENT
    values: dict[str, Any] = dict(starts=present - HOUR, ends=present + 7 * HOUR, author="ann", reason="![x](y) moving")
    with transaction(store) as session:
        number = silences.add(session, Silence(parse(matchers), **(values | more)), present)
    store.dispose()
    return number


def kept(url: str) -> tuple[list[Silence], list[str]]:
    store = connect(url)
    with reading(store) as session:
        found = silences.active(session, PRESENT)
        audit = list(session.scalars(select(AuditRow.action).order_by(AuditRow.id)))
    store.dispose()
    return found, audit


def plain(text: str) -> str:
    return text.replace("\\", "")


@pytest.mark.parametrize("view", ["In force and to come", "Make one", "Over"])
def test_every_view_of_an_empty_fleet(empty_store: str, run_page: Run, written: Written, view: str) -> None:
    at = run_page(PAGE, view=view)
    assert not at.exception and not at.error
    assert any(w in written(at) for w in ("Nothing is silenced", "Choose at least one", "No silence ended"))


def test_each_silence_says_what_until_when_why_and_by_whom(filled: str, run_page: Run, written: Written) -> None:
    present = PRESENT
    make(filled, 'model="eta" check=~"drift.*"')
    weekly = Recurrence("FREQ=WEEKLY", "Europe/Berlin", HOUR)
    make(filled, "owner=desk", starts=present - 2 * HOUR, ends=present + 30 * DAY, recurrence=weekly)
    make(filled, "slice=~.+", starts=present + DAY, ends=present + 2 * DAY)
    at = run_page(PAGE)
    assert not at.exception
    text = written(at)
    assert "![x](" not in text and "moving" in text
    text = plain(text)
    assert [text.index(words) for words in ("In force]", "Between windows", "To come")] == sorted(
        text.index(words) for words in ("In force]", "Between windows", "To come")
    )
    assert '`model="eta"`  `check=~"drift.*"`' in text and "by ann" in text
    assert "FREQ=WEEKLY by the clocks of Europe/Berlin" in text and "next " in text


def test_a_silence_is_made_after_seeing_what_it_catches(filled: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE, view="Make one", model="eta")
    assert not at.exception and not at.error
    assert at.multiselect(key="silence_model").value == ["eta"], "a link may say what to silence"
    assert {m.label: m.value for m in at.metric}["Findings in 30 days"] == "10"
    assert list(at.dataframe[0].value["check"]) == ["drift.feature"]
    assert at.button(key="silence_now").disabled, "without a reason"
    at.text_input(key="silence_further").set_value('check="drift.feature" column!="temp"')
    at.text_input(key="silence_reason").set_value("the feed moves").run()
    at.segmented_control(key="silence_length").set_value("1 h").run()
    at.button(key="silence_now").click().run()
    assert not at.exception and not at.error
    (found,), audit = kept(filled)
    assert [str(m) for m in found.matchers] == ['model="eta"', 'check="drift.feature"', 'column!="temp"']
    assert (found.author, found.reason, found.ends - found.starts) == ("local", "the feed moves", HOUR)
    assert audit == ["silence added"]
    assert "In force" in written(at), "it is shown where it now stands"


@pytest.mark.parametrize(
    ("further", "words"),
    [
        ("modell=eta", "no label is called"),
        ('check=~"(a"', "no regular expression"),
        ('model=~".*"', "would silence everything"),
        ("nonsense", "write label="),
    ],
)
def test_what_cannot_be_silenced_is_said(filled: str, run_page: Run, further: str, words: str) -> None:
    at = run_page(PAGE, view="Make one")
    at.text_input(key="silence_further").set_value(further).run()
    assert not at.exception
    assert words in plain(at.error[0].value)


def test_a_silence_that_catches_nothing_asks_whether_it_is_misspelt(
    filled: str, run_page: Run, written: Written
) -> None:
    at = run_page(PAGE, view="Make one", model="ETA")
    assert "Is a label misspelt?" in plain(written(at))


def test_a_maintenance_window_recurs_by_the_clocks_of_its_zone(filled: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE, view="Make one", model="eta")
    at.text_input(key="silence_reason").set_value("retraining").run()
    at.segmented_control(key="silence_kind").set_value("Maintenance window").run()
    at.selectbox(key="silence_zone").set_value("Europe/Berlin").run()
    at.segmented_control(key="silence_every").set_value("Every month").run()
    assert not at.exception and not at.error
    assert "windows by the clocks of Europe/Berlin" in plain(written(at))
    assert at.code[0].value == "FREQ=MONTHLY;BYDAY=1MO"
    at.segmented_control(key="silence_every").set_value("Another rule").run()
    at.text_input(key="silence_rule").set_value("FREQ=HOURLY").run()
    assert "is no rule that can be used" in plain(at.error[0].value)
    at.segmented_control(key="silence_every").set_value("Every day").run()
    at.button(key="silence_now").click().run()
    assert not at.exception and not at.error
    (found,), _ = kept(filled)
    assert found.recurrence == Recurrence("FREQ=DAILY", "Europe/Berlin", 2 * HOUR)
    assert (found.ends - found.starts).days == 90


def test_a_window_whose_last_day_is_before_its_first_is_refused(filled: str, run_page: Run) -> None:
    at = run_page(PAGE, view="Make one", model="eta")
    at.segmented_control(key="silence_kind").set_value("Maintenance window").run()
    at.date_input(key="silence_last").set_value(datetime(2026, 1, 1).date()).run()
    assert "The last day must not be before the first" in plain(at.error[0].value)


def test_a_silence_is_ended_and_kept_among_those_that_are_over(filled: str, run_page: Run, written: Written) -> None:
    number = make(filled, "model=eta")
    at = run_page(PAGE)
    at.button(key=f"end_{number}").click().run()
    at.button(key="end_now").click().run()
    assert not at.exception
    assert "Nothing is silenced" in plain(written(at))
    assert kept(filled) == ([], ["silence added", "silence expired"])
    at = run_page(PAGE, view="Over")
    assert list(at.dataframe[0].value["what"]) == ['model="eta"']


def test_a_silence_that_somebody_else_ended_is_said_to_be_over(filled: str, run_page: Run) -> None:
    number = make(filled, "model=eta")
    at = run_page(PAGE)
    at.button(key=f"end_{number}").click().run()
    with transaction(connect(filled)) as session:
        silences.expire(session, number, "ada", PRESENT)
    at.button(key="end_now").click().run()
    assert "over already" in plain(at.error[0].value)
    assert not at.toast
