"""What changed in a column, in plain words."""

from __future__ import annotations

import numpy as np

from monitoring.core.binned import Binned, Floats
from monitoring.core.grid import CategoricalGrid, Grid

QUANTILES = np.asarray([0.1, 0.5, 0.9])


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
    (low, median, high), (to_low, to_median, to_high) = (
        _quantiles(binned, c) for c in (binned.reference, binned.current)
    )
    if f"{median:.3g}" == f"{to_median:.3g}":
        return f"middle 80 % {low:.3g} to {high:.3g} → {to_low:.3g} to {to_high:.3g}"
    return f"median {median:.4g} → {to_median:.4g}"


def _quantiles(binned: Binned, counts: Floats) -> list[float]:
    """The values below which QUANTILES of the rows lie, as if a class's rows lay evenly in it."""
    upto = counts.cumsum()
    if not len(upto) or upto[-1] == 0:
        return [float("nan")] * len(QUANTILES)
    wanted = QUANTILES * upto[-1]
    at = upto.searchsorted(wanted)
    inside = (wanted - (upto[at] - counts[at])) / counts[at]
    low = binned.lower[at]
    found: list[float] = (low + (binned.upper[at] - low) * inside).tolist()
    return found
