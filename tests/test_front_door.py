"""The front door on a cold server: every page's address asked for first, and the routes beside the dashboard."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from monitoring.web.menu import menu
from tests.ports import free_port
from tests.waiting import until

ROOT = Path(__file__).parent.parent


def get(url: str) -> httpx.Response:
    return httpx.get(url, timeout=120)


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    home = tmp_path_factory.mktemp("front")
    port = free_port()
    environment = os.environ | {"LEEWAY_DATABASE": f"sqlite:///{home}/leeway.db", "LEEWAY_HOME": str(home)}
    command = [sys.executable, "-m", "uvicorn", "app:app", "--port", str(port), "--log-level", "error"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, "it did not start"
        try:
            return get(f"{url}/_stcore/health").status_code > 0
        except httpx.HTTPError:
            return False

    until(answers, 240)
    yield url, home
    process.terminate()
    process.wait()


def test_no_page_lies_where_streamlit_would_run_it_without_the_frame() -> None:
    assert not list((ROOT / "pages").glob("*.py"))
    assert not list((ROOT / "monitoring" / "web").glob("pages/*.py"))


@pytest.mark.parametrize("entry", menu(), ids=lambda e: e.url)
def test_every_page_asks_who_is_looking_before_anything_else(entry: object) -> None:
    text = entry.path.read_text(encoding="utf-8")  # type: ignore[attr-defined]
    body = [
        line
        for line in text.splitlines()
        if line and not line.startswith((" ", "#", '"', "from ", "import ", ")", "@"))
    ]
    assert "require(" in text
    assert next(line for line in body if "(" in line and not line.startswith(("def ", "class "))).startswith("require(")


@pytest.mark.parametrize("entry", menu(), ids=lambda e: e.url)
def test_every_page_answers_on_a_cold_server(cold: tuple[str, Path], entry: object) -> None:
    answer = get(f"{cold[0]}/{entry.url}")  # type: ignore[attr-defined]
    assert answer.status_code == 200
    assert "Streamlit" in answer.text or "root" in answer.text


def test_health_is_ok_with_a_database_and_says_the_worker_never_lived(cold: tuple[str, Path]) -> None:
    from monitoring.store.database import connect
    from monitoring.store.migrations import migrate

    migrate(connect(f"sqlite:///{cold[1]}/leeway.db"))
    answer = get(f"{cold[0]}/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "worker_seconds_ago": None})


@pytest.mark.parametrize("name", ["nope", ".hidden", "a b"])
def test_a_report_that_is_not_there_is_not_found(cold: tuple[str, Path], name: str) -> None:
    assert get(f"{cold[0]}/v1/reports/{name}").status_code == 404


def test_a_report_is_served_sandboxed_and_can_be_saved(cold: tuple[str, Path]) -> None:
    (cold[1] / "reports").mkdir()
    (cold[1] / "reports" / "a-1.html").write_text("<script>1</script>")
    shown, saved = get(f"{cold[0]}/v1/reports/a-1"), get(f"{cold[0]}/v1/reports/a-1?download")
    assert "sandbox allow-scripts" in shown.headers["content-security-policy"]
    assert shown.headers.get("content-disposition", "inline") == "inline"
    assert saved.headers["content-disposition"].startswith("attachment")
