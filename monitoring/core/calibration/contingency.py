"""How often chance takes two heaps of independent rows as far apart in all classes together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
PRIOR_ROWS = 2.0
"""Rows that every class is taken to hold beside the reference's own, where its share is what a difference is over."""
STATES, REACH = 32, 6.0
"""How many of a class's possible counts are summed over, and how many deviations of it to either side."""


def contingency(before: Floats, after: Floats) -> float:
    """The p-value of a permutation test of rows counted by class, `before` and `after`.

    The statistic is Pearson's with the reference's shares below the line: a class that was rare and is not any more
    shows best there. Given how many rows each class has in all, those of it that come after are hypergeometric; from
    there come the statistic's first three moments, class by class, with the normal theory for how classes go together,
    and from them its tail by Pearson's type III.
    """
    from scipy.special import gammaincc, gammaln

    here = before + after > 0
    before, after = before[here], after[here]
    classes, n, m = len(before), float(before.sum()), float(after.sum())
    if classes < 2 or not n or not m:
        return 1.0
    both, whole = before + after, n + m
    usual, unit = n + PRIOR_ROWS * classes, 1 / n + 1 / m

    def term(first: Floats, second: Floats) -> Floats:
        return (first / n - second / m) ** 2 * usual / (first + PRIOR_ROWS) / unit

    share = both / whole
    middle = share * m
    reach = REACH * np.sqrt(middle * (n / whole) * (whole - both) / max(whole - 1, 1.0)) + 4
    low, high = np.maximum(np.floor(middle - reach), np.maximum(both - n, 0.0)), np.minimum(both, m)
    high = np.minimum(np.ceil(middle + reach), high)
    step = np.maximum(np.ceil((high - low + 1) / STATES), 1.0)
    second: Floats = low[:, None] + step[:, None] * np.arange(STATES, dtype=np.float64)
    possible = second <= high[:, None]
    second = np.asarray(np.minimum(second, high[:, None]), dtype=np.float64)
    first: Floats = both[:, None] - second
    log = -(gammaln(second + 1) + gammaln(m - second + 1) + gammaln(first + 1) + gammaln(n - first + 1))
    chance = np.where(possible, np.exp(log - log.max(axis=1, keepdims=True)), 0.0)
    chance /= chance.sum(axis=1, keepdims=True)
    found = term(first, second)
    means = (chance * found).sum(axis=1)
    off = found - means[:, None]
    # classes take rows from each other: what a normal distribution of so many degrees has beside its classes' own
    free, alone = classes - 1, 1 - share
    variance = float((chance * off**2).sum()) + 2 * (free - float((alone**2).sum()))
    third = float((chance * off**3).sum()) + 8 * (free - float((alone**3).sum()))
    skew = max(third, 1e-6) / variance**1.5
    z, shape = (float(term(before, after).sum()) - float(means.sum())) / variance**0.5, 4 / skew**2
    return float(gammaincc(shape, max(shape + z * shape**0.5, 0.0)))
