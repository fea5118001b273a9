"""Log rows of some slots, read once, as blocks of summaries."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import case

from monitoring.core.profile import Profile
from monitoring.core.summary import Block, Kind
from monitoring.fleet import Model
from monitoring.logs.batch import Batch
from monitoring.logs.codes import Item, items
from monitoring.logs.collect import blocks
from monitoring.logs.engine import DuckEngine, LogEngine
from monitoring.logs.exact import Exact, columns_of
from monitoring.logs.expressions import Expression
from monitoring.logs.joined import RowParts, joined
from monitoring.logs.mapping import used_columns
from monitoring.logs.rows import Bounds, Relation
from monitoring.logs.statement import statements
from monitoring.logs.sums import (
    Census,
    SlotSums,
    attach,
    collect_column_sums,
    collect_error_sums,
    column_sums,
    error_sums,
)
from monitoring.logs.tally import Tally, rows_of
from monitoring.logs.vocabulary import vocabularies

LABELLED = frozenset({Kind.OUTCOME, Kind.LABEL})
"""The series that change when only labels arrive."""
VALUES = 4_000_000
"""Values held at a time while rows stream by; at most ROWS rows."""
ROWS = 131_072


def summarise(
    engine: LogEngine,
    model: Model,
    profile: Profile,
    predictions: Relation,
    labels: Relation | None,
    bounds: Bounds,
    kinds: frozenset[Kind] | None = None,
    hashed: int | None = None,
) -> tuple[list[Block], Census]:
    """Blocks of the rows within `bounds`; of some kinds of series only, where `kinds` says so.

    Where rows are `hashed` from a slot on, the census comes with them, else an empty one. The checksum of slots before
    is empty.
    """
    assert bounds.runs is not None
    first = min((a for a, _ in bounds.runs), default=0)
    parts = RowParts(model, profile, joined(model, predictions, labels, bounds), predictions, labels)
    wanted = [item for item in items(parts) if kinds is None or item.kind in kinds]
    found: Iterable[Block]
    if isinstance(engine, DuckEngine):
        found, sums = _here(engine, parts, wanted, first, kinds is None, hashed)
    else:
        found, sums = _there(engine, parts, wanted, first, kinds is None, hashed)
    out = list(found) if sums is None else attach(found, sums.cells(parts))
    if model.task == "regression" and parts.label is not None:
        out = attach(out, collect_error_sums(parts, engine.arrow(error_sums(parts))))
    return out, sums.census(hashed) if sums is not None and hashed is not None else {}


def _here(
    engine: DuckEngine, parts: RowParts, wanted: list[Item], first: int, whole: bool, hashed: int | None
) -> tuple[Iterable[Block], SlotSums | None]:
    """Count in this process, as rows stream out of the engine."""
    tally, exact = Tally(parts, wanted), Exact(parts) if whole else None
    row_hash = None if hashed is None else engine.row_hash(_used(parts))
    if hashed is not None and hashed > first:
        row_hash = case((parts.since(hashed), row_hash))
    chosen = rows_of(parts, wanted, columns_of(parts, row_hash) if whole else [])
    size = max(1, min(ROWS, VALUES // len(chosen.selected_columns)))
    known = vocabularies(engine, wanted)
    for rows in engine.batches(chosen, size):
        if not rows.num_rows:
            continue
        batch = Batch(rows, known)
        tally.add(batch)
        if exact is not None:
            exact.add(batch)
        del rows, batch  # before the next are read
    if exact is None:
        return tally.blocks(), None
    sums = exact.sums()
    if exact.lost:
        sums = _summed(engine, parts, hashed)
    return tally.blocks(), sums


def _there(
    engine: LogEngine, parts: RowParts, wanted: list[Item], first: int, whole: bool, hashed: int | None
) -> tuple[Iterable[Block], SlotSums | None]:
    """Have the engine count its rows, so that only counts come over the wire."""
    found = [
        block
        for statement in statements(parts, wanted, first)
        for block in blocks(statement, engine.arrow(statement.select), first)
    ]
    if not whole:
        return found, None
    return found, _summed(engine, parts, hashed)


def _summed(engine: LogEngine, parts: RowParts, hashed: int | None) -> SlotSums:
    checksum = None if hashed is None else engine.checksum(_used(parts))
    return collect_column_sums(engine.arrow(column_sums(parts, checksum)))


def _used(parts: RowParts) -> list[Expression]:
    return [parts.rows.c[name] for name in used_columns(parts.model.predictions.columns, parts.predictions.types)]
