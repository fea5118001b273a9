"""When a failed delivery is tried again, goes to another channel, or is given up."""

from __future__ import annotations

from dataclasses import dataclass

PAUSES = (5.0, 300.0, 1_800.0, 7_200.0, 18_000.0)
"""Seconds before each further attempt of what is no page."""
LONGEST_PAGE_PAUSE = 60.0
PAGE_ATTEMPTS = 360
"""At a minute each, six hours: a page is repeated after four."""
FAILURES_TO_FAIL_OVER = 2
JITTER = 0.1
"""Share of a pause by which it is longer or shorter, so that not all come back at one moment."""


@dataclass(frozen=True, slots=True)
class Next:
    """What follows a failure: seconds to the next attempt, None where it is given up; whether another is told."""

    wait: float | None
    pass_on: bool


def after_failure(attempts: int, urgent: bool, asked: float | None, chance: float) -> Next:
    """What follows the failed attempt number `attempts` (from 1) that may succeed later.

    `urgent` is a page, or what a page waits behind. `asked` is the receiver's Retry-After in seconds, which is obeyed.
    `chance` is a random number of [0, 1).
    """
    if attempts >= (PAGE_ATTEMPTS if urgent else len(PAUSES) + 1):
        return Next(None, pass_on=True)
    pause = min(2.0 ** min(attempts, 10), LONGEST_PAGE_PAUSE) if urgent else PAUSES[attempts - 1]
    pause *= 1 - JITTER + 2 * JITTER * chance
    if urgent:
        pause = min(pause, LONGEST_PAGE_PAUSE)
    return Next(max(pause, asked or 0.0), pass_on=urgent and attempts >= FAILURES_TO_FAIL_OVER)
