"""Summaries against the physical limit and against Evidently: python benchmarks/summaries.py [--without-evidently].

In one run, on the same rows: (a) DuckDB reading the same columns once and hashing each row, and the same with a hash
and a sum of each column; Leeway from nothing to verdicts; Leeway with one new day; a drift verdict from summaries; (b)
Evidently's DataDriftPreset. Each step is a process of its own, so that memory is its own; CPU seconds leave the imports
out. Machines are shared and noisy: figures are the least of ROUNDS (Evidently's of one), and ratios count. Those to (a)
are to the cheaper scan.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import workload  # noqa: E402

NOW = datetime(2026, 1, 31, tzinfo=UTC)
REPEATS, ROUNDS = 5, 3


def scan(folder: Path) -> dict[str, float]:
    """(a) one scan that hashes every row of the same columns."""
    return _scanned(folder, lambda names: f"sum(hash({', '.join(names)}) % 4294967291)")


def scan_by_column(folder: Path) -> dict[str, float]:
    """The same, each column hashed and summed by itself."""
    return _scanned(folder, lambda names: ", ".join(f"sum(hash({name}) % 4294967291)" for name in names))


def _scanned(folder: Path, chosen: Callable[[list[str]], str]) -> dict[str, float]:
    import duckdb

    columns: dict[str, object] = workload.document(folder)["predictions"]["columns"]  # type: ignore[index]
    names = [*columns.pop("features"), *columns.values()]  # type: ignore[misc]
    query = f"SELECT {chosen(names)} FROM read_parquet('{folder / 'log'}/*.parquet')"

    def once() -> None:
        with duckdb.connect() as connection:  # a new one each time: it keeps what it has read
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(query).fetchall()

    return _timed(once)


def cold(folder: Path) -> dict[str, float]:
    """From nothing to every verdict of 29 days."""
    return _evaluated(folder, "cold")


def new_day(folder: Path) -> dict[str, float]:
    """The thirtieth day arrives."""
    return _evaluated(folder, "new-day")


def verdict(folder: Path) -> dict[str, float]:
    """Every drift verdict of one window of 27 days from summaries, as a page or a new threshold would ask for it."""
    from monitoring.core.profile import from_document
    from monitoring.core.window import Slots, slot_of
    from monitoring.fleet import parse_model
    from monitoring.store.database import connect, reading
    from monitoring.store.summaries import load
    from monitoring.store.tables import BaselineRow, ModelRow
    from monitoring.verdicts import drift
    from monitoring.verdicts.subject import Subject

    store = connect(f"sqlite:///{folder / 'store.db'}")
    model = parse_model(workload.document(folder / "log"), "benchmark")

    def judge() -> int:
        with reading(store) as session:
            row = session.query(BaselineRow).join(ModelRow).where(ModelRow.key == model.key).one()
            summaries = load(session, row.id, "current")
        profile = from_document(row.profile)
        reference = Slots(profile.first or 0, profile.last or 0)
        window = Slots(reference.last, slot_of(NOW))
        found = list(
            drift.judge(Subject(model, profile, summaries, reference, summaries, (window,), (window,), NOW, reference))
        )
        return len(found)

    judge()
    return _timed(judge)


def evidently(folder: Path) -> dict[str, float]:
    """(b) DataDriftPreset on the raw rows of the same two windows."""
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    features = workload.document(folder)["predictions"]["columns"]["features"]  # type: ignore[index]
    frame = pd.read_parquet(folder / "log")
    numbers, categories = [f for f in features if f[0] == "x"] + ["score"], [f for f in features if f[0] == "c"]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=categories)
    cut = workload.START + pd.Timedelta(days=workload.REFERENCE_DAYS)
    parts = [frame[frame["ts"] >= cut], frame[frame["ts"] < cut]]
    current, reference = (Dataset.from_pandas(p[[*numbers, *categories]], data_definition=definition) for p in parts)
    return _timed(lambda: Report([DataDriftPreset()]).run(current, reference), repeats=1)


STEPS = {
    "scan": scan,
    "scan_by_column": scan_by_column,
    "cold": cold,
    "new_day": new_day,
    "verdict": verdict,
    "evidently": evidently,
}


def _evaluated(folder: Path, step: str) -> dict[str, float]:
    """The workload's model in a worker that is warm: it has read another model's log, and a new day of it, before."""
    from monitoring.store.database import connect, create
    from monitoring.worker import settle

    store = connect(f"sqlite:///{folder / 'store.db'}")
    create(store)
    with tempfile.TemporaryDirectory() as name:
        small = workload.write(Path(name) / "log", rows=5_000, days=5)
        later = (small / "04.parquet").rename(Path(name) / "04.parquet")
        other = workload.document(small) | {"key": f"before-{step}"}
        _evaluate(store, other, small)
        later.rename(small / "04.parquet")
        _evaluate(store, other, small)
    settle()
    return _evaluate(store, workload.document(folder / "log"), folder / "log")


def _evaluate(store: Engine, document: dict[str, object], base: Path) -> dict[str, float]:
    from monitoring.evaluate import Scope, evaluate
    from monitoring.store import models
    from monitoring.store.database import reading, transaction

    with transaction(store) as session:
        models.apply(session, [document], base, "benchmark", NOW)
    with reading(store) as session:
        (watched,) = models.watched(session, str(document["key"]))
    found: list[object] = []

    def run() -> None:
        found.extend(evaluate(store, watched, Scope(now=NOW), lambda: NOW, lambda share, words: None))

    figures = _timed(run, repeats=1)
    return figures | {"verdicts": float(len(found))}


def _timed(call: Callable[[], object], repeats: int = REPEATS) -> dict[str, float]:
    """The least of several, CPU seconds of all threads, and wall seconds with it."""
    figures = []
    for _ in range(repeats):
        cpu, wall = time.process_time(), time.perf_counter()
        call()
        figures.append((time.process_time() - cpu, time.perf_counter() - wall))
    best = min(figures)
    return {"cpu": best[0], "wall": best[1], "peak_mb": _peak_mb()}


def _peak_mb() -> float:
    """The most this process held. getrusage would give the parent's peak as well, which a fork inherits."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def _step(name: str, folder: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, "--step", name, "--folder", str(folder)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(
        f"{name:14} {figures['cpu']:8.3f} CPU s {figures['wall']:8.3f} s {figures['peak_mb']:7.0f} MB", file=sys.stderr
    )
    return figures


def _cpu(found: dict[str, float]) -> float:
    return found["cpu"]


def main() -> None:
    """Run all steps and print figures and ratios as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--step", choices=STEPS)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--without-evidently", action="store_true")
    options = parser.parse_args()
    if options.step:
        print(json.dumps(STEPS[options.step](options.folder)))
        return
    figures: dict[str, dict[str, float]] = {}

    def step(name: str, folder: Path) -> None:
        figures[name] = min((found for found in (figures.get(name), _step(name, folder)) if found), key=_cpu)

    with tempfile.TemporaryDirectory() as name:
        workload.write(Path(name) / "whole")
        for number in range(ROUNDS):
            folder = Path(name) / str(number)
            shutil.copytree(Path(name) / "whole", folder / "log", ignore=shutil.ignore_patterns("29.parquet"))
            for of_all_but_the_last_day in ("scan", "scan_by_column", "cold"):
                step(of_all_but_the_last_day, folder)
            shutil.copy(Path(name) / "whole" / "29.parquet", folder / "log")
            for of_all in ("new_day", "verdict"):
                step(of_all, folder)
        if not options.without_evidently:
            step("evidently", folder)
    cold = figures["cold"]["cpu"]
    ratios = {
        "cold / scan": cold / figures["scan"]["cpu"],
        "cold / scan by column": cold / figures["scan_by_column"]["cpu"],
        "new day / cold": figures["new_day"]["cpu"] / cold,
    }
    if "evidently" in figures:
        ratios["evidently / verdict"] = figures["evidently"]["cpu"] / figures["verdict"]["cpu"]
        ratios["evidently / cold"] = figures["evidently"]["cpu"] / cold
    print(json.dumps({"figures": figures, "ratios": ratios}, indent=1))


if __name__ == "__main__":
    main()
