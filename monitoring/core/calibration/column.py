"""What chance does to a column: its classes on a grid, those never seen among them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitoring.core.calibration.contrasts import categorical, directed, numeric
from monitoring.core.calibration.null import Chance, chance
from monitoring.core.calibration.windows import Known, Windows
from monitoring.core.grid import REST, CategoricalGrid, Grid, no_value

Codes = NDArray[np.int32]
Floats = NDArray[np.float64]
RARE = 5
"""Rows up to which a value is rare, where one that was never seen is likened to it."""
OPEN = 0.05
"""Rare values that are counted beside those that there are: a vocabulary of none is closed, most of the time."""


def chance_of(grid: Grid, codes: Codes, known: Known, windows: Windows, side: int = 0) -> Chance:
    """How often chance takes windows of a column as far; NaN where nothing can be said.

    `codes` are the classes that both are counted by, ascending. `side` +1 or -1 looks one way only.
    """
    if not len(codes) or not known.counts.sum():
        return Chance(np.full(len(windows.counts), np.nan), 0.0)
    if not isinstance(grid, CategoricalGrid):
        aside = no_value(codes)
        return chance(known, windows, numeric(known.counts.sum(axis=0), aside, codes.astype(float)), side)
    seen = known.counts.sum(axis=0) > 0
    new = windows.counts[:, ~seen].sum(axis=1)
    out, counts_as = np.full(len(windows.counts), np.nan), 0.0
    for chosen in (new > 0, new == 0):  # a class more must not change what is said of windows without it
        if not chosen.any():
            continue
        before, after, apart = known.counts[:, seen], windows.counts[chosen][:, seen], 0.0
        if new[chosen].any():
            before, after, apart = _with_new(codes[seen], known, before, after, new[chosen])
        places = np.arange(before.shape[1], dtype=float)
        of = directed(places) if side else categorical(before.sum(axis=0), apart)
        found = chance(known.of(before), Windows(after, windows.matched[chosen]), of, side)
        out[chosen], counts_as = found.p_values, counts_as or found.counts_as
    return Chance(out, counts_as)


def _with_new(codes: Codes, known: Known, before: Floats, after: Floats, new: Floats) -> tuple[Floats, Floats, float]:
    """Counts with rows of values that the reference has not. Those are a class of their own, the last, with so many
    rows beside its own; or (0) they are not.

    As many are to be expected as each of the reference's windows holds of values that no other has: Good & Turing
    (Good 1953), by windows. In a single heap, of values that it holds once; and where it holds none once, its other
    rare values tell how likely one more is that it has not met (Ewens 1972: of values with j rows there are as many as
    one in j of those with one, and rows of new values are negative binomial). Where rare values are one class, new
    ones belong to it.
    """
    if REST in codes:
        after = after.copy()
        after[:, int(np.searchsorted(codes, REST))] += new
        return before, after, 0.0
    beside = 1.0
    if known.independent:
        total = before.sum(axis=0)
        once = float(((total == 1) & (codes < REST)).sum())
        expected = once * before.sum(axis=1) / max(float(total.sum()), 1.0)
        if not once:
            upto = max(RARE, int(total.min()) - 1)
            few = float((total <= upto).sum()) + OPEN
            beside = min(beside, few / float((1 / np.arange(1, upto + 1)).sum()))
    else:
        alone = ((before > 0).sum(axis=0) == 1) & (codes < REST)
        expected = before[:, alone].sum(axis=1)
    return np.column_stack([before, expected]), np.column_stack([after, new]), beside
