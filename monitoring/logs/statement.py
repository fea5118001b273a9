"""The one statement that turns log rows into summary cells: GROUPING SETS over class codes, in one scan.

Innermost, every row gets its slot and the raw values it needs; then each column's class code; then slot and
code are packed into one integer, so that a grouping set hashes one column instead of two; outermost, one
grouping set a column (and slice). The same statement runs on every engine in logs.engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Select, cast, func, literal, select, tuple_

from monitoring.core.summary import Kind
from monitoring.logs.codes import Item
from monitoring.logs.expressions import integer, slot
from monitoring.logs.joined import RowParts

WIDTH = 65_536
OFFSET = 32_768
SETS_AT_ONCE = 30
"""PostgreSQL's GROUPING() takes at most 31 columns; wider logs are summarised in several scans."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement, and what its rows mean. `mask` of an item is the value of column `g` on its rows."""

    select: Select[Any]
    items: tuple[Item, ...]
    slices: tuple[str, ...]

    def mask(self, number: int) -> int:
        """GROUPING() has a 1 for every column that is not in the row's set, the first one leftmost."""
        size = len(self.items)
        return (1 << size) - 1 - (1 << (size - 1 - number))


def statements(parts: RowParts, items: list[Item], first_slot: int) -> list[Statement]:
    """The statement for these rows, or several where the log has more columns than one can group."""
    return [
        _statement(parts, tuple(items[at : at + SETS_AT_ONCE]), first_slot) for at in range(0, len(items), SETS_AT_ONCE)
    ]


def _statement(parts: RowParts, chosen: tuple[Item, ...], first_slot: int) -> Statement:
    slices = tuple(parts.slices)
    dimensions: list[Any] = [parts.version.label("version")] if parts.version is not None else []
    dimensions += [value.label(f"s{number}") for number, value in enumerate(parts.slices.values())]
    base = ((parts.slot - integer(first_slot)) * integer(WIDTH)).label("base")
    fine = parts.rows.c.get("slot_seconds")
    extra = [base, parts.known.label("known")]
    if any(item.kind == Kind.SERVICE for item in chosen) and fine is not None:
        quarter = (slot(fine, 300) - integer(first_slot * 12)) * integer(WIDTH)
        extra.append(quarter.label("fine_base"))
    codes = [item.code.label(f"b{number}") for number, item in enumerate(chosen)]
    binned = select(*extra, *dimensions, *codes).select_from(parts.rows).subquery("b")
    keys = []
    for number, item in enumerate(chosen):
        code = binned.c[f"b{number}"]
        if item.is_text:
            keys.append(code.label(f"k{number}"))
            continue
        at = binned.c.fine_base if item.kind == Kind.SERVICE and fine is not None else binned.c.base
        keys.append((cast(at, BigInteger) + code + integer(OFFSET)).label(f"k{number}"))
    names = [d.name for d in dimensions]
    packed = select(binned.c.base, binned.c.known, *(binned.c[n] for n in names), *keys).subquery("k")
    version = [packed.c.version] if parts.version is not None else []
    sets = []
    for number, item in enumerate(chosen):
        key = [
            packed.c[f"k{number}"],
            *([packed.c.base] if item.is_text else []),
            *([packed.c.known] if item.by_known else []),
        ]
        sets.append(tuple_(*key, *version))
        sets.extend(tuple_(*key, *version, packed.c[f"s{n}"]) for n in range(len(slices)))
    numbers = [packed.c[f"k{n}"] for n, item in enumerate(chosen) if not item.is_text]
    texts = [packed.c[f"k{n}"] for n, item in enumerate(chosen) if item.is_text]
    outer = select(
        func.coalesce(*numbers, *([cast(packed.c.base, BigInteger)] if texts else []), integer(0)).label("k"),
        (func.coalesce(*texts) if len(texts) > 1 else texts[0] if texts else literal("")).label("t"),
        packed.c.known if any(i.by_known for i in chosen) else literal(None).label("known"),
        *version,
        *(packed.c[f"s{n}"] for n in range(len(slices))),
        func.grouping(*(packed.c[f"k{n}"] for n in range(len(chosen)))).label("g"),
        func.count().label("n"),
    ).group_by(func.grouping_sets(*sets))
    return Statement(outer, chosen, slices)
