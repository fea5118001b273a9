"""Freezing the reference: which rows it is, and the baseline that is kept of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from monitoring.core.profile import VERSION, Profile, as_document, from_document
from monitoring.core.summary import Kind
from monitoring.core.window import Chunk, Slots, moment_of, slot_ceiling, slot_of
from monitoring.errors import FleetError, MappingError
from monitoring.fleet import Log, Model, MovingReference, ReferenceRows, ReferenceWindow
from monitoring.logs.mapping import mapped
from monitoring.logs.profiling import EmptyReferenceError, profile_of
from monitoring.logs.reader import LogReader
from monitoring.logs.rows import Bounds, Relation
from monitoring.store.tables import BaselineRow

QUARTER, LONGEST = 4, 30 * 24
ROWS = 5_000
"""Rows a chunk of a reference log without time."""
OUTSIDE = {"name", "owner", "description", "runbook", "unit", "mode", "target", "slos", "thresholds"}
"""Fields of a model that change nothing about its summaries."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """A frozen reference. `own` is its pseudo-model where it is a log of its own."""

    id: int
    profile: Profile
    own: Model | None

    @property
    def role(self) -> str:
        """Whose summaries hold the reference: current | reference."""
        return "current" if self.own is None else "reference"


def fingerprint(model: Model) -> str:
    """Changes when the summaries of a model would."""
    document = model.model_dump(mode="json", exclude=OUTSIDE) | {"baseline": VERSION}
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def find(session: Session, model_id: int, model: Model) -> Baseline | None:
    """The model's baseline as it is configured now, finished or not."""
    row = session.scalar(
        select(BaselineRow).where(BaselineRow.model_id == model_id, BaselineRow.fingerprint == fingerprint(model))
    )
    return None if row is None else Baseline(row.id, from_document(row.profile), reference_model(model))


def freeze(reader: LogReader, base: Path) -> Profile:
    """Look at the reference rows and fix the grids. Raises LeewayError when there are none, or they do not fit."""
    model = reader.model
    predictions = reader.relation("predictions", reader.parts("predictions"))
    labels = reader.relation("labels", reader.parts("labels")) if model.labels else None
    own = reference_model(model)
    if own is None:
        span = reference_span(reader)
        bounds = Bounds(((span.first, span.last),), reader.as_of)
        try:
            return profile_of(reader.engine, model, predictions, labels, bounds)
        except EmptyReferenceError as error:
            raise _elsewhere(reader, predictions, span, error) from error
    other = LogReader(own, base, threads=reader.threads)
    try:
        relation = other.relation("predictions", other.parts("predictions"))
        profile = profile_of(other.engine, own, relation, None, Bounds())
    finally:
        other.close()
    _same_names(own, model)
    rest = profile_of(reader.engine, model, predictions, labels, Bounds(None, reader.as_of))
    known = {column.key for column in profile.columns} | {(Kind.FEATURE, name) for name in profile.identifiers}
    added = tuple(column for column in rest.columns if column.key not in known)
    return replace(
        profile,
        columns=profile.columns + added,
        slices=rest.slices | profile.slices,
        classes=profile.classes or rest.classes,
        types=profile.types,
    )


def save(session: Session, model_id: int, model: Model, profile: Profile, now: datetime) -> Baseline:
    """Keep a profile as a baseline that is not active yet."""
    row = BaselineRow(
        model_id=model_id, fingerprint=fingerprint(model), active=False, profile=as_document(profile), created_at=now
    )
    session.add(row)
    session.flush()
    return Baseline(row.id, profile, reference_model(model))


def activate(session: Session, model_id: int, baseline_id: int) -> bool:
    """Make a baseline the one that counts and drop all others of its model; whether it was not so before."""
    row = session.get_one(BaselineRow, baseline_id)
    was = row.active
    session.execute(update(BaselineRow).where(BaselineRow.id == baseline_id).values(active=True))
    session.execute(delete(BaselineRow).where(BaselineRow.model_id == model_id, BaselineRow.id != baseline_id))
    return not was


def reference_model(model: Model) -> Model | None:
    """A reference log of its own, as a model whose predictions it is; None where the reference is a window."""
    log = model.reference
    if not isinstance(log, Log):
        return None
    if log.columns.model_fields_set:
        columns = log.columns
        if "features" not in columns.model_fields_set:
            columns = columns.model_copy(update={"features": model.predictions.columns.features})
        columns = columns.model_copy(update={"categorical": model.predictions.columns.categorical})
    else:
        unneeded = {"id": None, "version": None, "latency_ms": None, "status": None}
        columns = model.predictions.columns.model_copy(update=unneeded)
    timed = columns.timestamp is not None and model.chunk.rows is None
    chunk = model.chunk if timed or model.chunk.rows is not None else Chunk(hours=None, rows=ROWS)
    update = {
        "predictions": log.model_copy(update={"columns": columns}),
        "labels": None,
        "reference": None,
        "chunk": chunk,
    }
    return model.model_copy(update=update)


def reference_span(reader: LogReader) -> Slots:
    """The slots of a reference that is a window of the log; by default its first quarter, 30 days at most."""
    model, reference = reader.model, reader.model.reference
    if isinstance(reference, ReferenceWindow):
        if model.chunk.rows is not None:
            raise FleetError(
                "a log cut by rows has no window of time",
                where=f"{model.key} reference",
                mend="Write reference: {rows: N}.",
            )
        return Slots(slot_of(reference.start), slot_ceiling(reference.end))
    if isinstance(reference, ReferenceRows):
        if model.chunk.rows is None:
            raise FleetError(
                "the first rows can be the reference only of a log cut by rows",
                where=f"{model.key} reference",
                mend="Write reference: {from: …, to: …}, or chunk: {rows: N}.",
            )
        return Slots(0, max(1, round(reference.rows / model.chunk.rows)))
    slots = reader.census(reader.relation("predictions", reader.parts("predictions")))
    if not slots:
        raise FleetError("the log holds no rows yet", where=f"{model.key} predictions ({model.predictions.place})")
    first, last = min(slots), max(slots) + 1
    if isinstance(reference, MovingReference):  # it moves; the grids are those of its first place
        first = first // 24 * 24 if model.chunk.rows is None else first
        span = reference.span(Slots(0, model.chunk.slots), model.chunk)
        return Slots(first, first + len(span))
    length = max(1, min((last - first) // QUARTER, LONGEST))
    if model.chunk.rows is not None:
        return Slots(0, length)
    start = first // 24 * 24 if length >= 24 else first
    end = start + max(1, round((first + length - start) / 24)) * 24 if length >= 24 else first + length
    reader.notices.append(
        f"No reference is set: the first quarter of the log is taken, {moment_of(start):%Y-%m-%d %H:%M} "
        f"to {moment_of(end):%Y-%m-%d %H:%M} UTC ({end - start:,} hours)."
    )
    return Slots(start, end)


def left_out(profile: Profile) -> list[str]:
    """What of `features: "*"` is none, in words."""
    return [
        f"{name} is no feature: nearly every row holds another value. Map it as `id`, or name the features."
        for name in profile.identifiers
    ]


def _elsewhere(
    reader: LogReader, predictions: Relation, span: Slots, error: EmptyReferenceError
) -> EmptyReferenceError:
    """The same, with where the log does have rows: a wrong year, zone or unit of time is seen at once."""
    slots = reader.census(predictions) if reader.model.chunk.rows is None else {}
    if not slots:
        return error
    there, wanted = Slots(min(slots), max(slots) + 1), "{:%Y-%m-%d %H:%M} to {:%Y-%m-%d %H:%M}"
    asked, has = (wanted.format(moment_of(s.first), moment_of(s.last)) for s in (span, there))
    return EmptyReferenceError(
        f"{error.what} ({asked} UTC); the log has rows from {has} UTC", where=error.where, mend=error.mend
    )


def _same_names(own: Model, model: Model) -> None:
    """A reference's score and prediction must go by the names they have in the log, for they are compared by name."""
    theirs = {part: name for part, name in mapped(own.predictions.columns) if part in ("score", "prediction")}
    for part, name in mapped(model.predictions.columns):
        if part in theirs and part != "score" and theirs[part] != name:
            raise MappingError(
                f"column {theirs[part]!r} is mapped as {part}; in the prediction log that is {name!r}.",
                where=f"{model.key} reference",
                mend=f"Call it {name!r} in both logs.",
            )
