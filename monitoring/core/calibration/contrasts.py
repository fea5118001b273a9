"""Contrasts: what is measured of a distribution to tell chance from change.

A contrast gives every class a weight; the mean weight of a window's rows is linear in its counts, so that it is
nearly normal whatever the column looks like, costs one product of matrices for all windows, and its spread from
window to window can be had from the reference's own windows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

UPWARD = 0.65
"""Of the budgets of spread and missing share, what looks for more: less of either is seldom what went wrong."""
LOCATION, SCALE, SHAPE, MISSING = 0.92, 0.02, 0.059, 0.001
"""How the false-alarm budget of a numeric column is divided where there are windows without end; evened where there are
few (null.FEW). Most real drift is a shift."""
NEW, SINGLE, EACH = 0.25, 0.25, 0.01
"""And of a categorical one: to values never seen, to the class that moved most (so much for each, and no more than that
in all: of few classes all together say as much), the rest to all together."""
BINS = 32
EXPECTED = 5.0
"""Rows that a class of the omnibus contrast has to be expected to hold: Cochran (1954)."""


@dataclass(frozen=True, slots=True, eq=False)
class Contrast:
    """`weights` by class, and its `share` of the column's false-alarm budget.

    `indicator` is true where the weights tell one class from the rest, so that few rows can be counted exactly.
    `beside` is what the reference's rows of a rare class are taken to be more than they are, when they are counted.
    `around` are the weights of another contrast whose squared mean is taken off: a spread around the window's own
    centre does not grow because the centre moved. `side` +1 looks for more only; of another, `upward` of its share
    does.
    """

    name: str
    weights: Floats
    share: float
    indicator: bool = False
    around: Floats | None = None
    side: int = 0
    upward: float = 0.5
    beside: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Contrasts:
    """All contrasts of a column. `share` is that of all classes together; `counts` are the reference's, `aside` marks
    classes that hold no value, `ranked` is true where neighbouring classes are neighbouring values."""

    single: tuple[Contrast, ...]
    share: float
    counts: Floats
    aside: NDArray[np.bool_]
    ranked: bool

    def bins(self, rows: float, counts: Floats | None = None) -> NDArray[np.int64]:
        """The bin of each class, -1 for none, so that every bin is expected to hold EXPECTED of `rows` rows.

        `counts` are those that the expectation is from; the reference's, if left out.
        """
        counts = np.where(self.aside, 0.0, self.counts if counts is None else counts)
        whole = max(float(counts.sum()), 1.0)
        if not self.ranked:
            order = np.argsort(-counts, kind="stable")
            out = np.empty(len(counts), dtype=np.int64)
            out[order] = _pooled(counts[order] * rows / whole)
            return out
        place = np.minimum((_ranks(counts) * BINS).astype(np.int64), BINS - 1)
        expected = np.asarray(
            np.bincount(place[~self.aside], weights=counts[~self.aside], minlength=BINS) * rows / whole,
            dtype=np.float64,
        )
        return np.where(self.aside, -1, _pooled(expected)[place])


def numeric(reference: Floats, aside: NDArray[np.bool_], places: Floats) -> Contrasts:
    """Contrasts of a numeric column whose classes are in ascending order, each with its place on the grid.

    `reference` are counts by class, shape (classes,), of which `aside` marks those that hold no
    number. Location and scale are the normal scores of van der Waerden (1952) and Klotz (1962), of the mid-ranks in
    the reference; beyond its values the scores go on as the grid does, so that far is further than near.
    """
    from scipy.special import ndtri

    counts = np.where(aside, 0.0, reference)
    normal = np.where(aside, 0.0, ndtri(np.clip(_ranks(counts), 1e-9, 1 - 1e-9)))
    normal += np.where(
        aside, 0.0, _beyond(counts, normal, places) - _beyond(counts[::-1], -normal[::-1], -places[::-1])[::-1]
    )
    middle = float((counts * normal).sum() / max(counts.sum(), 1.0))
    location = np.where(aside, 0.0, normal - middle)
    found = [
        Contrast("location", location, LOCATION),
        Contrast("scale", location**2, SCALE, around=location, upward=UPWARD),
    ]
    if aside.any():
        found.append(Contrast("missing", aside.astype(float), MISSING, indicator=True, upward=UPWARD))
    return Contrasts(tuple(found), SHAPE, reference, aside, ranked=True)


def directed(position: Floats) -> Contrasts:
    """The one contrast of classes that stand in an order: their mean position."""
    nothing = np.zeros(len(position))
    if len(position) == 2:
        return Contrasts(
            (Contrast("class 1", _one(2, 1), 1.0, indicator=True),), 0.0, nothing, nothing > 0, ranked=True
        )
    return Contrasts((Contrast("location", position, 1.0),), 0.0, nothing, nothing > 0, ranked=True)


def categorical(reference: Floats, new: float = 0.0) -> Contrasts:
    """Contrasts of a categorical column: every class apart, and all together.

    `reference` are counts by class, missing ones among them. With `new`, the last class are values never seen, which
    are taken to have so many rows beside its own.
    """
    size = len(reference)
    nowhere = np.zeros(size, dtype=np.bool_)
    unseen = (Contrast("new", _one(size, size - 1), NEW, indicator=True, side=1, beside=new),) if new else ()
    old = size - len(unseen)
    if old <= 2:
        only = Contrast("class 0", _one(size, 0), 1 - NEW, indicator=True)
        return Contrasts((only, *unseen), 0.0, reference, nowhere, ranked=False)
    each = min(EACH, SINGLE / old)
    single = tuple(Contrast(f"class {at}", _one(size, at), each, indicator=True) for at in range(old))
    return Contrasts((*single, *unseen), 1 - NEW - each * old, reference, nowhere, ranked=False)


def _ranks(counts: Floats) -> Floats:
    """Mid-rank of every class, within (0, 1)."""
    return np.asarray((np.cumsum(counts) - counts / 2 + 0.5) / (counts.sum() + 1.0))


def _beyond(counts: Floats, normal: Floats, places: Floats) -> Floats:
    """What the classes above the reference's highest add to its score, at the slope from one deviation to there."""
    held = np.flatnonzero(counts)
    if not len(held):
        return np.zeros(len(counts))
    top = held[-1]
    inner = held[min(int(np.searchsorted(normal[held], 1.0)), len(held) - 1)]
    slope = (normal[top] - normal[inner]) / max(places[top] - places[inner], 1.0)
    return np.asarray(slope * np.maximum(places - places[top], 0.0))


def _pooled(expected: Floats) -> NDArray[np.int64]:
    """Numbers of bins: neighbours share one until it is expected to hold enough, and the last takes what is left."""
    out = np.zeros(len(expected), dtype=np.int64)
    number, held = 0, 0.0
    left = np.cumsum(expected[::-1])[::-1]
    for at, (rows, rest) in enumerate(zip(expected.tolist(), left.tolist(), strict=True)):
        if held >= EXPECTED and rest >= EXPECTED:
            number, held = number + 1, 0.0
        out[at] = number
        held += rows
    return out


def _one(size: int, at: int) -> Floats:
    weights = np.zeros(size)
    weights[at] = 1.0
    return weights
