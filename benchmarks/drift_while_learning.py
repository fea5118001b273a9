"""Is what drifts still found while a reference goes on learning: python benchmarks/drift_while_learning.py [--runs N].

Logs of 60 windows after a reference, in which one column is moved from the sixteenth on, by a step or by a slope that
reaches as far in twenty windows. Counted is how often it has evidence within its part of a budget of one false alarm a
quarter: in the fifteen windows after that, and in the rest; where later windows teach nothing, and where they do.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"
HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import drift_peers  # noqa: E402
import numpy as np  # noqa: E402
from drift_data import PUBLISHED, Floats, Log, World, normal  # noqa: E402

from monitoring.core.calibration.budget import level, score  # noqa: E402
from monitoring.verdicts import past  # noqa: E402

BEFORE, SOON, DAYS, SLOPE, DAY = 15, 30, 60, 20, 24
WORLDS = (
    (World("ten windows of reference, independent rows", draws=(normal,) * 7, levels=(), reference_days=10), 0.2),
    (World("thirty, independent rows", draws=(normal,) * 7, levels=()), 0.2),
    (World("thirty, days differ by .15", draws=(normal,) * 7, levels=(), effects=0.15), 0.6),
    (World("thirty, days differ, .6", draws=(normal,) * 7, levels=(), effects=0.15, rho=0.6), 0.9),
    (World("one column, thirty, days differ, .6", draws=(normal,), levels=(), effects=0.15, rho=0.6), 1.2),
)


def moved(log: Log, course: Floats) -> Log:
    """The log with its first column moved after the reference."""
    values = log.columns["x0"].copy()
    values[log.reference :] += course[:, None]
    return replace(log, columns={**log.columns, "x0": values})


def found(world: World, course: Floats, seed: int, runs: int, enough: int) -> Floats:
    """Where the column has evidence, shape (runs, windows), if it is learned from `enough` windows."""
    kept, past.ENOUGH = past.ENOUGH, enough
    try:
        logs = [moved(world.draw(np.random.default_rng((seed, run))), course) for run in range(runs)]
        needed = score(level(1.0, DAY) / len(world.draws))
        return np.asarray([drift_peers.leeway(log)["x0"].scores > needed for log in logs])
    finally:
        past.ENOUGH = kept


def main() -> None:
    """Print a row a world and course."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=24)
    parser.add_argument("--seed", type=int, default=PUBLISHED)
    options = parser.parse_args()
    at = np.arange(DAYS) - BEFORE
    print(f"{options.runs} logs a row, seed {options.seed}\n")
    print("| log | drift | fifteen windows, reference alone | and later ones | the rest | and later ones |")
    print("|---|---|---|---|---|---|")
    for world, far in WORLDS:
        world = replace(world, days=DAYS)
        for name, course in (("a step", (at >= 0) * far), ("a slope", np.maximum(at, 0) * far / SLOPE)):
            of = [found(world, course, options.seed, options.runs, enough) for enough in (0, past.ENOUGH)]
            cells = [f"{each[:, span].mean():.2f}" for span in (slice(BEFORE, SOON), slice(SOON, None)) for each in of]
            print(f"| {world.name} | {name}, {far} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
