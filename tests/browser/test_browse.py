"""Stories of somebody who looks: from the fleet to the cause, there and back, light and dark, wide and narrow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect

from monitoring.evaluate import Scope, evaluate
from monitoring.store import models
from monitoring.store.database import connect, reading, transaction
from monitoring.store.migrations import migrate
from monitoring.store.tables import HeartbeatRow
from monitoring.web.menu import menu

Settled = Callable[[Page], None]
NAME = "Late ![x](https://example.org/x.png) <b>risk</b>"


@pytest.fixture(autouse=True)
def filled(tmp_path: Path) -> None:
    """A model whose feature moved five days ago, with a name that wants to be Markdown."""
    now = datetime.now(UTC)
    random = np.random.default_rng(11)
    times = pd.date_range(now - timedelta(days=16), now - timedelta(minutes=5), freq="5min")
    score = random.beta(2, 3, len(times))
    moved = np.where(times > pd.Timestamp(now - timedelta(days=5)), 2.0, 0.0)
    pd.DataFrame(
        {
            "id": np.arange(len(times)), "at": times, "x": random.normal(0, 1, len(times)) + moved, "score": score,
            "label": (random.random(len(times)) < score).astype(int), 
            "ms": random.lognormal(2, 0.3, len(times)), "status": 200,
        }
    ).to_parquet(tmp_path / "log.parquet")  # fmt: skip
    columns = {
        "id": "id",
        "timestamp": "at",
        "score": "score",
        "label": "label",
        "latency_ms": "ms",
        "status": "status",
    }
    document = {
        "key": "late",
        "name": NAME,
        "owner": "the desk",
        "task": "binary_classification",
        "predictions": {"source": "parquet", "location": "log.parquet", "columns": columns},
        "slos": [{"sli": "latency", "threshold_ms": 50, "objective": 0.99}],
    }
    store = connect(f"sqlite:///{tmp_path / 'leeway.db'}")
    migrate(store)
    with transaction(store) as session:
        models.apply(session, [document], tmp_path, "test", now)
        session.add(HeartbeatRow(name="worker", at=now, detail=""))
    with reading(store) as session:
        watched = models.watched(session)[0]
    evaluate(store, watched, Scope(now=now), lambda: now, lambda share, words: None)
    store.dispose()


def test_from_a_flag_to_its_cause_and_back(browser_page: Page, server: str, settled: Settled) -> None:
    browser_page.goto(server)
    settled(browser_page)
    expect(browser_page.get_by_role("heading", name="Fleet", exact=True)).to_be_visible()
    expect(browser_page.get_by_test_id("stMarkdown").filter(has_text=NAME).first).to_be_visible()
    browser_page.get_by_test_id("stMain").get_by_role("link", name="Drift").first.click()
    settled(browser_page)
    expect(browser_page.get_by_role("heading", name="Drift", exact=True)).to_be_visible()
    assert "model=late" in browser_page.url
    expect(browser_page.get_by_text("→", exact=False).filter(visible=True).first).to_be_visible()  # from what, to what
    browser_page.go_back()
    settled(browser_page)
    expect(browser_page.get_by_role("heading", name="Fleet", exact=True)).to_be_visible()
    browser_page.go_forward()
    settled(browser_page)
    expect(browser_page.get_by_role("heading", name="Drift", exact=True)).to_be_visible()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_every_page_stands_by_itself(
    chromium: Browser, server: str, settled: Settled, scheme: Literal["light", "dark"], width: int
) -> None:
    """Deep links on a cold server: no error, nothing wider than the screen, nothing asked elsewhere."""
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    elsewhere: list[str] = []
    page.on("request", lambda r: elsewhere.append(r.url) if "example.org" in r.url or "googleapis" in r.url else None)
    for entry in reversed(menu()):
        page.goto(f"{server}/{entry.url}?model=late&range=30d")
        settled(page)
        expect(page.get_by_role("heading", name=entry.title, exact=True).first).to_be_visible()
        expect(page.get_by_test_id("stException")).to_have_count(0)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{entry.title} is {wide} px wider than the screen"
        assert not elsewhere
    context.close()
