"""A story of somebody who is paged too often: pick the check, see what another level would have done, save, undo."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import visit

Settled = Callable[[Page], None]


@pytest.fixture(autouse=True)
def filled(small_fleet: Path, tmp_path: Path) -> None:
    shutil.copy(small_fleet, tmp_path / "leeway.db")


def test_a_level_is_tried_saved_and_undone(browser_page: Page, server: str, settled: Settled) -> None:
    page = browser_page
    page.goto(f"{server}/thresholds?model=delays&check=performance.roc_auc")
    settled(page)
    page.get_by_label("Breached at").fill("0.05")
    page.keyboard.press("Enter")
    settled(page)
    opened = page.get_by_test_id("stMetric").filter(has_text="Alerts opened")
    expect(opened).to_contain_text("0")
    expect(opened).to_contain_text(re.compile("as it is: [1-9]"))
    expect(page.locator(".js-plotly-plot")).to_be_visible()
    expect(page.get_by_role("button", name="Save")).to_be_disabled()
    page.get_by_label("Reason").fill("We are paged for nothing")
    settled(page)
    page.get_by_role("button", name="Save").click()
    settled(page)
    expect(page.get_by_text("Saved.", exact=False).first).to_be_visible()

    page.goto(f"{server}/thresholds?view=History")
    settled(page)
    page.get_by_label("Change", exact=True).click()
    page.get_by_role("option", name="delays, revision 1").click()
    settled(page)
    expect(page.get_by_test_id("stMarkdown").filter(has_text="We are paged for nothing")).to_be_visible()
    page.get_by_label("Reason").fill("It hid a real one")
    settled(page)
    page.get_by_role("button", name="Undo").click()
    settled(page)
    expect(page.get_by_text("Undone", exact=False).first).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(chromium: Browser, server: str, settled: Settled, scheme: Literal["light", "dark"]) -> None:
    with visit(chromium, server, 390, scheme) as page:
        page.goto(f"{server}/thresholds?model=delays&check=drift")
        settled(page)
        expect(page.get_by_role("heading", name="Change a threshold")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
