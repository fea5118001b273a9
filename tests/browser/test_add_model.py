"""A newcomer points Leeway at a CSV of their own."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Page, expect

from tests.logs_of import flights, write

pytestmark = pytest.mark.browser


def test_a_newcomer_adds_a_model_by_its_csv(
    server: str, browser_page: Page, settled: Callable[[Page], None], tmp_path: Path
) -> None:
    place = write(flights(days=10, decay_after=7), "csv", tmp_path, "flight delays")
    page = browser_page

    page.goto(server)  # the first page of a cold server imports everything
    expect(page.get_by_text("No model is watched yet.")).to_be_visible()
    page.get_by_role("link", name="Models and logs").last.click()
    expect(page.get_by_role("heading", name="Models and logs")).to_be_visible()
    page.get_by_role("radio", name="Add a model").click()

    # a wrong path is said, and stays to be mended
    where = page.get_by_role("textbox", name="File, folder or glob on the server")
    where.fill(place["location"] + "x")
    page.get_by_role("button", name="Look").click()
    expect(page.get_by_text("no file is there")).to_be_visible()
    expect(where).to_have_value(place["location"] + "x")
    where.fill(place["location"])
    page.get_by_role("button", name="Look").click()

    # the mapping is guessed; the kind by the ending
    expect(page.get_by_role("heading", name="What are the columns?")).to_be_visible()
    settled(page)
    expect(page.get_by_role("radio", name="csv")).to_be_checked()
    document = yaml.safe_load(page.get_by_test_id("stCode").inner_text())["models"][0]
    columns = document["predictions"]["columns"]
    assert document["key"] == "flight-delays"
    assert (columns["id"], columns["timestamp"], columns["score"], columns["label"]) == ("id", "ts", "score", "label")
    assert columns["features"] == ["distance", "hour", "carrier", "origin"]
    page.get_by_role("textbox", name="Name", exact=True).fill("My flights")
    page.get_by_role("textbox", name="Owner").fill("flight-operations")
    page.keyboard.press("Tab")
    expect(page.get_by_test_id("stCode")).to_contain_text("my-flights")

    # first verdicts, of a log whose distances shift and whose scores mean nothing in the last days
    page.get_by_role("button", name="Preview verdicts").click()
    expect(page.get_by_role("heading", name="First verdicts")).to_be_visible()
    settled(page)
    expect(page.get_by_text("Needs retraining")).to_be_visible()
    expect(page.get_by_text(re.compile("^3 of the last 3 mature windows are breached: ROC AUC"))).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="1 of 4 features drifted (distance")).to_be_visible()

    page.get_by_role("button", name="Save and watch").click()
    expect(page.get_by_role("heading", name="Change a model")).to_be_visible()
    expect(page).to_have_url(re.compile("view=Models"))
    expect(page.get_by_role("textbox", name="YAML")).to_have_value(re.compile("owner: flight-operations"))
    expect(page.get_by_text("waiting for the worker")).to_be_visible()

    page.goto(server)
    expect(page.get_by_role("radio", name="Not evaluated 1")).to_be_visible()

    # enough of it: the key has to be typed, and a reason given
    page.goto(f"{server}/models-and-logs?view=Models&edit=my-flights")
    page.get_by_role("button", name="Stop watching").click()
    dialog = page.get_by_role("dialog")
    sure = dialog.get_by_role("button", name="Stop watching")
    expect(sure).to_be_disabled()
    dialog.get_by_role("textbox", name="Type the key to confirm").fill("my-flights")
    dialog.get_by_role("textbox", name="Reason").fill("only a try")
    expect(sure).to_be_enabled()
    sure.click()
    expect(page.get_by_text("No model is watched yet.")).to_be_visible()
    page.get_by_role("radio", name="Changes").click()
    expect(page.get_by_text("only a try").first).to_be_attached()
