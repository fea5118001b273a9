"""Models of the loss to expect of a row: gradient boosting on its features and prediction, fitted on the reference."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BLOCKS = 6
"""Stretches of the reference, each left out of one model."""
NAMED = 200
"""Categories with a code of their own; rarer ones, and those never seen, count as missing."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """Rows as numbers: categories by a code, in the order of their frequency in the reference."""

    numbers: tuple[str, ...]
    categories: Mapping[str, Mapping[str, int]]

    def encode(self, frame: pd.DataFrame) -> Floats:
        """Shape (rows, columns); NaN is missing."""
        columns = [frame[name].to_numpy(np.float64) for name in self.numbers]
        columns += [frame[name].map(codes).to_numpy(np.float64) for name, codes in self.categories.items()]
        found = np.stack(columns, axis=1)
        return np.where(np.isfinite(found), found, np.nan)


def encoding(frame: pd.DataFrame, names: list[str]) -> Encoding:
    """How the columns `names` of the reference, and all rows after it, are turned into numbers."""
    numbers = tuple(name for name in names if frame[name].dtype == np.float64)
    texts = [name for name in names if name not in numbers]
    codes = {n: {v: i for i, v in enumerate(frame[n].value_counts().index[:NAMED])} for n in texts}
    return Encoding(numbers, codes)


@dataclass(frozen=True, slots=True)
class LossModels:
    """Models of one loss, each fitted without one block; `out_of_fold` is what each block's own expects of it."""

    models: tuple[Any, ...]
    out_of_fold: Floats

    def expect(self, rows: Floats) -> Floats:
        """Expected losses, shape (rows,): the mean of the models."""
        with one_thread():
            found: Floats = np.mean([model.predict(rows) for model in self.models], axis=0)
        return found


@dataclass(frozen=True, slots=True)
class Constant:
    """Expects the same loss of every row."""

    level: float

    def predict(self, rows: Floats) -> Floats:
        """Shape (rows,)."""
        return np.full(len(rows), self.level)


def fit(rows: Floats, loss: Floats, categorical: list[bool], seed: int) -> LossModels:
    """Models of a loss of the reference's rows, in order of time; rows whose loss is NaN are not learned from. Where
    they foresee a block no better than the mean of the other blocks does, that mean is what is expected."""
    known = np.isfinite(loss)
    blocks = np.array_split(np.arange(len(loss)), BLOCKS)
    boosted, constant, expected = [], [], np.zeros((2, len(loss)))
    with one_thread():
        for block in blocks:
            rest = np.setdiff1d(np.flatnonzero(known), block, assume_unique=True)
            boosted.append(_boosted(rows[rest], loss[rest], categorical, seed))
            constant.append(Constant(float(loss[rest].mean())))
            expected[:, block] = [one.predict(rows[block]) for one in (boosted[-1], constant[-1])]
    errors = ((expected - loss)[:, known] ** 2).sum(axis=1)
    if errors[0] < errors[1]:
        return LossModels(tuple(boosted), expected[0])
    return LossModels(tuple(constant), expected[1])


def _boosted(rows: Floats, loss: Floats, categorical: list[bool], seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    positive = bool((loss >= 0).all() and loss.sum() > 0)
    return HistGradientBoostingRegressor(
        loss="poisson" if positive else "squared_error", max_iter=80, learning_rate=0.08, max_leaf_nodes=15,
        min_samples_leaf=max(20, len(loss) // 200), l2_regularization=1.0, early_stopping=False,
        categorical_features=categorical if any(categorical) else None, random_state=seed,
    ).fit(rows, loss)  # fmt: skip


def one_thread() -> AbstractContextManager[Any]:
    """The work is small: more threads cost more than they save, and others need the cores."""
    import sklearn.ensemble  # noqa: F401 - a library that is loaded later is not held to one thread
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(1)
    return limits
