"""How often chance takes the shares of many classes as far, where rows are independent: all of them at once.

The same as linear and counting say of each share by itself: a column has a hundred classes, and where nothing is
learned of how windows vary there is nothing that would have to be done for each.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitoring.core.calibration.between import TINY, nothing
from monitoring.core.calibration.counting import counting
from monitoring.core.calibration.windows import Known, Windows, angles

Floats = NDArray[np.float64]


def shares(known: Known, marks: Floats, beside: Floats, windows: Windows) -> tuple[Floats, Floats]:
    """Upper and lower p-values of the shares of the classes that the columns of `marks` (classes, shares) mark with 1;
    shape (windows, shares). `beside` (shares,) as in counting."""
    from scipy.special import ndtr

    heaps, at = np.maximum(known.heaps, 1.0), windows.matched
    centre = np.zeros((known.size, marks.shape[1]))
    np.add.at(centre, known.matched, angles(known, marks) * known.rows[:, None])
    of_rows = 1 / np.maximum(windows.rows, 1.0) + 1 / heaps[at]  # an angle's variance is that of a row by itself
    z = (angles(windows, marks) - (centre / heaps[:, None])[at]) / np.sqrt(of_rows + TINY)[:, None]
    more, less = counting(known, marks, windows, nothing(known.size, len(known.rows)), beside)
    return np.where(np.isnan(more), ndtr(-z), more), np.where(np.isnan(less), ndtr(z), less)
