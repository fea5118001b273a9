"""A story of somebody who promises more: pick the objective, see what it would have done, save, undo."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_browse import axe

Settled = Callable[[Page], None]


@pytest.fixture(autouse=True)
def filled(small_fleet: Path, tmp_path: Path) -> None:
    shutil.copy(small_fleet, tmp_path / "leeway.db")


def test_an_objective_is_tried_saved_and_undone(browser_page: Page, server: str, settled: Settled) -> None:
    page = browser_page
    page.goto(f"{server}/service-levels?model=delays&view=Change+objectives")
    settled(page)
    page.get_by_label("Objective", exact=True).click()
    page.get_by_role("option", name="Latency: 95 %").click()
    settled(page)
    page.get_by_label("Within, ms").fill("20")
    page.keyboard.press("Enter")
    settled(page)
    expect(page.get_by_test_id("stMetric").filter(has_text="Alerts opened")).to_contain_text("as it is: none")
    expect(page.locator(".js-plotly-plot")).to_be_visible()
    expect(page.get_by_role("button", name="Save")).to_be_disabled()
    assert not axe(page)
    page.get_by_label("Reason").fill("Callers wait 20 ms")
    settled(page)
    page.get_by_role("button", name="Save").click()
    settled(page)
    expect(page.get_by_text("Saved.", exact=False).first).to_be_visible()

    page.goto(f"{server}/service-levels?model=delays&view=History")
    settled(page)
    page.get_by_label("Change", exact=True).click()
    page.get_by_role("option", name="delays, revision 2").click()
    settled(page)
    page.get_by_label("Reason").fill("They do not")
    settled(page)
    page.get_by_role("button", name="Undo").click()
    settled(page)
    expect(page.get_by_text("Undone", exact=False).first).to_be_visible()
