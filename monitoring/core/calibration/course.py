"""How a reference's windows vary from one to the next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
TINY = 1e-15


@dataclass(frozen=True, slots=True)
class Course:
    """How the reference's windows vary: variance beyond sampling, serial dependence, skewness, excess kurtosis."""

    variance: float
    serial: float
    skew: float
    tails: float


def course(apart: Floats, variance: float, errors: float) -> Course:
    """Skewness and kurtosis only where they are more than chance would show in so few windows."""
    m = len(apart)
    standard = (apart - apart.mean()) / max(float(apart.std()), TINY)
    skew, tails = float((standard**3).mean()), float((standard**4).mean()) - 3.0
    return Course(
        variance,
        serial_dependence(apart[:, None], variance / max(float((apart**2).mean()), TINY), errors),
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
