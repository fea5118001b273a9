"""Rows of two versions brought together: from what each log holds to the values that a comparison is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from monitoring.core.comparison.rows import Answers, Pairing, Sides
from monitoring.core.diagnosis.interval import Floats, blocks
from monitoring.core.window import HOUR
from monitoring.fleet import Log, Model

COINCIDE = 0.5
"""Share of the smaller side's keys that the other has to have for the two to be paired."""
Frames = tuple[pd.DataFrame, pd.DataFrame]
"""What logs.answered gives, champion and challenger."""


@dataclass(frozen=True, slots=True)
class Together:
    """Both sides' labelled rows that both could be judged by, in order of time.

    `places`: what a row is drawn by, of both sides. `of`: how many labelled rows the logs have, of which these may be a
    share; of both sides together, where they are not paired. `unanswered`: labelled rows of the first side that the
    other one gave no answer to, where they are paired.
    """

    sides: Sides
    places: tuple[pd.Series, pd.Series]
    pairing: Pairing
    of: int
    unanswered: int

    def drawn(self, limit: int) -> Sides:
        """At most so many rows a side, drawn by their places: the same ones of both sides, where they are paired."""
        return self._taken(*(_place_in_order(place.to_numpy(dtype=object)) < limit for place in self.places))

    def first(self, limit: int) -> Sides:
        """At most so many rows a side, those whose labels came first: what comes later does not change them."""
        sides = self.sides
        return self._taken(*(_place_in_order(a.observed) < limit for a in (sides.champion, sides.challenger)))

    def _taken(self, of: np.ndarray, to: np.ndarray) -> Sides:
        sides = self.sides
        return Sides(sides.task, sides.champion.take(of), sides.challenger.take(to), sides.paired, sides.classes)


def coincide(frames: Frames) -> bool:
    """Whether the keys of two sides are the same requests."""
    least = min(len(frame) for frame in frames)
    return least > 0 and frames[0]["key"].isin(frames[1]["key"]).sum() >= COINCIDE * least


def together(model: Model, logs: tuple[Log, Log], frames: Frames, pairing: Pairing, of: int) -> Together:
    """The rows side by side. `logs` say how each names its classes; where paired, one side has to have the labels."""
    unanswered = 0
    if pairing != "none":
        frames, unanswered = _side_by_side(model, logs, frames)
    else:
        frames = tuple(frame[_known(frame, log)] for frame, log in zip(frames, logs, strict=True))  # type: ignore[assignment]
    frames = tuple(frame.reset_index(drop=True) for frame in frames)  # type: ignore[assignment]
    classes = _classes(model, logs, frames)
    first, second = (_answers(model, log, frame, classes) for log, frame in zip(logs, frames, strict=True))
    places = (frames[0]["place"], frames[1]["place"])
    return Together(Sides(model.task, first, second, pairing != "none", classes), places, pairing, of, unanswered)


def _side_by_side(model: Model, logs: tuple[Log, Log], frames: Frames) -> tuple[Frames, int]:
    """The rows that both have, in the champion's order; labels and slices are those of the side that has them."""
    labelled = [frame for frame in frames if "label" in frame]
    known = labelled[0].set_index("key")
    for other in labelled[1:]:  # rows that are the same by their inputs may have come out differently: of no use
        theirs = other.set_index("key")
        shared = known.index.intersection(theirs.index)
        known, theirs = known.loc[shared], theirs.loc[shared]
        same = known["label"].eq(theirs["label"])
        known = known.assign(observed=np.maximum(known["observed"], theirs["observed"]))[same]
    own = [frame.set_index("key") for frame in frames]
    order = known.sort_values(["moment", "place"], kind="stable").index
    both = order[order.isin(own[0].index) & order.isin(own[1].index)]
    facts = known.loc[both, _named(known, "slice ", "moment", "observed", "label", "place")]
    sides = []
    for frame in own:
        answers = frame.loc[both, _named(frame, "score_", "predicted", "latency")]
        sides.append(facts.join(answers).reset_index())
    useful = [_known(frame, log) for frame, log in zip(sides, logs, strict=True)]
    kept = useful[0] & useful[1]
    unanswered = int((useful[0] & ~useful[1]).sum()) + int((~order.isin(own[1].index) & order.isin(own[0].index)).sum())
    return (sides[0][kept], sides[1][kept]), unanswered


def _known(frame: pd.DataFrame, log: Log) -> pd.Series:
    """Whether a row has a label and an answer."""
    answered = frame[_named(frame, "score_", "predicted")].notna().all(axis=1)
    return frame["label"].notna() & answered & frame["moment"].notna()


def _classes(model: Model, logs: Sequence[Log], frames: Frames) -> tuple[str, ...]:
    """Those that have a score, as the champion's log names them, then all others by name."""
    if model.task != "multiclass_classification":
        return ()
    scored = [c for log in logs if isinstance(log.columns.score, dict) for c in log.columns.score]
    seen = {v for frame in frames for c in ("label", "predicted") if c in frame for v in frame[c].dropna().unique()}
    return tuple(dict.fromkeys([*scored, *sorted(map(str, seen))]))


def _answers(model: Model, log: Log, frame: pd.DataFrame, classes: tuple[str, ...]) -> Answers:
    scores = frame[_named(frame, "score_")].to_numpy(dtype=float)
    score: Floats | None = None
    truth, predicted = (_numbers(frame, column, classes) for column in ("label", "predicted"))
    if classes:
        named = list(log.columns.score) if isinstance(log.columns.score, dict) else []
        if named:
            score = np.zeros((len(frame), len(classes)))
            score[:, [classes.index(name) for name in named]] = scores
            if "predicted" not in frame:
                predicted = np.asarray(score.argmax(axis=1), dtype=float)
    elif scores.shape[1] and model.task == "binary_classification":
        score = scores[:, 0]
    moment = frame["moment"].to_numpy(dtype=float)
    slots = (moment // HOUR).astype(np.int64)
    return Answers(
        truth, predicted, score, _numbers(frame, "latency"),
        {c.removeprefix("slice "): frame[c].to_numpy(dtype=object) for c in _named(frame, "slice ")},
        blocks(slots, True), moment, frame["observed"].to_numpy(dtype=float),
    )  # fmt: skip


def _named(frame: pd.DataFrame, prefix: str, *names: str) -> list[str]:
    """The columns of these names, and those whose names begin so."""
    return [c for c in map(str, frame.columns) if c in names or c.startswith(prefix)]


def _numbers(frame: pd.DataFrame, column: str, classes: tuple[str, ...] = ()) -> Floats:
    """A column as numbers, of classes their places; NaN throughout where there is none."""
    if column not in frame:
        return np.full(len(frame), np.nan)
    values = frame[column].map({name: i for i, name in enumerate(classes)}) if classes else frame[column]
    return np.asarray(values.to_numpy(dtype=float, na_value=np.nan))


def _place_in_order(values: np.ndarray) -> np.ndarray:
    """The rank of each value, from 0; equal ones in the order in which they come."""
    out = np.empty(len(values), dtype=np.int64)
    out[np.argsort(values, kind="stable")] = np.arange(len(values))
    return out
