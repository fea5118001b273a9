"""Miscalibration: false alarms on sound windows, and how soon probabilities that are off are found.

    python benchmarks/miscalibration.py [--references 250]

Each repetition draws a reference of some windows and 40 windows after it, from one world: a score whose log odds are
normal, and a label that follows from it. Days may differ in level and slope, and depend on the day before.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from monitoring.core.outcome import NO_SCORE, SCORE_GRID  # noqa: E402
from monitoring.core.performance.miscalibration import ASPECTS, held_against, lacking, learn  # noqa: E402
from monitoring.core.performance.reliability import gap, slope  # noqa: E402

WINDOWS = 40
CHANCE = 1 / 1000
VALUES = {"level": gap, "slope": slope}
SEED = 20130301
OFF = {"level": (0.0, 0.3, 0.6), "slope": (1.0, 0.75, 0.5)}
"""What windows are off by: log odds of the level; slope."""


@dataclass(frozen=True, slots=True)
class World:
    """Rows a window, windows of the reference, mean log odds of the score (its deviation is 1.2), and by how much days
    differ in level and in slope, with their dependence on the day before. `apart`: the reference is off, too."""

    rows: int
    pieces: int
    centre: float
    level: float = 0.0
    slope: float = 0.0
    serial: float = 0.0
    apart: bool = False

    @property
    def words(self) -> str:
        """The world in a table's cell."""
        share = {0.0: "half", -2.5: "11 %", -4.0: "3 %"}[self.centre]
        days = f"days differ by {self.level:g} and {self.slope:g}" if self.level else "days are alike"
        along = f", {self.serial:g} of it goes on" if self.serial else ""
        return f"{days}{along}; {share} positive" + ("; reference off" if self.apart else "")


WORLDS = (
    World(200, 30, 0.0),
    World(1_000, 10, 0.0),
    World(1_000, 30, 0.0),
    World(1_000, 30, -2.5),
    World(5_000, 30, -2.5),
    World(5_000, 30, -4.0),
    World(1_000, 30, 0.0, 0.15, 0.1),
    World(1_000, 10, -2.5, 0.3, 0.15),
    World(1_000, 30, -2.5, 0.3, 0.15),
    World(5_000, 90, -2.5, 0.3, 0.15),
    World(1_000, 30, -2.5, 0.3, 0.15, 0.7),
    World(5_000, 30, 0.0, 0.3, 0.15, 0.7),
    World(1_000, 30, 0.0, apart=True),
)


def course(random: np.random.Generator, count: int, deviation: float, serial: float) -> NDArray[np.float64]:
    """An autoregression of order one, with that deviation."""
    out = random.standard_normal(count)
    for at in range(1, count):
        out[at] = serial * out[at - 1] + np.sqrt(1 - serial**2) * out[at]
    return deviation * out


def table(random: np.random.Generator, world: World, level: float, slope: float) -> NDArray[np.int64]:
    """Counts by [score class, label] of one window."""
    x = random.normal(world.centre, 1.2, world.rows)
    odds = world.centre + level + slope * (x - world.centre)
    if world.apart:
        odds = world.centre + 0.4 + level + 0.7 * slope * (x - world.centre)
    label = (random.random(world.rows) < 1 / (1 + np.exp(-odds))).astype(int)
    codes = SCORE_GRID.code(1 / (1 + np.exp(-x))) * 2 + label
    return np.bincount(codes, minlength=2 * NO_SCORE).reshape(NO_SCORE, 2).astype(np.int64)


def run(world: World, references: int) -> list[str]:
    """One row of the table."""
    random = np.random.default_rng([SEED, WORLDS.index(world)])
    beyond = {(a, off): 0 for a in ASPECTS for off in OFF[a]}
    status = dict(beyond)
    judged = dict(beyond)
    quantiles: dict[str, list[float]] = {a: [] for a in ASPECTS}
    for _ in range(references):
        levels = course(random, world.pieces + WINDOWS, world.level, world.serial)
        slopes = 1 + course(random, world.pieces + WINDOWS, world.slope, world.serial)
        known = [table(random, world, *at) for at in zip(levels[: world.pieces], slopes[: world.pieces], strict=True)]
        learned = learn(np.sum(known, axis=0), known)
        assert learned is not None
        for aspect in ASPECTS:
            for off in OFF[aspect]:
                sound = off == OFF[aspect][0]
                # one window a reference tells of power as well as forty that share it
                for at in range(world.pieces, world.pieces + (WINDOWS if sound else 4)):
                    moved = (levels[at] + off, slopes[at]) if aspect == "level" else (levels[at], slopes[at] * off)
                    window = table(random, world, *moved)
                    if lacking(window, learned):
                        continue
                    found = held_against(window, learned, aspect, CHANCE)
                    judged[aspect, off] += 1
                    beyond[aspect, off] += found.beyond
                    value = VALUES[aspect](window).value
                    status[aspect, off] += value is not None and found.reaches(value, found.warning)
                    if sound:
                        quantiles[aspect].append(found.quantile)
    cells = [f"{world.rows:,}", f"{world.pieces}", world.words]
    for aspect in ASPECTS:
        n = {off: max(judged[aspect, off], 1) for off in OFF[aspect]}
        sound, *bad = OFF[aspect]
        cells.append(f"{1000 * beyond[aspect, sound] / n[sound]:.2f}")
        cells.append(f"{1000 * status[aspect, sound] / n[sound]:.2f}")
        cells += [f"{status[aspect, off] / n[off]:.0%}" for off in bad]
        print(f"  {aspect} quantile {np.mean(quantiles[aspect]):.2f}", file=sys.stderr)
    return cells


def main() -> None:
    """Print the table as Markdown, a row at a time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--references", type=int, default=250)
    options = parser.parse_args()
    heads = ["rows", "reference", "world"]
    for aspect in ASPECTS:
        heads += [f"{aspect}: beyond chance, of 1,000", "warned, of 1,000"]
        heads += [f"found at {off:g}" for off in OFF[aspect][1:]]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for world in WORLDS:
        print(f"| {' | '.join(run(world, options.references))} |", flush=True)


if __name__ == "__main__":
    main()
