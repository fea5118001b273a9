"""The slices that lost most, found among the cells of all features and of pairs of the most telling ones.

A cell is reported where its loss rose by more than that of all other rows, beyond what chance gives anywhere among
all cells looked at (Holm 1979), with the days as the units of chance. Where all rows lost alike there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import numpy.typing as npt

from monitoring.core.diagnosis.cells import OTHERS, Cut
from monitoring.core.diagnosis.interval import Codes, Floats, Interval

Mask = npt.NDArray[np.bool_]
SUPPORT = 100
"""Fewest rows of a cell, then and now; one with fewer then is held against the whole reference."""
FEWEST_BLOCKS = 4.0
"""Fewest days (by effective number) that a cell's rows must come from."""
TELLING = 4
"""Features whose pairs are looked at."""
LEVEL = 0.05
"""Chance of reporting any cell at all where nothing changed."""
SHOWN = 8
ALIKE = 0.7
"""Overlap (shared rows by rows of either) from which two cells are the same finding in other words."""


@dataclass(frozen=True, slots=True)
class WorstSlice:
    """A cell that lost more than the rest. `then` and `now` are its mean losses, `share` its share of the rows now.

    `contribution` is share × increase: how much of the whole's loss it brought. `p_value` is after Holm's
    correction. `new` is true of a cell that the reference hardly had: its `then` is the whole reference's.
    """

    name: str
    share: float
    then: float
    now: float
    contribution: Interval
    p_value: float
    rows: int
    new: bool = False


@dataclass(frozen=True, slots=True)
class Side:
    """The rows of one side: losses, and their blocks."""

    losses: Floats
    codes: Codes

    @property
    def count(self) -> int:
        """How many blocks there are."""
        return int(self.codes.max()) + 1


@dataclass(frozen=True, slots=True)
class _Found:
    slice: WorstSlice
    p: float
    rows: Mask
    features: tuple[int, ...]


def worst(cuts: Sequence[Cut], then: Side, now: Side) -> tuple[WorstSlice, ...]:
    """The cells that lost most, by contribution; the same rows are not told twice."""
    singles = [found for number in range(len(cuts)) for found in _tested(cuts, (number,), then, now)]
    telling = _telling(singles)
    pairs = [found for pair in combinations(telling, 2) for found in _tested(cuts, pair, then, now)]
    kept: list[_Found] = []
    for found in sorted(_corrected([*singles, *pairs]), key=lambda f: -f.slice.contribution.value):
        if len(kept) < SHOWN and all(_overlap(found.rows, other.rows) < ALIKE for other in kept):
            kept.append(found)
    return tuple(found.slice for found in kept)


def _telling(found: Sequence[_Found]) -> list[int]:
    """The features with the most significant cells, each once."""
    order: list[int] = []
    for one in sorted(found, key=lambda f: f.p):
        if one.features[0] not in order:
            order.append(one.features[0])
    return sorted(order[:TELLING])


def _tested(cuts: Sequence[Cut], features: tuple[int, ...], then: Side, now: Side) -> Iterator[_Found]:
    """Every cell of these features that has the support to be judged."""
    for cells in np.ndindex(*(len(cuts[number].names) for number in features)):
        parents = [(cuts[f].then == cell, cuts[f].now == cell) for f, cell in zip(features, cells, strict=True)]
        before = np.logical_and.reduce([parent[0] for parent in parents])
        rows = np.logical_and.reduce([parent[1] for parent in parents])
        new = int(before.sum()) < SUPPORT
        base = np.ones(len(before), dtype=bool) if new else before
        # a cell has to beat all other rows; a pair of features the rest of either feature's own cell as well
        rests = [(~before, ~rows), *((a & ~before, b & ~rows) for a, b in parents if len(parents) > 1)]
        if min(rows.sum(), *(rest[1].sum() for rest in rests)) < SUPPORT:
            continue
        if len(features) > 1 and any(cuts[f].names[c].endswith(OTHERS) for f, c in zip(features, cells, strict=True)):
            continue  # a pair with all the rest of something names nothing that anybody could act on
        if min(_effective(now.codes[rows]), _effective(then.codes[base])) < FEWEST_BLOCKS:
            continue
        p = 0.0
        for rest_then, rest_now in rests:
            excess = _mean(now, rows, rest_now)
            if not new and rest_then.sum() >= SUPPORT:
                excess = excess.minus(_mean(then, before, rest_then))
            p = max(p, _above_zero(excess))
        increase = _mean(now, rows).minus(_mean(then, base))
        share = float(rows.mean())
        told = WorstSlice(
            ", ".join(cuts[f].names[cell] for f, cell in zip(features, cells, strict=True)), share,
            float(then.losses[base].mean()), float(now.losses[rows].mean()), increase.times(share), p,
            int(rows.sum()), new,
        )  # fmt: skip
        yield _Found(told, max(p, _above_zero(increase)), rows, features)


def _mean(side: Side, rows: Mask, others: Mask | None = None) -> Interval:
    """The mean loss of some rows (less that of others), with its error from block sums, linearised."""
    value, spread = 0.0, np.zeros(side.count)
    for mask, sign in ((rows, 1.0), (others, -1.0)):
        if mask is None:
            continue
        losses, codes = side.losses[mask], side.codes[mask]
        mean = float(losses.mean())
        value += sign * mean
        spread += sign * np.bincount(codes, losses - mean, side.count) / len(losses)
    effective = _effective(side.codes[rows])
    used = max(effective, 2.0)
    return Interval(value, float(np.sqrt((spread**2).sum() * used / (used - 1))), used - 1)


def _effective(codes: Codes) -> float:
    """How many blocks of equal size the rows are worth (Kish 1965)."""
    if not len(codes):
        return 0.0
    sizes = np.bincount(codes)
    return float(sizes.sum() ** 2 / (sizes.astype(float) ** 2).sum())


def _above_zero(figure: Interval) -> float:
    """One-sided p-value of a figure that is zero or less by right."""
    from scipy.special import stdtr

    if figure.error <= 0:
        return 0.0 if figure.value > 0 else 1.0
    return float(stdtr(max(figure.degrees, 1.0), -figure.value / figure.error))


def _corrected(found: Sequence[_Found]) -> list[_Found]:
    """Those that Holm's step-down procedure (1979) lets stand, with its p-values."""
    out: list[_Found] = []
    largest = 0.0
    for rank, one in enumerate(sorted(found, key=lambda f: f.p)):
        largest = max(largest, min(1.0, one.p * (len(found) - rank)))
        if largest > LEVEL:
            break
        out.append(replace(one, slice=replace(one.slice, p_value=largest)))
    return out


def _overlap(some: Mask, others: Mask) -> float:
    return float((some & others).sum() / max((some | others).sum(), 1))
