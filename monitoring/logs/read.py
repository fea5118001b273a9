"""Log rows of some slots, read once, as blocks of summaries."""

from __future__ import annotations

from collections.abc import Iterable

from monitoring.core.profile import Profile
from monitoring.core.summary import Block, Kind
from monitoring.fleet import Model
from monitoring.logs.codes import Item, items
from monitoring.logs.collect import blocks
from monitoring.logs.engine import DuckEngine, LogEngine
from monitoring.logs.exact import Exact, columns_of
from monitoring.logs.joined import RowParts, joined
from monitoring.logs.mapping import used_columns
from monitoring.logs.rows import Bounds, Expression, Relation
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
from monitoring.logs.tally import Batch, Tally, rows_of

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
    counted: bool = False,
) -> tuple[list[Block], Census]:
    """Blocks of the rows within `bounds`; of some kinds of series only, where `kinds` says so.

    The census of these rows comes with them where they are `counted`, else an empty one.
    """
    assert bounds.runs is not None
    first = min((a for a, _ in bounds.runs), default=0)
    parts = RowParts(model, profile, joined(model, predictions, labels, bounds), predictions, labels)
    wanted = [item for item in items(parts) if kinds is None or item.kind in kinds]
    found: Iterable[Block]
    if isinstance(engine, DuckEngine):
        found, sums = _here(engine, parts, wanted, kinds is None, counted)
    else:
        found, sums = _there(engine, parts, wanted, first, kinds is None, counted)
    out = list(found) if sums is None else attach(found, sums.cells(parts))
    if model.task == "regression" and parts.label is not None:
        out = attach(out, collect_error_sums(parts, engine.arrow(error_sums(parts))))
    return out, sums.census() if sums is not None and counted else {}


def _here(
    engine: DuckEngine, parts: RowParts, wanted: list[Item], whole: bool, counted: bool
) -> tuple[Iterable[Block], SlotSums | None]:
    """Count in this process, as rows stream out of the engine."""
    tally, exact = Tally(parts, wanted), Exact(parts) if whole else None
    hashed = engine.row_hash(_used(parts)) if counted else None
    chosen = rows_of(parts, wanted, columns_of(parts, hashed) if whole else [])
    size = max(1, min(ROWS, VALUES // len(chosen.selected_columns)))
    for rows in engine.batches(chosen, size):
        batch = Batch(rows)
        tally.add(batch)
        if exact is not None:
            exact.add(batch)
    if exact is None:
        return tally.blocks(), None
    sums = exact.sums()
    if exact.lost:
        sums = collect_column_sums(engine.arrow(column_sums(parts, engine.checksum(_used(parts)) if counted else None)))
    return tally.blocks(), sums


def _there(
    engine: LogEngine, parts: RowParts, wanted: list[Item], first: int, whole: bool, counted: bool
) -> tuple[Iterable[Block], SlotSums | None]:
    """Have the engine count its rows, so that only counts come over the wire."""
    found = [
        block
        for statement in statements(parts, wanted, first)
        for block in blocks(statement, engine.arrow(statement.select), first)
    ]
    if not whole:
        return found, None
    checksum = engine.checksum(_used(parts)) if counted else None
    return found, collect_column_sums(engine.arrow(column_sums(parts, checksum)))


def _used(parts: RowParts) -> list[Expression]:
    return [parts.rows.c[name] for name in used_columns(parts.model.predictions.columns, parts.predictions.types)]
