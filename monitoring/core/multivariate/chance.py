"""What chance alone does to a measure: blocks of the reference, each held against the rest of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from monitoring.core.multivariate.encoding import Floats, Integers, Rows

FEWEST = 8
"""Blocks below which chance is judged row by row instead."""
SETS, RUN = 12, 4
"""Runs of neighbouring blocks that are held against the rest together, and blocks of each where there are many."""
DRAWS = 24
"""Blocks of single rows that are drawn where there are too few of time."""
NEAR = 0.2
"""Dependence between blocks at which they count as far from one another."""
DEPENDENT = 0.9
"""Most dependence that is reckoned with: beyond it, a reference has hardly more than one block."""
LARGEST = 0.05
"""Most that the chance of a false alarm may be, however long the windows are."""
QUARTER = 91 * 24
"""Hours."""

Measure = Callable[[Rows], float]
"""Of a window: NaN where it cannot be measured."""
Fit = Callable[[Rows], Measure]
"""From the rows of a reference to what measures a window against it."""
Sides = Literal["above", "both"]


@dataclass(frozen=True, slots=True)
class Chance:
    """How a measure scatters without drift, on a scale where it is near normal.

    `blocks` is of how many independent blocks mean and deviation are: fewer than were measured, where neighbours
    depend on one another (`dependence`, from one to the next). `skewness`, never negative, is of a long upper tail.
    `by_rows` says that blocks were drawn row by row, as if rows did not depend on one another.
    """

    mean: float
    deviation: float
    blocks: float
    skewness: float = 0.0
    dependence: float = 0.0
    by_rows: bool = False

    @property
    def spread(self) -> float:
        """Deviation of a new one from the mean, which is uncertain itself."""
        return self.deviation * float(np.sqrt(1 + 1 / self.blocks))

    def score(self, value: float) -> float:
        """How many deviations of chance the value lies above; upwards, its skewness put right.

        Cornish & Fisher (1938) to the first term, s = z + (z**2 - 1) g / 6, solved for z.
        """
        plain, bend = (value - self.mean) / self.spread, self._bend
        if plain <= 1 or bend == 0:  # at one deviation both are the same
            return plain
        return float((np.sqrt(1 + 4 * bend * (bend + plain)) - 1) / (2 * bend))

    def at(self, score: float) -> float:
        """The value that has this score: what `score` undoes."""
        bent = score + (score**2 - 1) * self._bend if score > 1 else score
        return self.mean + bent * self.spread

    @property
    def _bend(self) -> float:
        """Of Cornish and Fisher's first term; a skewness too small to solve for is none."""
        return self.skewness / 6 if self.skewness >= 6e-3 else 0.0

    def quantile(self, rate: float, sides: Sides) -> float:
        """The score that chance alone goes beyond at `rate`: of Student's t, as in a prediction interval."""
        from scipy.stats import t

        return float(t.isf(rate / (2 if sides == "both" else 1), self.blocks - 1))

    def p_value(self, value: float, sides: Sides) -> float:
        """How often chance alone goes as far, or further."""
        from scipy.stats import t

        score = self.score(value)
        return float(2 * t.sf(abs(score), self.blocks - 1) if sides == "both" else t.sf(score, self.blocks - 1))


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Sampled rows of a reference with their `slot` (n,), and rows of `blocks`, `length` slots each, by their first."""

    rows: Rows
    slot: Integers
    length: int
    blocks: dict[int, Rows]


def chance(fit: Fit, reference: Reference, size: int, most: int, seed: int, least: float = 1e-6) -> Chance | None:
    """Chance of a window of `size` rows against at most `most` rows of the rest; None where there are too few rows.

    Blocks near a block are no part of the rest that it is held against (Burman, Chow & Nolan 1994): a window to
    come has none near it either. `least` is the smallest deviation believed.
    """
    draw = np.random.default_rng(seed)
    blocks = {first: rows for first, rows in reference.blocks.items() if len(rows) >= size}
    by_rows, along = len(blocks) < FEWEST, 0.0
    if by_rows:
        values = _by_rows(fit, reference.rows, size, most, draw)
    else:
        along = dependence(blocks, reference.length)
        values = _by_time(fit, reference, blocks, along, size, most, draw)
    known = np.array([v for v in values if np.isfinite(v)])
    if len(known) < FEWEST:
        return None
    n = len(known)
    independent = max(n * (1 - along) / (1 + along), 3.0)
    shrunk = max(1 - (n / independent - 1) / (n - 1), 0.5)  # neighbours vary less than blocks far apart
    deviation = float(known.std(ddof=1)) / shrunk**0.5
    # a skewness within its standard error is not told from none, and none would be the less safe of the two
    skewness = max(_skewness(known), (6 / n) ** 0.5)
    return Chance(float(known.mean()), max(deviation, least), independent, skewness, along, by_rows)


def rate(budget: float, hours: float | None, methods: int) -> tuple[float, float]:
    """The false-alarm rate of one verdict, and the false alarms a quarter it makes.

    `budget` are the false alarms a quarter of all `methods` together; a chunk of rows counts as a day.
    """
    windows = QUARTER / (hours or 24)
    one = min(budget / windows / methods, LARGEST)
    return one, one * windows


def spread_out(firsts: Sequence[int], seed: int) -> list[int]:
    """Blocks to judge chance by: all, or of many SETS runs of RUN neighbours, one from each part of the reference."""
    if len(firsts) <= SETS * RUN:
        return list(firsts)
    draw = np.random.default_rng(seed)
    parts = np.array_split(np.asarray(firsts), SETS)
    starts = [int(draw.integers(0, max(len(part) - RUN, 0) + 1)) for part in parts]
    return [int(first) for part, start in zip(parts, starts, strict=True) for first in part[start : start + RUN]]


def dependence(blocks: dict[int, Rows], length: int) -> float:
    """Correlation of the columns' means from one block to the next, 0 to DEPENDENT; its small-sample bias put right.

    Columns that move most from block to block count most. Bias: Marriott & Pope (1954), -(1 + 3 r) / n.
    """
    means = {first: rows.scaled.mean(axis=0) for first, rows in blocks.items()}
    middle = np.mean(list(means.values()), axis=0)
    pairs = [(m - middle, means[first + length] - middle) for first, m in means.items() if first + length in means]
    variance = float(np.mean([((m - middle) ** 2).sum() for m in means.values()]))
    if not pairs or variance <= 1e-12:
        return 0.0
    found = float(np.mean([a @ b for a, b in pairs])) / variance
    return min(max(found + (1 + 3 * found) / len(pairs), 0.0), DEPENDENT)


def drawn(rows: Rows, most: int, draw: np.random.Generator) -> Rows:
    """At most `most` of the rows."""
    return rows if len(rows) <= most else rows.take(np.sort(draw.choice(len(rows), most, replace=False)))


def _skewness(values: Floats) -> float:
    """Of a sample (G1: Joanes & Gill 1998), 0 where it is negative."""
    n, gaps = len(values), values - values.mean()
    variance = float((gaps**2).mean())
    if variance <= 1e-18:
        return 0.0
    return float(max((gaps**3).mean() / variance**1.5 * np.sqrt(n * (n - 1)) / (n - 2), 0.0))


def _by_time(
    fit: Fit,
    reference: Reference,
    blocks: dict[int, Rows],
    along: float,
    size: int,
    most: int,
    draw: np.random.Generator,
) -> list[float]:
    gap = int(np.ceil(np.log(NEAR) / np.log(along))) * reference.length if along > 0 else 0
    gap = min(gap, int(np.ptp(reference.slot)) // 4)  # something must be left to compare with
    out = []
    for together in _runs(sorted(blocks), reference.length):
        low, high = together[0] - gap, together[-1] + reference.length + gap
        rest = reference.rows.take((reference.slot < low) | (reference.slot >= high))
        if len(rest) < size // 2:
            continue
        measure = fit(drawn(rest, most, draw))
        out += [measure(drawn(blocks[first], size, draw)) for first in together]
    return out


def _runs(firsts: list[int], length: int) -> list[list[int]]:
    """Blocks in runs of neighbours, none longer than a SETS-th of all."""
    longest = -(-len(firsts) // SETS)
    out: list[list[int]] = []
    for first in firsts:
        if out and len(out[-1]) < longest and out[-1][-1] + length == first:
            out[-1].append(first)
        else:
            out.append([first])
    return out


def _by_rows(fit: Fit, rows: Rows, size: int, most: int, draw: np.random.Generator) -> list[float]:
    out = []
    for _ in range(DRAWS if len(rows) >= 2 * size else 0):
        order = draw.permutation(len(rows))
        measure = fit(drawn(rows.take(np.sort(order[size:])), most, draw))
        out.append(measure(rows.take(np.sort(order[:size]))))
    return out
