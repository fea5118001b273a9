"""What predictions and labels came to in a window: mergeable counts, by task."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitoring.core.grid import NumericGrid
from monitoring.core.histogram import Histogram
from monitoring.core.outcome import NO_SCORE, REGRESSION_SUMS

Counts = NDArray[np.int64]
SCORES = NO_SCORE + 1
"""Score classes: those of SCORE_GRID, then one for a missing score."""


@dataclass(frozen=True, slots=True, eq=False)
class BinaryOutcome:
    """Counts by [score class, predicted, label], shape (SCORES, 2, 2)."""

    cells: Counts

    @property
    def n(self) -> int:
        """Labelled rows."""
        return int(self.cells.sum())

    @property
    def confusion(self) -> Counts:
        """Counts by [predicted, label]."""
        table: Counts = self.cells.sum(axis=0)
        return table

    @property
    def scored(self) -> Counts:
        """Counts by [score class, label], rows without a score left out; shape (SCORES - 1, 2)."""
        table: Counts = self.cells[:-1].sum(axis=1)
        return table


@dataclass(frozen=True, slots=True, eq=False)
class MulticlassOutcome:
    """`confusion` [predicted, label]; `scores` [class, score class of its probability, label is it] or None."""

    classes: tuple[str, ...]
    confusion: Counts
    scores: Counts | None

    @property
    def n(self) -> int:
        """Labelled rows."""
        return int(self.confusion.sum())


@dataclass(frozen=True, slots=True, eq=False)
class RegressionOutcome:
    """Counts of prediction - label on a grid, and exact sums by the names of core.outcome.REGRESSION_SUMS."""

    errors: Histogram
    grid: NumericGrid
    sums: dict[str, float]

    @property
    def n(self) -> int:
        """Labelled rows."""
        return int(self.sums["n"])


def binary(histogram: Histogram) -> BinaryOutcome:
    """From outcome codes (core.outcome.binary_code)."""
    cells = np.zeros(SCORES * 4, dtype=np.int64)
    cells[histogram.codes] = histogram.counts
    return BinaryOutcome(cells.reshape(SCORES, 2, 2))


def multiclass(classes: tuple[str, ...], confusion: Histogram, scores: list[Histogram]) -> MulticlassOutcome:
    """From the confusion codes and, a class, the score codes."""
    size = len(classes)
    table = np.zeros(size * size, dtype=np.int64)
    table[confusion.codes] = confusion.counts
    flat = np.zeros((size, SCORES * 2), dtype=np.int64)
    if not scores:
        return MulticlassOutcome(classes, table.reshape(size, size), None)
    for row, histogram in zip(flat, scores, strict=True):
        row[histogram.codes] = histogram.counts
    return MulticlassOutcome(classes, table.reshape(size, size), flat.reshape(size, SCORES, 2))


def regression(errors: Histogram, grid: NumericGrid, rows: NDArray[np.float64]) -> RegressionOutcome:
    """From the error counts and rows of exact sums."""
    totals = rows.sum(axis=0) if len(rows) else np.zeros(len(REGRESSION_SUMS))
    return RegressionOutcome(errors, grid, dict(zip(REGRESSION_SUMS, totals.tolist(), strict=True)))
