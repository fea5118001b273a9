"""Automatic thresholds: where a metric's own past in the reference says "this is worse than chance"."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monitoring.core.performance.metric import Better, Estimate

FEWEST = 5
"""Chunks of reference below which their spread says nothing."""
GRAVER = 10
"""A breach is so many times rarer by chance than a warning."""


@dataclass(frozen=True, slots=True)
class AutomaticThreshold:
    """Levels on the metric's own scale, and the sentence that says how they came about."""

    warning: float
    breached: float
    explanation: str


def automatic(reference: Sequence[Estimate], better: Better, now: Estimate, chance: float) -> AutomaticThreshold | None:
    """Levels for the chunk `now`, from the reference's chunks and its own sampling error.

    Chance alone takes a chunk beyond the warning level with probability `chance`, towards worse only. The spread
    between chunks beyond their sampling error is estimated by the method of moments (DerSimonian & Laird 1986); a new
    chunk varies by that, its own sampling error (no less than that of the reference at its number of rows: of a few
    events the error is itself uncertain), and the centre's error; a t quantile takes the few chunks into account. A
    metric that is better when lower, and positive, is taken by its logarithm: days that differ do so by a factor, and
    their upper tail is the long one. None when no chunk has a value.
    """
    from scipy.special import stdtrit

    usable = [e for e in reference if e.value is not None and math.isfinite(e.error)]
    if not usable or not math.isfinite(now.error):
        return None
    values = np.asarray([e.value for e in usable], dtype=float)
    errors = np.asarray([e.error for e in usable])
    weights = np.asarray([e.n for e in usable], dtype=float)
    error_now = max(now.error, math.sqrt(float((errors**2 * weights).mean()) / now.n))
    by_factor = better == "lower" and bool((values > 0).all())
    if by_factor:
        values, errors = np.log(values), errors / values
    centre = float(np.average(values, weights=weights))
    unit = math.exp(centre) if by_factor else 1.0
    k = len(values)
    between = max(0.0, float(values.var(ddof=1)) - float((errors**2).mean())) if k >= FEWEST else 0.0
    spread = math.sqrt(between * (1 + 1 / k) + (error_now / unit) ** 2 + float((errors**2).sum()) / k**2)
    degrees = k - 1 if k >= FEWEST else 1000
    worse = -1.0 if better == "higher" else 1.0
    tails = [tail / 2 if better == "zero" else tail for tail in (chance, chance / GRAVER)]
    ends = [centre + worse * float(stdtrit(degrees, 1 - tail)) * spread for tail in tails]
    warning, breached = (math.exp(end) for end in ends) if by_factor else ends
    basis = (
        f"{k} chunks of the reference" if k >= FEWEST else f"sampling error alone ({k} chunks of reference are too few)"
    )
    explanation = (
        f"automatic: reference {math.exp(centre) if by_factor else centre:.4g}, spread between chunks "
        f"{math.sqrt(between) * unit:.2g}, sampling error of this chunk {error_now:.2g}; from {basis}"
    )
    return AutomaticThreshold(warning, breached, explanation)
