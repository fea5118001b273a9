"""When windows are, which are matched and how many rows they hold: what the spread of their values is judged by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
TINY = 1e-15
RHOS = (0.0, 0.25, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
"""How much a window's effect may have of the one before."""
MOST_BLOCKS = 120
"""Windows above which neighbours are taken together, to keep matrices small."""
ALMOST_NOTHING = 1e-9
"""Directions in which the windows say less than this share of what they say in any are left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Arrangement:
    """What follows from when the reference's windows are, which are matched and how many rows they hold, whatever those
    are.

    `block` is each window's day (or itself) and `weight` its rows, in units of their mean; a block holds `length`
    windows, and `longer` windows make one that is judged. `onto` (blocks, rank) takes the blocks' sums to the
    directions that the means of the classes leave free, in units of noise. For each of RHOS: `eigenvalues` of the
    effects' correlation in those directions, `turn` their axes, `own` the variance of a new window's effect, `centre`
    that of the mean of each class and `middle` that of the mean of all windows, in units of tau².
    """

    block: Integers
    weight: Floats
    length: float
    longer: int
    onto: Floats
    eigenvalues: tuple[Floats, ...]
    turn: tuple[Floats, ...]
    own: tuple[float, ...]
    centre: tuple[Floats, ...]
    middle: tuple[float, ...]

    def directions(self, apart: Floats) -> Floats:
        """What windows lie apart by, shape (windows, measures), in the directions that the classes' means leave free,
        shape (rank, measures)."""
        sums = np.zeros((len(self.onto), apart.shape[1]))
        np.add.at(sums, self.block, self.weight[:, None] * apart)
        return np.asarray(self.onto.T @ sums)


def arrangement(matched: Integers, times: Integers, rows: Floats, longer: int) -> Arrangement:
    """Of windows by class, by the day each lies in (or its place, where it is a day or more) and by rows; the window
    that is judged is as long as `longer` of them."""
    return _arrangement(
        matched.astype(np.int64).tobytes(),
        (times - times[:1]).astype(np.int64).tobytes(),
        rows.astype(np.float64).tobytes(),
        longer,
    )


@lru_cache(maxsize=32)
def _arrangement(matched_bytes: bytes, times_bytes: bytes, rows_bytes: bytes, longer: int) -> Arrangement:
    matched, times = np.frombuffer(matched_bytes, np.int64), np.frombuffer(times_bytes, np.int64)
    rows = np.frombuffer(rows_bytes, np.float64)
    times = times // max(1, -(-len(np.unique(times)) // MOST_BLOCKS))
    days, block = np.unique(times, return_inverse=True)
    weight = rows / rows.mean()
    into, of = np.zeros((len(rows), len(days))), np.zeros((len(rows), int(matched.max()) + 1))
    into[np.arange(len(rows)), block] = weight
    of[np.arange(len(rows)), matched] = 1.0
    held = of.T @ into  # (classes, blocks)
    share = held / np.maximum(held.sum(axis=1, keepdims=True), TINY)  # of a block in the mean of a class
    information, directions = np.linalg.eigh(np.diag(into.sum(axis=0)) - held.T @ share)
    free = information > ALMOST_NOTHING * information.max(initial=1.0)
    onto = directions[:, free] / np.sqrt(information[free])
    back = directions[:, free] * np.sqrt(information[free])
    whole = into.sum(axis=0) / weight.sum()
    lags = np.arange(1, longer)
    eigenvalues, turns, own, centre, middle = [], [], [], [], []
    for rho in RHOS:
        correlation = rho ** np.abs(np.subtract.outer(days, days)).astype(float)
        values, turn = np.linalg.eigh(back.T @ correlation @ back)
        eigenvalues.append(np.maximum(values, 0.0))
        turns.append(turn)
        own.append((1 + 2 * float(((1 - lags / longer) * rho**lags).sum())) / longer)
        centre.append(np.einsum("ci,ij,cj->c", share, correlation, share))
        middle.append(float(whole @ correlation @ whole))
    length = len(rows) / len(days)
    return Arrangement(
        block, weight, length, longer, onto, tuple(eigenvalues), tuple(turns), tuple(own), tuple(centre), tuple(middle)
    )
