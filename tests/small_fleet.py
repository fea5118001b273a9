"""A small fleet that was evaluated once: what tests of pages and of browsers look at."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pandas as pd

from monitoring import fleet
from monitoring.evaluate import Scope, evaluate
from monitoring.store import models
from monitoring.store.database import connect, reading, transaction
from monitoring.store.migrations import migrate
from tests.clock import PRESENT
from tests.logs_of import START, binary_model, fleet_of, flights, regression, write

NASTY = "Air time ![ETA](https://example.org/x.png) $a$ *b*"
"""A model's name that must reach the screen as it is written."""


def evaluated(folder: Path) -> Path:
    """A database with four models, three of them evaluated. 14 days of 12 rows an hour, up to PRESENT:

    - `delays`: binary, online, latency and availability objectives, slices by origin; decays and drifts in
      the last 5 days
    - `eta`: regression, batch, sound; its name is NASTY
    - `gone`: its log is not there, so it could not be evaluated
    - `new`: never evaluated
    """
    present, looked = PRESENT.replace(minute=0, second=0), PRESENT - timedelta(seconds=20)
    days = 14
    shift = pd.Timestamp(present) - pd.Timestamp(START) - pd.Timedelta(days=days)
    midnight = (START + shift.to_pytimedelta()).replace(hour=0)
    first, last = (f"{midnight + timedelta(days=days):%Y-%m-%d}" for days in (1, 4))
    reference = {"from": first, "to": last}

    def moved(log: pd.DataFrame) -> pd.DataFrame:
        out = log.assign(ts=log.ts + shift, observed_at=log.observed_at + shift)
        return out[out.ts < pd.Timestamp(present)].assign(**{"label": out.get("label")} if "label" in out else {})

    decayed, fine = moved(flights(days, decay_after=9)), moved(regression(days, seed=4))
    columns = {"id": "id", "timestamp": "ts", "prediction": "eta", "label": "actual", "observed_at": "observed_at"}
    columns |= {"features": ["distance", "hour", "carrier"]}  # type: ignore[dict-item]
    documents = [
        binary_model(
            write(decayed, "csv", folder, "delays"), name="Arrival delays", owner="flight-operations",
            reference=reference, runbook="https://runbooks.example.org/delays",
        ),
        {
            "key": "eta", "name": NASTY, "owner": "taxi & co", "task": "regression", "mode": "batch",
            "reference": reference,
            "predictions": {**write(fine, "csv", folder, "eta"), "columns": columns},
        },
        binary_model({"source": "csv", "location": str(folder / "gone.csv")}, key="gone", owner="nobody"),
        binary_model(write(decayed, "csv", folder, "new"), key="new", owner="flight-operations", reference=reference),
    ]  # fmt: skip
    path = fleet_of(folder, *documents)
    store = connect(f"sqlite:///{folder / 'small.db'}")
    migrate(store)
    with transaction(store) as session:
        models.apply(session, fleet.load(path), folder, "tests", present)
    with reading(store) as session:
        watched = models.watched(session)
    for one in watched:
        if one.key != "new":
            evaluate(store, one, Scope(), lambda: looked, lambda share, text: None)
    store.dispose()
    return folder / "small.db"
