"""Freezing a baseline: what the reference looks like, and the grids fitted to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Integer, func, literal, select

from monitoring.core.grid import BucketGrid, CategoricalGrid, Grid, NumericGrid, ScoreGrid, numeric_grid
from monitoring.core.profile import Column, ColumnType, Profile
from monitoring.core.summary import Kind
from monitoring.errors import FleetError
from monitoring.fleet import Model
from monitoring.logs.engine import LogEngine
from monitoring.logs.expressions import integer, text_of
from monitoring.logs.frequent import Frequent, frequent
from monitoring.logs.joined import RowParts, joined, number_of
from monitoring.logs.mapping import feature_columns, score_columns
from monitoring.logs.rows import Bounds, Relation

SAMPLE = 200_000
"""Rows that grids are fitted on; more does not move a quantile visibly."""
FITTED = 50_000
"""Of them, those that a column's own grid is fitted on."""
NAMED = 100
"""Categories with a class of their own; with all 10,000 of a column, chi-square finds drift where none is."""
LISTED = 1_000
"""Categories remembered; a column with more cannot tell a new one from a rare one."""
SLICES = 20
CLASSES = 50
CROWDED = 0.05
"""Share of rows in one class above which the grid is too coarse there."""
CUTS = 64
BUCKETS_MS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10000.0)
"""Latency limits of the 5-minute service counts, beside those of the model's own objectives."""


class EmptyReferenceError(FleetError):
    """There is nothing to learn the baseline from."""


def profile_of(
    engine: LogEngine, model: Model, predictions: Relation, labels: Relation | None, bounds: Bounds
) -> Profile:
    """The profile of the rows within `bounds`. Raises EmptyReferenceError when there are none."""
    rows = joined(model, predictions, labels, bounds)
    bare = Profile(columns=())
    parts = RowParts(model, bare, rows, predictions, labels)
    mapped = model.predictions.columns
    names, kinds = _layout(model, predictions.types)
    texts = [name for name, kind in names if kinds[name, kind] == "categorical"]
    more = [mapped.prediction] if mapped.prediction and model.task == "multiclass_classification" else []
    n, seen = frequent(engine, parts, list(dict.fromkeys([*texts, *mapped.slices, *more])), LISTED + 1)
    if n == 0:
        raise EmptyReferenceError(
            "the reference holds no rows",
            where=f"{model.key} reference",
            mend="Choose a window in which the log has predictions, or give a reference log of its own.",
        )
    everything = mapped.features == "*"
    unlike = [c for c, k in names if everything and k == Kind.FEATURE and c in seen and seen[c].identifies]
    names = [(c, k) for c, k in names if k != Kind.FEATURE or c not in unlike]
    numbers = _sample(engine, parts, [c for c, k in names if kinds[c, k] == "numeric"], n)
    cuts = {slo.threshold_ms for slo in model.slos if slo.sli == "latency" and slo.threshold_ms}
    columns = []
    for name, kind in names:
        grid: Grid
        if kinds[name, kind] == "score":
            grid = ScoreGrid()
        elif kinds[name, kind] == "categorical":
            grid = _vocabulary(seen[name].values)
        elif kind == Kind.LATENCY:
            grid = latency_grid(numbers[name], tuple(sorted(cuts)))
        else:
            grid = fitted(numbers[name])
        columns.append(Column(kind, name, predictions.types[name], grid))
    if model.chunk.rows is None:
        columns.append(Column(Kind.SERVICE, "", "other", BucketGrid(tuple(sorted({*BUCKETS_MS, *cuts})))))
    predicted = seen.get(mapped.prediction or "", Frequent()).values
    classes = _classes(engine, parts, predicted) if model.task == "multiclass_classification" else ()
    columns += _outcomes(engine, parts, classes)
    slices = {name: seen[name].values[:SLICES] for name in mapped.slices}
    first, last = bounds.runs[0] if bounds.runs else (None, None)
    return Profile(tuple(columns), slices, classes, n, first, last, dict(predictions.types), tuple(unlike))


def fitted(sample: NDArray[np.float64]) -> NumericGrid:
    """The grid of a numeric column, with cuts where far-apart modes would crowd one class."""
    x = sample[:: -(-len(sample) // FITTED)] if len(sample) else sample
    x = np.sort(x[np.isfinite(x)])  # quantiles of what is in order cost next to nothing
    if len(x) == 0:
        return NumericGrid(0.0, 1.0)
    points = (0.1, 0.25, 0.5, 0.75, 0.9)
    quantiles = dict(zip(points, np.quantile(x, points).tolist(), strict=True))
    grid = numeric_grid(quantiles, float(x[0]), float(x[-1]))
    codes, counts = np.unique(grid.code(x), return_counts=True)
    for code in codes[counts > CROWDED * len(x)]:
        inside = x[grid.code(x) == code]
        _, repeats = np.unique(inside, return_counts=True)
        if repeats.max() < len(inside) / 2:
            edges = np.unique(np.quantile(x, np.linspace(0, 1, CUTS + 2)[1:-1]))
            return NumericGrid(grid.centre, grid.scale, tuple(edges.tolist()))
    return grid


def latency_grid(sample: NDArray[np.float64], thresholds: tuple[float, ...]) -> NumericGrid:
    """Relative resolution from a tenth of the median up, with a class limit at every objective's threshold."""
    x = sample[np.isfinite(sample) & (sample > 0)]
    scale = float(np.median(x)) / 10.0 if len(x) else 1.0
    return NumericGrid(0.0, scale if scale > 0 else 1.0, thresholds)


def _layout(model: Model, types: dict[str, ColumnType]) -> tuple[list[tuple[str, Kind]], dict[tuple[str, Kind], str]]:
    """Columns in order with their part, and which type of grid each has."""
    columns = model.predictions.columns
    scores = score_columns(columns)
    names: list[tuple[str, Kind]] = [(c, Kind.FEATURE) for c in feature_columns(columns, types)]
    names += [(c, Kind.SCORE) for c in scores]
    if columns.prediction and (model.task == "regression" or not scores):
        names.append((columns.prediction, Kind.PREDICTION))
    if columns.latency_ms:
        names.append((columns.latency_ms, Kind.LATENCY))
    kinds: dict[tuple[str, Kind], str] = {}
    for name, kind in names:
        if kind == Kind.SCORE:
            kinds[name, kind] = "score"
        elif kind == Kind.PREDICTION and model.task != "regression":
            kinds[name, kind] = "categorical"
        else:
            numeric = types[name] == "number" and name not in columns.categorical
            kinds[name, kind] = "numeric" if numeric or kind == Kind.LATENCY else "categorical"
    return names, kinds


def _sample(engine: LogEngine, parts: RowParts, names: Sequence[str], n: int) -> dict[str, NDArray[np.float64]]:
    """Values of numeric columns: every k-th row, so that the whole reference is seen."""
    if not names:
        return {}
    values = [number_of(*parts.column(name)).label(f"c{i}") for i, name in enumerate(names)]
    every = -(-n // SAMPLE)
    chosen: Any = select(*values).select_from(parts.rows)
    if every > 1:
        numbered = select(*values, func.row_number().over().label("place")).select_from(parts.rows).subquery()
        chosen = select(*(numbered.c[f"c{i}"] for i in range(len(names)))).where(
            numbered.c.place % integer(every) == integer(0)
        )
    table = engine.arrow(chosen)
    return {
        name: np.asarray(table[f"c{i}"].to_numpy(zero_copy_only=False), dtype=np.float64)
        for i, name in enumerate(names)
    }


def _vocabulary(values: tuple[str, ...]) -> CategoricalGrid:
    return CategoricalGrid(values[:NAMED], values[NAMED:LISTED], complete=len(values) <= LISTED)


def _classes(engine: LogEngine, parts: RowParts, predicted: tuple[str, ...]) -> tuple[str, ...]:
    """A multiclass model's classes: the score's, else those seen as prediction or label in the reference."""
    columns = parts.model.predictions.columns
    if isinstance(columns.score, dict):
        return tuple(columns.score)
    found = set(predicted[:CLASSES])
    if parts.label is not None:
        text = text_of(*parts.label).label("v")
        distinct = select(text).select_from(parts.rows).distinct().limit(literal(CLASSES, Integer))
        found |= {str(v) for v in engine.arrow(distinct)["v"].to_pylist() if v is not None}
    return tuple(sorted(found))


def _outcomes(engine: LogEngine, parts: RowParts, classes: tuple[str, ...]) -> list[Column]:
    """The outcome columns, where the model has labels."""
    found = parts.label
    if found is None:
        return []
    if parts.model.task != "regression":
        named = parts.model.predictions.columns.score if classes else None
        per_class = tuple(named) if isinstance(named, dict) else ()
        return [Column(Kind.OUTCOME, name, "other", ScoreGrid()) for name in ("", *per_class)]
    label = number_of(*found)
    prediction = number_of(*parts.column(parts.model.predictions.columns.prediction or ""))
    labelled = select(label.label("label"), (prediction - label).label("error")).select_from(parts.rows)
    table = engine.arrow(labelled.where(label.is_not(None)).limit(literal(SAMPLE, Integer)))
    labels = np.asarray(table["label"].to_numpy(zero_copy_only=False), dtype=np.float64)
    errors = np.asarray(table["error"].to_numpy(zero_copy_only=False), dtype=np.float64)
    finite = errors[np.isfinite(errors)]
    scale = float(np.quantile(np.abs(finite), 0.6827)) if len(finite) else 1.0
    scale = scale if scale > 0 else 1.0
    grid = NumericGrid(0.0, scale, _tolerances(parts.model, scale))
    return [
        Column(Kind.LABEL, "", "number", fitted(labels)),
        Column(Kind.OUTCOME, "", "number", grid),
    ]


def _tolerances(model: Model, scale: float) -> tuple[float, ...]:
    """Limits of error classes at the tolerances of quality objectives, a hair beyond: at the tolerance is within it."""
    wanted = {s.tolerance for s in model.slos if s.sli == "quality" and s.tolerance is not None}
    ends = [tolerance + 1e-9 * max(tolerance, scale) for tolerance in wanted]
    return tuple(sorted([*ends, *(-end for end in ends)]))
