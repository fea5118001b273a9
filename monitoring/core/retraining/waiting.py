"""How long is waited between two attempts to order something, and between two looks at a run."""

from __future__ import annotations

FIRST, LONGEST = 2.0, 60.0
"""Seconds before the second attempt, and at most between two."""
ATTEMPTS = 12
"""Of what has no deadline of its own (promotion, roll-back, cancellation): some eight minutes."""
GROWTH = 1.25
JITTER = 0.1
"""Share of a pause by which it is longer or shorter, so that not all come at one moment."""


def before_attempt(attempts: int, asked: float | None, chance: float) -> float:
    """Seconds after the failed attempt number `attempts` (from 1). `asked` is the server's Retry-After, which is
    obeyed; `chance` a random number of [0, 1)."""
    pause = min(FIRST * 2.0 ** min(attempts - 1, 10), LONGEST)
    return max(_jittered(pause, chance), asked or 0.0)


def before_look(looks: int, pace: tuple[float, float], asked: float | None, chance: float) -> float:
    """Seconds after the look number `looks` (from 1): from `pace`'s first to its second, ever slower."""
    first, longest = pace
    pause = min(first * GROWTH ** min(looks - 1, 100), longest)
    return max(_jittered(pause, chance), asked or 0.0)


def _jittered(pause: float, chance: float) -> float:
    return pause * (1 - JITTER + 2 * JITTER * chance)
