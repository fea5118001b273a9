"""Reading what is new in a model's logs into summaries.

Killed at any point, the next run gives the same: an hour's summaries, its checksum and nothing else are written
in one transaction, and a file counts as read only after all its hours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from monitoring.baseline import Baseline, activate, find, freeze, left_out, save
from monitoring.changes import Look, of_labels, of_predictions, overlapping
from monitoring.core.profile import ColumnType, Profile
from monitoring.core.summary import BLOCK, Block, Kind
from monitoring.fleet import Model
from monitoring.logs.read import LABELLED, summarise
from monitoring.logs.reader import LogReader
from monitoring.logs.rows import Bounds, Relation, runs
from monitoring.logs.sums import Census
from monitoring.store import parts as kept
from monitoring.store.database import reading, transaction
from monitoring.store.summaries import mark_read, replace_slots

BATCH = 31 * BLOCK
"""Slots a statement and transaction: a month of hours bounds memory."""

THREADS = 1
"""A second one saves no time, as counting takes most of it, and costs a twelfth more of the processor."""

Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Ingested:
    """What a run did. `types` are the log's columns as they are now; `changed` the slots whose summaries changed, and
    `read` those of them whose rows did, not their labels alone."""

    baseline: Baseline
    fresh: bool
    types: dict[str, ColumnType] | None
    changed: frozenset[int]
    read: frozenset[int]
    rows: int


@dataclass(frozen=True, slots=True)
class _Run:
    """What all steps of one run share."""

    look: Look
    profile: Profile
    predictions: Relation
    labels: Relation | None


def ingest(
    store: Engine, model_id: int, model: Model, base: Path, now: datetime, as_of: datetime | None, progress: Progress
) -> Ingested:
    """Bring a model's summaries up to date. Raises LeewayError when its log or mapping cannot be used."""
    reader = LogReader(model, base, as_of, THREADS)
    states: dict[str, kept.State] = {}
    try:
        with reading(store) as session:
            baseline = find(session, model_id, model)
        if baseline is None:
            progress(0.0, "looking at the reference")
            profile = freeze(reader, base)
            with transaction(store) as session:
                baseline = save(session, model_id, model, profile, now)
        if baseline.own is not None:
            _reference(store, baseline, base, now, progress)
        look = Look(store, reader, model, baseline.id, "current", now)
        types, changed, read, rows = _update(look, baseline.profile, states, progress)
        with transaction(store) as session:
            fresh = activate(session, model_id, baseline.id)
            kept.save_sources(
                session, model_id, model, now, states, [*reader.notices, *left_out(baseline.profile)], reader.bad
            )
        return Ingested(baseline, fresh, types, frozenset(changed), frozenset(read), rows)
    except Exception as error:
        with transaction(store) as session:
            kept.save_failure(session, model_id, model, now, error)
        raise
    finally:
        reader.close()


def _reference(store: Engine, baseline: Baseline, base: Path, now: datetime, progress: Progress) -> None:
    """Summarise a reference log of its own; it is read again only when it changes."""
    assert baseline.own is not None
    reader = LogReader(baseline.own, base, threads=THREADS)
    try:
        look = Look(store, reader, baseline.own, baseline.id, "reference", now)
        _update(look, baseline.profile, {}, progress)
    finally:
        reader.close()


def _update(
    look: Look, profile: Profile, states: dict[str, kept.State], progress: Progress
) -> tuple[dict[str, ColumnType] | None, set[int], set[int], int]:
    """Read changed slots, then slots with new labels; remember what was read last of all."""
    changes = of_predictions(look, states)
    labelled, labels_read = of_labels(look, states)
    changed = {*changes.slots, *changes.gone, *changes.fresh}
    labelled -= changed
    read: set[int] = set()
    rows = 0
    if changed or labelled:
        run = _run(look, profile, changes.read, {*changes.slots, *changes.fresh, *labelled})
        batches, later = _batches(changed), _batches(labelled)
        for done, batch in enumerate(batches, 1):
            known = {s: changes.slots[s] for s in batch if s in changes.slots}
            census = _replace(run, batch, known, changes.growing if changes.fresh else None)
            read |= {*census, *(s for s in batch if s in changes.gone)}
            rows += sum(n for n, _ in census.values())
            progress(done / (len(batches) + len(later)), f"{rows:,} rows read")
        for done, batch in enumerate(later, len(batches) + 1):
            _relabel(run, batch)
            progress(done / (len(batches) + len(later)), f"labels of {len(batch):,} hours read")
    with transaction(look.store) as session:
        kept.remember(session, look.baseline_id, look.key("predictions"), changes.read)
        kept.remember(session, look.baseline_id, look.key("labels"), labels_read)
    return changes.types, {*read, *labelled}, read, rows


def _run(look: Look, profile: Profile, read: kept.Read, slots: set[int]) -> _Run:
    """The relations that hold every row of these slots."""
    reader = look.reader
    parts = [part for part in reader.parts("predictions") if part.name not in reader.bad]
    wanted = overlapping(parts, read, slots) if look.model.chunk.rows is None else None
    predictions = reader.relation("predictions", wanted or parts)
    labels = reader.relation("labels", reader.parts("labels")) if "labels" in reader.roles else None
    return _Run(look, profile, predictions, labels)


def _replace(run: _Run, batch: list[int], census: Census, hashed: int | None) -> Census:
    """Read a batch of slots, put what was found in the place of what was known of them, and return their census.

    It is taken here where slots are `hashed` from one on.
    """
    found = list[Block]()
    if census or hashed is not None:
        found, counted = _summaries(run, batch, None, hashed)
        census = census or counted
    look = run.look
    with transaction(look.store) as session:
        replace_slots(session, look.baseline_id, look.role, batch, found)
        mark_read(session, look.baseline_id, look.role, census, [s for s in batch if s not in census])
    return census


def _relabel(run: _Run, batch: list[int]) -> None:
    """Read the labels of a batch of slots."""
    found, _ = _summaries(run, batch, LABELLED)
    with transaction(run.look.store) as session:
        replace_slots(session, run.look.baseline_id, run.look.role, batch, found, LABELLED)


def _summaries(
    run: _Run, batch: list[int], kinds: frozenset[Kind] | None, hashed: int | None = None
) -> tuple[list[Block], Census]:
    reader = run.look.reader
    bounds = Bounds(runs(batch), reader.as_of)
    return summarise(reader.engine, run.look.model, run.profile, run.predictions, run.labels, bounds, kinds, hashed)


def _batches(slots: Iterable[int]) -> list[list[int]]:
    """Slots in order, no batch across more than BATCH of them, cut between blocks."""
    out: list[list[int]] = []
    for number in sorted(slots):
        if out and number < out[-1][0] // BLOCK * BLOCK + BATCH:
            out[-1].append(number)
        else:
            out.append([number])
    return out
