"""From the breaching log row on disk to the notification at a receiver: python benchmarks/delivery.py.

A real worker process with the default settings watches several models, each with an availability objective. At random
moments a file of failed requests is moved into the log of one model; a real HTTP receiver notes when the webhook that
names it has come. `--models` events are measured in one run of some two minutes. `--cadence` and `--group-wait` try
other settings. `--sender N` measures only the last part: from the commit of an outbox row to the receiver.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.receiving import Receiver  # noqa: E402
from monitoring.core.alerting.notification import Notification, NotifyReason  # noqa: E402
from monitoring.store import outbox  # noqa: E402
from monitoring.store.database import connect, transaction  # noqa: E402

DAYS, AN_HOUR, FAILURES = 3, 120, 200
PATIENCE = 240.0


def rows(moments: pd.DatetimeIndex, status: int, prefix: str) -> pd.DataFrame:
    draw = np.random.default_rng(len(moments))
    ids = [f"{prefix}{n}" for n in range(len(moments))]
    return pd.DataFrame({"id": ids, "ts": moments, "score": draw.random(len(moments)), "status": status})


def fleet(folder: Path, models: int, url: str, now: datetime) -> Path:
    documents = []
    for number in range(models):
        log = folder / f"m{number}"
        log.mkdir()
        moments = pd.date_range(now - timedelta(days=DAYS), now, periods=DAYS * 24 * AN_HOUR)
        rows(moments, 200, "ok").to_csv(log / "past.csv", index=False)
        columns = {"id": "id", "timestamp": "ts", "score": "score", "status": "status", "features": []}
        documents.append(
            {
                "key": f"m{number}", "task": "binary_classification", "owner": "benchmark",
                "predictions": {"source": "csv", "location": str(log), "columns": columns},
                "slos": [{"sli": "availability", "objective": 0.999, "period": "30d"}],
            }
        )  # fmt: skip
    file = folder / "fleet.yaml"
    channel = {"name": "receiver", "kind": "webhook", "url": url}
    file.write_text(yaml.safe_dump({"models": documents, "channels": [channel]}))
    return file


def breach(log: Path) -> float:
    """Move a file of failures of the last minutes into a log; when it was there."""
    now = datetime.now(UTC)
    hidden = log.parent / f"{log.name}.new"
    rows(pd.date_range(now - timedelta(minutes=3), now, periods=FAILURES), 500, "bad").to_csv(hidden, index=False)
    hidden.rename(log / "new.csv")
    return time.monotonic()


def events(folder: Path, models: int, seed: int, environment: dict[str, str]) -> list[float]:
    receiver, chance = Receiver(), random.Random(seed)
    file = fleet(folder, models, receiver.url, datetime.now(UTC))
    run = [sys.executable, "-m", "monitoring"]
    subprocess.run([*run, "apply", str(file)], env=environment, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    with (folder / "worker.log").open("wb") as out:
        worker = subprocess.Popen([*run, "worker"], env=environment, cwd=ROOT, stdout=out, stderr=out)
        try:
            wait_for_evaluation(environment["LEEWAY_DATABASE"], models)
            began, there = time.monotonic(), {}
            for number, pause in enumerate(sorted(chance.uniform(0, 60) for _ in range(models))):
                time.sleep(max(0.0, began + pause - time.monotonic()))
                there[f"m{number}"] = breach(folder / f"m{number}")
            until = time.monotonic() + PATIENCE
            while not set(there) <= set(receiver.came) and time.monotonic() < until:
                time.sleep(0.05)
        finally:
            worker.terminate()
            worker.wait(30)
    missing = set(there) - set(receiver.came)
    if missing:
        print(f"never told of: {', '.join(sorted(missing))}; see {folder / 'worker.log'}", file=sys.stderr)
    return [receiver.came[key] - at for key, at in there.items() if key in receiver.came]


def wait_for_evaluation(url: str, models: int) -> None:
    from sqlalchemy import func, select

    from monitoring.store.database import reading
    from monitoring.store.tables import EvaluationRow

    store = connect(url)
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with reading(store) as session:
            if (session.scalar(select(func.count(func.distinct(EvaluationRow.model_id)))) or 0) >= models:
                break
        time.sleep(0.2)
    store.dispose()


def sends(folder: Path, count: int, environment: dict[str, str]) -> list[float]:
    """From the commit of an outbox row to the receiver, at random moments of the sender's second."""
    receiver, chance = Receiver(), random.Random(1)
    file = folder / "fleet.yaml"
    file.write_text(yaml.safe_dump({"channels": [{"name": "receiver", "kind": "webhook", "url": receiver.url}]}))
    run = [sys.executable, "-m", "monitoring"]
    subprocess.run([*run, "apply", str(file)], env=environment, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    worker = subprocess.Popen([*run, "worker"], env=environment, cwd=ROOT, stderr=subprocess.DEVNULL)
    store = connect(environment["LEEWAY_DATABASE"])
    took = []
    try:
        time.sleep(5)
        for number in range(count):
            time.sleep(chance.uniform(0, 1))
            now, key = datetime.now(UTC), f"m{number}"
            told = Notification(key, key, NotifyReason.FIRST, "benchmark", key, key, "", "page", (), "", "", now)
            with transaction(store) as session:
                outbox.notify(session, told, "receiver", key, now)
            began = time.monotonic()
            while key not in receiver.came:
                time.sleep(0.002)
            took.append(receiver.came[key] - began)
    finally:
        worker.terminate()
        worker.wait(30)
        store.dispose()
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sender", type=int, metavar="N", help="only the sender, N times")
    parser.add_argument("--cadence", help="LEEWAY_CADENCE_SECONDS")
    parser.add_argument("--group-wait", help="LEEWAY_GROUP_WAIT_SECONDS")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        environment = os.environ | {
            "LEEWAY_DATABASE": f"sqlite:///{folder / 'leeway.db'}", "LEEWAY_HOME": str(folder),
            "LEEWAY_LOOPBACK": "allowed",
        }  # fmt: skip
        for name, value in (("CADENCE_SECONDS", options.cadence), ("GROUP_WAIT_SECONDS", options.group_wait)):
            if value:
                environment[f"LEEWAY_{name}"] = value
        if options.sender:
            took = sends(folder, options.sender, environment)
        else:
            took = events(folder, options.models, options.seed, environment)
        shown = {"events": len(took), "median s": statistics.median(took), "least s": min(took), "most s": max(took)}
        print(json.dumps({k: round(v, 2) for k, v in shown.items()} | {"all": sorted(round(t, 1) for t in took)}))


if __name__ == "__main__":
    main()
