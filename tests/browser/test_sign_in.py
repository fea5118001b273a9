"""Nobody sees a page before they have signed in, however the dashboard was started and whatever is asked for first."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from monitoring.web.menu import menu
from tests.browser.conftest import UVICORN, dashboard, free_port, settle, visit
from tests.browser.oidc import CLIENT, SECRET, provider

STREAMLIT = ("-m", "streamlit", "run", "app.py", "--server.port", "{port}")


@pytest.mark.parametrize("command", [UVICORN, STREAMLIT], ids=["uvicorn", "streamlit"])
def test_a_cold_server_shows_no_page_to_a_stranger_and_each_to_whom_has_signed_in(
    chromium: Browser, tmp_path: Path, command: tuple[str, ...]
) -> None:
    port = free_port()
    with provider("ada@example.org") as issuer:
        (tmp_path / ".streamlit").mkdir()
        (tmp_path / ".streamlit" / "secrets.toml").write_text(
            f"""[auth]
redirect_uri = "http://127.0.0.1:{port}/oauth2callback"
cookie_secret = "{"x" * 40}"
client_id = "{CLIENT}"
client_secret = "{SECRET}"
server_metadata_url = "{issuer}/.well-known/openid-configuration"
"""
        )
        environment = {"LEEWAY_SIGN_IN": "oidc", "HOME": str(tmp_path)}
        with (
            dashboard(tmp_path, command, port, **environment) as address,
            visit(chromium, address, besides=(issuer,)) as page,
        ):
            first, *others = menu()
            for entry in [*others, first]:  # "/" last: it is what makes Streamlit know of the frame
                page.goto(f"{address}/{entry.url if entry != first else ''}")
                expect(page.get_by_text("Sign in to see the fleet.")).to_be_visible()
                settle(page)
                expect(page.get_by_role("heading", name=entry.title, exact=True)).to_have_count(0)
                expect(page.get_by_test_id("stTopNavSection")).to_have_count(0)
            page.get_by_role("button", name="Sign in").click()
            expect(page.get_by_role("heading", name="Fleet", exact=True)).to_be_visible()
            expect(page.get_by_text("No model is watched yet.")).to_be_visible()
            expect(page.get_by_text("ada@example.org".replace("@", "@\u2060"))).to_be_visible()
            page.get_by_role("button", name="Sign out").click()
            expect(page.get_by_text("Sign in to see the fleet.")).to_be_visible()
