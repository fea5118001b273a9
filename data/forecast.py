"""The tabular models: one recipe, fitted on the early months only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

SEED = 20130101
TREES = 150


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a model is fitted on."""

    numbers: tuple[str, ...]
    categories: tuple[str, ...]
    label: str
    classifier: bool
    linear: bool = False

    @property
    def features(self) -> list[str]:
        """All inputs, in order."""
        return [*self.numbers, *self.categories]


def fit(recipe: Recipe, rows: pd.DataFrame, verbose: int = 0) -> Pipeline:
    """Fit a recipe on rows that have the label; `verbose` is scikit-learn's: 2 prints a line for every tree."""
    rows = rows[rows[recipe.label].notna()]
    if recipe.linear:
        encoder = ColumnTransformer(
            [
                ("n", make_pipeline(SimpleImputer(), StandardScaler()), list(recipe.numbers)),
                ("c", OneHotEncoder(handle_unknown="ignore", min_frequency=50), list(recipe.categories)),
            ]
        )
        return Pipeline([("encode", encoder), ("model", LogisticRegression(max_iter=500))]).fit(
            rows[recipe.features], rows[recipe.label].astype(int)
        )
    unknown = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, max_categories=60)
    encoder = ColumnTransformer([("n", "passthrough", list(recipe.numbers)), ("c", unknown, list(recipe.categories))])
    kind = HistGradientBoostingClassifier if recipe.classifier else HistGradientBoostingRegressor
    loss = {} if recipe.classifier else {"loss": "absolute_error"}
    model = kind(max_iter=TREES, learning_rate=0.08, max_leaf_nodes=31, random_state=SEED, verbose=verbose, **loss)
    target = rows[recipe.label].astype(int if recipe.classifier else float)
    return Pipeline([("encode", encoder), ("model", model)]).fit(rows[recipe.features], target)


def predict(recipe: Recipe, model: Pipeline, rows: pd.DataFrame) -> np.ndarray:
    """Probability of the positive class, or the predicted value."""
    if recipe.classifier:
        return model.predict_proba(rows[recipe.features])[:, 1]
    return model.predict(rows[recipe.features])


def codes(recipe: Recipe, model: Pipeline) -> list[dict[str, float]]:
    """What the encoder of fitted trees makes of each category, one table a column."""
    if not recipe.categories:
        return []
    encoder = model.named_steps["encode"].named_transformers_["c"]
    out = []
    for number, values in enumerate(encoder.categories_):
        others = {name: found[0] for name, found in zip(recipe.categories, encoder.categories_, strict=True)}
        table = pd.DataFrame(others | {recipe.categories[number]: values})
        out.append(dict(zip(values, encoder.transform(table)[:, number].tolist(), strict=True)))
    return out


DELAY = Recipe(
    ("dep_hour", "weekday", "distance", "temp", "humid", "wind_speed", "precip", "pressure", "visib"),
    ("carrier", "origin", "dest"),
    "late",
    classifier=True,
)
AIR_TIME = Recipe(
    ("distance", "dep_hour", "weekday", "temp", "wind_speed", "pressure"),
    ("carrier", "origin", "dest"),
    "air_time",
    classifier=False,
)
CANCELLATION = Recipe(
    ("dep_hour", "weekday", "distance", "temp", "wind_speed", "precip", "visib", "recent_cancellations"),
    ("carrier", "origin"),
    "cancelled",
    classifier=True,
    linear=True,
)
CONGESTION = Recipe(
    (
        "hour_of_day",
        "weekday",
        "departed",
        "mean_delay_last_hour",
        "max_delay_last_hour",
        "scheduled_next_hour",
        "wind_speed",
        "visib",
    ),
    ("origin",),
    "mean_delay",
    classifier=False,
)
TAXI = Recipe(
    ("half_hour", "weekday", "lag_1", "lag_2", "lag_48", "lag_336"),
    (),
    "passengers",
    classifier=False,
)
