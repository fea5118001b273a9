"""What is left: the features, which of them are classes or slices, and how the log is cut."""

from __future__ import annotations

import pandas as pd

from monitoring.guessing.search import Search
from monitoring.guessing.seen import (
    CLASSES,
    CODE,
    COUNT,
    IDENTITY,
    SLICE,
    TIME,
    VERSION,
    Seen,
)

FEW = 12
"""Values that a slice has at most."""
ROWS = 5_000
SLICES = 2


def features(search: Search, taken: set[str]) -> tuple[list[Seen], dict[str, str]]:
    """Everything else that a model could have been given; what is left out, with the reason."""
    chosen, left = [], {}
    for c in search.columns.values():
        many = len(c.distinct) > 50 and len(c.distinct) > 0.5 * len(c.known)
        if c.name in taken:
            continue
        if c.kind not in ("number", "boolean", "text"):
            left[c.name] = "a time" if c.kind == "time" else "lists or records"
        elif c.moments is not None and (c.kind == "text" or c.named(TIME)):
            left[c.name] = "a time"
        elif (
            c.says(IDENTITY)
            and (c.kind == "text" or c.whole)
            and (many or not c.repeats)
            and not c.says({"key", "index"})
        ):
            left[c.name] = "an identifier"
        elif c.kind == "text" and many:
            left[c.name] = "nearly every value is different"
        elif c.says({"latency", "elapsed"}) or c.says(VERSION):
            left[c.name] = "about the call, not its input"
        elif not c.distinct:
            left[c.name] = "empty in the sample"
        else:
            chosen.append(c)
    words = f"{len(chosen)} columns play no other part" if chosen else "no column is left"
    search.because["features"] = f"{words}."
    return chosen, left


def code(search: Search, c: Seen) -> bool:
    """A number that names a class: two values, a name such as zone or code, or values far apart."""
    if c.kind != "number" or not c.whole or not c.repeats or c.says(COUNT):
        return False
    different = len(c.distinct)
    apart = c.numbers.max() - c.numbers.min() + 1 > 2 * different
    sure = (
        different <= 2
        or (c.says(CODE) and different <= CLASSES)
        or (apart and different <= FEW and c.numbers.min() >= 100)
    )
    if sure:
        before = search.because.get("categorical", "Whole numbers that name classes: ").rstrip(".")
        search.because["categorical"] = f"{before}{'' if before.endswith(': ') else ', '}{c.name}."
    return sure


def slices(search: Search, features: list[Seen], categorical: tuple[str, ...]) -> tuple[str, ...]:
    """At most two columns of few values, those with a telling name first."""
    able = [c for c in features if 2 <= len(c.distinct) <= FEW and c.repeats > len(c.distinct)]
    able = [c for c in able if c.kind == "text" or (c.name in categorical and c.says(SLICE))]
    chosen = sorted(able, key=lambda c: (not c.says(SLICE), len(c.distinct)))[:SLICES]
    if chosen:
        search.because["slices"] = "; ".join(f"{c.name} has {len(c.distinct)} values" for c in chosen) + "."
    return tuple(c.name for c in chosen)


def chunk(search: Search) -> str | dict[str, int]:
    """An hour for a short and busy log, else a day; rows without time."""
    column = search.column("timestamp")
    if column is None or column.moments is None:
        n = max((len(c.values) for c in search.columns.values()), default=0)
        rows = next((r for r in (5_000, 1_000, 500, 200, 100) if n >= 8 * r), 50) if n < 8 * ROWS else ROWS
        search.because["chunk"] = "Without times, verdicts are over so many rows each."
        return {"rows": rows}
    length = column.moments.max() - column.moments.min()
    hours = max(length / pd.Timedelta(hours=1), 1.0)
    short = length < pd.Timedelta(days=4) and len(column.moments) / hours >= 50
    search.because["chunk"] = (
        f"The sample spans {hours / 24:,.1f} days." if hours >= 48 else f"The sample spans {hours:,.0f} hours."
    )
    return "1h" if short else "1d"
