"""Which column plays a part of its own: time, id, version, latency, status, interval, and when a label was seen."""

from __future__ import annotations

import numpy as np
import pandas as pd

from monitoring.guessing.search import Search
from monitoring.guessing.seen import (
    ASKED,
    CLASSES,
    ENTITY,
    IDENTITY,
    LATENCY,
    LATER,
    LOWER,
    SECONDS,
    STATUS,
    TIME,
    UPPER,
    VERSION,
    Seen,
    listed,
    works,
)


def moment(search: Search) -> None:
    """When the prediction was asked for."""

    def points(c: Seen) -> float:
        if c.moments is None or (c.kind == "number" and not c.named(TIME) and c.numbers.min() < 9e11):
            return 0.0
        order = c.moments.reset_index(drop=True)
        steady = 1.0 if len(order) > 2 and order.is_monotonic_increasing and order.nunique() > 1 else 0.0
        asked = 1.5 if c.says(ASKED) else 0.0
        return (
            (3.0 if c.kind == "time" else 2.0)
            + min(c.named(TIME), 3)
            + steady
            + asked
            - (3.0 if c.says(LATER) else 0.0)
        )

    found = search.best(points, 2.5)
    if found is None:
        search.because["timestamp"] = "No column holds times: the log is cut by rows."
        return
    how = "times" if found.kind == "time" else "times as text" if found.kind == "text" else f"{found.epoch} since 1970"
    order = found.moments is not None and found.moments.is_monotonic_increasing
    search.take("timestamp", found.name, f"it holds {how}" + (" that only rise" if order else ""))


def identity(search: Search) -> None:
    """What tells predictions apart."""

    def points(c: Seen) -> float:
        n = len(c.known)
        if n == 0 or n < len(c.values) or c.kind not in ("text", "number") or (c.kind == "number" and not c.whole):
            return 0.0
        if c.repeats > (0.01 * n if c.named(IDENTITY) >= 3 else 0):
            return 0.0
        one_word = (
            c.kind == "text" and n > 2 and not c.known.astype(str).str.contains(r"\s").any() and c.moments is None
        )
        steps = c.kind == "number" and n > 2 and bool(np.all(np.diff(c.numbers) == 1))
        entity = 1.5 if c.says(ENTITY) else 0.0
        asked = 1.0 if c.says(ASKED) else 0.0
        return c.named(IDENTITY) + (2.0 if one_word else 0.0) + (1.5 if steps else 0.0) + asked - entity

    found = search.best(points, 1.5)
    if found is None:
        search.because["id"] = "No column is different in every row; without one, labels must stand in the row."
        return
    repeats = f", {found.repeats:,} repeats" if found.repeats else ""
    search.take("id", found.name, f"its values are different in every row of the sample{repeats}")


def service(search: Search) -> None:
    """Version, latency and status."""
    found = search.best(lambda c: c.named(VERSION) if 1 <= len(c.distinct) <= CLASSES and not c.probable else 0.0, 1.5)
    if found is not None:
        search.take("version", found.name, f"by its name; {listed(found.distinct)}")

    def slow(c: Seen) -> float:
        fits = c.kind == "number" and len(c.numbers) and c.numbers.min() >= 0 and not c.says(SECONDS)
        return c.named(LATENCY) if fits else 0.0

    found = search.best(slow, 1.75)
    if found is not None:
        half = f"{np.median(found.numbers):,.4g} ms"
        search.take("latency_ms", found.name, f"by its name; half are below {half}, if those are milliseconds")
    found = search.best(lambda c: c.named(STATUS) if works(c) else 0.0, 1.0)
    if found is not None:
        search.take("status", found.name, f"it says how the call went: {listed(found.distinct)}")


def observed(search: Search, asked: Seen | None) -> None:
    """When the label was seen."""

    def points(c: Seen) -> float:
        if c.moments is None or (c.kind == "number" and not c.named(TIME)):
            return 0.0
        if asked is not None and asked.moments is not None:
            both = pd.concat([asked.moments.rename("a"), c.moments.rename("b")], axis=1).dropna()
            if not len(both) or not (both.b >= both.a).all():
                return 0.0
        return 1.0 + (2.0 if c.says(LATER) else 0.0) + c.named(TIME) * 0.3

    found = search.best(points, 2.0 if asked is not None else 1.0)
    if found is not None:
        why = "it holds times, never before the prediction's" if asked is not None else "it holds times"
        search.take("observed_at", found.name, why)


def interval(search: Search) -> None:
    """Both ends of a prediction interval, or neither."""
    low = search.best(lambda c: 1.0 if c.says(LOWER) and c.continuous else 0.0, 1.0)
    high = search.best(lambda c: 1.0 if c.says(UPPER) and c.continuous else 0.0, 1.0)
    if low is None or high is None:
        return
    rest = [{*c.tokens} - LOWER - UPPER for c in (low, high)]
    if rest[0] == rest[1] and bool((pd.to_numeric(low.values) <= pd.to_numeric(high.values)).mean() > 0.99):
        search.take("lower", low.name, f"it is never above {high.name}")
        search.take("upper", high.name, f"it is never below {low.name}")
