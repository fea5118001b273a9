"""A real dashboard for a real browser, whose clock starts at PRESENT. No worker runs; what is asked of it waits."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from monitoring.web import clock
from tests.browser import wire
from tests.clock import PRESENT
from tests.ports import free_port
from tests.waiting import until

PATIENCE = 120_000
"""Milliseconds that the browser waits for what must come."""
expect.set_options(timeout=PATIENCE)
ROOT = Path(__file__).parents[2]
CHROMIUM = Path(os.environ.get("LEEWAY_CHROMIUM", "/usr/bin/chromium"))
OWN_404 = ("/_stcore/health", "/_stcore/host-config")
"""What Streamlit's client asks for in vain below a deep link, before it finds where it is."""


UVICORN = ("-m", "uvicorn", "app:app", "--port", "{port}")
LATER = ("-m", "tests.browser.later", "{home}/ahead", "web", "{port}")


@pytest.fixture(autouse=True)
def present(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this process asks for is of the moment at which the dashboards' clocks start."""
    monkeypatch.setattr(clock, "read", lambda: PRESENT)


def ahead(home: Path, by: timedelta = timedelta(0)) -> None:
    """Set the clock of those who read `home / "ahead"`: to PRESENT, and so much later."""
    (home / "next").write_text(str((PRESENT + by - datetime.now(UTC)).total_seconds()))
    (home / "next").replace(home / "ahead")


@contextmanager
def dashboard(home: Path, command: Sequence[str] = LATER, port: int | None = None, **settings: str) -> Iterator[str]:
    """The address of a dashboard over `home / "leeway.db"`, started cold; `settings` are environment variables."""
    port = port or free_port()
    ahead(home)
    environment = os.environ | {
        "LEEWAY_DATABASE": f"sqlite:///{home / 'leeway.db'}",
        "LEEWAY_HOME": str(home / "home"),
        "LEEWAY_SIGN_IN": "none",
        **settings,
    }
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *(word.format(port=port, home=home) for word in command)],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _wait(address, process, home / "server.log")
            yield address
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def visit(
    browser: Browser,
    address: str,
    width: int = 1440,
    scheme: Literal["light", "dark"] = "light",
    besides: tuple[str, ...] = (),
) -> Iterator[Page]:
    """A page of a fresh browser. In the end its console must be clean, and nothing asked of a host but this one, and
    those `besides` it."""
    context = browser.new_context(viewport={"width": width, "height": 1000}, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    wire.Wire(page)
    bad: list[str] = []

    def said(message: ConsoleMessage) -> None:
        ours = "404" in message.text and message.location["url"].endswith(OWN_404)
        if message.type == "error" and not ours:
            bad.append(f"{message.text} ({message.location['url']})")

    page.on("pageerror", lambda error: bad.append(str(error)))
    page.on("console", said)
    here = (address, address.replace("http", "ws"), "data:", "blob:", *besides)
    page.on("request", lambda r: not r.url.startswith(here) and bad.append(f"asked of another host: {r.url}"))
    yield page
    context.close()
    assert not bad, "\n".join(bad)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a dashboard over an empty database of its own; gone after the test."""
    with dashboard(tmp_path) as address:
        yield address


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, headless. Without it a test is skipped, loudly; where nothing may be skipped, it fails."""
    if not os.access(CHROMIUM, os.X_OK):
        reason = f"NO CHROMIUM: {CHROMIUM} is not there (Debian: apt-get install chromium)"
        if os.environ.get("LEEWAY_TESTS_STRICT") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def browser_page(chromium: Browser, server: str) -> Iterator[Page]:
    """A page of a fresh browser on `server`."""
    with visit(chromium, server) as page:
        yield page


@pytest.fixture
def settled() -> Callable[[Page], None]:
    """settled(page): wait until Streamlit has run the page to its end."""
    return settle


def settle(page: Page) -> None:
    """Wait until Streamlit has run the page to its end, and the browser has drawn it."""
    wire.settle(page, PATIENCE / 1000)


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    def answers() -> bool:
        if process.poll() is not None:
            pytest.fail(f"the dashboard did not start: {log.read_text()[-3000:]}", pytrace=False)
        try:
            with urllib.request.urlopen(f"{address}/healthz", timeout=60):
                return True
        except urllib.error.HTTPError:
            return True  # it answers: /healthz says 503 before the first page has made the tables
        except OSError:
            return False

    until(answers, 240)
