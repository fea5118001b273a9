"""The story that Leeway is for: a model has decayed, is retrained, held against the old one, promoted, and recovers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml
from playwright.sync_api import Browser, Locator, Page, expect

from monitoring import fleet
from monitoring.demo import play
from monitoring.evaluate import Scope, evaluate
from monitoring.store import models
from monitoring.store.database import connect, reading, transaction
from monitoring.store.migrations import migrate
from tests import waiting
from tests.browser.conftest import ROOT, ahead, dashboard, settle, visit
from tests.clock import PRESENT

KEY = "air-time-eta"
DAYS = 6
FOURTH = 3
"""Of every four flights one, by these bits of its id: enough for a day's verdict, and quickly read."""


DRAWN = """(() => {
    const drawn = document.querySelector('.js-plotly-plot').data.find(trace => trace.name === 'Mean absolute error');
    return [Array.from(drawn.x), Array.from(drawn.y)];
})()"""
"""The days of the first chart, and what was measured of them."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The demo's model that has decayed, since July, as of now; evaluated once.

    Its latency is left out: that a machine is busy is no reason to keep the worse version."""
    now, data = PRESENT, tmp_path / "data"
    (data / "logs").mkdir(parents=True)
    (data / "retrain.py").symlink_to(ROOT / "data" / "retrain.py")
    document = yaml.safe_load((ROOT / "data" / "fleet.yaml").read_text())
    model = next(m for m in document["models"] if m["key"] == KEY)
    july = datetime(2013, 7, 1, tzinfo=UTC)
    for kind in play.KINDS:
        inside = pc.field("predicted_at" if kind == "predictions" else "landed_at") >= july
        rows = pq.read_table(ROOT / "data" / "logs" / f"{KEY}.{kind}.parquet", filters=inside)
        rows = rows.filter(pc.equal(pc.bit_wise_and(rows.column("prediction_id"), FOURTH), 0))
        pq.write_table(rows, data / "logs" / f"{KEY}.{kind}.parquet", row_group_size=20_000)
    columns = model["predictions"]["columns"]
    columns["features"], columns["feeds"] = ["distance", "temp", "origin"], {}
    for mapped in (columns, model["retraining"]["shadow"]["columns"]):
        mapped.pop("latency_ms")
    model["reference"] = {"from": july.date(), "to": datetime(2013, 7, 21).date()}
    model["slos"], model["retraining"]["propose"] = [], []
    (data / "fleet.yaml").write_text(yaml.safe_dump({"models": [model]}))

    file = play.load(data, tmp_path / "home" / "demo", now, lambda _words, _share: None)
    store = connect(f"sqlite:///{tmp_path / 'leeway.db'}")
    migrate(store)
    with transaction(store) as session:
        models.apply(session, fleet.load(file), file.parent, "test", now)
    with reading(store) as session:
        watched = models.watched(session)[0]
    evaluate(store, watched, Scope(now=now), lambda: now, lambda share, words: None)
    store.dispose()
    return tmp_path


@contextmanager
def worker(home: Path) -> Iterator[None]:
    """A worker as `up --demo` starts it, on the clock of the story."""
    environment = os.environ | {
        "LEEWAY_DATABASE": f"sqlite:///{home / 'leeway.db'}", "LEEWAY_HOME": str(home / "home"),
        "LEEWAY_COMMANDS": play.allowed(ROOT / "data"), "LEEWAY_CADENCE_SECONDS": "1",
    }  # fmt: skip
    with (home / "worker.log").open("wb") as log:
        words = [sys.executable, "-m", "tests.browser.later", str(home / "ahead"), "worker"]
        process = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def headed(page: Page, state: str) -> Locator:
    """The head of a request's card in a state."""
    return page.get_by_test_id("stMarkdown").filter(has_text=re.compile(f"{state}.*Air time ETA · {KEY}-1"))


def replayed(home: Path, until: datetime) -> None:
    """Wait until the worker has laid down what happened until then."""
    state = home / "home" / "demo" / "demo.json"
    waiting.until(lambda: datetime.fromisoformat(json.loads(state.read_text())["loaded_until"]) >= until, 120)


def test_from_the_request_to_the_recovery(chromium: Browser, home: Path) -> None:
    with dashboard(home) as server, visit(chromium, server) as page:
        page.goto(f"{server}/retraining?model={KEY}&show=ask")
        settle(page)
        expect(page.get_by_text("None objects.")).to_be_visible()
        page.get_by_role("textbox", name="Why?").fill("It is off by a quarter of an hour")
        page.get_by_role("button", name="Request a retrain").click()
        expect(headed(page, "Requested")).to_be_visible()

        # approved, it is refitted by a process of its own, which says how far it is
        page.get_by_role("button", name="Approve", exact=True).click()
        expect(page.get_by_test_id("stProgress")).to_contain_text("Waiting for the dispatcher.")
        with worker(home):
            told = re.compile("begun|reading|fitt|answering|keeping", re.I)
            running = page.get_by_test_id("stProgress").filter(has_text=told)
            expect(running.or_(headed(page, "Candidate|Evaluated")).first).to_be_visible()

            # held against the one that serves, on the week that it has not seen
            expect(page.get_by_text("Compared on the same rows")).to_be_visible()
            expect(page.get_by_text(re.compile(r"mean absolute error .* min better", re.I)).first).to_be_visible()
            page.get_by_role("button", name="Promote", exact=True).click()
            expect(headed(page, "Promoted")).to_be_visible()
            expect(page.get_by_role("button", name="Roll back")).to_be_visible()

            # days later it has answered everything, and the old one beside it
            ahead(home, timedelta(days=DAYS))
            replayed(home, PRESENT + timedelta(days=DAYS - 1))
            ahead(home, timedelta(days=DAYS, minutes=15))
            expect(page.get_by_text("Measured since promotion")).to_be_visible()
            expect(headed(page, "Verified")).to_be_visible()

            page.goto(f"{server}/performance?model={KEY}&range=30d")
            settle(page)
            marked = page.get_by_role("figure", name=re.compile("Changed: 2 from .*promoted from"))
            expect(marked.get_by_text(re.compile("^ ?2( and|$)"))).to_be_visible()
            days, errors = page.evaluate(DRAWN)
            since = max(moment for moment in days if datetime.fromisoformat(moment).date() <= PRESENT.date())
            before = [e for day, e in zip(days, errors, strict=True) if day < since and e is not None]
            after = [e for day, e in zip(days, errors, strict=True) if day > since and e is not None]
            assert len(after) >= DAYS - 2
            assert max(after) < 10 < 12 < min(before[-5:])

            # and back again, with a reason
            page.goto(f"{server}/retraining?model={KEY}")
            settle(page)
            page.get_by_role("button", name="Roll back").click()
            page.get_by_role("textbox", name="Why?").fill("To see whether it can be undone")
            page.get_by_role("button", name="Roll back").last.click()
            expect(headed(page, "Rolled back")).to_be_visible()
