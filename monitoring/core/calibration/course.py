"""The shape of what lies between a reference's windows, and how each depends on the one before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
TINY = 1e-15


def shape_of(apart: Floats) -> tuple[float, float]:
    """Skewness and excess kurtosis, each only where it is more than chance would show in so few windows."""
    m = len(apart)
    standard = (apart - apart.mean()) / max(float(apart.std()), TINY)
    skew, tails = float((standard**3).mean()), float((standard**4).mean()) - 3.0
    return (
        skew if abs(skew) > 2 * (6 / m) ** 0.5 else 0.0,
        tails if tails > 2 * (24 / m) ** 0.5 else 0.0,
    )


def serial_dependence(apart: Floats, between: float, errors: float = 1.0) -> float:
    """Dependence of what lies between windows on the window before, within [0, .9], towards the safe side.

    `apart` has a row a window, `between` is the share of its variance that is no sampling error, which would hide
    dependence. The bias of a short series is removed (Kendall 1954), and `errors` standard errors added
    where there is any.
    """
    square = float((apart**2).sum())
    m = len(apart)
    if m < 4 or square <= 0 or between <= 0:
        return 0.0
    raw = float((apart[1:] * apart[:-1]).sum()) / square / max(between, 0.1)
    raw = min(raw + (1 + 3 * raw) / m, 0.99)
    return float(np.clip(raw + errors * ((1 - raw**2) / m) ** 0.5 if raw > 0 else 0.0, 0.0, 0.9))
