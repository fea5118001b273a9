"""What changed in a column, in plain words."""

from __future__ import annotations

import numpy as np

from monitoring.core.binned import Binned
from monitoring.core.grid import CategoricalGrid, Grid


def moved(binned: Binned, grid: Grid) -> str:
    """The median, the category that moved most, or the share of missing values."""
    missing = [binned.reference_missing / binned.n_reference, binned.current_missing / binned.n_current]
    if abs(missing[0] - missing[1]) > 0.05:
        return f"missing {missing[0]:.1%} → {missing[1]:.1%}"
    if binned.kind == "categorical":
        shares = [c / max(c.sum(), 1.0) for c in (binned.reference, binned.current)]
        at = int(np.abs(shares[0] - shares[1]).argmax())
        assert isinstance(grid, CategoricalGrid)
        return f"share of {grid.name(int(binned.codes[at]))} {shares[0][at]:.1%} → {shares[1][at]:.1%}"
    medians = [_quantile(binned, c, 0.5) for c in (binned.reference, binned.current)]
    if f"{medians[0]:.3g}" == f"{medians[1]:.3g}":
        inner = [tuple(_quantile(binned, c, q) for q in (0.1, 0.9)) for c in (binned.reference, binned.current)]
        return "middle 80 % {:.3g} to {:.3g} → {:.3g} to {:.3g}".format(*inner[0], *inner[1])
    return f"median {medians[0]:.4g} → {medians[1]:.4g}"


def _quantile(binned: Binned, counts: np.ndarray, share: float) -> float:
    if counts.sum() == 0:
        return float("nan")
    upto = np.cumsum(counts)
    at = int(np.searchsorted(upto, upto[-1] * share))
    inside = (upto[-1] * share - (upto[at] - counts[at])) / counts[at]
    return float(binned.lower[at] + (binned.upper[at] - binned.lower[at]) * inside)
