"""Stories of somebody who looks: from the fleet to the cause, there and back, light and dark, wide and narrow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine, func, select, update

from monitoring import alerting
from monitoring.core.alerting.matcher import parse as parse_matchers
from monitoring.core.alerting.silence import Silence
from monitoring.evaluate import Scope, evaluate
from monitoring.notifiers.registry import parse as parse_channel
from monitoring.settings import Settings
from monitoring.store import channels, models, oncall, rules, silences
from monitoring.store.database import connect, reading, transaction
from monitoring.store.migrations import migrate
from monitoring.store.tables import AlertRow, HeartbeatRow, OutboxRow
from monitoring.web.menu import menu
from monitoring.web.span import parse
from tests.browser.conftest import dashboard, settle, visit
from tests.clock import PRESENT

NAME = "Late ![x](https://example.org/x.png) <b>risk</b> https://example.org/y"
SHOWN = NAME.replace("https:", "https:\u2060")
"""The name as it is on the screen: nothing to be seen parts what would be a link."""
NOT_OURS = {
    "svg-img-alt": "[class*=_highlighted_points_marks]",  # an empty group of marks in the chart of every figure
    "list": "[data-testid=stSidebarNav]",  # the menu of narrow screens
    "listitem": "[data-testid=stSidebarNav]",
}
"""Flaws in Streamlit's own markup, which no page can mend: by axe's rule, where they are."""
VIEWS = ("models-and-logs?view=Models&edit=late", "models-and-logs?view=Add+a+model")
VIEWS += ("performance?model=late&view=By+version", "drift?model=late&range=1h")
VIEWS += ("service-levels?model=late&view=Change+objectives", "service-levels?model=late&view=History")
VIEWS += ("on-call?view=Teams", "silences?view=Make+one&model=late&check=drift", "channels?channel=ops")
VIEWS += ("thresholds?model=late&check=quality.volume", "thresholds?view=Fleet-wide+rules&rule=nulls")
VIEWS += ("channels?view=Add+a+channel",)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A model whose feature moved with a new version five days ago, and a name that wants to be Markdown."""
    home = tmp_path_factory.mktemp("browse")
    now = PRESENT
    random = np.random.default_rng(11)
    times = pd.date_range(now - timedelta(days=16), now - timedelta(minutes=5), freq="5min")
    score = random.beta(2, 3, len(times))
    late = times > pd.Timestamp(now - timedelta(days=5))
    pd.DataFrame(
        {
            "id": np.arange(len(times)), "at": times, "x": random.normal(0, 1, len(times)) + np.where(late, 2.0, 0.0),
            "score": score, "label": (random.random(len(times)) < score).astype(int),
            "ms": random.lognormal(2, 0.3, len(times)), "status": 200, "version": np.where(late, "1.5 <i>", "1.4"),
        }
    ).to_parquet(home / "log.parquet")  # fmt: skip
    columns = {
        "id": "id",
        "timestamp": "at",
        "score": "score",
        "label": "label",
        "latency_ms": "ms",
        "status": "status",
        "version": "version",
    }
    document = {
        "key": "late",
        "name": NAME,
        "owner": "the desk",
        "task": "binary_classification",
        "predictions": {"source": "parquet", "location": "log.parquet", "columns": columns},
        "slos": [
            {"sli": "latency", "threshold_ms": 50, "objective": 0.99},
            {"sli": "availability", "objective": 0.99},
            {"sli": "freshness", "max_age": "4h", "objective": 0.99},
        ],
    }
    store = connect(f"sqlite:///{home / 'leeway.db'}")
    migrate(store)
    with transaction(store) as session:
        models.apply(session, [document], home, "test", now)
        session.add(HeartbeatRow(name="worker", at=now, detail=""))
    with reading(store) as session:
        watched = models.watched(session)[0]
    evaluate(store, watched, Scope(now=now), lambda: now, lambda share, words: None)
    respond(store, now)
    store.dispose()
    with dashboard(home) as address:
        yield address


def respond(store: Engine, now: datetime) -> None:
    """What the pages of those who respond show: alerts that were told, somebody on call, a channel with a dead letter,
    silences, a rule."""
    ops = {"name": "ops", "kind": "slack", "url": "${OPS}", "matchers": {"owner": ["the desk"]}}
    rotation = {"people": ["ada"], "turn": "weekly", "start": "2026-01-05T09:00"}
    team = {
        "key": "desk", "owners": ["the desk"], "members": ["ada"], "channels": ["ops"],
        "schedules": [{"key": "primary", "rotations": [rotation]}],
    }  # fmt: skip
    matchers = parse_matchers('model="late", check="drift.label"')
    with transaction(store) as session:
        channels.apply(session, [parse_channel(ops)], "test", now)
        oncall.apply(session, [{"key": "ada", "channels": ["ops"]}], [team], "test", now)
        rules.apply(session, [{"key": "nulls", "check": "quality.missing", "breached": 0.3}], "test", now)
        silences.add(session, Silence(matchers, now, now + timedelta(days=7), "ada", "moving"), now)
        over = silences.add(session, Silence(matchers, now, now + timedelta(days=7), "ada", "moved"), now)
        silences.expire(session, over, "ada", now + timedelta(seconds=1))
    for after in (0, 40):
        alerting.step(store, now + timedelta(seconds=after), Settings(), ["late"] if after == 0 else ())
    with transaction(store) as session:
        assert session.scalar(select(func.count()).select_from(AlertRow)), "there must be an alert to look at"
        session.execute(update(OutboxRow).values(state="dead", last_error="403 of hooks.slack.com"))


def test_from_a_flag_to_its_cause_and_back(browser_page: Page, server: str) -> None:
    browser_page.goto(server)
    settle(browser_page)
    expect(browser_page.get_by_role("heading", name="Fleet", exact=True)).to_be_visible()
    expect(browser_page.get_by_test_id("stMarkdown").filter(has_text=SHOWN).first).to_be_visible()
    expect(browser_page.locator('a[href*="example.org"]')).to_have_count(0)  # a name is no link
    browser_page.get_by_test_id("stMain").get_by_role("link", name="Drift").first.click()
    settle(browser_page)
    expect(browser_page.get_by_role("heading", name="Drift", exact=True)).to_be_visible()
    expect(browser_page).to_have_url(re.compile("model=late"))
    expect(browser_page.get_by_text("→", exact=False).filter(visible=True).first).to_be_visible()  # from what, to what
    browser_page.go_back()
    settle(browser_page)
    expect(browser_page.get_by_role("heading", name="Fleet", exact=True)).to_be_visible()
    browser_page.go_forward()
    settle(browser_page)
    expect(browser_page.get_by_role("heading", name="Drift", exact=True)).to_be_visible()


def drag(page: Page, chart: int, begin: float, end: float) -> None:
    """Drag over a chart, from and to a share of its width."""
    plot = page.locator(".js-plotly-plot .nsewdrag").nth(chart)
    plot.scroll_into_view_if_needed()
    settle(page)
    box = plot.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + begin * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], middle + 5, steps=6)
    page.mouse.up()
    settle(page)


def range_of(page: Page) -> str:
    return parse_qs(urlsplit(page.url).query).get("range", [""])[0]


def test_a_drag_on_a_chart_sets_the_range_of_all_pages_and_back_takes_it_back(browser_page: Page, server: str) -> None:
    page = browser_page
    page.goto(f"{server}/model?model=late&range=7d")
    settle(page)
    expect(page.locator(".js-plotly-plot").first.get_by_text("1.5 <i>")).to_be_visible()  # the new version is marked
    whole = parse("7d")
    assert whole is not None
    drag(page, 0, 0.25, 0.75)
    expect(page).not_to_have_url(re.compile("range=7d"))
    chosen = parse(range_of(page))
    assert chosen is not None, page.url
    quarter = (whole.end - whole.start) / 4
    slack = timedelta(hours=6)
    assert abs(chosen.start - whole.start - quarter) < slack and abs(chosen.end - whole.end + quarter) < slack
    expect(page.get_by_role("combobox", name="Time range")).to_have_value(range_of(page))

    # the range goes along to another page, over one that has none, and a heat map is dragged over as well
    page.get_by_text("Observe").first.click()
    page.get_by_role("menuitem", name="Fleet").click()
    settle(page)
    expect(page.get_by_role("heading", name="Fleet", exact=True)).to_be_visible()
    expect(page.get_by_role("combobox", name="Time range")).to_have_count(0)
    page.reload()
    settle(page)
    assert parse(range_of(page)) == chosen
    page.get_by_test_id("stMain").get_by_role("link", name="Drift").first.click()
    settle(page)
    expect(page.get_by_role("heading", name="Drift", exact=True)).to_be_visible()
    assert parse(range_of(page)) == chosen
    before, address = range_of(page), page.url
    drag(page, 0, 0.4, 0.6)
    expect(page).not_to_have_url(address)
    assert parse(range_of(page)) is not None and range_of(page) != before
    page.go_back()
    settle(page)
    expect(page).to_have_url(address)
    expect(page.get_by_role("combobox", name="Time range")).to_have_value(before)


def test_what_is_shown_can_be_saved(browser_page: Page, server: str) -> None:
    page = browser_page
    page.goto(f"{server}/service-levels?model=late&range=7d")
    settle(page)
    with page.expect_download() as table:
        page.get_by_role("button", name="Download CSV").last.click()
    assert Path(table.value.path()).read_text().startswith("moment,requests,errors")
    chart = page.locator(".js-plotly-plot").last
    chart.scroll_into_view_if_needed()
    chart.hover()
    with page.expect_download() as picture:
        chart.locator('[data-title^="Download plot"]').click()
    assert Path(picture.value.path()).read_bytes().startswith(b"\x89PNG")
    assert re.fullmatch(r"late-[a-z_]+\.png", picture.value.suggested_filename)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_every_page_stands_by_itself_and_can_be_used_by_everybody(
    chromium: Browser, server: str, scheme: Literal["light", "dark"], width: int
) -> None:
    """Deep links: no error, nothing asked elsewhere, nothing wider than the screen, nothing that axe-core finds."""
    titles = {"" if entry == menu()[0] else entry.url: entry.title for entry in menu()}  # the first page is at "/"
    places = [f"{url}?model=late&range=30d" if url else "" for url in reversed(titles)]
    found: list[str] = []
    with visit(chromium, server, width, scheme) as page:
        for place in [*places, *VIEWS]:
            page.goto(f"{server}/{place}")
            settle(page)
            title = titles[place.partition("?")[0]]
            expect(page.get_by_role("heading", name=title, exact=True).first).to_be_visible()
            expect(page.get_by_test_id("stException")).to_have_count(0)
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            if wide > 0:
                found.append(f"{place} is {wide} px wider than the screen")
            found += [f"{place}: {finding}" for finding in axe(page)]
    assert not found, "\n".join(found)


def axe(page: Page) -> list[str]:
    """What axe-core finds with all its rules on, contrast among them."""
    return [
        f"{rule['id']}: {rule['help']}: {node['html']} {node['failureSummary']}"
        for rule in Axe().run(page).response["violations"]
        for node in rule["nodes"]
        if not page.evaluate(
            "([node, flaw]) => flaw && document.querySelector(node)?.closest(flaw)",
            [node["target"][0], NOT_OURS.get(rule["id"])],
        )
    ]
