"""How often chance takes a share as far, by counting its rows: holds for the rarest class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitoring.core.calibration.windows import Known, Windows

Floats = NDArray[np.float64]
MANY = 20
"""Expected rows of a class from which its share is normal enough, and counting would cost power."""


def counting(known: Known, weights: Floats, windows: Windows) -> tuple[Floats, Floats]:
    """Upper and lower p-values of the share of the classes that `weights` mark with 1, by window; 0 where it is normal
    enough. Given all rows of the share, those of the window are binomial (Przyborowski & Wilenski 1940)."""
    from scipy.special import bdtr, bdtrc

    at = windows.matched
    hits, rows = windows.counts @ weights, windows.rows
    before, heap = (known.totals @ weights)[at], known.heaps[at]
    rare = hits + before <= (rows + heap) / 2
    few, few_before = np.where(rare, hits, rows - hits), np.where(rare, before, heap - before)
    together = np.round(few + few_before).astype(np.int64)
    part = rows / np.maximum(rows + heap, 1.0)
    many = together * np.minimum(part, 1 - part) >= MANY
    more = np.where(many, 0.0, np.where(few > 0, bdtrc(np.maximum(np.round(few) - 1, 0), together, part), 1.0))
    less = np.where(many, 0.0, bdtr(np.round(few), together, part))
    return np.where(rare, more, less), np.where(rare, less, more)


def others(known: Known, aside: NDArray[np.bool_]) -> Floats | None:
    """Where most rows share one class, the weights that tell the others from it: those may be few enough to be counted,
    and no contrast is surer than their number."""
    total = np.where(aside, 0.0, known.totals.sum(axis=0))
    most = int(total.argmax())
    if total[most] <= total.sum() / 2:
        return None
    return np.where(aside | (np.arange(len(total)) == most), 0.0, 1.0)
