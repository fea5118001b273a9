"""The two sides of a report: which rows of which log they are, and how to say so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pandas as pd

from monitoring.baseline import reference_model, reference_span
from monitoring.core.window import moment_of, slot_ceiling, slot_of
from monitoring.evidently.failure import EvidentlyError
from monitoring.fleet import Model
from monitoring.logs.reader import LogReader
from monitoring.logs.rows import Bounds
from monitoring.logs.sample import Roles, roles_of, sample

Window = tuple[datetime, datetime]


@contextmanager
def opened(model: Model, base: Path) -> Iterator[LogReader]:
    """A reader of the model's logs, closed afterwards."""
    reader = LogReader(model, base)
    try:
        yield reader
    finally:
        reader.close()


@contextmanager
def reference_reader(model: Model, base: Path, window: Window | None, reader: LogReader) -> Iterator[LogReader]:
    """A reader of the log that the reference is in: `reader` itself, unless the reference is a log of its own."""
    own = reference_model(model) if window is None else None
    if own is None:
        yield reader
        return
    with opened(own, base) as other:
        yield other


def bounds_of(model: Model, window: Window) -> Bounds:
    """The slots of a window. Raises EvidentlyError where it ends before it begins."""
    first, last = slot_of(window[0]), slot_ceiling(window[1])
    if last <= first:
        raise EvidentlyError(
            "the window ends before it begins.",
            where=model.key,
            mend=f"It was {window[0]:%Y-%m-%d %H:%M} to {window[1]:%Y-%m-%d %H:%M}.",
        )
    return Bounds(((first, last),))


def reference_bounds(reader: LogReader, window: Window | None, own_log: bool) -> Bounds:
    """The reference's slots: `window`, all of a log of its own, else as verdicts have it (monitoring.baseline)."""
    if window is not None:
        return bounds_of(reader.model, window)
    if own_log:
        return Bounds()
    span = reference_span(reader)
    return Bounds(((span.first, span.last),))


def drawn(reader: LogReader, bounds: Bounds, limit: int, seed: int, which: str) -> tuple[pd.DataFrame, Roles]:
    """A sample of one side. Raises EvidentlyError when there are no rows."""
    predictions = reader.relation("predictions", reader.parts("predictions"))
    labels = reader.relation("labels", reader.parts("labels")) if "labels" in reader.roles else None
    frame = sample(reader, predictions, labels, bounds, limit, seed)
    if frame.empty:
        raise EvidentlyError(
            f"the {which} has no rows ({span(reader.model, bounds)}).",
            where=reader.model.key,
            mend="Choose a window in which the log has predictions.",
        )
    return frame, roles_of(reader.model, predictions.types)


def renamed(theirs: Roles, ours: Roles) -> dict[str, str]:
    """A reference log may call its score, prediction and label otherwise: its names to the prediction log's."""
    pairs = [
        *zip(theirs.scores, ours.scores, strict=False),
        (theirs.prediction, ours.prediction),
        (theirs.label, ours.label),
    ]
    return {a: b for a, b in pairs if a is not None and b is not None and a != b}


def span(model: Model, bounds: Bounds) -> str:
    """A window in words."""
    if bounds.runs is None:
        return model.predictions.place
    first, last = bounds.runs[0]
    if model.chunk.rows is not None:
        return f"chunks {first:,} to {last - 1:,} of {model.chunk.name}"
    return f"{moment_of(first):%d %b %Y %H:%M} to {moment_of(last):%d %b %Y %H:%M} UTC"


def words(model: Model, frame: pd.DataFrame, bounds: Bounds) -> str:
    """A side of the report in words: its window and how many rows were drawn from how many."""
    rows = int(frame.attrs.get("rows", len(frame)))
    drawn_rows = f"{rows:,} rows" if rows <= len(frame) else f"a sample of {len(frame):,} of {rows:,} rows"
    return f"{span(model, bounds)} · {drawn_rows}"
