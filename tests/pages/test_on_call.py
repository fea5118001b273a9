"""On-call: now, next and gaps of every team; shifts taken and given back; people and teams by forms."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import delete, select
from streamlit.testing.v1 import AppTest

from monitoring.store import oncall
from monitoring.store.database import connect, reading, transaction
from monitoring.store.tables import AuditRow, ChannelRow, ModelRow, OverrideRow
from tests.clock import PRESENT
from tests.pages.conftest import Run, Written

PAGE = "respond/on_call.py"
PEOPLE: list[dict[str, Any]] = [
    {"key": "ada", "name": "Ada ![x](https://example.org/x.png) <b>", "channels": ["pager"]},
    {"key": "grace", "name": "Grace", "zone": "America/New_York", "email": "local"},
]
TEAM: dict[str, Any] = {
    "key": "flight-operations", "name": "Flight operations", "zone": "UTC", "members": ["ada", "grace"],
    "schedules": [
        {"key": "primary", "rotations": [{"people": ["ada", "grace"], "turn": "7d", "start": "2026-01-05T09:00"}]}
    ],
}  # fmt: skip
NIGHTS: dict[str, Any] = {
    "key": "nights", "members": ["grace"],
    "schedules": [{"key": "s", "rotations": [{"people": ["grace"], "start": "2026-01-01", "turn": "daily",
                   "hours": {"from": "00:00", "to": "23:00"}}]}],
}  # fmt: skip


@pytest.fixture
def team_store(empty_store: str) -> str:
    """Three models, of two owners; its URL."""
    store, present = connect(empty_store), PRESENT
    with transaction(store) as session:
        session.add_all(
            ModelRow(
                key=key, name=key, owner=owner, task="regression", mode="online", target="cloud", document={}, base=".",
                created_at=present, updated_at=present,
            )
            for key, owner in (("delays", "flight-operations"), ("new", "flight-operations"), ("eta", "taxi & co"))
        )  # fmt: skip
    store.dispose()
    return empty_store


def change(url: str, *teams: dict[str, Any], people: list[dict[str, Any]] = PEOPLE, lost: bool = False) -> None:
    """Apply people and teams, and the channel that they name, which may be lost again."""
    store = connect(url)
    present = PRESENT
    with transaction(store) as session:
        session.add(ChannelRow(name="pager", kind="email", document={}, created_at=present, updated_at=present))
        session.flush()
        oncall.apply(session, people, teams, "tests", present)
        if lost:
            session.execute(delete(ChannelRow))
    store.dispose()


def kept(url: str) -> tuple[dict[str, Any], list[OverrideRow], list[str]]:
    """Teams as written, overrides, and what the audit says was done."""
    store = connect(url)
    with reading(store) as session:
        teams = {team["key"]: team for team in oncall.export(session)["teams"]}
        overrides = list(session.scalars(select(OverrideRow)))
        audit = list(session.scalars(select(AuditRow.action).order_by(AuditRow.id)))
    store.dispose()
    return teams, overrides, audit


def plain(text: str) -> str:
    return text.replace("\\", "")


def field(at: AppTest, kind: str, label: str) -> Any:
    """The first widget of a kind whose label begins so."""
    return next(w for w in getattr(at, kind) if w.label.startswith(label))


@pytest.mark.parametrize("view", ["On call", "Teams", "People"])
def test_every_view_of_an_empty_fleet_says_what_to_do_next(
    empty_store: str, run_page: Run, written: Written, view: str
) -> None:
    at = run_page(PAGE, view=view)
    assert not at.exception and not at.error
    text = written(at)
    assert any(words in text for words in ("Nobody is on call yet", "A team needs people first", "There is nobody yet"))


def test_a_card_says_who_is_on_call_now_and_next(team_store: str, run_page: Run, written: Written) -> None:
    change(team_store, TEAM)
    at = run_page(PAGE)
    assert not at.exception and not at.error
    text = written(at)
    assert "![x](" not in text, "a name is no Markdown"
    assert "**Now** Grace" in plain(text) and "**Next** Ada" in plain(text)
    assert "Covered" in text and "2 models" in plain(text)
    assert "Grace cannot be told: no channel" in plain(text), "she has none, nor has the team"
    assert "taxi & co (1)" in plain(text), "an owner without a team is named"
    assert "No shift is changed" in plain(text)


def test_a_gap_ahead_is_shown_with_who_is_told_instead(team_store: str, run_page: Run, written: Written) -> None:
    change(team_store, TEAM, NIGHTS, lost=True)
    at = run_page(PAGE)
    assert not at.exception
    text = plain(written(at))
    assert "Gap ahead" in text or "Nobody on call" in text
    assert "the whole team is told (Grace)" in text
    assert [w.value for w in at.warning] == ["No channel is set up: alerts stay on the dashboard, nobody is told."]
    assert text.index("nights · s") < text.index("Flight operations · primary"), "what needs somebody comes first"
    at.toggle(key="as_table").set_value(True).run()
    frame = at.dataframe[0].value
    assert {"✕ Gap", "✓ Covered"} == {state[0] for state in frame["state"]}


def test_a_schedule_without_a_rotation_has_nobody(team_store: str, run_page: Run, written: Written) -> None:
    change(team_store, {"key": "bare", "schedules": [{"key": "s"}]})
    at = run_page(PAGE)
    text = plain(written(at))
    assert (
        "Nobody on call" in text
        and "nobody: nobody is told" in text
        and "nobody is told, for the team has no member" in text
    )


def test_a_shift_is_taken_over_and_given_back(team_store: str, run_page: Run, written: Written) -> None:
    change(team_store, {**TEAM, "schedules": [{"key": "primary"}]})
    at = run_page(PAGE)
    at.session_state["shift_reason"] = "a *swap*"
    at.button(key="take_flight-operations/primary").click().run()
    assert at.segmented_control(key="shift_kind").options == ["Join"], "there is nobody to take it over from"
    assert at.selectbox(key="shift_add").value == "grace", "who is signed in"
    at.button(key="shift_save").click().run()
    assert not at.exception and not at.error
    (override,) = kept(team_store)[1]
    assert (override.added, override.removed, override.author, override.reason) == ("grace", "", "local", "a *swap*")
    at = run_page(PAGE)
    text = plain(written(at))
    assert "Grace joins" in text and "by local" in text and "“a *swap*”" in text
    at.button(key=f"undo_{override.id}").click().run()
    at.button(key="undo_now").click().run()
    assert not at.exception
    _, overrides, audit = kept(team_store)
    assert not overrides or overrides[0].ends <= PRESENT
    assert audit[-2:] == ["override added", "override removed"]


def test_whoever_has_the_shift_is_replaced(team_store: str, run_page: Run) -> None:
    alone = {"key": "primary", "rotations": [{"people": ["ada"], "start": "2026-01-05T09:00"}]}
    change(team_store, {**TEAM, "schedules": [alone]})
    at = run_page(PAGE)
    at.button(key="take_flight-operations/primary").click().run()
    at.button(key="shift_save").click().run()
    (override,) = kept(team_store)[1]
    assert (override.added, override.removed) == ("grace", "ada")
    assert (override.ends - override.starts).days == 14, "as far as is shown, where the shift goes on"


def test_a_shift_that_ends_before_it_starts_is_not_kept(team_store: str, run_page: Run, written: Written) -> None:
    change(team_store, TEAM)
    at = run_page(PAGE)
    at.session_state["shift_until"], at.session_state["shift_add"] = datetime(2026, 1, 1), "ada"
    at.button(key="take_flight-operations/primary").click().run()
    assert at.button(key="shift_save").disabled and "must end after it starts" in plain(written(at))


def test_a_person_is_added_changed_and_removed_with_a_reason(empty_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE, view="People")
    at.text_input(key="person_name_new").set_value("Ada Lovelace")
    at.selectbox(key="person_zone_new").set_value("Europe/London")
    at.button(key="person_save_new").click().run()
    assert not at.exception and not at.error
    assert list(at.dataframe[0].value["zone"]) == ["Europe/London"]
    at.selectbox(key="person").set_value("ada-lovelace").run()
    at.text_input(key="person_email_ada-lovelace").set_value("ada@example.org")
    at.button(key="person_save_ada-lovelace").click().run()
    assert list(at.dataframe[0].value["email"]) == ["ada@example.org"]
    at.button(key="remove_person").click().run()
    assert at.button(key="remove_now").disabled, "without a reason"
    at.session_state["remove_reason"] = "has left"
    at.button(key="remove_person").click().run()
    at.button(key="remove_now").click().run()
    assert not at.exception and not at.error
    assert kept(empty_store)[2] == ["person added", "person changed", "person removed"]


def test_somebody_whom_a_team_names_stays_and_it_is_said(team_store: str, run_page: Run) -> None:
    change(team_store, TEAM)
    at = run_page(PAGE, view="People")
    at.selectbox(key="person").set_value("ada").run()
    at.session_state["remove_reason"] = "has left"
    at.button(key="remove_person").click().run()
    at.button(key="remove_now").click().run()
    assert "person ada: is named by team flight-operations" in plain(at.error[0].value)


def test_looking_at_a_team_changes_nothing(team_store: str, run_page: Run, written: Written) -> None:
    odd = {**NIGHTS, "owners": ["taxi & co"], "escalation": {"steps": [{"targets": ["schedule:s"]}]}}
    odd["schedules"] = [
        {"key": "s", "rotations": [{"people": ["grace", None, "grace"], "start": "2026-01-01", "turn": "7d"}]}
    ]
    change(team_store, TEAM, odd)
    at = run_page(PAGE, view="Teams")
    for key in ("flight-operations", "nights"):
        at.selectbox(key="team").set_value(key).run()
        assert not at.exception and not at.error
        assert at.button(key="team_save").disabled and not at.code, f"nothing to save of {key}"


def test_a_rotation_and_the_escalation_are_edited_by_forms(team_store: str, run_page: Run, written: Written) -> None:
    change(team_store, TEAM)
    at = run_page(PAGE, view="Teams")
    people = field(at, "multiselect", "People, in the order")
    people.set_value(["grace", "ada"]).run()
    assert "Changes who is on call now" in written(at)
    field(at, "selectbox", "A turn lasts").set_value("daily").run()
    field(at, "button", "Add steps").click().run()
    field(at, "multiselect", "Step 1 tells").set_value(["schedule:primary", "channel:pager"]).run()
    field(at, "number_input", "and waits").set_value(5).run()
    field(at, "button", "Add a step").click().run()
    field(at, "number_input", "Then begins again").set_value(2).run()
    field(at, "button", "Add a schedule").click().run()
    assert not at.exception and not at.error
    assert "+  loops: 2" in at.code[0].value
    at.button(key="team_save").click().run()
    assert not at.exception and not at.error
    team = kept(team_store)[0]["flight-operations"]
    assert [s["key"] for s in team["schedules"]] == ["primary", "secondary"]
    assert team["schedules"][0]["rotations"] == [
        {"people": ["grace", "ada"], "turn": "daily", "start": "2026-01-05T09:00"}
    ]
    assert team["escalation"] == {
        "steps": [
            {"targets": ["schedule:primary", "channel:pager"], "minutes": 5}, {"targets": ["default"], "minutes": 15}
        ],
        "loops": 2,
    }  # fmt: skip
    assert kept(team_store)[2][-1] == "team changed"
    assert at.button(key="team_save").disabled


def test_hours_are_added_and_taken_away(team_store: str, run_page: Run) -> None:
    change(team_store, TEAM)
    at = run_page(PAGE, view="Teams")
    field(at, "toggle", "Only at some hours").set_value(True).run()
    assert not at.exception and not at.error
    at.button(key="team_save").click().run()
    rotation = kept(team_store)[0]["flight-operations"]["schedules"][0]["rotations"][0]
    assert rotation["hours"] == {"from": "09:00", "to": "17:00", "days": ["mon", "tue", "wed", "thu", "fri"]}
    field(at, "toggle", "Only at some hours").set_value(False).run()
    at.button(key="team_save").click().run()
    assert "hours" not in kept(team_store)[0]["flight-operations"]["schedules"][0]["rotations"][0]


def test_a_new_team_is_added_and_one_whose_key_is_taken_is_not(
    team_store: str, run_page: Run, written: Written
) -> None:
    change(team_store, TEAM)
    at = run_page(PAGE, view="Teams")
    at.selectbox(key="team").set_value("New team").run()
    field(at, "text_input", "Name").set_value("Flight operations").run()
    assert "has the key flight-operations already" in plain(at.error[0].value) and at.button(key="team_save").disabled
    field(at, "text_input", "Name").set_value("Customer care").run()
    field(at, "multiselect", "Members").set_value(["grace"]).run()
    at.button(key="team_save").click().run()
    assert not at.exception and not at.error
    assert kept(team_store)[0]["customer-care"]["members"] == ["grace"]


def test_a_change_is_undone_before_it_is_saved(team_store: str, run_page: Run) -> None:
    change(team_store, TEAM)
    at = run_page(PAGE, view="Teams")
    field(at, "button", "Remove this rotation").click().run()
    assert at.code
    at.button(key="team_undo").click().run()
    assert not at.code and field(at, "multiselect", "People, in the order").value == ["ada", "grace"]
