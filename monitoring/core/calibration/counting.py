"""How often chance takes a share as far, by counting its rows: holds for the rarest class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitoring.core.calibration.between import Between
from monitoring.core.calibration.windows import Known, Windows

Floats = NDArray[np.float64]
LEAST = 1e-12
MANY = 20
"""Expected rows of a class from which its share is normal enough, and counting would cost power."""


def counting(
    known: Known, weights: Floats, windows: Windows, learned: Between, beside: float | Floats = 1.0
) -> tuple[Floats, Floats]:
    """Upper and lower p-values of the share of the classes that `weights` mark with 1, by window; NaN where it is
    normal enough. Of many shares, `weights` has a column each, and so have the p-values.

    Given all rows of the share, those of the window are binomial (Przyborowski & Wilenski 1940); where windows differ
    by more than their rows, as if so many rows were one (Rao & Scott 1992), averaged over what is possible. `beside`
    are the rows that a share may have had beside the reference's own: the test's one, or fewer.
    """
    from scipy.special import betainc

    hits, before = windows.counts @ weights, (known.totals @ weights)[windows.matched]
    at, rows, heap = (
        np.broadcast_to(each.reshape(-1, *[1] * (hits.ndim - 1)), hits.shape)
        for each in (windows.matched, windows.rows, known.heaps[windows.matched])
    )
    rare = hits + before <= (rows + heap) / 2
    few, few_before = np.where(rare, hits, rows - hits), np.where(rare, before, heap - before)
    part = rows / np.maximum(rows + heap, 1.0)
    normal = (few + few_before) * np.minimum(part, 1 - part) >= MANY
    more, less = np.full(hits.shape, np.nan), np.full(hits.shape, np.nan)
    rest, here = few_before[~normal], part[~normal]
    alike = 1.0 + learned.variances[:, at[~normal]] * rows[~normal]  # an angle's variance is that of a row by itself
    k, others = few[~normal] / alike, rest / alike
    at_least = np.where(
        k > 0, betainc(np.maximum(k, LEAST), others + np.broadcast_to(beside, hits.shape)[~normal], here), 1.0
    )
    at_most = np.where(others > 0, 1 - betainc(k + 1, np.maximum(others, LEAST), here), 1.0)
    more[~normal], less[~normal] = learned.weights @ at_least, learned.weights @ at_most
    return np.where(rare, more, less), np.where(rare, less, more)


def others(known: Known, aside: NDArray[np.bool_]) -> Floats | None:
    """Where most rows share one class, the weights that tell the others from it: those may be few enough to be counted,
    and no contrast is surer than their number."""
    total = np.where(aside, 0.0, known.totals.sum(axis=0))
    most = int(total.argmax())
    if total[most] <= total.sum() / 2:
        return None
    return np.where(aside | (np.arange(len(total)) == most), 0.0, 1.0)
