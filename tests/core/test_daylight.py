"""Hours of daylight against the almanac."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from monitoring.core.daylight import hours_of_daylight
from monitoring.core.window import slot_of


@pytest.mark.parametrize(
    ("latitude", "day", "hours"),
    [
        (40.7, (2013, 3, 20), 12.0),
        (40.7, (2013, 6, 21), 15.0),
        (40.7, (2026, 12, 21), 9.1),
        (-33.9, (2026, 12, 21), 14.3),
        (0.0, (2026, 5, 1), 12.0),
        (80.0, (2026, 6, 21), 24.0),
        (80.0, (2026, 12, 21), 0.0),
    ],
)
def test_the_hours_of_daylight_are_those_of_the_almanac(
    latitude: float, day: tuple[int, int, int], hours: float
) -> None:
    """New York, Sydney, the equator and the Arctic; from sunrise to sunset, without what the air bends (some .15 h)."""
    assert hours_of_daylight(latitude, [slot_of(datetime(*day, tzinfo=UTC))])[0] == pytest.approx(hours, abs=0.25)
