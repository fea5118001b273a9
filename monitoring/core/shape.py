"""Counts made ready to be drawn: few classes of even width, as densities; or the largest categories, as shares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitoring.core.binned import Binned

Floats = NDArray[np.float64]

BINS, CENTRAL, TOP = 40, 0.99, 20
REST = "all others"


@dataclass(frozen=True, slots=True, eq=False)
class Density:
    """Share of rows by unit of value, in classes from `edges[i]` to `edges[i + 1]`. Rows outside are in no class."""

    edges: Floats
    reference: Floats
    current: Floats
    outside: float


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """Share of rows by category, the most frequent in either window first."""

    names: tuple[str, ...]
    reference: Floats
    current: Floats


def density(binned: Binned, bins: int = BINS, central: float = CENTRAL) -> Density | None:
    """Both windows over the same even classes, which span the central share of either. None without a value."""
    ranges = [_central(binned, counts, central) for counts in (binned.reference, binned.current) if counts.sum() > 0]
    if not ranges:
        return None
    low, high = min(r[0] for r in ranges), max(r[1] for r in ranges)
    if high <= low:
        high = low + max(abs(low), 1.0) * 1e-6
    edges = np.linspace(low, high, bins + 1)
    reference, current = (_spread(binned, counts, edges) for counts in (binned.reference, binned.current))
    width = edges[1] - edges[0]
    parts = [part for part, counts in ((reference, binned.reference), (current, binned.current)) if counts.sum() > 0]
    return Density(edges, reference / width, current / width, max(0.0, 1.0 - min(float(p.sum()) for p in parts)))


def shares(binned: Binned, names: tuple[str, ...], top: int = TOP) -> Shares:
    """The largest categories; what is left is summed up in one."""
    reference, current = (counts / max(counts.sum(), 1.0) for counts in (binned.reference, binned.current))
    order = np.argsort(-np.maximum(reference, current), kind="stable")
    kept, rest = order[:top], order[top:]
    labels = tuple(names[i] for i in kept)
    if len(rest):
        labels += (REST,)
        reference, current = (np.append(s[kept], s[rest].sum()) for s in (reference, current))
        return Shares(labels, reference, current)
    return Shares(labels, reference[kept], current[kept])


def _central(binned: Binned, counts: Floats, central: float) -> tuple[float, float]:
    """Limits of the classes that hold the central share of the rows."""
    upto = np.cumsum(counts)
    tail = (1 - central) / 2 * upto[-1]
    first = int(np.searchsorted(upto, tail, side="right"))
    last = int(np.searchsorted(upto, upto[-1] - tail, side="left"))
    return float(binned.lower[min(first, len(counts) - 1)]), float(binned.upper[min(last, len(counts) - 1)])


def _spread(binned: Binned, counts: Floats, edges: Floats) -> Floats:
    """Share of the rows in every even class, each class's rows spread evenly over its width."""
    total = max(float(counts.sum()), 1.0)
    out = np.zeros(len(edges) - 1)
    for lower, upper, count in zip(binned.lower, binned.upper, counts, strict=True):
        if count == 0 or upper < edges[0] or lower > edges[-1]:
            continue
        if upper <= lower:
            out[min(int(np.searchsorted(edges, lower, side="right")) - 1, len(out) - 1)] += count
            continue
        overlap = np.clip(np.minimum(upper, edges[1:]) - np.maximum(lower, edges[:-1]), 0.0, None)
        out += count * overlap / (upper - lower)
    return out / total
