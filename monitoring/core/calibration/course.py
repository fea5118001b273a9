"""The shape of what lies between a reference's windows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
TINY = 1e-15


def shape_of(apart: Floats) -> tuple[float, float]:
    """Skewness, the less of it the more of it chance would show in so few windows; and excess kurtosis, only where it
    is more than chance would show."""
    m = len(apart)
    standard = (apart - apart.mean()) / max(float(apart.std()), TINY)
    skew, tails = float((standard**3).mean()), float((standard**4).mean()) - 3.0
    return (
        skew**3 / (skew**2 + 6 / m),
        tails if tails > 2 * (24 / m) ** 0.5 else 0.0,
    )
