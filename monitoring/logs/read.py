"""Log rows of some slots, read once, as blocks of summaries."""

from __future__ import annotations

from monitoring.core.profile import Profile
from monitoring.core.summary import Block, Kind
from monitoring.fleet import Model
from monitoring.logs.collect import blocks
from monitoring.logs.engine import LogEngine
from monitoring.logs.rows import Bounds, Relation
from monitoring.logs.statement import RowParts, joined, statements
from monitoring.logs.sums import attach, collect_column_sums, collect_error_sums, column_sums, error_sums

LABELLED = frozenset({Kind.OUTCOME, Kind.LABEL})
"""The series that change when only labels arrive."""


def summarise(
    engine: LogEngine,
    model: Model,
    profile: Profile,
    predictions: Relation,
    labels: Relation | None,
    bounds: Bounds,
    kinds: frozenset[Kind] | None = None,
) -> list[Block]:
    """Blocks of the rows within `bounds`; of some kinds of series only, where `kinds` says so."""
    assert bounds.runs is not None
    first = min((a for a, _ in bounds.runs), default=0)
    out: list[Block] = []
    for statement in statements(model, profile, predictions, labels, bounds, first, kinds):
        out.extend(blocks(statement, engine.arrow(statement.select), profile, first))
    parts = RowParts(model, profile, joined(model, predictions, labels, bounds), predictions, labels)
    if kinds is None:
        out = attach(out, collect_column_sums(parts, engine.arrow(column_sums(parts))))
    if model.task == "regression" and parts.label is not None:
        out = attach(out, collect_error_sums(parts, engine.arrow(error_sums(parts))))
    return out
