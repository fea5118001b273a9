"""What changed in a model's logs since they were last read: the hours to read again, and those that are gone."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Engine

from monitoring.core.profile import ColumnType
from monitoring.core.window import Slots
from monitoring.errors import SourceError
from monitoring.fleet import Model
from monitoring.logs.overview import Overview, overview
from monitoring.logs.reader import EmptyError, LogReader, Role
from monitoring.logs.rows import Relation
from monitoring.logs.source import Part
from monitoring.logs.sums import Census
from monitoring.store import parts as kept
from monitoring.store.database import reading
from monitoring.store.parts import Read
from monitoring.store.summaries import read_slots

LOOK_BACK = 72
"""Slots of a table that are counted again each time; all of it once a day. A table does not say what changed."""
FULL_EVERY = timedelta(days=1)
FRESH = 400 * 24
"""Slots of new files, up to which they are read without a census before: one stray time stamp makes a span of years."""
FAR = 1_000_000
"""Past every slot: where labels whose predictions have not come yet may fall."""


@dataclass(frozen=True, slots=True)
class Look:
    """A look at one model's logs: what is kept of them as `role` of a baseline, as of `now`."""

    store: Engine
    reader: LogReader
    model: Model
    baseline_id: int
    role: str
    now: datetime

    def key(self, role: Role) -> str:
        """Under which role the parts of a log are remembered."""
        return role if self.role == "current" else "reference"


@dataclass(frozen=True, slots=True)
class Changes:
    """Of the prediction log: slots that differ, with their census, and slots that are gone.

    `fresh` slots are those of new files, in hours of which nothing was known: they are counted as they are read. Of
    them, rows are hashed from slot `growing` on: those of the newest file, which may grow. An older one that changes
    after all is read again whole, and then hashed.
    `read` is what to remember of the parts once all is read; `types` are the columns as they are now, None where
    nothing was looked at.
    """

    read: Read
    types: dict[str, ColumnType] | None = None
    slots: Census = field(default_factory=dict)
    fresh: frozenset[int] = frozenset()
    growing: int = 0
    gone: frozenset[int] = frozenset()


def of_predictions(look: Look, states: dict[str, kept.State]) -> Changes:
    """Which slots differ from what was read before, and which are gone."""
    with reading(look.store) as session:
        before = kept.recall(session, look.baseline_id, look.key("predictions"))
        known = read_slots(session, look.baseline_id, look.role)
    now = {part.name: part for part in look.reader.parts("predictions")}
    changed, lost = _changed(before, now)
    if not changed and not lost:
        return Changes(before)
    by_rows = look.model.chunk.rows is not None
    relation, changed = _readable(look, "predictions", list(now.values()) if by_rows else changed, len(now))
    seen = Overview({}, None, 0, 0)
    if relation is not None:
        seen = overview(look.reader, relation, look.now)
        _notice(look, seen)
        states["predictions"] = kept.State(seen.newest, None)
    since = _since(look, before, changed, known)
    read = _remembered(look, before, now, seen, since)
    types = relation.types if relation is not None else None
    in_files = relation is None or look.reader.in_files("predictions")
    if relation is not None and in_files and not by_rows and look.reader.as_of is None:
        few = sum(len(span) for span in seen.ranges.values()) <= FRESH
        fresh = {slot for span in seen.ranges.values() for slot in range(span.first, span.last)} if few else set()
        if fresh and fresh.isdisjoint(known) and not lost and not any(part.name in before for part in changed):
            growing = max(seen.ranges.values(), key=lambda span: span.last).first
            return Changes(read, types, fresh=frozenset(fresh), growing=growing)
    census = look.reader.census(relation, since) if relation is not None else {}
    touched = set(census)
    if by_rows or not in_files:
        touched |= {slot for slot in known if by_rows or since is None or slot >= since}
    for name in [*lost, *(part.name for part in changed if part.name in before)]:
        touched |= {slot for slot in known if before[name].first <= slot < before[name].last}
    if in_files and not by_rows and touched:
        parts = overlapping(list(now.values()), read, touched)
        if relation is None or {part.name for part in parts} != {part.name for part in changed}:
            whole = look.reader.relation("predictions", parts) if parts else None
            census = look.reader.census(whole, min(touched)) if whole is not None else {}
    slots = {slot: census[slot] for slot in touched if slot in census and census[slot] != known.get(slot)}
    return Changes(read, types, slots, gone=frozenset(s for s in touched if s in known and s not in census))


def of_labels(look: Look, states: dict[str, kept.State]) -> tuple[set[int], Read]:
    """The slots of predictions whose labels are new or changed, and what to remember of the labels' parts."""
    if "labels" not in look.reader.roles:
        return set(), {}
    with reading(look.store) as session:
        before = kept.recall(session, look.baseline_id, look.key("labels"))
        known = set(read_slots(session, look.baseline_id, look.role))
    now = {part.name: part for part in look.reader.parts("labels")}
    changed, lost = _changed(before, now)
    if not changed and not lost:
        return set(), before
    relation, changed = _readable(look, "labels", changed, len(now))
    since = _since(look, before, changed, {})
    found: dict[str, tuple[set[int], int]] = {}
    if relation is not None:
        predictions = look.reader.relation("predictions", look.reader.parts("predictions"))
        moment = look.now - timedelta(hours=LOOK_BACK) if since is not None else None
        found = look.reader.labelled_slots(predictions, relation, moment)
        states["labels"] = kept.State(look.reader.newest("labels", relation), None)
    touched = {s for slots, _ in found.values() for s in slots}
    for name in [*lost, *(p.name for p in changed if p.name in before)]:  # labels that were there, and may be no more
        span, table = before[name], name in now and not now[name].stamp
        touched |= {s for s in known if (since is None if table else span.first <= s < span.last)}
    read = {name: state for name, state in before.items() if name in now}
    for part in changed:
        slots, alone = found.get(part.name, (set(), 0))
        first, last = (min(slots), max(slots) + 1) if slots else (0, 0)
        stamp = part.stamp or (look.now.isoformat() if since is None else before[part.name].stamp)
        read[part.name] = kept.PartState(stamp, 0 if alone and not slots else first, FAR if alone else last)
    return touched, read


def overlapping(parts: list[Part], read: Read, slots: set[int]) -> list[Part]:
    """The parts whose rows may fall into these slots: an hour is replaced whole, from every file with rows of it."""
    if not slots:
        return []
    low, high = min(slots), max(slots)
    return [
        p for p in parts if p.name in read and (not p.stamp or (read[p.name].first <= high and low < read[p.name].last))
    ]


def _changed(before: Read, now: dict[str, Part]) -> tuple[list[Part], list[str]]:
    """The parts that may differ from what was read, and the names of those that are no more."""
    changed = [p for p in now.values() if not p.stamp or p.name not in before or before[p.name].stamp != p.stamp]
    return changed, [name for name in before if name not in now]


def _remembered(look: Look, before: Read, now: dict[str, Part], seen: Overview, since: int | None) -> Read:
    """What to remember of the parts; of those that cannot be read now, what was known of them."""
    in_files = any(part.stamp for part in now.values())
    read: Read = {}
    for name, part in now.items():
        old = before.get(name)
        if name in look.reader.bad:
            read |= {name: old} if old else {}
            continue
        found = seen.ranges.get(name) if in_files and look.model.chunk.rows is None else None
        span = found or (Slots(old.first, old.last) if old else Slots(0, 0))
        stamp = part.stamp or (look.now.isoformat() if since is None else old.stamp if old else "")
        read[name] = kept.PartState(stamp, span.first, span.last)
    return read


def _notice(look: Look, seen: Overview) -> None:
    if seen.undated and look.model.chunk.rows is None:
        look.reader.notices.append(f"{seen.undated:,} rows have no time stamp and are left out.")
    if seen.ahead:
        look.reader.notices.append(f"{seen.ahead:,} rows are stamped after now; they are judged when their time comes.")


def _readable(look: Look, role: Role, parts: list[Part], of: int) -> tuple[Relation | None, list[Part]]:
    """The rows of those parts that can be read. None of them is an error only where the log has no other."""
    if not parts:
        return None, []
    try:
        relation = look.reader.relation(role, parts)
    except EmptyError:
        if len(parts) == of:
            raise
        return None, parts
    except SourceError as error:
        if len(parts) == of:
            raise
        for part in parts:
            look.reader.bad.setdefault(part.name, f"{part.name} cannot be read and is left out: {error.what}")
        return None, []
    return relation, [p for p in parts if p.name not in look.reader.bad]


def _since(look: Look, before: Read, changed: list[Part], known: Census) -> int | None:
    """For a table: from which slot on to look, or None for all of it. Files say themselves what changed."""
    if not changed or changed[0].stamp or look.model.chunk.rows is not None:
        return None
    last = before.get(changed[0].name)
    if last is None or not last.stamp or look.now - datetime.fromisoformat(last.stamp) >= FULL_EVERY:
        return None
    return max(known, default=0) - LOOK_BACK
