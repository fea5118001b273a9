"""Raw rows of many windows at once, for tests on rows: one statement, so that a long history is one scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import Double, Integer, Select, Text, cast, func, literal, or_, select
from sqlalchemy.sql.expression import FromClause

from monitoring.core.profile import Profile
from monitoring.core.window import Slots
from monitoring.logs.expressions import Expression, integer, real, slot, text_of
from monitoring.logs.joined import RowParts, joined
from monitoring.logs.reader import LogReader
from monitoring.logs.rows import Bounds, row_slots, runs
from monitoring.logs.sample import Roles, content_of, named, roles_of, values_of

SPARE = 1.5
"""How many times the rows that are wanted pass the first, cheap sieve."""


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """Rows of one window in order of time: `frame` as in `logs.sample` without the label, and the `slot` of each."""

    frame: pd.DataFrame
    slot: NDArray[np.int64]


def samples(reader: LogReader, windows: Sequence[Slots], limit: int, seed: int) -> tuple[dict[Slots, Sampled], Roles]:
    """At most `limit` rows of each window that has any, the same ones every time, and which column plays which part.

    Windows are equally long, do not overlap and lie a whole number of lengths apart. Rows are chosen by a hash of
    their id and `seed`; without an id, of their place within the window.
    """
    predictions = reader.relation("predictions", reader.parts("predictions"))
    roles = replace(roles_of(reader.model, predictions.types), label=None)
    if not windows:
        return {}, roles
    model, origin, length = reader.model, min(windows).first, len(windows[0])
    bounds = Bounds(runs([s for w in windows for s in range(w.first, w.last)]), reader.as_of)
    rows = joined(model, predictions, None, bounds)
    parts = RowParts(model, Profile(columns=()), rows, predictions, None)
    number = _number(parts.slot, origin, length)
    values = values_of(parts, roles)
    moment = (rows.c.slot_number if model.chunk.rows is not None else rows.c.slot_seconds).label("moment")
    identity = model.predictions.columns.id
    key: Expression = cast(func.row_number().over(partition_by=number, order_by=moment), Text)
    if identity is not None:
        content = content_of([moment, *(expression for expression, _ in values)])
        key = func.coalesce(text_of(rows.c[identity], predictions.types[identity]), content)
    plain = [expression.label(f"c{i}") for i, (expression, _) in enumerate(values)]
    keyed = select(
        number.label("number"), parts.slot.label("slot"), moment,
        func.md5(key.concat(literal(f"/{seed}"))).label("place"), *plain,
    ).select_from(rows).subquery("k")  # fmt: skip
    sizes = counts(reader, row_slots(predictions, model, bounds), origin, length)
    table = reader.engine.arrow(_first(keyed, limit, sizes))
    found = np.asarray(table["number"].to_pylist(), dtype=np.int64)
    if any((found == n).sum() < min(limit, total) for n, total in sizes.items()):  # where many rows share an id
        table = reader.engine.arrow(_first(keyed, limit, {}))
        found = np.asarray(table["number"].to_pylist(), dtype=np.int64)
    out = {}
    for window in windows:
        mine = table.filter(found == (window.first - origin) // length)
        if mine.num_rows:
            ordered = mine.sort_by([("moment", "ascending"), ("place", "ascending")])
            at = np.asarray(ordered["slot"].to_pylist(), dtype=np.int64)
            out[window] = Sampled(named(ordered, roles.names, [kind for _, kind in values]), at)
    return out, roles


def _number(at: Expression, origin: int, length: int) -> Expression:
    return cast(func.floor(cast(at - integer(origin), Double) / real(length)), Integer)


def counts(reader: LogReader, rows: FromClause, origin: int, length: int) -> dict[int, int]:
    """Rows of each window, by its number."""
    at = rows.c.slot_number if reader.model.chunk.rows is not None else slot(rows.c.slot_seconds)
    number = _number(at, origin, length)
    found = reader.engine.arrow(select(number.label("number"), func.count().label("n")).group_by(number)).to_pydict()
    return {int(w): int(n) for w, n in zip(found["number"], found["n"], strict=True)}


def _first(keyed: FromClause, limit: int, counts: dict[int, int]) -> Select[Any]:
    """The rows of each window with the smallest hashes: of large windows, among those below a limit, as sorting few
    rows is several times faster than sorting all."""
    small = [n for n, total in counts.items() if total <= 2 * SPARE * limit]
    large = [total for total in counts.values() if total > 2 * SPARE * limit]
    some = select(keyed)
    if large:
        share = SPARE * limit / min(large)
        sieve: Expression = keyed.c.place < literal(f"{int(share * 16**8):08x}")
        some = some.where(or_(sieve, keyed.c.number.in_([integer(n) for n in small])) if small else sieve)
    sieved = some.subquery("s")
    rank = func.row_number().over(partition_by=sieved.c.number, order_by=sieved.c.place).label("rank")
    ranked = select(sieved, rank).subquery("t")
    return select(ranked).where(ranked.c.rank <= integer(limit))
