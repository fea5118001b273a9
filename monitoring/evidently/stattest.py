"""Evidently's own drift tests on samples, for those who want `evidently:<name>`: the same score, bias and all."""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from monitoring.evidently.failure import EvidentlyError

Kind = Literal["numeric", "categorical"]
_NUMERIC: tuple[Kind, ...] = ("numeric",)
_CATEGORICAL: tuple[Kind, ...] = ("categorical",)

_TESTS: dict[str, tuple[Kind, ...]] = {
    "TVD": _CATEGORICAL,
    "anderson": _NUMERIC,
    "chisquare": _CATEGORICAL,
    "cramer_von_mises": _NUMERIC,
    "ed": _NUMERIC,
    "empirical_mmd": _NUMERIC,
    "es": _NUMERIC,
    "fisher_exact": _CATEGORICAL,
    "g_test": _CATEGORICAL,
    "hellinger": ("numeric", "categorical"),
    "jensenshannon": ("numeric", "categorical"),
    "kl_div": ("numeric", "categorical"),
    "ks": _NUMERIC,
    "mannw": _NUMERIC,
    "psi": ("numeric", "categorical"),
    "t_test": _NUMERIC,
    "wasserstein": _NUMERIC,
    "z": _CATEGORICAL,
}
"""Written down, as asking Evidently would import it; a test holds this to the installed version.

Its two tests of free text are not here: Leeway has no text columns, only categories.
"""


@dataclass(frozen=True, slots=True)
class EvidentlyResult:
    """Evidently's score (a distance or a p-value, as the test has it), the threshold it used, and its verdict."""

    score: float
    threshold: float
    drifted: bool


def names() -> list[str]:
    """The tests that can be asked for as `evidently:<name>`."""
    return sorted(_TESTS, key=str.lower)


def kinds(name: str) -> tuple[Kind, ...]:
    """The kinds of column a test is for. Raises EvidentlyError for an unknown name."""
    if name not in _TESTS:
        raise EvidentlyError(
            f"no Evidently test is called {name!r}.", where=f"evidently:{name}", mend=f"Known: {', '.join(names())}."
        )
    return _TESTS[name]


def run(
    name: str, reference: pd.Series, current: pd.Series, kind: Kind, threshold: float | None = None
) -> EvidentlyResult:
    """Run Evidently's implementation on two samples, cleaned as Evidently cleans them: nulls and infinities left out.

    Without a `threshold` Evidently's default is used. The first call in a process imports Evidently (6 to 15 s).
    """
    where = f"evidently:{name}"
    if kind not in kinds(name):
        fitting = ", ".join(other for other in names() if kind in _TESTS[other])
        raise EvidentlyError(f"is not a test for {kind} columns.", where=where, mend=f"Those are {fitting}.")
    cleaned = [_cleaned(series) for series in (reference, current)]
    for series, window in zip(cleaned, ("reference", "current window"), strict=True):
        if series.empty:
            raise EvidentlyError(
                f"the {window} has no value.", where=where, mend="Choose a window with values in this column."
            )
        if kind == "numeric" and not pd.api.types.is_numeric_dtype(series):
            raise EvidentlyError(
                f"the {window} holds values that are not numbers.", where=where, mend="Test it as categorical."
            )
    registry, types = load("legacy.calculations.stattests.registry"), load("legacy.core")
    feature = types.ColumnType.Numerical if kind == "numeric" else types.ColumnType.Categorical
    load("legacy.calculations.stattests")  # registers them
    try:
        found = registry.get_registered_stattest(name, feature)(cleaned[0], cleaned[1], feature, threshold)
    except Exception as error:  # whatever a test raises on odd data is its verdict on the data, not a fault of ours
        raise EvidentlyError(
            f"failed: {type(error).__name__}: {error}.", where=where, mend="Choose another test for this column."
        ) from error
    return EvidentlyResult(float(found.drift_score), float(found.actual_threshold), bool(found.drifted))


def load(module: str) -> Any:
    """A module of Evidently's, with its usage statistics switched off before it is imported."""
    os.environ.update(QUIET)
    try:
        return importlib.import_module(f"evidently.{module}")
    except ImportError as error:
        raise EvidentlyError(
            f"cannot be imported: {error}.",
            where="evidently",
            mend="Install what requirements.txt names (pandas <3.1).",
        ) from error


QUIET = {"DO_NOT_TRACK": "1", "EVIDENTLY_DISABLE_TELEMETRY": "1"}
"""What keeps Evidently from reporting usage. Its reports and tests send nothing today; this is for tomorrow."""


def _cleaned(series: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(series):
        series = series.replace([-np.inf, np.inf], np.nan)
    return series.dropna()
