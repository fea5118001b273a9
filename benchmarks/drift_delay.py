"""Delay to detection: python benchmarks/drift_delay.py [--runs N] [--nannyml PYTHON].

Whole logs of seven columns, 500 rows a day, a reference of 30 days. One column drifts from the first day after it, and
counted is the day on which a method first says that something in the log drifted: ours by its own rule, at a budget of
one false alarm a quarter (evidence and effect), and all three by the largest of their columns' statistics, held to the
quantile over logs without drift that allows each one false alarm a quarter. A method that never does within the days
that are looked at is shown by how often it did.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"
HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import drift_peers  # noqa: E402
import numpy as np  # noqa: E402
from drift_data import PUBLISHED, Floats, Log, Random, World  # noqa: E402

DAYS = 60
A_DAY = 1 / 91
"""False alarms: one a quarter."""
WORLDS = (
    World("independent rows", days=DAYS),
    World("days differ, dependence .6", effects=0.15, rho=0.6, days=DAYS),
    World("weekly pattern, days differ, .6", weekly=0.5, effects=0.15, rho=0.6, days=DAYS),
)


def some(random: Random, values: Floats, share: float, others: Floats | float) -> Floats:
    return np.where(random.random(values.shape) < share, others, values)


DRIFTS: dict[str, tuple[str, Callable[[Random, Floats], Floats]]] = {
    "shifted by half a deviation": ("x0", lambda random, v: v + 0.5),
    "shifted by one": ("x0", lambda random, v: v + 1.0),
    "moving by .03 a day": ("x0", lambda random, v: v + 0.03 * np.arange(1, len(v) + 1)[:, None]),
    "spread half as wide again": ("x0", lambda random, v: 1.5 * v),
    "a tenth from elsewhere": ("x0", lambda random, v: some(random, v, 0.1, 4.0 + random.normal(size=v.shape))),
    "a twentieth missing": ("x1", lambda random, v: some(random, v, 0.05, np.nan)),
    "3 % of a new category": ("c0", lambda random, v: some(random, v, 0.03, 5.0)),
    "a quarter of the categories others": ("c1", lambda random, v: some(random, v, 0.25, 19.0 - v)),
}
"""Of which column, and what becomes of its values after the reference, shape (days, rows)."""


def log_of(world: World, seed: int, number: int) -> Log:
    """A log with a further column for each kind of drift."""
    random = np.random.default_rng((seed, number))
    log = world.draw(random)
    for name, (column, change) in DRIFTS.items():
        values = log.columns[column]
        after = change(random, values[log.reference :])
        log.columns[f"{column[0]} {name}"] = np.concatenate([values[: log.reference], after])
    return log


def largest(found: dict[str, drift_peers.Scored], names: list[str]) -> Floats:
    """By day, the largest of the columns' statistics, each over its own limit where it has one."""
    scaled = []
    for name in names:
        one = found[name]
        usable = np.isfinite(one.limits) & (one.limits > 0)
        scaled.append(np.where(usable, one.scores / np.where(usable, one.limits, 1.0), one.scores))
    return np.asarray(np.max(scaled, axis=0))


def said(days: Floats, runs: int) -> str:
    """The median day of those that were found, and how often it was."""
    kept = days[np.isfinite(days)]
    median = f"{np.median(days):.0f}" if len(kept) > runs / 2 else "–"
    return f"{median} ({len(kept) / runs:.0%})"


def first(beyond: np.ndarray) -> float:
    """The first day that is, from 1; infinite where none is."""
    return float(beyond.argmax()) + 1 if beyond.any() else np.inf


def main() -> None:
    """Print a row a world and kind of drift, as a table and as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--nannyml", default="", help="the Python of an environment with NannyML")
    parser.add_argument("--seed", type=int, default=PUBLISHED)
    options = parser.parse_args()
    print(f"{options.runs} logs a row, seed {options.seed}, {DAYS} days; {drift_peers.versions(options.nannyml)}\n")
    print("| log | drift | ours, its own rule | ours | Evidently | NannyML |\n|---|---|---|---|---|---|")
    for world in WORLDS:
        logs = [log_of(world, options.seed, number) for number in range(options.runs)]
        found = {
            "ours": [drift_peers.leeway(log) for log in logs],
            "Evidently": [drift_peers.evidently(log) for log in logs],
            "NannyML": drift_peers.nannyml(options.nannyml, logs),
        }
        base = [name for name in logs[0].columns if " " not in name]
        limit = {m: np.quantile([largest(one, base) for one in each], 1 - A_DAY) for m, each in found.items() if each}
        for name, (column, _) in DRIFTS.items():
            drifted = [*(b for b in base if b != column), f"{column[0]} {name}"]
            own = np.asarray([first(drift_peers.alarms(log, drifted)[1, 1]) for log in logs])
            days = {m: np.asarray([first(largest(one, drifted) > limit[m]) for one in found[m]]) for m in limit}
            cells = [said(days[m], len(logs)) if m in days else "–" for m in ("ours", "Evidently", "NannyML")]
            print(f"| {world.name} | {name} | {said(own, len(logs))} | {' | '.join(cells)} |", flush=True)
            row = {"world": world.name, "drift": name, "own": own.tolist(), **{m: d.tolist() for m, d in days.items()}}
            print(json.dumps(row), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
