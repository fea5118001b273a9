"""Guessing a column mapping from a log: by name, by type, and by what the values do. A person looks it over.

Pure: column types and some rows in, a proposal with a reason for every part out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from monitoring.core.profile import ColumnType
from monitoring.logs.rows import POSITIVE
from monitoring.seen import (
    ASKED,
    CLASSES,
    CODE,
    COUNT,
    ENTITY,
    EVENT,
    IDENTITY,
    INPUT,
    LABEL,
    LATENCY,
    LATER,
    LOWER,
    PREDICTED,
    SCORE,
    SECONDS,
    SLICE,
    STATUS,
    TIME,
    UPPER,
    VERSION,
    Seen,
    listed,
    ranks,
    works,
)

Points = Callable[[Seen], float]

FEW = 12
"""Values that a slice has at most."""
ROWS = 5_000
SLICES = 2


@dataclass(frozen=True, slots=True)
class Guess:
    """A proposed mapping. `because` says for each part that was found, or not, why."""

    task: str
    chunk: str | dict[str, int]
    id: str | None = None
    timestamp: str | None = None
    score: str | dict[str, str] | None = None
    prediction: str | None = None
    label: str | None = None
    observed_at: str | None = None
    version: str | None = None
    latency_ms: str | None = None
    status: str | None = None
    lower: str | None = None
    upper: str | None = None
    positive: str | None = None
    slices: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    because: dict[str, str] = field(default_factory=dict)


PARTS = (
    "id",
    "timestamp",
    "score",
    "prediction",
    "label",
    "observed_at",
    "version",
    "latency_ms",
    "status",
    "lower",
    "upper",
)
"""The parts of a mapping that are one column each, in the order of the fleet file."""


def guess(columns: dict[str, ColumnType], sample: pd.DataFrame) -> Guess:
    """Propose a mapping of a prediction log, from its columns' types and some of its rows in their order."""
    return _Search([Seen(name, kind, sample[name]) for name, kind in columns.items() if name in sample]).guess()


def guess_labels(columns: dict[str, ColumnType], sample: pd.DataFrame, identity: str | None) -> Guess:
    """Propose the mapping of a log of labels; `identity` is the id's name in the prediction log."""
    search = _Search([Seen(name, kind, sample[name]) for name, kind in columns.items() if name in sample])
    if identity in columns:
        search.take("id", identity, "it has the same name in the prediction log")
    else:
        search.identity()
    search.observed(None)
    search.truth(None, alone=True)
    return Guess(
        "",
        "",
        search.one("id"),
        label=search.one("label"),
        observed_at=search.one("observed_at"),
        because=search.because,
    )


class _Search:
    """One search: what was taken, and why."""

    def __init__(self, columns: list[Seen]) -> None:
        self.columns = {c.name: c for c in columns}
        self.found: dict[str, str] = {}
        self.because: dict[str, str] = {}

    def one(self, part: str) -> str | None:
        return self.found.get(part)

    def column(self, part: str) -> Seen | None:
        return self.columns.get(self.found.get(part, ""))

    def take(self, part: str, name: str, why: str) -> None:
        self.found[part], self.because[part] = name, f"{why}."

    @property
    def free(self) -> list[Seen]:
        taken = set(self.found.values())
        return [c for c in self.columns.values() if c.name not in taken]

    def best(self, points: Points, least: float) -> Seen | None:
        """The free column with the most points, the first of equals; None where it has too few."""
        ranked = [(points(c), -i, c) for i, c in enumerate(self.free)]
        top = max(ranked, key=lambda r: r[:2], default=None)
        return top[2] if top is not None and top[0] >= least else None

    def guess(self) -> Guess:
        self.moment()
        self.identity()
        self.service()
        classes = self.class_scores()
        if not classes:
            self.told()
        task = self.task(classes)
        score: str | dict[str, str] | None = classes or self.one("score")
        self.truth(task)
        if task == "binary_classification" and "score" not in self.found and (hidden := self.unnamed_score()):
            score = hidden
        if "label" in self.found:
            self.observed(self.column("timestamp"))
        if task == "regression":
            self.interval()
        taken = set(self.found.values()) | set(classes)
        features, left_out = self.features(taken | set(classes.values()))
        if left_out:
            self.because["left out"] = "; ".join(f"{name}: {why}" for name, why in left_out.items()) + "."
        categorical = tuple(c.name for c in features if self.code(c))
        slices = self.slices(features, categorical)
        parts = {part: self.one(part) for part in PARTS if part != "score"}
        return Guess(
            task=task, chunk=self.chunk(), **parts, score=score, positive=self.positive(task), slices=slices,
            features=tuple(c.name for c in features), categorical=categorical, because=self.because,
        )  # fmt: skip

    def moment(self) -> None:
        def points(c: Seen) -> float:
            if c.moments is None or (c.kind == "number" and not c.named(TIME) and c.numbers.min() < 9e11):
                return 0.0
            order = c.moments.reset_index(drop=True)
            steady = 1.0 if len(order) > 2 and order.is_monotonic_increasing and order.nunique() > 1 else 0.0
            asked = 1.5 if c.says(ASKED) else 0.0
            return (
                (3.0 if c.kind == "time" else 2.0)
                + min(c.named(TIME), 3)
                + steady
                + asked
                - (3.0 if c.says(LATER) else 0.0)
            )

        found = self.best(points, 2.5)
        if found is None:
            self.because["timestamp"] = "No column holds times: the log is cut by rows."
            return
        how = (
            "times"
            if found.kind == "time"
            else "times as text"
            if found.kind == "text"
            else f"{found.epoch} since 1970"
        )
        order = found.moments is not None and found.moments.is_monotonic_increasing
        self.take("timestamp", found.name, f"it holds {how}" + (" that only rise" if order else ""))

    def identity(self) -> None:
        def points(c: Seen) -> float:
            n = len(c.known)
            if n == 0 or n < len(c.values) or c.kind not in ("text", "number") or (c.kind == "number" and not c.whole):
                return 0.0
            if c.repeats > (0.01 * n if c.named(IDENTITY) >= 3 else 0):
                return 0.0
            one_word = (
                c.kind == "text" and n > 2 and not c.known.astype(str).str.contains(r"\s").any() and c.moments is None
            )
            steps = c.kind == "number" and n > 2 and bool(np.all(np.diff(c.numbers) == 1))
            entity = 1.5 if c.says(ENTITY) else 0.0
            asked = 1.0 if c.says(ASKED) else 0.0
            return c.named(IDENTITY) + (2.0 if one_word else 0.0) + (1.5 if steps else 0.0) + asked - entity

        found = self.best(points, 1.5)
        if found is None:
            self.because["id"] = "No column is different in every row; without one, labels must stand in the row."
            return
        repeats = f", {found.repeats:,} repeats" if found.repeats else ""
        self.take("id", found.name, f"its values are different in every row of the sample{repeats}")

    def service(self) -> None:
        """Version, latency and status."""
        found = self.best(
            lambda c: c.named(VERSION) if 1 <= len(c.distinct) <= CLASSES and not c.probable else 0.0, 1.5
        )
        if found is not None:
            self.take("version", found.name, f"by its name; {listed(found.distinct)}")

        def slow(c: Seen) -> float:
            fits = c.kind == "number" and len(c.numbers) and c.numbers.min() >= 0 and not c.says(SECONDS)
            return c.named(LATENCY) if fits else 0.0

        found = self.best(slow, 1.75)
        if found is not None:
            half = f"{np.median(found.numbers):,.4g} ms"
            self.take("latency_ms", found.name, f"by its name; half are below {half}, if those are milliseconds")
        found = self.best(lambda c: c.named(STATUS) if works(c) else 0.0, 1.0)
        if found is not None:
            self.take("status", found.name, f"it says how the call went: {listed(found.distinct)}")

    def class_scores(self) -> dict[str, str]:
        """A column of probability per class: alike in name, together 1 in every row."""
        named = [
            c
            for c in self.free
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
                self.take(
                    "score",
                    group[name].name,
                    f"the two {word} columns add up to 1; this one is taken for the positive class",
                )
                self.found["other score"] = next(c.name for k, c in group.items() if k != name)
                return {}
            self.because["score"] = f"{len(group)} columns named {word} add up to 1 in every row: one per class."
            return {k: c.name for k, c in group.items()}
        return {}

    def told(self) -> None:
        """The score and the prediction, by name and values."""
        found = None
        if "score" not in self.found:
            found = self.best(lambda c: (c.named(SCORE) - (2 if c.says(INPUT) else 0)) if c.probable else 0.0, 1.0)
        if found is not None:
            self.take(
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

        found = self.best(points, 1.5)
        if found is None and "score" not in self.found:
            found = self.best(lambda c: c.named({"score": 2}) if c.continuous else 0.0, 1.5)
        if found is not None:
            what = "numbers" if found.continuous else listed(found.distinct)
            self.take("prediction", found.name, f"by its name; it holds {what}")

    def task(self, classes: dict[str, str]) -> str:
        if classes:
            found = self.best(lambda c: c.named(PREDICTED) if c.classes else 0.0, 1.5)
            if found is not None:
                self.take("prediction", found.name, f"by its name; it holds {listed(found.distinct)}")
            self.because["task"] = f"There is a score for each of {len(classes)} classes."
            return "multiclass_classification"
        prediction = self.column("prediction")
        if prediction is not None and prediction.continuous and "score" in self.found:
            self.found.pop("score")
            self.because.pop("score")
        if prediction is not None and prediction.continuous:
            self.because["task"] = "The prediction is a number with many values."
            return "regression"
        if prediction is not None and len(prediction.distinct) > 2 and "score" not in self.found:
            self.because["task"] = f"The prediction has {len(prediction.distinct)} classes."
            return "multiclass_classification"
        self.because["task"] = "One probability, or two classes."
        return "binary_classification"

    def truth(self, task: str | None, alone: bool = False) -> None:
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
            return name + (self.agreement(c, task) if name or not alone else 0.0) + (0.25 if alone else 0.0)

        found = self.best(points, 1.0 if not alone else 0.25)
        if found is None:
            self.because["label"] = "No column looks like the label: is it in a log of its own?"
            return
        goes = self.agreement(found, task)
        self.take(
            "label",
            found.name,
            f"it holds {listed(found.distinct)}" + (" and goes with what was predicted" if goes >= 0.2 else ""),
        )

    def agreement(self, c: Seen, task: str | None) -> float:
        """How far a column goes with the score or the prediction: 0 to 1. Only near-agreement counts without a name."""
        told = self.column("prediction") if task == "regression" else self.column("score") or self.column("prediction")
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

    def unnamed_score(self) -> str | None:
        """Without a name to go by: the probability that ranks the label, or the only column that could be one."""
        able = [c for c in self.free if c.probable and not c.says(INPUT)]
        label = self.column("label")
        if label is not None and able:
            best = max(able, key=lambda c: ranks(c, label))
            if ranks(best, label) > 0.6:
                self.take(
                    "score", best.name, f"it lies between 0 and 1 and ranks the label (AUC {ranks(best, label):.2f})"
                )
                return best.name
        if len(able) == 1 and "prediction" not in self.found:
            self.take("score", able[0].name, "it is the only column between 0 and 1 with many values")
            return able[0].name
        return None

    def observed(self, asked: Seen | None) -> None:
        """When the label was seen."""

        def points(c: Seen) -> float:
            if c.moments is None or (c.kind == "number" and not c.named(TIME)):
                return 0.0
            if asked is not None and asked.moments is not None:
                both = pd.concat([asked.moments.rename("a"), c.moments.rename("b")], axis=1).dropna()
                if not len(both) or not (both.b >= both.a).all():
                    return 0.0
            return 1.0 + (2.0 if c.says(LATER) else 0.0) + c.named(TIME) * 0.3

        found = self.best(points, 2.0 if asked is not None else 1.0)
        if found is not None:
            why = "it holds times, never before the prediction's" if asked is not None else "it holds times"
            self.take("observed_at", found.name, why)

    def interval(self) -> None:
        """Both ends of a prediction interval, or neither."""
        low = self.best(lambda c: 1.0 if c.says(LOWER) and c.continuous else 0.0, 1.0)
        high = self.best(lambda c: 1.0 if c.says(UPPER) and c.continuous else 0.0, 1.0)
        if low is None or high is None:
            return
        rest = [{*c.tokens} - LOWER - UPPER for c in (low, high)]
        if rest[0] == rest[1] and bool((pd.to_numeric(low.values) <= pd.to_numeric(high.values)).mean() > 0.99):
            self.take("lower", low.name, f"it is never above {high.name}")
            self.take("upper", high.name, f"it is never below {low.name}")

    def features(self, taken: set[str]) -> tuple[list[Seen], dict[str, str]]:
        """Everything else that a model could have been given; what is left out, with the reason."""
        chosen, left = [], {}
        for c in self.columns.values():
            many = len(c.distinct) > 50 and len(c.distinct) > 0.5 * len(c.known)
            if c.name in taken:
                continue
            if c.kind not in ("number", "boolean", "text"):
                left[c.name] = "a time" if c.kind == "time" else "lists or records"
            elif c.moments is not None and (c.kind == "text" or c.named(TIME)):
                left[c.name] = "a time"
            elif (
                c.says(IDENTITY)
                and (c.kind == "text" or c.whole)
                and (many or not c.repeats)
                and not c.says({"key", "index"})
            ):
                left[c.name] = "an identifier"
            elif c.kind == "text" and many:
                left[c.name] = "nearly every value is different"
            elif c.says({"latency", "elapsed"}) or c.says(VERSION):
                left[c.name] = "about the call, not its input"
            elif not c.distinct:
                left[c.name] = "empty in the sample"
            else:
                chosen.append(c)
        words = f"{len(chosen)} columns play no other part" if chosen else "no column is left"
        self.because["features"] = f"{words}."
        return chosen, left

    def code(self, c: Seen) -> bool:
        """A number that names a class: two values, a name such as zone or code, or values far apart."""
        if c.kind != "number" or not c.whole or not c.repeats or c.says(COUNT):
            return False
        different = len(c.distinct)
        apart = c.numbers.max() - c.numbers.min() + 1 > 2 * different
        sure = (
            different <= 2
            or (c.says(CODE) and different <= CLASSES)
            or (apart and different <= FEW and c.numbers.min() >= 100)
        )
        if sure:
            before = self.because.get("categorical", "Whole numbers that name classes: ").rstrip(".")
            self.because["categorical"] = f"{before}{'' if before.endswith(': ') else ', '}{c.name}."
        return sure

    def slices(self, features: list[Seen], categorical: tuple[str, ...]) -> tuple[str, ...]:
        """At most two columns of few values, those with a telling name first."""
        able = [c for c in features if 2 <= len(c.distinct) <= FEW and c.repeats > len(c.distinct)]
        able = [c for c in able if c.kind == "text" or (c.name in categorical and c.says(SLICE))]
        chosen = sorted(able, key=lambda c: (not c.says(SLICE), len(c.distinct)))[:SLICES]
        if chosen:
            self.because["slices"] = "; ".join(f"{c.name} has {len(c.distinct)} values" for c in chosen) + "."
        return tuple(c.name for c in chosen)

    def positive(self, task: str) -> str | None:
        """The positive class, where the label's values do not say it themselves."""
        label = self.column("label") or self.column("prediction")
        if task != "binary_classification" or label is None or label.kind != "text" or len(label.distinct) != 2:
            return None
        if any(v.lower() in POSITIVE for v in label.distinct):
            return None
        score = self.column("score")
        chosen = label.distinct[-1]
        why = "it is the rarer of the two"
        if score is not None and self.column("label") is not None:
            chosen = max(
                label.distinct, key=lambda v: float(pd.to_numeric(score.values)[label.values.astype(str) == v].mean())
            )
            why = "its scores are the higher"
        self.because["positive"] = f"{chosen}: {why}."
        return chosen

    def chunk(self) -> str | dict[str, int]:
        """An hour for a short and busy log, else a day; rows without time."""
        column = self.column("timestamp")
        if column is None or column.moments is None:
            n = max((len(c.values) for c in self.columns.values()), default=0)
            rows = next((r for r in (5_000, 1_000, 500, 200, 100) if n >= 8 * r), 50) if n < 8 * ROWS else ROWS
            self.because["chunk"] = "Without times, verdicts are over so many rows each."
            return {"rows": rows}
        length = column.moments.max() - column.moments.min()
        hours = max(length / pd.Timedelta(hours=1), 1.0)
        short = length < pd.Timedelta(days=4) and len(column.moments) / hours >= 50
        self.because["chunk"] = (
            f"The sample spans {hours / 24:,.1f} days." if hours >= 48 else f"The sample spans {hours:,.0f} hours."
        )
        return "1h" if short else "1d"
