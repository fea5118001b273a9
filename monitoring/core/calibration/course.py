"""The shape of what lies between a reference's windows."""

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
