"""Cutting rows into cells: each feature by its values, so that the same cells can be counted then and now."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

BINS, CATEGORIES = 5, 8
"""Cells a numeric feature is cut into, and categories named; the rest is one cell."""
MISSING = "missing"
OTHERS = "others"


@dataclass(frozen=True, slots=True)
class Cut:
    """A feature cut into cells: their names, and the number of each row's cell, of the reference and of now."""

    feature: str
    names: tuple[str, ...]
    then: npt.NDArray[np.int64]
    now: npt.NDArray[np.int64]


def cut(feature: str, then: pd.Series, now: pd.Series) -> Cut:
    """Quantile bins of both sides together, or the frequent categories; what is missing is a cell of its own."""
    if pd.api.types.is_numeric_dtype(then) and pd.api.types.is_numeric_dtype(now):
        return _numeric(feature, then.to_numpy(dtype=float), now.to_numpy(dtype=float))
    return _categorical(feature, then, now)


def _numeric(feature: str, then: npt.NDArray[np.float64], now: npt.NDArray[np.float64]) -> Cut:
    known = [side[np.isfinite(side)] for side in (then, now)]
    values = np.concatenate(known)
    distinct = np.unique(values)
    if len(distinct) <= CATEGORIES:
        edges = distinct[1:]
        names = [f"{feature} = {value:g}" for value in distinct]
    else:
        # both sides weigh the same, so that a long reference does not decide the bins alone
        weights = np.concatenate([np.full(len(side), 1 / max(len(side), 1)) for side in known])
        order = np.argsort(values, kind="stable")
        shares = np.cumsum(weights[order]) / weights.sum()
        edges = np.unique(values[order][np.searchsorted(shares, np.arange(1, BINS) / BINS)])
        edges = edges[edges > distinct[0]]
        words = [f"{edge:.4g}" for edge in edges]
        names = [f"{feature} < {words[0]}"] if words else [f"any {feature}"]
        names += [f"{feature} {low} to {high}" for low, high in pairwise(words)]
        names += [f"{feature} ≥ {words[-1]}"] if words else []
    names = names or [f"any {feature}"]
    names.append(f"{feature} {MISSING}")

    def codes(side: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        inside = np.searchsorted(edges, side, side="right")
        return np.where(np.isfinite(side), inside, len(names) - 1).astype(np.int64)

    return Cut(feature, tuple(names), codes(then), codes(now))


def _categorical(feature: str, then: pd.Series, now: pd.Series) -> Cut:
    shares = then.value_counts(normalize=True).add(now.value_counts(normalize=True), fill_value=0)
    top = [str(value) for value in shares.sort_values(ascending=False, kind="stable").index]
    kept = top if len(top) <= CATEGORIES + 1 else top[:CATEGORIES]
    names = [f"{feature} = {value}" for value in kept]
    names += [f"{feature} = {OTHERS}", f"{feature} {MISSING}"]
    number = {value: code for code, value in enumerate(kept)}

    def codes(side: pd.Series) -> npt.NDArray[np.int64]:
        found = side.map(number).fillna(len(kept))
        return np.where(side.isna(), len(kept) + 1, found).astype(np.int64)

    return Cut(feature, tuple(names), codes(then), codes(now))
