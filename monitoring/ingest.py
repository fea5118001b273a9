"""Reading what is new in a model's logs into summaries.

Killed at any point, the next run gives the same: an hour's summaries, its checksum and nothing else are written
in one transaction, and a file counts as read only after all its hours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from monitoring.baseline import Baseline, activate, find, freeze, save
from monitoring.core.profile import ColumnType, Profile
from monitoring.core.summary import BLOCK, Block, Kind
from monitoring.core.window import Slots
from monitoring.errors import SourceError
from monitoring.fleet import Model
from monitoring.logs.read import LABELLED, summarise
from monitoring.logs.reader import EmptyError, LogReader, Role, future_rows, undated_rows
from monitoring.logs.rows import Bounds, Relation, runs
from monitoring.logs.source import Part
from monitoring.logs.sums import Census
from monitoring.store import parts as kept
from monitoring.store.database import reading, transaction
from monitoring.store.parts import Read
from monitoring.store.summaries import mark_read, read_slots, replace_slots

BATCH = 31 * BLOCK
"""Slots a statement and transaction: a month of hours bounds memory."""
LOOK_BACK = 72
"""Slots of a table that are counted again each time; all of it once a day. A table does not say what changed."""
FULL_EVERY = timedelta(days=1)
FAR = 1_000_000
"""Past every slot: where labels whose predictions have not come yet may fall."""

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

    store: Engine
    reader: LogReader
    model: Model
    profile: Profile
    baseline_id: int
    role: str
    now: datetime
    progress: Progress


def ingest(
    store: Engine, model_id: int, model: Model, base: Path, now: datetime, as_of: datetime | None, progress: Progress
) -> Ingested:
    """Bring a model's summaries up to date. Raises LeewayError when its log or mapping cannot be used."""
    reader = LogReader(model, base, as_of)
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
        run = _Run(store, reader, model, baseline.profile, baseline.id, "current", now, progress)
        types, changed, read, rows = _update(run, states)
        with transaction(store) as session:
            fresh = activate(session, model_id, baseline.id)
            kept.save_sources(session, model_id, model, now, states, reader.notices, reader.bad)
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
    reader = LogReader(baseline.own, base)
    try:
        _update(_Run(store, reader, baseline.own, baseline.profile, baseline.id, "reference", now, progress), {})
    finally:
        reader.close()


def _update(run: _Run, states: dict[str, kept.State]) -> tuple[dict[str, ColumnType] | None, set[int], set[int], int]:
    """Read changed slots, then slots with new labels; remember what was read last of all."""
    read, types, slots, gone = _predictions(run, states)
    labelled, labels_read = _labels(run, states)
    labelled -= set(slots) | gone
    predictions = labels = None
    if slots or gone or labelled:
        touched = {*slots, *labelled}
        parts = [p for p in run.reader.parts("predictions") if p.name not in run.reader.bad]
        wanted = _overlapping(parts, read, touched) if run.model.chunk.rows is None else None
        predictions = run.reader.relation("predictions", wanted or parts)
        labels = run.reader.relation("labels", run.reader.parts("labels")) if "labels" in run.reader.roles else None
    if predictions is not None:
        steps = [*_batches({*slots, *gone}), *_batches(labelled)]
        done = 0
        for batch in _batches({*slots, *gone}):
            present = {s: slots[s] for s in batch if s in slots}
            _replace(run, predictions, labels, batch, present, None)
            done += 1
            run.progress(done / len(steps), f"{sum(n for n, _ in present.values()):,} rows read")
        for batch in _batches(labelled):
            _replace(run, predictions, labels, batch, {}, LABELLED)
            done += 1
            run.progress(done / len(steps), f"labels of {len(batch):,} hours read")
    with transaction(run.store) as session:
        kept.remember(session, run.baseline_id, _key(run, "predictions"), read)
        kept.remember(session, run.baseline_id, _key(run, "labels"), labels_read)
    return types, {*slots, *gone, *labelled}, {*slots, *gone}, sum(n for n, _ in slots.values())


def _predictions(
    run: _Run, states: dict[str, kept.State]
) -> tuple[Read, dict[str, ColumnType] | None, Census, set[int]]:
    """Which slots differ from what was read before, and which are gone."""
    with reading(run.store) as session:
        before = kept.recall(session, run.baseline_id, _key(run, "predictions"))
        known = read_slots(session, run.baseline_id, run.role)
    now = {part.name: part for part in run.reader.parts("predictions")}
    changed = [p for p in now.values() if not p.stamp or p.name not in before or before[p.name].stamp != p.stamp]
    lost = [name for name in before if name not in now]
    if not changed and not lost:
        return before, None, {}, set()
    by_rows = run.model.chunk.rows is not None
    relation, changed = _readable(run, "predictions", list(now.values()) if by_rows else changed, len(now))
    everywhere = bool(changed) and not changed[0].stamp
    since = _since(run, before, changed, known)
    census = run.reader.census(relation, since) if relation is not None else {}
    touched = set(census) | {s for s in known if everywhere and (since is None or s >= since)}
    if by_rows:
        touched |= set(known)
    ranges: dict[str, Slots] = {}
    if relation is not None and not everywhere and not by_rows:
        ranges = run.reader.ranges(relation)
    for name in [*lost, *(p.name for p in changed if p.name in before)]:
        span = before[name]
        touched |= {s for s in known if span.first <= s < span.last}
    read: Read = {name: kept.PartState(p.stamp, 0, 0) for name, p in now.items() if name not in run.reader.bad}
    for name in read:
        old = before.get(name)
        found = ranges.get(name) or (Slots(old.first, old.last) if old else Slots(0, 0))
        stamp = now[name].stamp or (run.now.isoformat() if since is None else old.stamp if old else "")
        read[name] = kept.PartState(stamp, found.first, found.last)
    if relation is not None and not everywhere and not by_rows:
        overlapping = _overlapping(list(now.values()), read, touched)
        if {p.name for p in overlapping} != {p.name for p in changed} and touched:
            census = run.reader.census(run.reader.relation("predictions", overlapping), min(touched))
    elif relation is None and touched:
        overlapping = _overlapping(list(now.values()), read, touched)
        census = run.reader.census(run.reader.relation("predictions", overlapping), min(touched)) if overlapping else {}
    read |= {name: state for name, state in before.items() if name in now and name in run.reader.bad}
    if relation is not None:
        undated = undated_rows(run.reader, relation)
        if undated:
            run.reader.notices.append(f"{undated:,} rows have no time stamp and are left out.")
        late = future_rows(run.reader, relation, run.now)
        if late:
            run.reader.notices.append(f"{late:,} rows are stamped after now; they are judged when their time comes.")
        states["predictions"] = kept.State(run.reader.newest("predictions", relation), None)
    slots = {s: census[s] for s in touched if s in census and census[s] != known.get(s)}
    gone = {s for s in touched if s in known and s not in census}
    return read, relation.types if relation is not None else None, slots, gone


def _labels(run: _Run, states: dict[str, kept.State]) -> tuple[set[int], Read]:
    """The slots of predictions whose labels are new or changed."""
    if "labels" not in run.reader.roles:
        return set(), {}
    with reading(run.store) as session:
        before = kept.recall(session, run.baseline_id, _key(run, "labels"))
        known = set(read_slots(session, run.baseline_id, run.role))
    now = {part.name: part for part in run.reader.parts("labels")}
    changed = [p for p in now.values() if not p.stamp or p.name not in before or before[p.name].stamp != p.stamp]
    lost = [name for name in before if name not in now]
    if not changed and not lost:
        return set(), before
    relation, changed = _readable(run, "labels", changed, len(now))
    since = _since(run, before, changed, {})
    found: dict[str, tuple[set[int], int]] = {}
    if relation is not None:
        predictions = run.reader.relation("predictions", run.reader.parts("predictions"))
        moment = run.now - timedelta(hours=LOOK_BACK) if since is not None else None
        found = run.reader.labelled_slots(predictions, relation, moment)
        states["labels"] = kept.State(run.reader.newest("labels", relation), None)
    touched = {s for slots, _ in found.values() for s in slots}
    for name in [*lost, *(p.name for p in changed if p.name in before)]:  # labels that were there, and may be no more
        span, table = before[name], name in now and not now[name].stamp
        touched |= {s for s in known if (since is None if table else span.first <= s < span.last)}
    read = {name: state for name, state in before.items() if name in now}
    for part in changed:
        slots, alone = found.get(part.name, (set(), 0))
        first, last = (min(slots), max(slots) + 1) if slots else (0, 0)
        stamp = part.stamp or (run.now.isoformat() if since is None else before[part.name].stamp)
        read[part.name] = kept.PartState(stamp, 0 if alone and not slots else first, FAR if alone else last)
    return touched, read


def _readable(run: _Run, role: Role, parts: list[Part], of: int) -> tuple[Relation | None, list[Part]]:
    """The rows of those parts that can be read. None of them is an error only where the log has no other."""
    if not parts:
        return None, []
    try:
        relation = run.reader.relation(role, parts)
    except EmptyError:
        if len(parts) == of:
            raise
        return None, parts
    except SourceError as error:
        if len(parts) == of:
            raise
        for part in parts:
            run.reader.bad.setdefault(part.name, f"{part.name} cannot be read and is left out: {error.what}")
        return None, []
    return relation, [p for p in parts if p.name not in run.reader.bad]


def _since(run: _Run, before: Read, changed: list[Part], known: Census) -> int | None:
    """For a table: from which slot on to look, or None for all of it. Files say themselves what changed."""
    if not changed or changed[0].stamp or run.model.chunk.rows is not None:
        return None
    last = before.get(changed[0].name)
    if last is None or not last.stamp or run.now - datetime.fromisoformat(last.stamp) >= FULL_EVERY:
        return None
    return max(known, default=0) - LOOK_BACK


def _overlapping(parts: list[Part], read: Read, slots: set[int]) -> list[Part]:
    """The parts whose rows may fall into these slots: an hour is replaced whole, from every file with rows of it."""
    if not slots:
        return []
    low, high = min(slots), max(slots)
    return [
        p for p in parts if p.name in read and (not p.stamp or (read[p.name].first <= high and low < read[p.name].last))
    ]


def _replace(
    run: _Run,
    predictions: Relation,
    labels: Relation | None,
    batch: list[int],
    present: Census,
    kinds: frozenset[Kind] | None,
) -> None:
    """Read a batch of slots and put what was found in the place of what was known of them."""
    bounds = Bounds(runs(batch), run.reader.as_of)
    found: list[Block] = []
    if present or kinds is not None:
        found, _ = summarise(run.reader.engine, run.model, run.profile, predictions, labels, bounds, kinds)
    with transaction(run.store) as session:
        replace_slots(session, run.baseline_id, run.role, batch, found, kinds)
        if kinds is None:
            mark_read(session, run.baseline_id, run.role, present, [s for s in batch if s not in present])


def _batches(slots: set[int] | Census) -> list[list[int]]:
    """Slots in order, no batch across more than BATCH of them, cut between blocks."""
    out: list[list[int]] = []
    for number in sorted(slots):
        if out and number // BATCH == out[-1][0] // BATCH:
            out[-1].append(number)
        else:
            out.append([number])
    return out


def _key(run: _Run, role: Role) -> str:
    return role if run.role == "current" else "reference"
