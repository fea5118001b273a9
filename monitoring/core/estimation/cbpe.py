"""Confidence-based performance estimation of a binary classification (CBPE): what labels are to be expected.

A calibrated score says how likely its row is a positive, so a window's scores say which outcome table to expect, and
from it every metric. It holds where P(label | score) is as in the reference: it sees shifts of the inputs that move
scores, and cannot see the concept drift that moves labels under the same scores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from monitoring.core.estimation.calibrator import Curve, calibrate
from monitoring.core.estimation.tables import PREDICTED, SCORED, Outcomes, outcomes
from monitoring.core.estimation.tilt import Tilt, tilt, tilted
from monitoring.core.performance.metric import Estimate, central, undefined

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

DRAWS = 400
ENOUGH = 100
"""Rows of either label to expect, from which on their numbers are as good as normal."""
METRICS = (*SCORED, *PREDICTED)
"""What can be estimated. Not the calibration error: that it stays as in the reference is what is assumed."""


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """The reference's curve, and how far it may be off."""

    curve: Curve
    tilt: Tilt
    rows: int


def learn(chunks: Counts, pieces: Counts, seed: int) -> Calibration:
    """From the reference's labelled counts by chunk, shape (chunks, classes, 2), and by piece, whose spread tells how
    much windows vary. Raises ValueError without a labelled row.
    """
    curve = calibrate(chunks, seed)
    return Calibration(curve, tilt(pieces, curve.probability), int(chunks.sum()))


def expected(rows: NDArray[np.number], positive: Floats, curve: Floats) -> Outcomes:
    """The table to expect of `rows` by score class, `positive` of them predicted so. Those of windows add up."""
    cells, at, predicted = _cells(rows, positive)
    return outcomes(cells[None], (cells * curve[at])[None], predicted, at)


def estimate(
    rows: Counts, positive: Floats, known: Calibration, metrics: Sequence[str], labelled: float, seed: int
) -> dict[str, Estimate]:
    """Each metric to expect of a window, with the band that 95 % of realised values are to fall into.

    `rows` by score class, shape (classes,), `positive` of them predicted so. `labelled` is the share of rows that
    usually get a label: the realised value will be of so many. Bands are from DRAWS redraws of curve and labels with
    `seed` (parametric bootstrap).
    """
    n = int(rows.sum())
    if n == 0:
        return {name: undefined(0, "no row with a score") for name in metrics}
    curves, noise = _redraws(known, seed)
    rng = np.random.default_rng(seed)
    cells, at, predicted = _cells(rows, np.round(positive))
    count = cells[None]
    if labelled < 1:
        count = rng.binomial(cells.astype(np.int64), labelled, (DRAWS, len(cells))).astype(float)
    hits = _hits(count, curves[:, at], noise[:, 2 * at + predicted], rng)
    drawn = outcomes(count, hits, predicted, at)
    middle = expected(rows, positive, known.curve.probability)
    return {name: _with_band(SCORED.get(name) or PREDICTED[name], middle, drawn, n) for name in metrics}


@lru_cache(maxsize=2)
def _redraws(known: Calibration, seed: int) -> tuple[Floats, Floats]:
    """What varies from draw to draw, the same for every window: curves, shape (DRAWS, classes), and the normal noise of
    one row, a column for each [score class, predicted]."""
    rng = np.random.default_rng(seed)
    curves = tilted(known.curve.probability, known.tilt, DRAWS, rng)
    deviations = np.repeat(np.sqrt(curves * (1 - curves)), 2, axis=1)
    return curves, deviations * rng.standard_normal(deviations.shape)


def _hits(count: Floats, chance: Floats, noise: Floats, rng: np.random.Generator) -> Floats:
    """Positives among `count` rows, each so by `chance`: binomial, or of enough rows normal with the same mean and
    variance, a tenth of the cost. What metrics sum over, and its square, then have their expectations still."""
    found: Floats = count * chance
    positives = found.sum(axis=1)
    if min(positives.min(), (count.sum(axis=1) - positives).min()) < ENOUGH:
        return rng.binomial(count.astype(np.int64), chance).astype(float)
    found += np.sqrt(count) * noise
    return found


def _cells(rows: NDArray[np.number], positive: Floats) -> tuple[Floats, NDArray[np.intp], NDArray[np.bool_]]:
    """The filled cells of [score class, predicted]: their rows, classes, and whether predicted positive."""
    split = np.stack([rows - positive, positive], axis=1)
    at, side = np.nonzero(split > 0)
    return split[at, side], at, side == 1


def _with_band(of: Callable[[Outcomes], Floats], middle: Outcomes, drawn: Outcomes, n: int) -> Estimate:
    value, values = float(of(middle)[0]), of(drawn)
    values = values[np.isfinite(values)]
    if not np.isfinite(value) or not len(values):
        return undefined(n, "the rows to expect leave it undefined")
    low, high = central(values)
    return Estimate(value, float(min(low, value)), float(max(high, value)), n)
