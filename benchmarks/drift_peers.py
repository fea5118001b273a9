"""What three programs say of the same windows: Leeway, Evidently and NannyML, the last in an environment of its own.

Each gives a column's windows a score that grows with drift, and says at which score it alerts by default.
python -m venv /tmp/nannyml && /tmp/nannyml/bin/pip install nannyml==0.13.1 statsmodels
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import drift_data
import numpy as np
import pandas as pd
from drift_data import Log
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BUDGETS = (0.2, 1.0, 5.0)
FITTED = """
import sys, json, numpy, pandas, nannyml
for name in sys.argv[1:]:
    told = json.load(open(name + ".json"))
    frame = pandas.read_parquet(name + ".parquet")
    columns = list(frame.columns)
    calculator = nannyml.UnivariateDriftCalculator(columns, chunk_size=told["rows"])
    calculator.fit(frame[: told["reference"]])
    both = calculator.calculate(frame[told["reference"]:])
    found, own = (both.filter(period=period).to_df() for period in ("analysis", "reference"))
    out = {}
    for column in columns:
        of = found[column]["jensen_shannon"]
        out[column + " own"] = own[column]["jensen_shannon"]["value"].to_numpy(dtype=float)
        out[column] = of["value"].to_numpy(dtype=float)
        out[column + " alert"] = of["alert"].to_numpy(dtype=bool)
        out[column + " limit"] = of["upper_threshold"].to_numpy(dtype=float)
    numpy.savez(name + ".npz", **out)
"""


@dataclass(frozen=True, slots=True)
class Scored:
    """Of a column's windows: `scores` that grow with drift, `limits` at which the default rule alerts, and where it
    does; `own` are the scores of the reference's own windows, where the program gives or allows any."""

    scores: Floats
    limits: Floats
    alerts: NDArray[np.bool_]
    own: Floats = field(default_factory=lambda: np.zeros(0))


def leeway(log: Log) -> dict[str, Scored]:
    """By the evidence: how surprising a window is, as a number that grows with it; alerts are not set here."""
    from monitoring.core.calibration.budget import score
    from monitoring.verdicts import drift
    from monitoring.verdicts.compared import compare
    from monitoring.verdicts.effect import own_threshold
    from monitoring.verdicts.learned import Priors

    subject = drift_data.subject_of(log)
    monitored = list(drift.monitored_columns(subject))
    out, priors = {}, Priors(subject, monitored)
    for m in monitored:
        found = compare(subject, m, "", subject.windows, own_threshold(subject, m, ""), priors)
        scores = np.asarray([score(found[w].p_value) for w in subject.windows])
        out[m.column.name] = Scored(scores, np.full(len(scores), np.nan), np.zeros(len(scores), dtype=np.bool_))
    return out


def alarms(log: Log, names: Sequence[str]) -> NDArray[np.bool_]:
    """Where some of the columns has evidence enough for an alarm, and where one raises it, effect and all: shape (2,
    budgets, windows)."""
    from monitoring.core.calibration.budget import level, limits
    from monitoring.verdicts import drift
    from monitoring.verdicts.compared import compare
    from monitoring.verdicts.effect import effect_of, own_threshold
    from monitoring.verdicts.learned import Priors
    from monitoring.verdicts.season import Seasons

    first = drift_data.subject_of(log)
    subjects = [replace(first, model=drift_data.model_of(log, false_alarms_per_quarter=budget)) for budget in BUDGETS]
    monitored = [m for m in drift.monitored_columns(first) if m.column.name in names]
    priors = Priors(first, monitored)
    compared = {
        m.column.name: compare(first, m, "", first.windows, own_threshold(first, m, ""), priors) for m in monitored
    }
    out = np.zeros((2, len(BUDGETS), len(first.windows)), dtype=np.bool_)
    for number, window in enumerate(first.windows):
        p_values = np.asarray([compared[m.column.name][window].p_value for m in monitored])
        out[0, :, number] = [
            (p_values <= limits(p_values, level(budget, first.model.chunk.hours))).any() for budget in BUDGETS
        ]
        if not out[0, :, number].any():
            continue
        effects = [effect_of(first, m, "", compared[m.column.name][window]) for m in monitored]
        for at, subject in enumerate(subjects):
            found = drift.held_to_budget(Seasons(subject), window, effects, {})
            out[1, at, number] = any(v.status in drift.DRIFTED for v in found)
    return out


def evidently(log: Log, own: bool = False) -> dict[str, Scored]:
    """Evidently's default tests, on all rows that are not null; of a p-value, how often its limit goes into it. With
    `own`, of each of the reference's cells beside the others, too."""
    from evidently.legacy.calculations.stattests import get_stattest
    from evidently.legacy.core import ColumnType

    def asked(before: pd.Series, now: pd.Series) -> tuple[float, float, bool]:
        test = get_stattest(before, now, kind, None)
        found = test(before, now, ColumnType(kind), test.default_threshold)
        if "p_value" in test.display_name:
            return found.actual_threshold / max(found.drift_score, 1e-300), 1.0, found.drifted
        return found.drift_score, found.actual_threshold, found.drifted

    out = {}
    for name in log.columns:
        kind = "cat" if name.startswith("c") else "num"
        before = log.series(name, slice(0, log.reference)).dropna()
        scores, limits, alerts = zip(
            *(asked(before, log.window(name, number).dropna()) for number in range(log.windows)), strict=True
        )
        chunks = (
            [log.series(name, slice(at, at + 1)).dropna() for at in range(log.reference)]
            if own and log.reference > 1
            else []
        )
        rest = [pd.concat([*chunks[:at], *chunks[at + 1 :]]) for at in range(len(chunks))]
        each = [asked(others, one)[0] for others, one in zip(rest, chunks, strict=True)]
        out[name] = Scored(np.asarray(scores), np.asarray(limits), np.asarray(alerts), np.asarray(each))
    return out


def nannyml(python: str, logs: Sequence[Log]) -> list[dict[str, Scored]]:
    """NannyML's defaults (Jensen-Shannon), in the environment of that Python. Of no log without one."""
    import json

    if not python or not logs:
        return []
    with tempfile.TemporaryDirectory() as folder:
        names = [str(Path(folder) / str(number)) for number in range(len(logs))]
        for name, log in zip(names, logs, strict=True):
            log.frame().to_parquet(f"{name}.parquet", index=False)
            length = 7 if log.world.chunk == "7d" else 1
            told = {"rows": log.world.rows * length, "reference": int(log.there[: log.reference].sum())}
            Path(f"{name}.json").write_text(json.dumps(told))
        quiet = {**os.environ, "NML_DISABLE_USAGE_LOGGING": "1"}
        done = subprocess.run(
            [python, "-W", "ignore", "-c", FITTED, *names], check=False, capture_output=True, text=True, env=quiet
        )
        if done.returncode:
            raise RuntimeError(f"NannyML failed: {done.stderr[-2000:]}")
        out = []
        for name, log in zip(names, logs, strict=True):
            found = np.load(f"{name}.npz")
            out.append(
                {
                    c: Scored(found[c], found[f"{c} limit"], found[f"{c} alert"].astype(np.bool_), found[f"{c} own"])
                    for c in log.columns
                }
            )
        return out


def versions(python: str) -> str:
    """Of the programs and what they compute with."""
    import evidently as evidently_package
    import scipy

    said = f"Evidently {evidently_package.__version__}, NumPy {np.__version__}, SciPy {scipy.__version__}"
    if python:
        asked = [python, "-W", "ignore", "-c", "import nannyml; print(nannyml.__version__)"]
        quiet = {**os.environ, "NML_DISABLE_USAGE_LOGGING": "1"}
        said += f", NannyML {subprocess.run(asked, capture_output=True, text=True, env=quiet).stdout.strip()}"
    return said
