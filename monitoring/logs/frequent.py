"""How many rows there are, and the most frequent values of some columns: counted in one scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, literal, select, tuple_

from monitoring.logs.engine import LogEngine
from monitoring.logs.expressions import integer, text_of
from monitoring.logs.joined import RowParts
from monitoring.logs.statement import SETS_AT_ONCE

NEVER_AGAIN = 100
"""Values from which on a column may be taken for an identifier: few rows repeat nothing by chance."""


@dataclass(frozen=True, slots=True)
class Frequent:
    """The most frequent values of a column as texts, the most frequent first, ties by name; `rows` hold one of them."""

    values: tuple[str, ...] = ()
    rows: int = 0

    @property
    def identifies(self) -> bool:
        """Whether even the most frequent values hardly ever come a second time, as of an id or of free text."""
        return len(self.values) >= NEVER_AGAIN and self.rows < 2 * len(self.values)


def frequent(engine: LogEngine, parts: RowParts, names: Sequence[str], limit: int) -> tuple[int, dict[str, Frequent]]:
    """Rows, and at most `limit` values of each column."""
    rows, found_of = 0, dict[str, Frequent]()
    for at in range(0, max(len(names), 1), SETS_AT_ONCE):
        some = names[at : at + SETS_AT_ONCE]
        found = engine.arrow(_statement(parts, some, limit)).to_pydict()
        whole = (1 << len(some)) - 1
        rows = found["n"][found["g"].index(whole)]
        for number, name in enumerate(some):
            mine = whole - (1 << (len(some) - 1 - number))
            seen = zip(found["v"], found["g"], found["n"], strict=True)
            listed = [(v, n) for v, g, n in seen if g == mine and v is not None][:limit]
            found_of[name] = Frequent(tuple(v for v, _ in listed), sum(n for _, n in listed))
    return rows, found_of


def _statement(parts: RowParts, names: Sequence[str], limit: int) -> Select[Any]:
    """Rows of value, count and GROUPING(), which has a 1 for every column that is not in the row's set."""
    texts = [text_of(*parts.column(name)).label(f"v{number}") for number, name in enumerate(names)]
    inner = select(*(texts or [literal("").label("v")])).select_from(parts.rows).subquery("t")
    columns = [inner.c[f"v{number}"] for number in range(len(names))]
    value = func.coalesce(*columns) if len(columns) > 1 else columns[0] if columns else literal("")
    mask = func.grouping(*columns) if columns else integer(0)
    counted = select(value.label("v"), mask.label("g"), func.count().label("n")).select_from(inner)
    counted = counted.group_by(func.grouping_sets(*(tuple_(column) for column in columns), tuple_()))
    groups = counted.subquery("c")
    order = [groups.c.n.desc(), groups.c.v]
    place = func.row_number().over(partition_by=groups.c.g, order_by=order).label("place")
    ranked = select(groups.c.v, groups.c.g, groups.c.n, place).subquery("r")
    few = ranked.c.place <= integer(limit + 1)  # one of them may be null
    return select(ranked.c.v, ranked.c.g, ranked.c.n).where(few).order_by(ranked.c.g, ranked.c.place)
