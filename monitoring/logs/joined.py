"""The joined rows: every prediction with its newest label, and what more than one statement asks of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Double, Integer, Select, case, cast, func, literal, select
from sqlalchemy.sql.expression import FromClause

from monitoring.core.outcome import EXCLUDED, OK
from monitoring.core.profile import ColumnType, Profile
from monitoring.fleet import Model
from monitoring.logs.expressions import Expression, integer, real, slot, text_of
from monitoring.logs.rows import EARLY, LABEL, OBSERVED, Bounds, Relation, newest_labels, row_slots
from monitoring.logs.statuses import status_class

FEW = 7 * 24
"""Slots, up to which labels are looked up by the ids of the predictions."""
OTHER_SLICE = "(other)"


def joined(model: Model, predictions: Relation, labels: Relation | None, bounds: Bounds) -> FromClause:
    """Prediction rows, each with its newest label where it has one (columns LABEL, OBSERVED)."""
    rows = row_slots(predictions, model, bounds)
    if labels is None or model.labels is None:
        return _with_own_labels(model, predictions, rows, bounds)
    first = min((a for a, _ in bounds.runs), default=None) if bounds.runs and model.chunk.rows is None else None
    mine, theirs = model.predictions.columns.id or "", model.labels.columns.id or ""
    differ = predictions.types[mine] != labels.types[theirs]

    def comparable(value: Expression, kind: ColumnType) -> Expression:
        return text_of(value, kind) if differ else value

    ids: Select[Any] | None = None
    if first is not None and bounds.runs and sum(b - a for a, b in bounds.runs) <= FEW:
        # few rows, perhaps many labels: ranking only those that can match is most of the saving of a small run
        ids = select(comparable(rows.c[mine], predictions.types[mine]))
    newest = newest_labels(labels, model.labels.columns, bounds, first, ids, differ).subquery("l")
    left, right = comparable(rows.c[mine], predictions.types[mine]), comparable(newest.c.label_id, labels.types[theirs])
    value: Expression = newest.c[LABEL]
    if model.labels.columns.observed_at is not None and model.chunk.rows is None:
        # the same for every row whatever `first` is, so that an hour read alone has the labels it has among others
        value = case((newest.c[OBSERVED] >= rows.c.slot_seconds - real(EARLY * 3600), value))
    together = rows.outerjoin(newest, left == right)
    return select(rows, value.label(LABEL), newest.c[OBSERVED]).select_from(together).subquery("r")


def _with_own_labels(model: Model, predictions: Relation, rows: FromClause, bounds: Bounds) -> FromClause:
    """Rows that hold their label themselves: as of a moment, without those observed later."""
    columns = model.predictions.columns
    if columns.label is None or columns.observed_at is None:
        return rows
    observed = predictions.seconds(rows, columns.observed_at)
    value: Expression = rows.c[columns.label]
    if bounds.as_of is not None:
        value = case((observed <= real(bounds.as_of.timestamp()), value))
    return select(rows, value.label(LABEL), observed.label(OBSERVED)).subquery("r")


@dataclass(frozen=True, slots=True)
class RowParts:
    """The joined rows with the expressions that more than one item needs."""

    model: Model
    profile: Profile
    rows: FromClause
    predictions: Relation
    labels: Relation | None

    @property
    def slot(self) -> Expression:
        """The row's slot."""
        if self.model.chunk.rows is not None:
            return self.rows.c.slot_number
        return slot(self.rows.c.slot_seconds)

    def since(self, slot: int) -> Expression:
        """Whether a row is of this slot or a later one: at half the cost of comparing slots."""
        if self.model.chunk.rows is not None:
            return self.rows.c.slot_number >= integer(slot)
        return self.rows.c.slot_seconds >= real(slot * 3600)

    @property
    def known(self) -> Expression:
        """The slot in which the row's label was known: its own, where labels have no time of observation."""
        if OBSERVED not in self.rows.c or self.model.chunk.rows is not None:
            return self.slot
        observed = slot(self.rows.c[OBSERVED])
        return case((observed > self.slot, observed), else_=self.slot)

    @property
    def failed(self) -> Expression | None:
        """True where the request got no answer, so that its prediction means nothing."""
        name = self.model.predictions.columns.status
        if name is None:
            return None
        status = status_class(self.rows.c[name], self.predictions.types[name], self.model.predictions.statuses)
        return status.not_in((OK, EXCLUDED))

    @property
    def label(self) -> tuple[Expression, Any] | None:
        """The label's expression and type, in the row or joined."""
        if self.labels is not None and self.model.labels is not None:
            return self.rows.c[LABEL], self.labels.types[self.model.labels.columns.label or ""]
        name = self.model.predictions.columns.label
        if name is None:
            return None
        return self.rows.c[LABEL if LABEL in self.rows.c else name], self.predictions.types[name]

    @property
    def version(self) -> Expression | None:
        """The row's version as text, "" where it is null; None for a log without versions."""
        name = self.model.predictions.columns.version
        return None if name is None else func.coalesce(text_of(*self.column(name)), literal(""))

    @property
    def slices(self) -> dict[str, Expression]:
        """By slice column: its value, where that is among the frequent ones, else OTHER_SLICE."""
        out: dict[str, Expression] = {}
        for name, values in self.profile.slices.items():
            text = func.coalesce(text_of(*self.column(name)), literal("(missing)"))
            out[name] = case((text.in_(values), text), else_=literal(OTHER_SLICE))
        return out

    def column(self, name: str) -> tuple[Expression, Any]:
        """A log column and its type; a null where this part of the log lacks it."""
        return self.rows.c[name], self.predictions.types[name]


def number_of(value: Expression, kind: str) -> Expression:
    """A value as a double; true is 1."""
    return cast(cast(value, Integer), Double) if kind == "boolean" else cast(value, Double)
