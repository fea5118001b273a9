"""How quick the pages are: python benchmarks/pages.py.

A model over 90 days of log is really evaluated, then its rows are copied to 500 models. Server time is a rerun of the
page's script (AppTest, queries not cached and cached); browser time is from the click to the finished page in Chromium.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import insert, literal, select

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

MODELS, DAYS, FEATURES, ROWS, REPEATS = 500, 90, 10, 90_000, 5
PAGES = {
    "Fleet, 500 models": "/",
    "Model, 90 days": "/model?model=m000&range=90d",
    "Drift, 90 days": "/drift?model=m000&range=90d",
}


def log(folder: Path, now: datetime) -> dict[str, object]:
    """A log of 90 days and its part of a fleet file."""
    random = np.random.default_rng(1)
    seconds = np.sort(random.uniform(0, DAYS * 86_400, ROWS))
    score = random.beta(2, 5, ROWS)
    start = pd.Timestamp(now) - pd.Timedelta(days=DAYS)
    frame = pd.DataFrame(
        {
            "id": np.arange(ROWS),
            "ts": start + pd.to_timedelta((seconds * 1e6).astype("int64"), unit="us"),
            "score": score,
        }
        | {"label": (random.random(ROWS) < score).astype(int), "ms": random.lognormal(3, 0.4, ROWS), "status": 200}
        | {f"x{i}": random.normal(0, 1, ROWS) for i in range(FEATURES)}
    )
    frame.to_parquet(folder / "log.parquet", index=False)
    return {
        "key": "m000",
        "task": "binary_classification",
        "owner": "a team",
        "predictions": {
            "source": "parquet",
            "location": "log.parquet",
            "columns": {
                "id": "id",
                "timestamp": "ts",
                "score": "score",
                "label": "label",
                "latency_ms": "ms",
                "status": "status",
            },
        },
        "slos": [{"sli": "latency", "threshold_ms": 100, "objective": 0.99}],
    }


def fill(folder: Path, url: str, now: datetime) -> None:
    """Evaluate the one, copy it to the many."""
    from monitoring.evaluate import Scope, evaluate
    from monitoring.store import models
    from monitoring.store.database import connect, reading, transaction
    from monitoring.store.migrations import migrate
    from monitoring.store.tables import EvaluationRow, ModelRow, SourceRow, VerdictRow

    store = connect(url)
    migrate(store)
    with transaction(store) as session:
        models.apply(session, [log(folder, now)], folder, "benchmark", now)
    with reading(store) as session:
        watched = models.watched(session)[0]
    evaluate(store, watched, Scope(now=now), lambda: now, lambda share, words: None)

    with store.begin() as connection:
        one = connection.scalar(select(ModelRow.id))
        for number in range(1, MODELS):
            key = f"m{number:03}"
            connection.execute(_copy(ModelRow, {"key": key, "name": key}, ModelRow.id == one))
            copied_id = connection.scalar(select(ModelRow.id).where(ModelRow.key == key))
            for kind in (VerdictRow, SourceRow, EvaluationRow):
                connection.execute(_copy(kind, {"model_id": copied_id}, kind.model_id == one))


def _copy(kind: Any, change: dict[str, object], where: Any) -> Any:
    """INSERT … SELECT of all columns but the id, some of them changed."""
    names = [c.key for c in kind.__table__.columns if c.key != "id"]
    values = [literal(change[name]).label(name) if name in change else getattr(kind, name) for name in names]
    return insert(kind).from_select(names, select(*values).where(where))


def server(url: str) -> dict[str, dict[str, float]]:
    """Milliseconds of a rerun: the first with cold caches, then the median with warm ones."""
    import streamlit as st
    from streamlit.testing.v1 import AppTest

    os.environ["LEEWAY_DATABASE"] = url
    out = {}
    for name, address in PAGES.items():
        path, _, query = address.partition("?")
        app = AppTest.from_file(str(ROOT / "monitoring" / "web" / "frame.py"), default_timeout=120)
        for pair in filter(None, query.split("&")):
            key, _, value = pair.partition("=")
            app.query_params[key] = value
        app.run()
        if path != "/":
            app.switch_page(str(ROOT / "pages" / "observe" / f"{path[1:]}.py")).run()
        assert not app.exception, app.exception
        st.cache_data.clear()
        times = []
        for _ in range(REPEATS + 1):
            began = time.perf_counter()
            app.run()
            times.append((time.perf_counter() - began) * 1000)
        out[name] = {"cold_ms": round(times[0]), "warm_ms": round(statistics.median(times[1:]))}
    return out


def browser(url: str) -> dict[str, float]:
    """Seconds from going to an address to the finished page, the median of several."""
    from playwright.sync_api import sync_playwright

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "app:app",
        "--app-dir",
        str(ROOT),
        "--port",
        str(port),
        "--log-level",
        "error",
    ]
    process = subprocess.Popen(command, env=os.environ | {"LEEWAY_DATABASE": url}, cwd=ROOT)
    try:
        for _ in range(150):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1)
                break
            except OSError:
                time.sleep(0.2)
        with sync_playwright() as play:
            chromium = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
            page = chromium.new_page(viewport={"width": 1440, "height": 900})
            out = {}
            for name, address in PAGES.items():
                times = []
                for _ in range(REPEATS + 1):
                    began = time.perf_counter()
                    page.goto(f"http://127.0.0.1:{port}{address}")
                    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
                    page.wait_for_selector("[data-testid=stDataFrame] canvas, [data-testid=stDataFrame]")
                    times.append(time.perf_counter() - began)
                out[name] = round(statistics.median(times[1:]), 2)
            chromium.close()
            return out
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    """Fill a database, measure, print JSON."""
    with tempfile.TemporaryDirectory() as name:
        url = f"sqlite:///{name}/leeway.db"
        fill(Path(name), url, datetime.now(UTC) - timedelta(minutes=1))
        print(json.dumps({"server": server(url), "browser_s": browser(url)}, indent=1))


if __name__ == "__main__":
    main()
