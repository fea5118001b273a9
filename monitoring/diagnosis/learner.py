"""The quick learner of a diagnosis: scikit-learn's histogram gradient boosting, imported only when it is used.

One recipe, no tuning and a fixed seed. Callers hold it to one thread: on shared cores OpenMP's threads wait for each
other (measured: 10 s of processor on two threads for what takes 1.2 s on one).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from monitoring.core.diagnosis.interval import Codes, Floats
from monitoring.estimating.losses import encoding

Predict = Callable[[pd.DataFrame], npt.NDArray[Any]]

SEED = 0
FOLDS = 4
TREES, RATE, LEAF = 120, 0.08, 30
ALIEN = 0.95
"""Chance of being of now (both sides weighing the same) from which a row has hardly its like in the reference."""


def fitted(frame: pd.DataFrame, features: Sequence[str], target: npt.NDArray[Any], kind: str) -> Predict | None:
    """A model of a target: `value` (absolute error), `mean` (squared error), `chance` (of 1) or `class`.

    None where there is nothing to learn: one class alone, or no feature.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    used = [name for name in features if frame[name].notna().any()]
    if not used or (kind in ("chance", "class") and len(pd.unique(target)) < 2):
        return None
    form = encoding(frame, used)
    settings: dict[str, Any] = {
        "max_iter": TREES, "learning_rate": RATE, "min_samples_leaf": LEAF, "random_state": SEED,
        "early_stopping": False, "categorical_features": [False] * len(form.numbers) + [True] * len(form.categories),
    }  # fmt: skip
    if kind in ("chance", "class"):
        model = HistGradientBoostingClassifier(**settings)
    else:
        model = HistGradientBoostingRegressor(loss="absolute_error" if kind == "value" else "squared_error", **settings)
    model.fit(form.encode(frame), target)

    def predict(rows: pd.DataFrame) -> npt.NDArray[Any]:
        x = form.encode(rows)
        found: npt.NDArray[Any] = model.predict_proba(x)[:, 1] if kind == "chance" else model.predict(x)
        return found

    return predict


def crossed(
    frame: pd.DataFrame, features: Sequence[str], target: npt.NDArray[Any], kind: str, codes: Codes
) -> tuple[npt.NDArray[Any], list[Predict]] | None:
    """Predictions for each row by a model that saw nothing of its day, and the models of all folds."""
    out: npt.NDArray[Any] | None = None
    models = []
    for fold in range(FOLDS):
        inside = codes % FOLDS == fold
        if not inside.any() or inside.all():
            continue
        model = fitted(frame[~inside], features, target[~inside], kind)
        if model is None:
            return None
        found = model(frame[inside])
        if out is None:
            out = np.empty(len(frame), dtype=found.dtype)
        out[inside] = found
        models.append(model)
    return None if out is None or len(models) < 2 else (out, models)


def unsupported(
    then: pd.DataFrame, now: pd.DataFrame, features: Sequence[str], codes: Codes, codes_now: Codes
) -> float:
    """Share of the rows of now that hardly have their like in the reference, by a classifier that tells the sides
    apart, cross-fitted by days."""
    both = pd.concat([then[list(features)], now[list(features)]], ignore_index=True)
    side = np.concatenate([np.zeros(len(then), dtype=int), np.ones(len(now), dtype=int)])
    found = crossed(both, features, side, "chance", np.concatenate([codes, codes_now]))
    if found is None:
        return 0.0
    chance: Floats = found[0][len(then) :]
    odds = chance / np.maximum(1 - chance, 1e-9) * len(then) / max(len(now), 1)
    return float((odds > ALIEN / (1 - ALIEN)).mean())
