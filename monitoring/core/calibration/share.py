"""A share with its interval."""

from __future__ import annotations


def interval(hits: int, n: int) -> tuple[float, float]:
    """95 % interval of a share, n > 0: Jeffreys' (Brown, Cai & DasGupta 2001)."""
    from scipy.special import betaincinv

    low = 0.0 if hits == 0 else float(betaincinv(hits + 0.5, n - hits + 0.5, 0.025))
    high = 1.0 if hits == n else float(betaincinv(hits + 0.5, n - hits + 0.5, 0.975))
    return low, high
