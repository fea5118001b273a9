"""Summaries in the database: an hour is replaced whole, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter

import numpy as np
from sqlalchemy import delete, insert, select, tuple_
from sqlalchemy.orm import Session

from monitoring.core.codec import decode, encode, encode_total
from monitoring.core.summaries import Packed, Summaries
from monitoring.core.summary import BLOCK, FINE, Block, Cells, Kind, Series, merge, without
from monitoring.core.window import Slots
from monitoring.store.tables import Base, SeriesRow, SlotRow, SummaryRow

SERIES, SUMMARY = (Base.metadata.tables[name] for name in ("series", "summary"))


def replace_slots(
    session: Session,
    baseline_id: int,
    role: str,
    slots: Sequence[int],
    found: Iterable[Block],
    kinds: frozenset[Kind] | None = None,
) -> None:
    """Put new cells in the place of everything that was known of these slots (for `kinds` only, if given)."""
    fresh: dict[Series, dict[int, Cells]] = {}
    for series, block, cells in found:
        fresh.setdefault(series, {})[block] = cells
    ids = _series(session, baseline_id, role)
    missing = [s for s in fresh if s not in ids]
    if missing:
        session.execute(
            insert(SeriesRow),
            [
                dict(baseline_id=baseline_id, role=role, kind=s.kind, column=s.column, version=s.version, slice=s.slice)
                for s in missing
            ],
        )
        ids = _series(session, baseline_id, role)
    names = {number: series for series, number in ids.items() if kinds is None or series.kind in kinds}
    touched = sorted({slot // BLOCK for slot in slots})
    old = _load(session, list(names), touched)
    gone = {Kind.SERVICE: np.concatenate([np.arange(s * FINE, (s + 1) * FINE) for s in slots] or [np.zeros(0, int)])}
    plain = np.asarray(list(slots), dtype=np.int64)
    rows = []
    for number, series in names.items():
        for block in touched:
            new = fresh.get(series, {}).get(block)
            kept = old.get((number, block))
            if kept is not None:
                left = without(kept, gone.get(series.kind, plain))
                new = merge([left, new]) if new is not None and len(left.slots) + len(left.sum_slots) else new or left
            if new is not None and (len(new.slots) or len(new.sum_slots)):
                total = encode_total(new.histogram())
                rows.append(dict(series_id=number, block=block, n=new.n, total=total, cells=encode(new)))
    if old:
        keys = list(old)
        for at in range(0, len(keys), 400):
            session.execute(
                delete(SummaryRow).where(tuple_(SummaryRow.series_id, SummaryRow.block).in_(keys[at : at + 400]))
            )
    if rows:
        session.execute(insert(SUMMARY), rows)


def mark_read(
    session: Session, baseline_id: int, role: str, slots: dict[int, tuple[int, str]], gone: Iterable[int] = ()
) -> None:
    """Remember which slots have been read, with rows and checksum; forget those that are gone."""
    away = list({*slots, *gone})
    for at in range(0, len(away), 400):
        session.execute(
            delete(SlotRow).where(
                SlotRow.baseline_id == baseline_id, SlotRow.role == role, SlotRow.slot.in_(away[at : at + 400])
            )
        )
    if slots:
        session.execute(
            insert(SlotRow),
            [
                dict(baseline_id=baseline_id, role=role, slot=slot, rows=rows, checksum=checksum)
                for slot, (rows, checksum) in slots.items()
            ],
        )


def read_slots(session: Session, baseline_id: int, role: str) -> dict[int, tuple[int, str]]:
    """Rows and checksum of every slot that has been read."""
    query = select(SlotRow.slot, SlotRow.rows, SlotRow.checksum).where(
        SlotRow.baseline_id == baseline_id, SlotRow.role == role
    )
    return {slot: (rows, checksum) for slot, rows, checksum in session.execute(query)}


def load(
    session: Session, baseline_id: int, role: str, window: Slots | None = None, kinds: Iterable[Kind] | None = None,
    versions: Iterable[str] | None = None,
) -> Summaries:  # fmt: skip
    """The summaries of a baseline, of the blocks a window touches, of some kinds and versions (None: all)."""
    chosen = [SERIES.c.baseline_id == baseline_id, SERIES.c.role == role]
    if kinds is not None:
        chosen.append(SERIES.c.kind.in_([str(k) for k in kinds]))
    names = select(SERIES.c.id, SERIES.c.kind, SERIES.c.column, SERIES.c.version, SERIES.c.slice).where(*chosen)
    of = {number: Series(Kind(kind), *rest) for number, kind, *rest in session.execute(names)}
    blocks = select(SUMMARY.c.series_id, SUMMARY.c.block, SUMMARY.c.total, SUMMARY.c.cells)
    blocks = blocks.join(SERIES, SERIES.c.id == SUMMARY.c.series_id).where(*chosen)
    if window is not None:
        blocks = blocks.where(SUMMARY.c.block >= window.first // BLOCK, SUMMARY.c.block < -(-window.last // BLOCK))
    packed: dict[Series, dict[int, Packed]] = {}
    for number, found in groupby(session.execute(blocks.order_by(SUMMARY.c.series_id)).all(), itemgetter(0)):
        packed[of[number]] = {block: Packed(total, cells) for _, block, total, cells in found}
    return Summaries(packed)


def _series(session: Session, baseline_id: int, role: str) -> dict[Series, int]:
    query = select(SeriesRow).where(SeriesRow.baseline_id == baseline_id, SeriesRow.role == role)
    return {Series(Kind(r.kind), r.column, r.version, r.slice): r.id for r in session.scalars(query)}


def _load(session: Session, ids: list[int], blocks: list[int]) -> dict[tuple[int, int], Cells]:

    out: dict[tuple[int, int], Cells] = {}
    wanted = set(ids)
    for at in range(0, len(blocks), 200):
        query = select(SummaryRow.series_id, SummaryRow.block, SummaryRow.cells).where(
            SummaryRow.block.in_(blocks[at : at + 200]), SummaryRow.series_id.in_(wanted)
        )
        out.update({(s, b): decode(c) for s, b, c in session.execute(query)})
    return out
