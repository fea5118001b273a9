"""False alarms without any drift, ours and the peers': python benchmarks/false_alarms.py [--runs N] [--nannyml PYTHON].

Whole logs of 91 days (or chunks) after a reference, in which nothing drifts, though days differ and weeks have their
pattern. Counted are days with evidence enough for an alarm, over the budget, for budgets of .2, 1 and 5 a quarter, and
alarms (evidence and effect; days one after the other are one) where it is 1. Beside it, days a quarter on which some
column alerts by the defaults of Evidently and of NannyML. NannyML lives in an environment of its own: see drift_peers.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"
HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import drift_peers  # noqa: E402
import numpy as np  # noqa: E402
from drift_data import COUNTS, HEAVY, PUBLISHED, RARE, Log, World, normal  # noqa: E402


def sized(before: int, now: int, draws: tuple = (normal,) * 3, levels: tuple[int, ...] = ()) -> World:
    """Rows of the reference and of a window, independent, cut as the log is."""
    columns = f"{len(draws)} normal" if draws else " and ".join(f"{level} levels" for level in levels)
    chunks, few = max(1, before // now), before if before < now else 0
    name = f"{before:,} / {now:,} rows, {columns}"
    return World(name, now, draws, levels, chunk="rows", reference_days=chunks, reference_rows=few)


SIZES = (
    sized(5_000, 500),
    sized(5_000, 100),
    sized(50_000, 200),
    sized(10_000, 1_000),
    sized(10_000, 200),
    sized(50_000, 500),
    *(sized(1_000, now, (), (5, 20)) for now in (200, 1_000, 5_000)),
    sized(5_000, 500, (), (20, 100)),
    sized(5_000, 100, (), (20,)),
)
TIME = (
    World("independent rows"),
    World("days differ", effects=0.15),
    World("days differ a little, .6", effects=0.05, rho=0.6),
    World("days differ, dependence .3", effects=0.15, rho=0.3),
    World("days differ, .6", effects=0.15, rho=0.6),
    World("days differ, .8", effects=0.15, rho=0.8),
    World("days differ, .9", effects=0.15, rho=0.9),
    World("days far apart, .8", effects=0.6, rho=0.8),
    World("days far apart, .9", effects=0.6, rho=0.9),
    World("weekly pattern", weekly=0.5),
    World("weekly pattern, days differ, .6", weekly=0.5, effects=0.15, rho=0.6),
    World("hours, daily and weekly pattern, .3", 100, daily=0.5, weekly=0.3, effects=0.1, rho=0.3, chunk="1h"),
    World("weeks, judged by days, .6", effects=0.15, rho=0.6, weekly=0.5, chunk="7d"),
)
KINDS = (
    World("heavy tails", draws=HEAVY),
    World("counts", draws=COUNTS),
    World("counts, 100 a day", 100, draws=COUNTS),
    World("one value and rare others", draws=RARE),
    World("one value and rare others, 100 a day", 100, draws=RARE),
    World("one value and rare others, days differ, .6", draws=RARE, effects=0.3, rho=0.6),
    World("1 % missing", missing=0.01),
)
SHORT = (
    World("one normal column, days differ, .9", draws=(normal,), levels=(), effects=0.15, rho=0.9),
    World("one normal column, ten days that differ", draws=(normal,), levels=(), effects=0.15, reference_days=10),
    World(
        "one normal column, ten days that differ a little", draws=(normal,), levels=(), effects=0.08, reference_days=10
    ),
    World("ten days of reference that differ a little", effects=0.05, reference_days=10),
    World("ten days of reference that differ", effects=0.15, reference_days=10),
    World("ten days of reference that differ, .6", effects=0.15, rho=0.6, reference_days=10),
)
"""Where the reference cannot say how far its days may lie apart."""
UNLIKE = (
    World("one of twenty columns differs, .9", draws=(normal,) * 20, levels=(), first=(0.15, 0.9)),
    World("twenty columns differ, one of them .9", draws=(normal,) * 20, levels=(), effects=0.15, first=(0.15, 0.9)),
    World("one of seven columns differs, .9", first=(0.15, 0.9)),
    World(
        "nineteen of twenty columns differ, .9", draws=(normal,) * 20, levels=(), effects=0.15, rho=0.9, first=(0, 0)
    ),
)
"""Where the other columns of a log say what is not so of one."""


def log_of(world: World, seed: int, number: int) -> Log:
    return world.draw(np.random.default_rng((seed, number)))


def ours(task: tuple[World, int, int]) -> list[float]:
    """One log: evidence over budget for each budget, and alarms that begin where it is 1, a quarter."""
    world = task[0]
    log = log_of(*task)
    evidence, alarmed = drift_peers.alarms(log, list(log.columns))
    begun = np.diff(alarmed[1].astype(int), prepend=0) > 0
    return [*(evidence.sum(axis=1) * a_quarter(world) / drift_peers.BUDGETS), float(begun.sum() * a_quarter(world))]


def a_quarter(world: World) -> float:
    """Windows in a quarter, over those of a log."""
    return 13 / (world.days // 7) if world.chunk == "7d" else 91 / world.days


def flagged(world: World, found: list[dict[str, drift_peers.Scored]]) -> float:
    """Windows a quarter on which some column alerts."""
    each = [np.any([s.alerts for s in one.values()], axis=0).sum() for one in found]
    return float(np.mean(each)) * a_quarter(world) if each else np.nan


def main() -> None:
    """Print a row a world, as a table and as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--peer-runs", type=int, default=2, help="logs a row that the peers judge")
    parser.add_argument("--nannyml", default="", help="the Python of an environment with NannyML")
    parser.add_argument("--only", default="", help="worlds whose name holds this")
    parser.add_argument("--seed", type=int, default=PUBLISHED)
    options = parser.parse_args()
    versions = drift_peers.versions(options.nannyml)
    print(f"{options.runs} logs a row ({options.peer_runs} for the peers), seed {options.seed}; {versions}\n")
    print("| log without drift | evidence / .2 | / 1 | / 5 | alarms where 1 is allowed | Evidently | NannyML |")
    print("|---|---|---|---|---|---|---|")
    worlds = [world for world in (*SIZES, *TIME, *KINDS, *SHORT, *UNLIKE) if options.only in world.name]
    peers = {
        world.name: [log_of(world, options.seed, n) for n in range(options.peer_runs)]
        for world in worlds
        if world.chunk != "1h"
    }
    asked = iter(drift_peers.nannyml(options.nannyml, [log for logs in peers.values() for log in logs]))
    nannyml = {name: [one for _, one in zip(logs, asked, strict=False)] for name, logs in peers.items()}
    with ProcessPoolExecutor(options.processes) as pool:
        for world in worlds:
            runs = max(10, options.runs // 4) if world.chunk == "1h" else options.runs
            found = np.asarray(list(pool.map(ours, [(world, options.seed, n) for n in range(runs)])))
            error = 1.96 * found.std(axis=0, ddof=1) / len(found) ** 0.5
            cells = [f"{m:.2f} ± {e:.2f}" for m, e in zip(found.mean(axis=0), error, strict=True)]
            evidently = [drift_peers.evidently(log) for log in peers.get(world.name, [])]
            theirs = (flagged(world, evidently), flagged(world, nannyml.get(world.name, [])))
            cells += ["–" if np.isnan(m) else f"{m:.0f}" for m in theirs]
            print(f"| {world.name} | {' | '.join(cells)} |", flush=True)
            row = {"world": world.name, "runs": runs, "mean": found.mean(axis=0).tolist(), "peers": theirs}
            print(json.dumps(row), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
