"""Metrics of a confusion table [predicted, label], with intervals by redrawing the table."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from monitoring.core.performance.metric import Estimate, central, undefined

Tables = NDArray[np.float64]
DRAWS = 400
SEED = 20130301
SMALL = 16
"""Cells of a table, up to which its redraws are kept for the next metric that looks at it."""


def redrawn(table: NDArray[np.int64], of: Callable[[Tables], NDArray[np.float64]], reason: str) -> Estimate:
    """A metric of a table, its interval from 400 multinomial redraws with a fixed seed (parametric bootstrap).

    `of` takes tables of shape (draws, classes, classes) and gives one value each, NaN where undefined.
    """
    n = int(table.sum())
    if n == 0:
        return undefined(n, "no labelled row")
    drawn = _drawn if table.size <= SMALL else _drawn.__wrapped__
    value, *rest = of(drawn(table.tobytes(), table.shape, str(table.dtype))).tolist()
    if not np.isfinite(value):
        return undefined(n, reason)
    values = np.asarray(rest)
    values = values[np.isfinite(values)]
    low, high = central(values) if len(values) else (value, value)
    return Estimate(value, float(min(low, value)), float(max(high, value)), n)


@lru_cache(maxsize=64)
def _drawn(data: bytes, shape: tuple[int, ...], kind: str) -> Tables:
    """A table and its redraws, which several metrics look at."""
    table = np.frombuffer(data, kind).reshape(shape)
    n = int(table.sum())
    drawn = np.random.default_rng(SEED).multinomial(n, (table / n).ravel(), DRAWS)
    every = np.concatenate([table[None], drawn.reshape(DRAWS, *shape)]).astype(float)
    every.flags.writeable = False
    return every


def ratio(over: Tables, under: Tables) -> Tables:
    """A division that gives NaN where there is nothing to divide by."""
    return np.divide(over, under, out=np.full_like(over, np.nan), where=under > 0)


def per_class(tables: Tables) -> tuple[Tables, Tables, Tables]:
    """Precision, recall and F1 by class; 0 for a class that was never predicted, NaN for one never seen."""
    hits = np.diagonal(tables, axis1=1, axis2=2)
    predicted, actual = tables.sum(axis=2), tables.sum(axis=1)
    seen = actual > 0
    precision = np.where(seen | (predicted > 0), np.nan_to_num(ratio(hits, predicted)), np.nan)
    f1 = np.where(seen | (predicted > 0), np.nan_to_num(ratio(2 * hits, predicted + actual)), np.nan)
    return precision, ratio(hits, actual), f1


def matthews(tables: Tables) -> Tables:
    """Matthews correlation for any number of classes (Gorodkin 2004)."""
    n = tables.sum(axis=(1, 2))
    hits = np.trace(tables, axis1=1, axis2=2)
    predicted, actual = tables.sum(axis=2), tables.sum(axis=1)
    over = hits * n - (predicted * actual).sum(axis=1)
    under = (n**2 - (predicted**2).sum(axis=1)) * (n**2 - (actual**2).sum(axis=1))
    found: Tables = np.divide(over, np.sqrt(under), out=np.full_like(over, np.nan), where=under > 0)
    return found
