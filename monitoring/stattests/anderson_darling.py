"""Anderson-Darling."""

from __future__ import annotations

import numpy as np

from monitoring.core.binned import Binned
from monitoring.stattests.counts import with_missing
from monitoring.stattests.evidence import evidence
from monitoring.stattests.registry import Result, stattest


@stattest("anderson_darling", title="Anderson–Darling", kinds=("numeric",), warning=0.12, breached=0.24)
def anderson_darling(binned: Binned) -> Result:
    """Root of the squared gap between the cumulative shares, weighted up in the tails.

    Sensitive where KS is not: at the ends. sqrt(sum w (F_cur - F_ref)^2 / (H (1 - H) - w / 4)) over classes, w the
    pooled share of a class and F, H the distributions at its middle (Scholz & Stephens 1987, equation 7: midranks,
    with its correction for ties). p-value of the pooled G-test. Missing rows are a class below all values. Source:
    scipy.stats.anderson_ksamp(variant="midrank").

    >>> anderson_darling(Binned("numeric", np.array([5., 5.]), np.array([5., 5.]), np.array([0., 1.]),
    ...     np.array([1., 2.]))).statistic
    0.0
    """
    reference, current = with_missing(binned)
    n, m = reference.sum(), current.sum()
    if n == 0 or m == 0:
        return Result(0.0, 1.0)
    f = (np.cumsum(reference) - reference / 2) / n
    g = (np.cumsum(current) - current / 2) / m
    weight = (reference + current) / (n + m)
    h = np.cumsum(weight) - weight / 2
    under = h * (1 - h) - weight / 4
    inside = under > 1e-12
    area = ((f - g)[inside] ** 2 / under[inside] * weight[inside]).sum()
    return Result(float(np.sqrt(area)), evidence(binned))
