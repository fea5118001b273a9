"""What was predicted and what came of it: score, prediction, task, label and positive class."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from monitoring.guessing.search import Search
from monitoring.guessing.seen import (
    EVENT,
    INPUT,
    LABEL,
    PREDICTED,
    SCORE,
    Seen,
    listed,
    ranks,
)
from monitoring.logs.expressions import POSITIVE


def class_scores(search: Search) -> dict[str, str]:
    """A column of probability per class: alike in name, together 1 in every row."""
    named = [
        c
        for c in search.free
        if c.kind == "number" and len(c.numbers) and c.numbers.min() >= 0 and c.numbers.max() <= 1.000001
    ]
    groups: dict[str, dict[str, Seen]] = {}
    for c in named:
        for word in (t for t in (c.tokens[0], c.tokens[-1]) if t in SCORE):
            inner = re.sub(rf"(?i)(^{word}[_\W]*|[_\W]*{word}$)", "", c.name)
            if inner and inner != c.name:
                groups.setdefault(word, {})[inner] = c
    for word, group in groups.items():
        total = pd.concat([pd.to_numeric(c.values) for c in group.values()], axis=1).sum(axis=1)
        if len(group) < 2 or not len(total) or (np.abs(total - 1) < 0.02).mean() < 0.95:
            continue
        if len(group) == 2:
            name = next((k for k in group if k.lower() in POSITIVE), list(group)[-1])
            search.take(
                "score",
                group[name].name,
                f"the two {word} columns add up to 1; this one is taken for the positive class",
            )
            search.found["other score"] = next(c.name for k, c in group.items() if k != name)
            return {}
        search.because["score"] = f"{len(group)} columns named {word} add up to 1 in every row: one per class."
        return {k: c.name for k, c in group.items()}
    return {}


def told(search: Search) -> None:
    """The score and the prediction, by name and values."""
    found = None
    if "score" not in search.found:
        found = search.best(lambda c: (c.named(SCORE) - (2 if c.says(INPUT) else 0)) if c.probable else 0.0, 1.0)
    if found is not None:
        search.take(
            "score",
            found.name,
            f"it lies between {found.numbers.min():.3g} and {found.numbers.max():.3g}, and by its name",
        )

    def points(c: Seen) -> float:
        fits = c.classes or c.continuous
        return (
            (c.named(PREDICTED) - (1 if c.says({"at", "time"}) else 0))
            if fits and not c.says({"actual", "true", "real"})
            else 0.0
        )

    found = search.best(points, 1.5)
    if found is None and "score" not in search.found:
        found = search.best(lambda c: c.named({"score": 2}) if c.continuous else 0.0, 1.5)
    if found is not None:
        what = "numbers" if found.continuous else listed(found.distinct)
        search.take("prediction", found.name, f"by its name; it holds {what}")


def task(search: Search, classes: dict[str, str]) -> str:
    """The kind of model, from what it predicts; `classes` are the scores of the classes, where there are such."""
    if classes:
        found = search.best(lambda c: c.named(PREDICTED) if c.classes else 0.0, 1.5)
        if found is not None:
            search.take("prediction", found.name, f"by its name; it holds {listed(found.distinct)}")
        search.because["task"] = f"There is a score for each of {len(classes)} classes."
        return "multiclass_classification"
    prediction = search.column("prediction")
    if prediction is not None and prediction.continuous and "score" in search.found:
        search.found.pop("score")
        search.because.pop("score")
    if prediction is not None and prediction.continuous:
        search.because["task"] = "The prediction is a number with many values."
        return "regression"
    if prediction is not None and len(prediction.distinct) > 2 and "score" not in search.found:
        search.because["task"] = f"The prediction has {len(prediction.distinct)} classes."
        return "multiclass_classification"
    search.because["task"] = "One probability, or two classes."
    return "binary_classification"


def truth(search: Search, task: str | None, alone: bool = False) -> None:
    """The label: by name, held against the score or the prediction."""

    def points(c: Seen) -> float:
        if c.says(INPUT) or c.moments is not None or c.kind == "other" or not c.distinct:
            return 0.0
        two = len(c.distinct) == 2
        if task == "regression" and c.kind != "number":
            return 0.0
        if task == "binary_classification" and not (c.classes and two):
            return 0.0
        if task == "multiclass_classification" and not c.classes:
            return 0.0
        name = max(c.named(LABEL), 2.0 if c.says(EVENT) and (two or alone) else 0.0)
        return name + (agreement(search, c, task) if name or not alone else 0.0) + (0.25 if alone else 0.0)

    found = search.best(points, 1.0 if not alone else 0.25)
    if found is None:
        search.because["label"] = "No column looks like the label: is it in a log of its own?"
        return
    goes = agreement(search, found, task)
    search.take(
        "label",
        found.name,
        f"it holds {listed(found.distinct)}" + (" and goes with what was predicted" if goes >= 0.2 else ""),
    )


def agreement(search: Search, c: Seen, task: str | None) -> float:
    """How far a column goes with the score or the prediction: 0 to 1. Only near-agreement counts without a name."""
    score, prediction = search.column("score"), search.column("prediction")
    told = prediction if task == "regression" else score or prediction
    if task is None or told is None:
        return 0.0
    if task == "regression":
        both = pd.DataFrame({"a": c.values, "b": told.values}).apply(pd.to_numeric, errors="coerce").dropna()
        if len(both) < 10 or both.a.nunique() < 3:
            return 0.0
        close = np.abs(both.a - both.b).median() < 0.5 * both.b.std()
        return float(abs(both.a.corr(both.b))) * (1.0 if close else 0.25)
    if told.probable:
        return max(0.0, 2 * ranks(told, c) - 1) * 0.9
    shared = set(c.distinct) <= set(told.distinct) | set(c.distinct[:0])
    return 0.8 if shared and len(c.distinct) > 1 and set(told.distinct) & set(c.distinct) else 0.0


def unnamed_score(search: Search) -> str | None:
    """Without a name to go by: the probability that ranks the label, or the only column that could be one."""
    able = [c for c in search.free if c.probable and not c.says(INPUT)]
    label = search.column("label")
    if label is not None and able:
        best = max(able, key=lambda c: ranks(c, label))
        if ranks(best, label) > 0.6:
            search.take(
                "score", best.name, f"it lies between 0 and 1 and ranks the label (AUC {ranks(best, label):.2f})"
            )
            return best.name
    if len(able) == 1 and "prediction" not in search.found:
        search.take("score", able[0].name, "it is the only column between 0 and 1 with many values")
        return able[0].name
    return None


def positive(search: Search, task: str) -> str | None:
    """The positive class, where the label's values do not say it themselves."""
    label = search.column("label") or search.column("prediction")
    if task != "binary_classification" or label is None or label.kind != "text" or len(label.distinct) != 2:
        return None
    if any(v.lower() in POSITIVE for v in label.distinct):
        return None
    score = search.column("score")
    chosen = label.distinct[-1]
    why = "it is the rarer of the two"
    if score is not None and search.column("label") is not None:
        chosen = max(
            label.distinct, key=lambda v: float(pd.to_numeric(score.values)[label.values.astype(str) == v].mean())
        )
        why = "its scores are the higher"
    search.because["positive"] = f"{chosen}: {why}."
    return chosen
