"""The labelled rows of both versions, read from the prediction log, its labels, and a shadow log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from monitoring.comparing.asked import NEVER, Asked, CompareError, Side
from monitoring.comparing.pairing import Frames, Together, coincide, together
from monitoring.core.comparison.rows import Pairing
from monitoring.core.window import Chunk, slot_of
from monitoring.fleet import Log, Model
from monitoring.logs.answered import Key, answered, count, first_row, rows_within
from monitoring.logs.reader import LogReader
from monitoring.logs.rows import Bounds

LIMIT, SEED = 60_000, 0
"""Labelled rows of a side that are compared, and what they are drawn by."""
BACK, AHEAD = 7, 30
"""Days before the first row whose traffic says which share of the rows is read, and the days that LIMIT is for. Of what
is known before, so that a comparison later on is of the same rows and more."""


def read(model: Model, base: Path, sides: tuple[Side, Side], asked: Asked, shadow: Log | None) -> Together:
    """The labelled rows of both sides, brought together; of a busy log a share. Raises CompareError where one has
    none."""
    with _opened(_timed(model), base, asked.as_of) as own, _opened(_shadow(model, shadow), base, asked.as_of) as other:
        assert own is not None
        readers = [other if side.shadow and other is not None else own for side in sides]
        frames, pairing = _by_key(readers, sides, asked, _share(own, asked))
        counts = [count(r, asked.wanted(s)) for r, s in zip(readers, sides, strict=True) if not s.shadow]
    for frame, side in zip(frames, sides, strict=True):
        if frame.empty:
            raise CompareError(
                f"version {side.name} has no {'' if side.shadow else 'labelled '}rows {asked.words}.", where=model.key,
                mend="Choose a longer time, or wait for its labels.",
            )  # fmt: skip
    logs = [shadow if side.shadow and shadow is not None else model.predictions for side in sides]
    of = sum(counts) if pairing == "none" else max(counts)
    return together(model, (logs[0], logs[1]), frames, pairing, of)


def _by_key(readers: list[LogReader], sides: tuple[Side, Side], asked: Asked, share: float) -> tuple[Frames, Pairing]:
    """The rows of both sides by the first key that makes pairs of them."""
    keys: list[Key] = ["id"] if any(side.shadow for side in sides) else ["id", "inputs"]
    if readers[0].model.predictions.columns.id is None:
        keys = ["inputs"]
    frames: Frames | None = None
    for key in keys:
        read = [answered(r, asked.wanted(s), key, share, SEED) for r, s in zip(readers, sides, strict=True)]
        found = (read[0], read[1])
        if coincide(found) or any(side.shadow for side in sides):
            return found, key
        frames = frames or found
    assert frames is not None
    return frames, "none"


def _share(reader: LogReader, asked: Asked) -> float:
    """The share of the rows that is read, from the traffic before them."""
    since = asked.since or first_row(reader)
    if since is None:
        return 1.0
    first = slot_of(since)
    before = rows_within(reader, Bounds(((first - BACK * 24, first),), asked.as_of))
    if before == 0:
        before = rows_within(reader, Bounds(((first, first + BACK * 24),), asked.as_of))
    return min(1.0, LIMIT / max(before / BACK * AHEAD, 1.0))


def _timed(model: Model) -> Model:
    """The model with its log in hours, also where it is judged by chunks of rows."""
    return model if model.chunk.rows is None else model.model_copy(update={"chunk": Chunk()})


def _shadow(model: Model, shadow: Log | None) -> Model | None:
    """The model as its shadow log has it: without labels, and in rows where it does not say its times."""
    if shadow is None:
        return None
    chunk = Chunk() if shadow.columns.timestamp is not None else Chunk(hours=None, rows=NEVER)
    return model.model_copy(update={"predictions": shadow, "labels": None, "chunk": chunk})


@contextmanager
def _opened(model: Model | None, base: Path, as_of: datetime | None) -> Iterator[LogReader | None]:
    if model is None:
        yield None
        return
    reader = LogReader(model, base, as_of)
    try:
        yield reader
    finally:
        reader.close()
