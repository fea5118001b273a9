"""Somebody is ill tonight: another takes the shift, and the drift of a feed that moves is silenced."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from monitoring.store import oncall
from monitoring.store.database import connect, transaction
from monitoring.store.migrations import migrate
from tests.clock import PRESENT

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def filled(tmp_path: Path) -> None:
    """Two people who take turns, of whom the first is on call now."""
    people = [{"key": "ada", "name": "Ada"}, {"key": "grace", "name": "Grace"}]
    rotation = {"people": ["ada"], "turn": "weekly", "start": "2026-01-05T09:00"}
    team = {"key": "desk", "members": ["ada", "grace"], "schedules": [{"key": "primary", "rotations": [rotation]}]}
    store = connect(f"sqlite:///{tmp_path / 'leeway.db'}")
    migrate(store)
    with transaction(store) as session:
        oncall.apply(session, people, [team], "test", PRESENT)
    store.dispose()


def test_a_shift_is_taken_and_given_back_and_a_silence_made_and_ended(
    server: str, browser_page: Page, settled: Callable[[Page], None]
) -> None:
    page = browser_page
    page.goto(f"{server}/on-call")
    expect(page.get_by_text("Now Ada")).to_be_visible()
    page.get_by_role("button", name="Take this shift").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Save")).to_be_disabled()
    dialog.get_by_role("combobox", name="Who takes it").click()
    page.get_by_role("option", name="Grace").click()
    expect(dialog.get_by_text("Grace instead of Ada")).to_be_visible()
    dialog.get_by_role("textbox", name="Reason").fill("ill")
    page.keyboard.press("Tab")
    settled(page)
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Now Grace")).to_be_visible()
    page.get_by_role("button", name="Take back").click()
    page.get_by_role("dialog").get_by_role("button", name="Take it back").click()
    expect(page.get_by_text("Now Ada")).to_be_visible()
    expect(page.get_by_text("No shift is changed.")).to_be_visible()

    page.goto(f"{server}/silences?view=Make+one&model=eta")
    page.get_by_role("textbox", name="Further matchers").fill('check=~"drift.*"')
    page.keyboard.press("Tab")
    settled(page)
    page.get_by_role("textbox", name="Reason").fill("the feed moves")
    page.get_by_role("button", name="Silence", exact=True).click()
    expect(page.get_by_role("button", name="End now")).to_be_visible()
    expect(page.get_by_text('check=~"drift.*"')).to_be_visible()
    page.get_by_role("button", name="End now").click()
    page.get_by_role("dialog").get_by_role("button", name="End it now").click()
    expect(page.get_by_text("Nothing is silenced.")).to_be_visible()
