"""Rows as numbers: every column on a scale of the reference's, with missing values and categories of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LEVELS, RARE = 12, 0.005
"""Categories told apart, and the share of the reference below which one is not: rare ones are one class."""
BINS = 6
"""Classes of equal share in the reference that a number falls into, beside its value."""
FAR = 6.0
"""Where asinh-scaled numbers end: 200 quartile distances out, so that one outlier decides nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """`n` encoded rows: `scaled` (n, q) numbers, `bins` (n, p) class numbers, `targets` (n, t) ranks of predictions.

    A row whose prediction is unknown has NaN in `targets`. Encoders say which feature a column of either belongs to.
    """

    scaled: Floats
    bins: Integers
    targets: Floats

    def __len__(self) -> int:
        return len(self.scaled)

    def take(self, places: NDArray[np.bool_] | Integers) -> Rows:
        """Some of the rows."""
        return Rows(self.scaled[places], self.bins[places], self.targets[places])

    @staticmethod
    def stacked(parts: Sequence[Rows]) -> Rows:
        """Several as one."""
        return Rows(*(np.concatenate([getattr(p, n) for p in parts]) for n in ("scaled", "bins", "targets")))


@dataclass(frozen=True, slots=True, eq=False)
class Number:
    """A numeric column: asinh((x - median) / quartile distance), and the cuts of its classes."""

    name: str
    centre: float
    scale: float
    cuts: Floats

    @staticmethod
    def fitted(name: str, values: Floats) -> Number:
        """To the reference's values. Without any, or with one value only, the scale is 1."""
        known = values[np.isfinite(values)]
        if not len(known):
            return Number(name, 0.0, 1.0, np.zeros(0))
        low, centre, high = np.quantile(known, [0.25, 0.5, 0.75])
        scale = (high - low) / 1.349 or float(known.std()) or 1.0
        return Number(name, float(centre), float(scale), np.unique(np.quantile(known, np.arange(1, BINS) / BINS)))

    def encode(self, column: pd.Series) -> tuple[Floats, Integers]:
        """Value and whether it is missing, shape (n, 2); class, the last one for missing."""
        values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float)
        missing = np.isnan(values)
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = np.clip(np.arcsinh((values - self.centre) / self.scale), -FAR, FAR)
        classes = np.searchsorted(self.cuts, values, side="right")
        return (
            np.column_stack([np.where(missing, 0.0, scaled), missing]),
            np.where(missing, len(self.cuts) + 1, classes).astype(np.int64),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Category:
    """A categorical column: its frequent levels, one indicator each; what is not among them is one class."""

    name: str
    levels: tuple[str, ...]

    @staticmethod
    def fitted(name: str, values: pd.Series) -> Category:
        """To the reference's values: its LEVELS most frequent, by name where equally frequent."""
        counts = values.dropna().astype(str).value_counts()
        frequent = counts[counts >= max(RARE * len(values), 2)]
        ordered = sorted(frequent.index, key=lambda level: (-int(frequent[level]), level))
        return Category(name, tuple(str(level) for level in ordered[:LEVELS]))

    def encode(self, column: pd.Series) -> tuple[Floats, Integers]:
        """Indicators of the levels, of the rest and of missing, shape (n, levels + 2); and the class."""
        missing = column.isna().to_numpy()
        classes = pd.Index(self.levels).get_indexer(pd.Index(column.astype(str)))
        classes = np.where(classes < 0, len(self.levels), classes)
        classes = np.where(missing, len(self.levels) + 1, classes)
        return np.eye(len(self.levels) + 2)[classes], classes.astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A prediction as its rank in the reference, 0 to 1: of one unit whatever it predicts.

    For a predicted class (`level`) it is 1 where that class was predicted and 0 elsewhere.
    """

    name: str
    known: Floats
    level: str | None = None

    def encode(self, column: pd.Series) -> Floats:
        """Ranks, shape (n,); NaN where there is no prediction."""
        if self.level is not None:
            return np.where(column.isna(), np.nan, (column.astype(str) == self.level).astype(float))
        values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float)
        sides = [np.searchsorted(self.known, values, side=side) for side in ("left", "right")]
        return np.where(np.isnan(values), np.nan, (sides[0] + sides[1]) / 2 / max(len(self.known), 1))


@dataclass(frozen=True, slots=True, eq=False)
class Encoder:
    """How rows become numbers, frozen on the reference. `owner` of each scaled column is its feature's number."""

    features: tuple[Number | Category, ...]
    targets: tuple[Target, ...]
    owner: Integers

    @property
    def names(self) -> tuple[str, ...]:
        """The features, in the order of `owner`."""
        return tuple(f.name for f in self.features)

    @staticmethod
    def fitted(reference: pd.DataFrame, features: Sequence[str], predictions: Sequence[str] = ()) -> Encoder:
        """To a frame: columns that are no numbers are categories."""
        made: list[Number | Category] = []
        for name in features:
            column = reference[name]
            if not pd.api.types.is_numeric_dtype(column):
                made.append(Category.fitted(name, column))
            else:
                made.append(Number.fitted(name, column.to_numpy(dtype=float)))
        targets = [t for name in predictions for t in _targets(name, reference[name])]
        width = [2 if isinstance(f, Number) else len(f.levels) + 2 for f in made]
        return Encoder(tuple(made), tuple(targets), np.repeat(np.arange(len(made)), width))

    def encode(self, frame: pd.DataFrame) -> Rows:
        """Rows of the reference's columns. Raises KeyError where one is not there."""
        n = len(frame)
        parts = [f.encode(frame[f.name]) for f in self.features]
        scaled = np.hstack([np.zeros((n, 0)), *(p[0] for p in parts)])
        bins = np.column_stack([np.zeros((n, 0), dtype=np.int64), *(p[1] for p in parts)]).astype(np.int64)
        targets = np.column_stack([np.zeros((n, 0)), *(t.encode(frame[t.name]) for t in self.targets)])
        return Rows(scaled, bins, targets)


def _targets(name: str, column: pd.Series) -> list[Target]:
    if not pd.api.types.is_numeric_dtype(column):
        levels = column.dropna().astype(str).value_counts().index[:LEVELS].sort_values()
        wanted = levels[1:] if len(levels) == 2 else levels  # of two classes one says it all
        return [Target(name, np.zeros(0), str(level)) for level in wanted]
    values = column.to_numpy(dtype=float)
    return [Target(name, np.sort(values[~np.isnan(values)]))]
