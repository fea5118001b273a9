"""How often the sequential test declares something false, and how soon something true: python benchmarks/sequential.py.

Beside it, what people do instead: a paired z-test at 5 %, looked at after every row, or after every day. Prints
Markdown, as it stands in docs/comparison.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from monitoring.core.comparison.betting import played  # noqa: E402
from monitoring.core.comparison.differences import BURN_IN, differences  # noqa: E402
from monitoring.core.comparison.rows import Answers, Sides  # noqa: E402

RUNS, ROWS, DAY = 20, 6000, 200
LEAST = 100
"""Rows before which the z-test is not looked at."""
Z = 1.959963984540054


@dataclass(frozen=True)
class World:
    """Two versions that answer the same rows: what is bet on, and by how much the challenger is better, row by row."""

    name: str
    draw: Callable[[np.random.Generator, float], Sides]
    metric: str


def rows(truth: np.ndarray, score: np.ndarray | None, predicted: np.ndarray) -> Answers:
    at = np.arange(len(truth), dtype=float)
    none = np.full(len(truth), np.nan)
    return Answers(truth, predicted, score, none, {}, (at // DAY).astype(np.int64), at, at)


def classes(random: np.random.Generator, gain: float) -> Sides:
    """A probability seen through noise; the challenger sees it through less where it gains."""
    odds = random.normal(-1, 1.2, ROWS)
    truth = (random.random(ROWS) < 1 / (1 + np.exp(-odds))).astype(float)
    sides = []
    for noise in (0.7, 0.7 - gain):
        score = 1 / (1 + np.exp(-(odds + random.normal(0, noise, ROWS))))
        sides.append(rows(truth, score, (score > 0.5).astype(float)))
    return Sides("binary_classification", sides[0], sides[1], True)


def rare(random: np.random.Generator, gain: float) -> Sides:
    """Two versions that decide alike but for one row in twelve."""
    truth = (random.random(ROWS) < 0.3).astype(float)
    first = np.where(random.random(ROWS) < 0.2, 1 - truth, truth)
    differ = random.random(ROWS) < 1 / 12
    right = random.random(ROWS) < 0.5 + gain
    second = np.where(differ, np.where(right, truth, 1 - truth), first)
    first = np.where(differ, np.where(random.random(ROWS) < 0.5, truth, 1 - truth), first)
    return Sides("binary_classification", rows(truth, None, first), rows(truth, None, second), True)


def heavy(random: np.random.Generator, gain: float) -> Sides:
    """Minutes with errors of heavy tails (Student's t with 3 degrees), which are cut."""
    truth = random.gamma(4, 10, ROWS)
    first, second = (truth + size * random.standard_t(3, ROWS) for size in (5.0, 5.0 * (1 - gain)))
    return Sides("regression", rows(truth, None, first), rows(truth, None, second), True)


def sticky(random: np.random.Generator, gain: float) -> Sides:
    """The same, and each day favours one of the two by chance: rows of a day are far from independent."""
    truth = random.gamma(4, 10, ROWS)
    day = np.repeat(random.normal(0, 0.1, ROWS // DAY), DAY)
    first, second = (truth + 5.0 * size * random.normal(0, 1, ROWS) for size in (1 + day, (1 - day) * (1 - gain)))
    return Sides("regression", rows(truth, None, first), rows(truth, None, second), True)


WORLDS = (
    World("Brier score", classes, "brier"),
    World("ROC AUC, in batches", classes, "roc_auc"),
    World("accuracy, 1 row in 12 differs", rare, "accuracy"),
    World("MAE, heavy tails", heavy, "mae"),
    World("MAE, days that favour one side", sticky, "mae"),
)
GAINS = {"Brier score": (0.1, 0.25), "ROC AUC, in batches": (0.25, 0.5), "accuracy, 1 row in 12 differs": (0.15, 0.3),
         "MAE, heavy tails": (0.03, 0.1), "MAE, days that favour one side": (0.03, 0.1)}  # fmt: skip


def z_test(gains: np.ndarray) -> np.ndarray:
    """The paired z statistic after each row."""
    n = np.arange(1, len(gains) + 1)
    mean = np.cumsum(gains) / n
    spread = np.sqrt(np.maximum(np.cumsum(gains**2) / n - mean**2, 1e-12) / n)
    return np.asarray(mean / spread)


def row_gains(sides: Sides, metric: str) -> np.ndarray:
    """What the z-test is made on: the same gains, of the AUC the batches' too, without the burn-in's exclusion."""
    return differences(sides, metric).gains


def first(over: np.ndarray, at: np.ndarray) -> float:
    return float(at[over.argmax()]) if over.any() else np.inf


def false_declarations() -> None:
    print(f"| equal versions, {RUNS:,} runs of {ROWS:,} rows | sequential, every row | z-test, every row | "
          "z-test, every day | z-test, once at the end |")  # fmt: skip
    print("|---|---:|---:|---:|---:|")
    for number, world in enumerate(WORLDS):
        random = np.random.default_rng(number)
        counts = np.zeros(4)
        for _ in range(RUNS):
            found = differences(world.draw(random, 0.0), world.metric)
            counts += looked(found.gains, found.rows)
        print(f"| {world.name} | " + " | ".join(f"{c / RUNS:.1%}" for c in counts) + " |", flush=True)


def looked(gains: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Whether each way of looking declares something."""
    over = np.abs(z_test(gains)) > Z
    ready = at >= LEAST + BURN_IN if len(at) > LEAST else np.arange(len(at)) >= 10
    daily = np.zeros(len(at), bool)
    daily[np.unique(np.searchsorted(at, np.arange(DAY, at[-1] + 1, DAY)).clip(max=len(at) - 1))] = True
    return np.asarray(
        [any(played(gains).crossed()), (over & ready).any(), (over & ready & daily).any(), over[-1]], float
    )


def delays() -> None:
    print("| better challenger | its gain | sequential: rows to a declaration, median (90 %) | declared within "
          f"{ROWS:,} | declared worse | z-test of fixed size: rows for 90 % power |")  # fmt: skip
    print("|---|---:|---:|---:|---:|---:|")
    for number, world in enumerate(WORLDS):
        for gain in GAINS[world.name]:
            random = np.random.default_rng(100 + number)
            found, worse, means, deviations, each = [], 0, [], [], []
            for _ in range(RUNS // 2):
                one = differences(world.draw(random, gain), world.metric)
                up, down = played(one.gains).crossed()
                found.append(float(one.rows[up - 1]) if up else np.inf)
                worse += down > 0
                means.append(one.gains.mean() * one.scale)
                deviations.append(one.gains.std() * one.scale)
                each.append(one.rows[-1] / len(one.gains))
            mean, deviation = float(np.mean(means)), float(np.mean(deviations))
            fixed = ((Z + 1.2815515655446004) * deviation / mean) ** 2 * float(np.mean(each))
            middle, most = (np.quantile(found, q, method="inverted_cdf") for q in (0.5, 0.9))
            told = [f"{x:,.0f}" if np.isfinite(x) else f"> {ROWS:,}" for x in (middle, most)]
            reached = np.isfinite(found).mean()
            print(
                f"| {world.name} | {mean:.3g} | {told[0]} ({told[1]}) | {reached:.1%} | {worse / (RUNS // 2):.1%} | "
                f"{fixed:,.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    false_declarations()
    print()
    delays()
