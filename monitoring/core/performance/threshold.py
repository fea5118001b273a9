"""Automatic thresholds: where a metric's own past in the reference says "this is worse than chance"."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monitoring.core.performance.metric import Better, Estimate

FEWEST = 5
"""Chunks of reference below which their spread says nothing."""
WARNING_TAIL, BREACHED_TAIL = 1 / 30, 1 / 500
"""One false warning in 30 chunks; one false breach in 500. Towards worse only."""


@dataclass(frozen=True, slots=True)
class AutomaticThreshold:
    """Levels on the metric's own scale, and the sentence that says how they came about."""

    warning: float
    breached: float
    explanation: str


def automatic(reference: Sequence[Estimate], better: Better, error_now: float) -> AutomaticThreshold | None:
    """Levels for a chunk whose own sampling error is `error_now`, from the reference's chunks.

    The spread between chunks beyond their sampling error is estimated by the method of moments
    (DerSimonian & Laird 1986); a new chunk varies by that, its own sampling error, and the centre's error; a
    t quantile takes the few chunks into account. None when no chunk has a value.
    """
    from scipy.special import stdtrit

    usable = [e for e in reference if e.value is not None and math.isfinite(e.error)]
    if not usable or not math.isfinite(error_now):
        return None
    values = np.asarray([e.value for e in usable], dtype=float)
    errors = np.asarray([e.error for e in usable])
    weights = np.asarray([e.n for e in usable], dtype=float)
    centre = float(np.average(values, weights=weights))
    k = len(values)
    between = max(0.0, float(values.var(ddof=1)) - float((errors**2).mean())) if k >= FEWEST else 0.0
    spread = math.sqrt(between * (1 + 1 / k) + error_now**2 + float((errors**2).sum()) / k**2)
    degrees = k - 1 if k >= FEWEST else 1000
    worse = -1.0 if better == "higher" else 1.0
    tails = (WARNING_TAIL, BREACHED_TAIL) if better != "zero" else (WARNING_TAIL / 2, BREACHED_TAIL / 2)
    steps = [float(stdtrit(degrees, 1 - tail)) * spread for tail in tails]
    basis = (
        f"{k} chunks of the reference" if k >= FEWEST else f"sampling error alone ({k} chunks of reference are too few)"
    )
    explanation = (
        f"automatic: reference {centre:.4g}, spread between chunks {math.sqrt(between):.2g}, "
        f"sampling error of this chunk {error_now:.2g}; from {basis}"
    )
    return AutomaticThreshold(centre + worse * steps[0], centre + worse * steps[1], explanation)
