"""What speaks against a retrain: every reason, never only the first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

WEEK = timedelta(days=7)


class Guard(StrEnum):
    """What is looked at, by name."""

    DISPATCHER = "dispatcher"
    COOLDOWN = "cooldown"
    MOST_PER_WEEK = "most_per_week"
    LABELS = "labels"
    LABELS_PER_CLASS = "labels_per_class"
    LABEL_COVERAGE = "label_coverage"
    BROKEN_DATA = "broken_data"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a model's retrains are held against. `most_per_week` counts any seven days; `labels` are new and mature
    since what the serving version was trained on."""

    cooldown: timedelta = timedelta(hours=24)
    most_per_week: int = 2
    labels: int = 1000
    labels_per_class: int = 50
    label_coverage: float = 0.5


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a model as of `now`.

    `dispatched` are the moments at which earlier retrains were dispatched; `predictions` and `labels` are the rows,
    and those with a mature label, from `since` on, which no version was trained on; `classes` are the labels by class
    (empty for a regression); `broken` says in words which data are broken there, one a problem. None is "not known".
    """

    now: datetime
    dispatches: bool
    dispatched: tuple[datetime, ...] = ()
    since: datetime | None = None
    predictions: int | None = None
    labels: int | None = None
    classes: Mapping[str, int] = field(default_factory=dict)
    broken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Objection:
    """A guard's reason against, in words with its numbers. Some a person may override."""

    guard: Guard
    words: str
    overridable: bool = True


def objections(facts: Facts, limits: Limits) -> tuple[Objection, ...]:
    """All that speaks against a retrain now, in the order of Guard."""
    found = []
    if not facts.dispatches:
        words = "No dispatcher is set up: write retraining: {dispatcher: …} into the model's part of the fleet file."
        found.append(Objection(Guard.DISPATCHER, words, overridable=False))
    last = max(facts.dispatched, default=None)
    if last is not None and facts.now - last < limits.cooldown:
        rest = limits.cooldown - (facts.now - last)
        words = f"The last retrain was dispatched {_span(facts.now - last)} ago; the cool-down of "
        found.append(Objection(Guard.COOLDOWN, f"{words}{_span(limits.cooldown)} ends in {_span(rest)}."))
    lately = sum(facts.now - WEEK < moment for moment in facts.dispatched)
    if lately >= limits.most_per_week:
        words = f"{lately} retrains were dispatched in the last 7 days; {limits.most_per_week} are allowed."
        found.append(Objection(Guard.MOST_PER_WEEK, words))
    found += _of_labels(facts, limits)
    found += [Objection(Guard.BROKEN_DATA, f"{words} Mend the data first: never train on broken data.")
              for words in facts.broken]  # fmt: skip
    return tuple(found)


def _of_labels(facts: Facts, limits: Limits) -> list[Objection]:
    since = "" if facts.since is None else f" since {facts.since:%Y-%m-%d}"
    if facts.labels is None or facts.predictions is None:
        return [Objection(Guard.LABELS, "How many new labels there are is not known: nothing was evaluated yet.")]
    found = []
    if facts.labels < limits.labels:
        words = f"{facts.labels:,} new mature labels{since}; {limits.labels:,} are needed."
        found.append(Objection(Guard.LABELS, words))
    few = {name: n for name, n in facts.classes.items() if n < limits.labels_per_class}
    if few:
        named = ", ".join(f"{n:,} of class {name}" for name, n in sorted(few.items()))
        words = f"Of the new labels{since} only {named}; {limits.labels_per_class:,} of each are needed."
        found.append(Objection(Guard.LABELS_PER_CLASS, words))
    coverage = facts.labels / facts.predictions if facts.predictions else 0.0
    if facts.predictions and coverage < limits.label_coverage:
        words = f"{coverage:.0%} of the {facts.predictions:,} predictions{since} have a label"
        found.append(Objection(Guard.LABEL_COVERAGE, f"{words}; {limits.label_coverage:.0%} are needed."))
    return found


def _span(length: timedelta) -> str:
    minutes = max(length.total_seconds() / 60, 0)
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.0f} h" if minutes < 2880 else (
        f"{minutes / 1440:.0f} d"
    )  # fmt: skip
