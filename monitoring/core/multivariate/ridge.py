"""Ridge regression on a quadratic basis: what numbers, their classes and their products say of something.

The basis is the numbers, indicators of the classes they and categories fall into, and products of two numbers. Of
all of these only the ones that go most with the response are taken (sure independence screening, Fan & Lv 2008), so
that a log of a hundred columns costs hardly more than one of ten. Solved in closed form: Hoerl & Kennard (1970).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitoring.core.multivariate.encoding import Floats, Integers, Rows

PENALTY = 0.1
"""Added to the variance, 1, of every term."""


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """The terms taken, with centre and scale of all numbers (q,): numbers (i), classes (feature, class), products
    (i, j)."""

    centre: Floats
    scale: Floats
    numbers: Integers
    classes: Integers
    products: Integers

    def values(self, rows: Rows) -> Floats:
        """Terms of rows, shape (n, numbers + classes + products)."""
        z = (rows.scaled - self.centre) / self.scale
        classes = rows.bins[:, self.classes[:, 0]] == self.classes[:, 1]
        return np.hstack([z[:, self.numbers], classes, z[:, self.products[:, 0]] * z[:, self.products[:, 1]]])


@dataclass(frozen=True, slots=True, eq=False)
class Ridge:
    """A fitted regression. `shift` and `spread` standardise the terms; `level` is the mean response."""

    terms: Terms
    shift: Floats
    spread: Floats
    slopes: Floats
    level: float

    def predict(self, rows: Rows) -> Floats:
        """The response, shape (n,)."""
        return self.level + (self.terms.values(rows) - self.shift) / self.spread @ self.slopes

    def gap(self, here: Rows, there: Rows, owner: Integers) -> Floats:
        """By how much the mean response is higher `here` than `there`, by feature: of a product, half is each's."""
        means = [self.terms.values(rows).mean(axis=0) for rows in (here, there)]
        numbers, classes, products = np.split(
            (means[0] - means[1]) / self.spread * self.slopes,
            np.cumsum([len(self.terms.numbers), len(self.terms.classes)]),
        )
        out = np.zeros(int(owner.max(initial=-1)) + 1)
        np.add.at(out, owner[self.terms.numbers], numbers)
        np.add.at(out, self.terms.classes[:, 0], classes)
        np.add.at(out, owner[self.terms.products[:, 0]], products / 2)
        np.add.at(out, owner[self.terms.products[:, 1]], products / 2)
        return out


def fit(rows: Rows, response: Floats, weights: Floats, terms: int, penalty: float = PENALTY) -> Ridge:
    """Regress `response` (n,) on the `terms` best terms of rows, each row counting `weights` (n,)."""
    w = weights / weights.sum()
    level = float(w @ response)
    basis = screened(rows, w, w * (response - level), terms)
    values = basis.values(rows)
    shift = w @ values
    spread = np.sqrt(np.maximum(w @ (values - shift) ** 2, 1e-4))
    x = (values - shift) / spread
    weighted = x * w[:, None]
    gram = weighted.T @ x
    gram[np.diag_indices_from(gram)] += penalty
    slopes = np.linalg.solve(gram, weighted.T @ (response - level))
    return Ridge(basis, shift, spread, slopes, level)


def screened(rows: Rows, weights: Floats, direction: Floats, most: int) -> Terms:
    """The `most` terms whose covariance with the response is largest for their spread.

    `weights` (n,) sum to 1; `direction` (n,) is weight times centred response.
    """
    centre = weights @ rows.scaled
    spread = np.sqrt(weights @ (rows.scaled - centre) ** 2)
    scale = np.where(spread > 1e-6, spread, 1.0)
    z = (rows.scaled - centre) / scale
    numbers = np.abs(direction @ z)
    pairs = np.column_stack(np.triu_indices(z.shape[1]))
    mean, square = (z * weights[:, None]).T @ z, (z**2 * weights[:, None]).T @ z**2
    products = np.abs((z * direction[:, None]).T @ z) / np.sqrt(np.maximum(square - mean**2, 1e-4))
    names, classes = [np.zeros((0, 2), dtype=np.int64)], [np.zeros(0)]
    for feature in range(rows.bins.shape[1]):
        codes = rows.bins[:, feature]
        share = np.bincount(codes, weights)
        names.append(np.column_stack([np.full(len(share), feature), np.arange(len(share))]))
        together = np.abs(np.bincount(codes, direction))
        classes.append(together / np.sqrt(np.maximum(share * (1 - share), 1e-4)))
    every = np.concatenate([numbers, *classes, products[pairs[:, 0], pairs[:, 1]]])
    best = np.sort(np.argsort(-every, kind="stable")[:most])
    ends = np.cumsum([len(numbers), sum(map(len, classes))])
    first, second, third = (part - offset for part, offset in zip(
        np.split(best, np.searchsorted(best, ends)), (0, *ends), strict=True
    ))  # fmt: skip
    return Terms(centre, scale, first, np.concatenate(names)[second], pairs[third])
