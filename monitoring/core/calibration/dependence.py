"""How much windows resemble the ones before, learned from all columns of a log together.

A month of one column says little of it: where each day is like the one before, a month counts as a handful of days. But
days resemble each other in all that is measured of them, more or less. So each column's prior is a mixture of the
general one and of what the other columns say, as they agree with each other (empirical Bayes: Efron 2014). Columns that
go together say the same thing twice and count as one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitoring.core.calibration.between import RHO_PRIOR, RHOS, likelihood
from monitoring.core.calibration.contrasts import Contrast, numeric
from monitoring.core.calibration.linear import apart
from monitoring.core.calibration.windows import Known
from monitoring.core.grid import CategoricalGrid, Grid, no_value

Codes = NDArray[np.int32]
Floats = NDArray[np.float64]
GENERAL = 2.0
"""Columns that the general prior is worth."""
STEPS = 20
TINY = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What a column's windows say: `likelihood` by RHOS, and how far each of them lies from the others, 0 of those that
    are left out."""

    likelihood: Floats
    apart: Floats


def told(grid: Grid, codes: Codes, known: Known) -> Told:
    """By location and spread of a numeric column; of a categorical one by the class that parts its rows best."""
    total, aside = known.counts.sum(axis=0), no_value(codes)
    if isinstance(grid, CategoricalGrid):
        share = total / max(float(total.sum()), 1.0)
        most = np.arange(len(total)) == (share * (1 - share)).argmax()
        measured = [Contrast("class", most.astype(float), 1.0, indicator=True)]
    else:
        measured = [c for c in numeric(total, aside, codes.astype(float)).single if not c.indicator]
    useful, kept = known.useful(), known.is_useful
    off = np.zeros(len(known.counts))
    if known.independent or not kept.any():
        return Told(np.ones(len(RHOS)), off)
    each = [apart(useful, contrast) for contrast in measured]
    off[kept] = each[0][0]
    says = [likelihood(useful.arranged, found, sampling, useful.windows) for found, sampling in each]
    return Told(np.prod(says, axis=0), off)


def dependence(columns: list[Told]) -> Floats:
    """The prior of RHOS for each of the columns, shape (columns, RHOS), from the others."""
    general = np.asarray(RHO_PRIOR) / sum(RHO_PRIOR)
    seen = np.stack([c.likelihood for c in columns])
    off = np.diff(np.stack([c.apart for c in columns]), axis=1)  # levels of two dependent series go together by chance
    off = off / np.maximum(np.sqrt((off**2).sum(axis=1, keepdims=True)), TINY)
    alike = (off @ off.T) ** 2
    np.fill_diagonal(alike, 1.0)
    once = 1 / alike.sum(axis=1)  # of columns that say the same, together one
    prior = general
    for _ in range(STEPS):
        prior = GENERAL * general + once @ _shares(seen, prior)
        prior /= prior.sum()
    others = GENERAL * general + ((1 - alike) * once) @ _shares(seen, prior)
    return np.asarray(others / others.sum(axis=1, keepdims=True))


def _shares(seen: Floats, prior: Floats) -> Floats:
    """How likely each of RHOS is for each column."""
    weighed = seen * prior
    return np.asarray(weighed / weighed.sum(axis=1, keepdims=True))
