"""Matching: which windows of the reference are like a window, by the hours of the week it covers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitoring.core.window import Slots

FEWEST = 8
"""Reference windows below which their spread says too little."""
EACH = 3
"""Reference windows that each class needs, for windows to be matched by it."""
HOURS = 24
WEEK = 7 * HOURS
Integers = NDArray[np.int64]
EPOCH_DAY = 3
"""1970-01-01 was a Thursday: slots count hours from then, weeks begin on Monday."""


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """Windows that are matched with the reference's in one way. `at` are their positions, `matched` their classes;
    `reference` are the classes of the reference's windows, `how` says in words what a class has in common."""

    how: str
    at: Integers
    matched: Integers
    reference: Integers


def match(reference: Sequence[Slots], windows: Sequence[Slots]) -> list[Match]:
    """For every window the finest of these of which the reference has enough windows, whatever the others are.

    Hour of the week, hour of the day on working days and weekends, hour of the day; for windows of a day, day of the
    week, working days and weekends; else all alike.
    """
    left = np.arange(len(windows))
    found = []
    ways = _ways(len(windows[0]) if windows else 1)
    for how, class_of in ways:
        known, wanted = class_of(_first(reference)), class_of(_first(windows))
        counts = np.bincount(known, minlength=WEEK)
        enough = counts[wanted[left]] >= EACH if how and len(reference) >= FEWEST else np.full(len(left), not how)
        if enough.any():
            found.append(Match(how, left[enough], wanted[left[enough]], known))
            left = left[~enough]
    return found


def classes(how: str, reference: Sequence[Slots]) -> Integers:
    """The classes of the reference's windows where they are matched in this way, as said by a Match."""
    return np.asarray(dict(_ways(len(reference[0])))[how](_first(reference)), dtype=np.int64)


def _first(windows: Sequence[Slots]) -> Integers:
    return np.asarray([w.first for w in windows], dtype=np.int64)


def _day(slot: Integers) -> Integers:
    return np.asarray((slot // HOURS + EPOCH_DAY) % 7)


def _ways(length: int) -> list[tuple[str, Callable[[Integers], Integers]]]:
    """How windows of a length can be matched, finest first: in words, and the class of a window by its first slot."""
    ways: list[tuple[str, Callable[[Integers], Integers]]] = [("", np.zeros_like)]
    if length < HOURS:
        ways[:0] = [
            ("the same hour of the week", lambda slot: _day(slot) * HOURS + slot % HOURS),
            ("the same hour of working days or weekends", lambda slot: (_day(slot) >= 5) * HOURS + slot % HOURS),
            ("the same hour of the day", lambda slot: slot % HOURS),
        ]
    elif length == HOURS:
        ways[:0] = [
            ("the same day of the week", _day),
            ("working days or weekends", lambda slot: (_day(slot) >= 5) * 1),
        ]
    return ways
