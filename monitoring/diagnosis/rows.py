"""Labelled rows of a window, each with what the model answered, what was true, and its day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from monitoring.baseline import reference_model, reference_span
from monitoring.core.diagnosis.diagnosis import Rows
from monitoring.core.diagnosis.interval import Codes, Floats, blocks
from monitoring.core.diagnosis.row_metric import RowMetric, row_metric
from monitoring.core.window import Slots, moment_of
from monitoring.errors import LeewayError
from monitoring.evidently.windows import renamed
from monitoring.fleet import Model, MovingReference
from monitoring.logs.reader import LogReader
from monitoring.logs.rows import Bounds, row_slots, runs
from monitoring.logs.sample import SLOT, Roles, by_slot, labelled_rows, roles_of
from monitoring.logs.samples import counts

LIMIT, SEED = 20_000, 0
"""Rows of a side, about; and what they are drawn by."""
SCAN = 400_000
"""Rows of a log that are looked at for a side, about: of a busier one, some hours of each day."""
HISTORY = 60 * 24
"""Slots that a challenger's rows reach back."""


class DiagnosisError(LeewayError):
    """A window cannot be diagnosed."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """Labelled rows in order of time.

    `answer` is the predicted value, the score, or 1 where the predicted class is the true one; `truth` is the label,
    or 1 throughout where `answer` says whether it was hit. `codes` are the blocks, `at` the slots; `of` how many
    labelled rows there are (of a busy log: by those of some hours).
    """

    frame: pd.DataFrame
    answer: Floats
    truth: Floats
    codes: Codes
    at: Codes
    of: int

    @property
    def counts(self) -> Rows:
        """How many rows these are, of how many."""
        return Rows(len(self.frame), self.of)


@dataclass(frozen=True, slots=True)
class Logs:
    """A model's logs, open: its own and its reference's, which may be the same."""

    model: Model
    reader: LogReader
    other: LogReader
    as_of: datetime | None
    roles: Roles
    metric: RowMetric

    @property
    def task(self) -> str:
        """The model's."""
        return self.model.task

    @property
    def timed(self) -> bool:
        """Whether slots are hours, not chunks of rows."""
        return self.model.chunk.rows is None

    @property
    def slices(self) -> tuple[str, ...]:
        """Columns to cut into slices: features, and the slices its owner declared."""
        return tuple(dict.fromkeys([*self.roles.features, *self.model.predictions.columns.slices]))

    def reference(self, window: Slots) -> tuple[Labelled, Slots | None]:
        """The reference's rows; and its slots where it is a window of the log itself."""
        if self.other is not self.reader:
            return self._read(self.other, Bounds(None, self.as_of)), None
        moving = self.model.reference
        span = moving.span(window, self.model.chunk) if isinstance(moving, MovingReference) else None
        span = span or reference_span(self.reader)
        return self._read(self.reader, Bounds(((span.first, span.last),), self.as_of)), span

    def window(self, slots: Slots, known: datetime | None = None) -> Labelled:
        """The rows of a window, with the labels observed by `known` (else by the moment looked from)."""
        as_of = min((t for t in (known, self.as_of) if t is not None), default=None)
        return self._read(self.reader, Bounds(((slots.first, slots.last),), as_of))

    def before(self, slot: int) -> Labelled:
        """The rows that a model could have been fitted on when a slot began: nothing observed later."""
        rows = self.model.chunk.rows
        if rows is not None:
            return self.window(Slots(max(0, slot - -(-LIMIT // rows)), slot))
        return self.window(Slots(slot - HISTORY, slot), moment_of(slot))

    def _read(self, reader: LogReader, bounds: Bounds) -> Labelled:
        timed = reader.model.chunk.rows is None
        bounds, part = _thinned(reader, bounds) if timed else (bounds, 1.0)
        labelled = labelled_rows(reader, bounds)
        frame, theirs = by_slot(reader, bounds, min(1.0, LIMIT / max(labelled, 1)), SEED, labelled=True)
        frame = frame.rename(columns=renamed(theirs, self.roles))
        for name in (*self.slices, self.roles.label or ""):
            if name not in frame:
                frame[name] = np.nan  # a reference log of its own may lack it
        answer, truth = _answers(self.model, self.roles, self.metric, frame)
        usable = np.isfinite(answer) & np.isfinite(truth)
        frame = frame[usable].reset_index(drop=True)
        at = frame[SLOT].to_numpy()
        return Labelled(frame, answer[usable], truth[usable], blocks(at, timed), at, round(labelled / part))


@contextmanager
def opened(model: Model, base: Path, metric: str, as_of: datetime | None) -> Iterator[Logs]:
    """The model's logs, closed afterwards. Raises DiagnosisError for a model without labels."""
    own = reference_model(model)
    readers = [LogReader(_with_slices(one), base, as_of) for one in (model, own) if one is not None]
    try:
        reader = readers[0]
        roles = roles_of(model, reader.relation("predictions", reader.parts("predictions")).types)
        if roles.label is None:
            raise DiagnosisError("no label is mapped, so nobody knows what it lost.", where=model.key)
        yield Logs(model, reader, readers[-1], as_of, roles, row_metric(metric, model.task, bool(roles.scores)))
    finally:
        for reader in readers:
            reader.close()


def _thinned(reader: LogReader, bounds: Bounds) -> tuple[Bounds, float]:
    """The bounds, cut to some hours of each day where there are more than SCAN rows; and the share of rows kept."""
    relation = reader.relation("predictions", reader.parts("predictions"))
    rows = counts(reader, row_slots(relation, reader.model, bounds), 0, 1)
    kept = some_hours(rows, SCAN)
    part = sum(rows[slot] for slot in kept) / max(sum(rows.values()), 1)
    return (Bounds(runs(kept), bounds.as_of), part) if 0 < part < 1 else (bounds, 1.0)


def some_hours(rows: Mapping[int, int], limit: int) -> list[int]:
    """Slots with rows, in order: where they have more than `limit` rows, as many of each day at random as hold that
    many; one of each day at least, for it is days that differ."""
    total = sum(rows.values())
    if total <= limit:
        return sorted(rows)
    days: dict[int, list[int]] = {}
    for slot in sorted(rows):
        days.setdefault(slot // 24, []).append(slot)
    random = np.random.default_rng(SEED)
    each = [random.permutation(slots)[: max(1, int(len(slots) * limit / total))] for slots in days.values()]
    return sorted(int(slot) for slots in each for slot in slots)


def _with_slices(model: Model) -> Model:
    """The model with its slices among its features, so that they are read."""
    columns = model.predictions.columns
    if columns.features == "*":
        return model
    features = tuple(dict.fromkeys([*columns.features, *columns.slices]))
    log = model.predictions.model_copy(update={"columns": columns.model_copy(update={"features": features})})
    return model.model_copy(update={"predictions": log})


def _answers(model: Model, roles: Roles, metric: RowMetric, frame: pd.DataFrame) -> tuple[Floats, Floats]:
    """What the model answered and what was true, as a RowMetric takes them."""
    label = frame[roles.label or ""]
    if model.task == "regression":
        return _floats(frame[roles.prediction or ""]), _floats(label)
    if model.task == "binary_classification":
        decided = roles.prediction if metric.name == "accuracy" else None  # a score is not always cut at a half
        return _floats(frame[decided or (roles.scores[0] if roles.scores else roles.prediction or "")]), _floats(label)
    if roles.prediction is not None:
        said = frame[roles.prediction]
    else:
        named = model.predictions.columns.score
        assert isinstance(named, dict)
        classes = {column: name for name, column in named.items()}
        said = frame[list(classes)].dropna().idxmax(axis=1).map(classes).reindex(frame.index)
    known = said.notna() & label.notna()
    return np.where(known, (said == label).astype(float), np.nan), np.ones(len(frame))


def _floats(values: pd.Series) -> Floats:
    return pd.to_numeric(values, errors="coerce").to_numpy(dtype=float)
