"""Principal components of the reference, and what of a row they do not explain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitoring.core.multivariate.encoding import Floats, Integers, Rows

EXPLAINED = 0.65
"""Share of the variance that the components taken explain at least."""


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """Axes (q, k) of standardised numbers, with the reference's squared errors by number, shape (q,)."""

    centre: Floats
    scale: Floats
    axes: Floats
    usual: Floats

    def errors(self, rows: Rows) -> Floats:
        """Squared reconstruction errors, shape (n, q)."""
        z = (rows.scaled - self.centre) / self.scale
        return np.asarray((z - z @ self.axes @ self.axes.T) ** 2)

    def distance(self, rows: Rows) -> float:
        """Mean length of what is left of a row after reconstruction: as NannyML has it."""
        return float(np.sqrt(self.errors(rows).sum(axis=1)).mean()) if len(rows) else float("nan")

    def rises(self, rows: Rows, owner: Integers) -> Floats:
        """By how much each feature's mean squared error differs from the reference's."""
        out = np.zeros(int(owner.max(initial=-1)) + 1)
        np.add.at(out, owner, self.errors(rows).mean(axis=0) - self.usual)
        return np.abs(out)


def components(reference: Rows) -> Components:
    """Those of standardised numbers that explain EXPLAINED of the variance: Pearson (1901), Hotelling (1933)."""
    centre, spread = reference.scaled.mean(axis=0), reference.scaled.std(axis=0)
    scale = np.where(spread > 1e-6, spread, 1.0)
    z = (reference.scaled - centre) / scale
    variances, axes = np.linalg.eigh(z.T @ z / max(len(z), 1))
    order = np.argsort(-variances, kind="stable")
    shares = np.cumsum(variances[order]) / max(variances.sum(), 1e-12)
    taken = order[: int(np.searchsorted(shares, EXPLAINED)) + 1] if variances.sum() > 0 else order[:0]
    found = Components(centre, scale, axes[:, taken], np.zeros(len(centre)))
    return Components(centre, scale, axes[:, taken], found.errors(reference).mean(axis=0))
