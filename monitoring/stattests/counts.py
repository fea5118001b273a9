"""Views of a Binned that several tests share: classes with the missing one, shares, moments, ranks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitoring.core.binned import Binned

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, mean and variance (n - 1) of a window's values, missing ones left out."""

    n: float
    mean: float
    variance: float


def with_missing(binned: Binned) -> tuple[Floats, Floats]:
    """Counts with the missing rows as the first class, so that every test sees them move."""
    if not binned.reference_missing and not binned.current_missing:
        return binned.reference, binned.current
    return (
        np.concatenate([[binned.reference_missing], binned.reference]),
        np.concatenate([[binned.current_missing], binned.current]),
    )


def shares(binned: Binned) -> tuple[Floats, Floats]:
    """`with_missing` as shares of each window."""
    reference, current = with_missing(binned)
    return reference / max(reference.sum(), 1.0), current / max(current.sum(), 1.0)


def pooled(binned: Binned, classes: int = 20, expected: float = 5.0) -> NDArray[np.float64]:
    """A 2 x k table of at most `classes` classes, none of whose expected counts is below `expected`.

    Neighbouring numeric classes are joined in order; categories from the rarest on. Fewer than two classes
    left: an array with one column.
    """
    reference, current = with_missing(binned)
    total = reference + current
    n = total.sum()
    smaller = min(reference.sum(), current.sum())
    least = max(n / classes if binned.kind == "numeric" else 0.0, expected * n / max(smaller, 1.0), 1.0)
    order = np.arange(len(total)) if binned.kind == "numeric" else np.argsort(total, kind="stable")
    running = np.cumsum(total[order])
    group = np.zeros(len(total), dtype=np.int64)
    start, number = 0.0, 0
    for place, upto in zip(order, running, strict=True):
        group[place] = number
        if upto - start >= least:
            start, number = upto, number + 1
    if number and n - start < least:
        group[group == number] = number - 1
    k = int(group.max()) + 1 if len(group) else 1
    return np.vstack([np.bincount(group, reference, k), np.bincount(group, current, k)])


def moments(middle: Floats, counts: Floats) -> Moments:
    """Moments of binned values, each at its class's middle. One class alone has a variance of exactly 0."""
    n = float(counts.sum())
    if n < 1:
        return Moments(n, 0.0, 0.0)
    fullest = float(middle[counts.argmax()])
    apart = middle - fullest
    mean = float(np.average(apart, weights=counts))
    spread = float(np.average((apart - mean) ** 2, weights=counts))
    return Moments(n, fullest + mean, spread * n / (n - 1) if n > 1 else 0.0)


def deviation(binned: Binned) -> float:
    """The unit distances are told in: the reference's standard deviation.

    Where the reference does not vary, that of the current window; where neither does, that of both together; 1
    where all rows are in one class, and nothing can have moved.
    """
    for counts in (binned.reference, binned.current, binned.reference + binned.current):
        variance = moments(binned.middle, counts).variance
        if variance > 0:
            return float(np.sqrt(variance))
    return 1.0


def missing_moved(binned: Binned) -> float:
    """By how much the share of missing rows changed."""
    a = binned.reference_missing / max(binned.n_reference, 1.0)
    b = binned.current_missing / max(binned.n_current, 1.0)
    return abs(a - b)


def effective(n: float, m: float) -> float:
    """The effective size of two samples, n m / (n + m)."""
    return n * m / (n + m) if n + m > 0 else 0.0
