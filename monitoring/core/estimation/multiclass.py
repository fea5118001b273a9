"""CBPE of a multiclass classification, from rows: what class each row is likely to be of, by its calibrated scores.

Every class's score is calibrated alone, and a row's probabilities made to add up to one (Zadrozny & Elkan 2002).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from monitoring.core.estimation.cbpe import Calibration
from monitoring.core.estimation.tables import Outcomes, roc_auc
from monitoring.core.estimation.tilt import tilted
from monitoring.core.performance.confusion import matthews, per_class
from monitoring.core.performance.curves import MIDDLE
from monitoring.core.performance.metric import Estimate, central, undefined

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

DRAWS = 200
METRICS = (
    "accuracy", "balanced_accuracy", "precision_macro", "recall_macro", "f1_macro", "mcc", "roc_auc_ovr", "brier",
    "log_loss",
)  # fmt: skip
"""What can be estimated."""


def probabilities(at: Numbers, curves: Sequence[Floats]) -> Floats:
    """P(class) of each row, shape (rows, classes), from its score classes `at` and each class's calibrated curve."""
    raw = np.stack([curve[at[:, k]] for k, curve in enumerate(curves)], axis=1)
    found: Floats = raw / raw.sum(axis=1, keepdims=True)
    return found


def estimate(
    at: Numbers, predicted: Numbers, known: Sequence[Calibration], metrics: Sequence[str], rows: int, labelled: float,
    seed: int,
) -> dict[str, Estimate]:  # fmt: skip
    """Each metric to expect of a window, with the band that 95 % of realised values are to fall into.

    `at` (sampled rows, classes) are score classes, `predicted` (sampled rows,) class numbers; the window has `rows`, of
    which the share `labelled` usually gets a label. Bands are from DRAWS redraws of curves and labels with `seed`; what
    labels add to the curves' spread is scaled from the sample's size to that of the labelled rows.
    """
    if not len(at):
        return {name: undefined(rows, "no row with scores") for name in metrics}
    rng = np.random.default_rng(seed)
    size = len(known)
    drawn = [tilted(one.curve.probability, one.tilt, DRAWS, rng) for one in known]
    middle = _values(at, predicted, probabilities(at, [one.curve.probability for one in known]), metrics)
    scale = np.sqrt(len(at) / max(1.0, rows * labelled))
    values = np.zeros((DRAWS, len(metrics)))
    for draw in range(DRAWS):
        chances = probabilities(at, [curves[draw] for curves in drawn])
        label = (rng.random((len(at), 1)) > np.cumsum(chances, axis=1)).sum(axis=1).clip(0, size - 1)
        by_curve = _values(at, predicted, chances, metrics)
        by_label = _values(at, predicted, np.eye(size)[label], metrics)
        values[draw] = by_curve + (by_label - by_curve) * scale
    return {name: _with_band(middle[i], values[:, i], rows) for i, name in enumerate(metrics)}


def _values(at: Numbers, predicted: Numbers, chances: Floats, metrics: Sequence[str]) -> Floats:
    """The metrics of rows whose labels are as likely as `chances` (rows, classes) say."""
    size = chances.shape[1]
    confusion = (np.eye(size)[predicted].T @ chances)[None]
    found = {
        "accuracy": float(np.trace(confusion[0]) / confusion.sum()),
        "balanced_accuracy": float(np.nanmean(per_class(confusion)[1])),
        "precision_macro": float(np.nanmean(per_class(confusion)[0])),
        "recall_macro": float(np.nanmean(np.nan_to_num(per_class(confusion)[1])[per_class(confusion)[0] >= 0])),
        "f1_macro": float(np.nanmean(per_class(confusion)[2])),
        "mcc": float(matthews(confusion)[0]),
    }
    scored = [name for name in metrics if name not in found]
    if scored:
        found |= _scored(at, chances)
    return np.asarray([found[name] for name in metrics])


def _scored(at: Numbers, chances: Floats) -> dict[str, float]:
    classes, size, rows = len(MIDDLE), chances.shape[1], len(at)
    areas, brier, loss = [], 0.0, 0.0
    for k in range(size):
        kept = at[:, k] < classes
        score, chance = at[kept, k], chances[kept, k]
        positive = np.bincount(score, chance, classes).astype(np.float64)
        all_rows = np.bincount(score, minlength=classes).astype(np.float64)
        negative, nothing = all_rows - positive, np.zeros((1, 2, 2))
        areas.append(float(roc_auc(Outcomes(all_rows[None], positive[None], MIDDLE, nothing))[0]))
        brier += float(positive @ (1 - MIDDLE) ** 2 + negative @ MIDDLE**2) / rows
        loss += float(positive @ -np.log(np.clip(MIDDLE, 1e-6, 1 - 1e-6))) / rows
    usable = [area for area in areas if np.isfinite(area)]
    return {"roc_auc_ovr": float(np.mean(usable)) if usable else np.nan, "brier": brier, "log_loss": loss}


def _with_band(value: float, values: Floats, rows: int) -> Estimate:
    values = values[np.isfinite(values)]
    if not np.isfinite(value) or not len(values):
        return undefined(rows, "the rows to expect leave it undefined")
    low, high = central(values)
    return Estimate(float(value), float(min(low, value)), float(max(high, value)), rows)
