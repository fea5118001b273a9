"""A worker that is killed in the middle of whatever it does loses and doubles no alert: benchmarks/kills.py, short."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
KILLS = os.environ.get("LEEWAY_KILLS", "10")


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_killed_worker_loses_no_alert_and_sends_none_under_two_names(
    database: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/kills.db" if database == "sqlite" else request.getfixturevalue("postgres_url")
    command = [sys.executable, "-m", "benchmarks.kills", "--kills", KILLS, "--database", url]
    command += ["--speed", "900", "--longest", "0.4"] if int(KILLS) < 100 else []
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert json.loads(done.stdout.rpartition("}")[0] + "}")["episodes"] > 0


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_killed_dispatcher_has_no_run_started_twice_and_loses_none(
    database: str, request: pytest.FixtureRequest
) -> None:
    command = [sys.executable, "benchmarks/dispatch_kills.py", "--kills", KILLS]
    command += ["--database", request.getfixturevalue("postgres_url")] if database == "postgresql" else []
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert json.loads(done.stdout)["kills"] == int(KILLS)
