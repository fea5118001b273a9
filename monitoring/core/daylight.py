"""Hours of daylight: a covariate of everything that goes with the season, known without any log."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

TILT, YEAR, SOLSTICE = 23.44, 365.25, 10.0
"""Of the Earth's axis, in degrees; days of a year; days from the winter solstice to the end of the year."""
HOURS = 24 * YEAR
"""Hours of a year: slots are counted from 1970-01-01, and what leap days shift is less than one."""


def hours_of_daylight(latitude: float, slots: ArrayLike) -> NDArray[np.float64]:
    """From sunrise to sunset at a latitude (degrees, north positive) on the days of `slots`, hours since 1970.

    By the sunrise equation, cos(half the day's angle) = -tan(latitude) tan(declination), with the declination of a
    circular orbit: within some ten minutes of the almanac.
    """
    day = np.asarray(slots, dtype=np.float64) % HOURS / 24
    declination = -np.radians(TILT) * np.cos(2 * np.pi * (day + SOLSTICE) / YEAR)
    angle = np.arccos(np.clip(-np.tan(np.radians(latitude)) * np.tan(declination), -1.0, 1.0))
    return np.asarray(24 / np.pi * angle)
