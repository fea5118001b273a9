"""How often chance takes two heaps of independent rows as far apart in all classes together."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
PRIOR_ROWS = 2.0
"""Rows that every class is taken to hold beside the reference's own, where its share is what a difference is over."""
TABLE = 2**18
"""Rows up to which factorials are kept: reading one costs an eighth of computing it."""
STATES, REACH = 32, 6.0
"""How many of a class's possible counts are summed over, and how many deviations of it to either side."""
ROOM = 16_000
"""Numbers held of all tests at once: as many as the processor keeps at hand."""


def contingency(before: Floats, after: Floats) -> Floats:
    """p-values of permutation tests of rows counted by class, `before` and `after` of shape (tests, classes).

    The statistic is Pearson's with the reference's shares below the line: a class that was rare and is not any more
    shows best there. Given how many rows each class has in all, those of it that come after are hypergeometric; from
    there come the statistic's first three moments, class by class, with the normal theory for how classes go together,
    and from them its tail by Pearson's type III. Classes without a row are none.
    """
    out = np.ones(len(before))
    sums = before.sum(axis=1), after.sum(axis=1), (before + after > 0).sum(axis=1)
    known = np.flatnonzero((sums[0] > 0) & (sums[1] > 0) & (sums[2] > 1))
    at_once = max(1, ROOM // (STATES * max(before.shape[1], 1)))
    for start in range(0, len(known), at_once):
        some = known[start : start + at_once]
        out[some] = _tails(before[some], after[some])
    return out


def _tails(before: Floats, after: Floats) -> Floats:
    from scipy.special import gammaincc

    here = before + after > 0
    classes, test = here.sum(axis=1), np.nonzero(here)[0]
    rows = np.stack([before.sum(axis=1), after.sum(axis=1)])
    n, m = rows[:, test]  # from here on, an entry for each class of each test
    before, after = before[here], after[here]
    both, whole = before + after, n + m
    scale = (n + PRIOR_ROWS * classes[test]) / (1 / n + 1 / m)

    def summed(values: Floats) -> Floats:
        return np.bincount(test, weights=values, minlength=len(classes)).astype(np.float64)

    share = both / whole
    middle = share * m
    reach = REACH * np.sqrt(middle * (n / whole) * (whole - both) / np.maximum(whole - 1, 1.0)) + 4
    low, high = np.maximum(np.floor(middle - reach), np.maximum(both - n, 0.0)), np.minimum(both, m)
    high = np.minimum(np.ceil(middle + reach), high)
    step = np.maximum(np.ceil((high - low + 1) / STATES), 1.0)
    second: Floats = low[:, None] + step[:, None] * np.arange(STATES, dtype=np.float64)
    possible = second <= high[:, None]
    second = np.asarray(np.minimum(second, high[:, None]), dtype=np.float64)
    first: Floats = both[:, None] - second
    n_, m_ = n[:, None], m[:, None]
    log = -(_log_factorial(second) + _log_factorial(m_ - second) + _log_factorial(first) + _log_factorial(n_ - first))
    chance = np.where(possible, np.exp(log - log.max(axis=1, keepdims=True)), 0.0)
    chance /= chance.sum(axis=1, keepdims=True)
    off = _term(first / n_ - second / m_, first) * scale[:, None]
    means = (chance * off).sum(axis=1)
    off -= means[:, None]
    square = chance * off**2
    # classes take rows from each other: what a normal distribution of so many degrees has beside its classes' own
    free, alone = classes - 1, 1 - share
    variance = summed(square.sum(axis=1)) + 2 * (free - summed(alone**2))
    third = summed((square * off).sum(axis=1)) + 8 * (free - summed(alone**3))
    skew = np.maximum(third, 1e-6) / variance**1.5
    statistic = summed(_term(before / n - after / m, before) * scale)
    z, shape = (statistic - summed(means)) / variance**0.5, 4 / skew**2
    return np.asarray(gammaincc(shape, np.maximum(shape + z * shape**0.5, 0.0)))


def _log_factorial(rows: Floats) -> Floats:
    """Logarithms of the factorials of whole numbers; from a table, where they are small enough for one."""
    from scipy.special import gammaln

    if rows.max() >= TABLE:
        return np.asarray(gammaln(rows + 1))
    return np.take(_log_factorials(), rows.astype(np.intp))


@cache
def _log_factorials() -> Floats:
    from scipy.special import gammaln

    return np.asarray(gammaln(np.arange(TABLE) + 1.0))


def _term(apart: Floats, first: Floats) -> Floats:
    """What classes add to the statistic, but for a factor that all of a test share."""
    return apart**2 / (first + PRIOR_ROWS)
