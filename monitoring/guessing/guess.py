"""Guessing a column mapping from a log: by name, by type, and by what the values do. A person looks it over.

Pure: column types and some rows in, a proposal with a reason for every part out.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from monitoring.core.profile import ColumnType
from monitoring.guessing import inputs, outcome, roles
from monitoring.guessing.search import Search
from monitoring.guessing.seen import Seen


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
    return _proposal(_search(columns, sample))


def guess_labels(columns: dict[str, ColumnType], sample: pd.DataFrame, identity: str | None) -> Guess:
    """Propose the mapping of a log of labels; `identity` is the id's name in the prediction log."""
    search = _search(columns, sample)
    if identity in columns:
        search.take("id", identity, "it has the same name in the prediction log")
    else:
        roles.identity(search)
    roles.observed(search, None)
    outcome.truth(search, None, alone=True)
    return Guess(
        "",
        "",
        search.one("id"),
        label=search.one("label"),
        observed_at=search.one("observed_at"),
        because=search.because,
    )


def _search(columns: dict[str, ColumnType], sample: pd.DataFrame) -> Search:
    return Search([Seen(name, kind, sample[name]) for name, kind in columns.items() if name in sample])


def _proposal(search: Search) -> Guess:
    roles.moment(search)
    roles.identity(search)
    roles.service(search)
    classes = outcome.class_scores(search)
    if not classes:
        outcome.told(search)
    task = outcome.task(search, classes)
    score: str | dict[str, str] | None = classes or search.one("score")
    outcome.truth(search, task)
    if task == "binary_classification" and "score" not in search.found and (hidden := outcome.unnamed_score(search)):
        score = hidden
    if "label" in search.found:
        roles.observed(search, search.column("timestamp"))
    if task == "regression":
        roles.interval(search)
    taken = set(search.found.values()) | set(classes)
    features, left_out = inputs.features(search, taken | set(classes.values()))
    if left_out:
        search.because["left out"] = "; ".join(f"{name}: {why}" for name, why in left_out.items()) + "."
    categorical = tuple(c.name for c in features if inputs.code(search, c))
    slices = inputs.slices(search, features, categorical)
    parts = {part: search.one(part) for part in PARTS if part != "score"}
    return Guess(
        task=task, chunk=inputs.chunk(search), **parts, score=score, positive=outcome.positive(search, task),
        slices=slices, features=tuple(c.name for c in features), categorical=categorical, because=search.because,
    )  # fmt: skip
