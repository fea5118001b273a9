"""How far windows differ and how much they resemble the ones before, learned from all columns of a log together.

A month of one column says little of it: where each day is like the one before, a month counts as a handful of days, and
ten days say hardly how far the next may lie. But days differ, and resemble each other, in all that is measured of them,
more or less. So a log is of some kind, which its columns tell together, and each column's prior is what the others say
of that kind (hierarchical Bayes: Gelman et al. 2013, chapter 5). A column may be of its own kind, and then the general
prior holds. Columns that go together say the same thing twice and count as one.

Windows after the reference say how far windows differ as well as those in it, whatever the level is that they lie
around: each stretch of them is weighed around its own mean. What drifts within it must not be taken for the usual way
of windows, so a step or a slope is an explanation, too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from monitoring.core.calibration.arrangement import RHOS, Arrangement
from monitoring.core.calibration.between import ALONE, RATIOS, general, likelihood
from monitoring.core.calibration.contrasts import Contrast, numeric
from monitoring.core.calibration.linear import apart
from monitoring.core.calibration.windows import Known
from monitoring.core.grid import CategoricalGrid, Grid, no_value

Codes = NDArray[np.int32]
Floats = NDArray[np.float64]
OWN_KIND = 0.1
"""Prior probability that a column is of its own kind, whatever the others are."""
ALIKE_RHOS, ALIKE_RATIOS = 0.25, 0.4
"""How far columns of a kind lie from its middle: in the logarithm of what a window has that the one before had not,
and in that of its variance over the noise's, beyond SMALL, below which it shows nowhere."""
SMALL = 0.3
DRIFTED = 0.2
"""Prior probability that something drifted within a stretch of windows after the reference."""
COURSES = 30
"""Steps that are tried in a stretch, at most."""
OTHERS = 0.5
"""Columns beside, those that go together counted as one, below which nothing bears out what is said of a column."""
TINY = 1e-300


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What a column's windows say: `likelihood` of RHOS and RATIOS by what was measured, each of shape (RHOS, RATIOS),
    how they are `arranged`, and how far each of its windows lies from the others, 0 of those that are left
    out. `later` is the likelihood by those after the reference."""

    likelihood: dict[str, Floats]
    arranged: Arrangement
    apart: Floats
    later: dict[str, Floats] = field(default_factory=dict)

    def in_all(self, name: str) -> Floats:
        """The likelihood of what was measured by all windows; even where it was not."""
        nothing = np.ones((len(RHOS), len(RATIOS)))
        return self.likelihood.get(name, nothing) * self.later.get(name, nothing)


def told(grid: Grid, codes: Codes, known: Known) -> Told:
    """What the reference's windows say, counted by these classes."""
    useful, kept = known.useful(), known.is_useful
    off = np.zeros(len(known.counts))
    if known.independent or not kept.any():
        return Told({}, known.arranged, off)
    says = {}
    for contrast in _measured(grid, codes, known):
        found, sampling = apart(useful, contrast)
        says[contrast.name] = likelihood(useful.arranged, found, sampling, useful.windows)
        if len(says) == 1:
            off[kept] = found
    return Told(says, useful.arranged, off)


def told_later(grid: Grid, codes: Codes, known: Known, stretch: Known) -> dict[str, Floats]:
    """How well each of RHOS and RATIOS goes with a stretch of windows after the reference, by what is measured."""
    useful = stretch.useful()
    if not len(useful.rows):
        return {}
    courses, says = _courses(useful), {}
    for contrast in _measured(grid, codes, known):
        found, sampling = apart(useful, contrast)
        says[contrast.name] = likelihood(useful.arranged, found, sampling, useful.windows, courses, DRIFTED)
    return says


def _measured(grid: Grid, codes: Codes, known: Known) -> list[Contrast]:
    """Location and spread of a numeric column; of a categorical one the class that parts the reference's rows best."""
    total, aside = known.counts.sum(axis=0), no_value(codes)
    if not isinstance(grid, CategoricalGrid):
        return [c for c in numeric(total, aside, codes.astype(float)).single if not c.indicator]
    share = total / max(float(total.sum()), 1.0)
    most = np.arange(len(total)) == (share * (1 - share)).argmax()
    return [Contrast("class", most.astype(float), 1.0, indicator=True)]


def _courses(stretch: Known) -> Floats:
    """Steps and a slope that a drift within a stretch may have taken, each around the mean of every class of windows,
    shape (windows, courses)."""
    many = len(stretch.rows)
    at = np.arange(1, many, max(1, -(-many // COURSES)))
    of = np.column_stack([np.arange(many)[:, None] >= at, np.arange(many) / max(many - 1, 1)])
    return np.asarray(of - stretch.means(of)[stretch.matched])


def priors(columns: list[Told]) -> list[dict[str, Floats]]:
    """For each of the columns the prior of RHOS and RATIOS from the others, and from its own windows after the
    reference, by what is measured; "" of anything else.

    A log has a kind: a middle of its columns' dependence, which is the same whatever is measured, and for each measure
    one of how far windows differ. Every middle is weighed by how well the other columns go with it.
    """
    off = np.diff(np.stack([c.apart for c in columns]), axis=1)  # levels of two dependent series go together by chance
    off = off / np.maximum(np.sqrt((off**2).sum(axis=1, keepdims=True)), TINY)
    chance = 1 / max(off.shape[1], 2)
    alike = np.maximum((off @ off.T) ** 2 - chance, 0.0) / (1 - chance)
    np.fill_diagonal(alike, 1.0)
    once = 1 / alike.sum(axis=1)  # of columns that say the same, together one
    kinds = [_kinds(general(c.arranged).tobytes()) for c in columns]
    says = {  # logarithms of how well each column goes with each middle
        name: np.log([np.tensordot(k.holds, c.in_all(name), axes=2) for c, k in zip(columns, kinds, strict=True)])
        for name in sorted({name for c in columns for name in c.likelihood})
    }  # fmt: skip
    out = []
    for at, column in enumerate(columns):
        weights = (1 - alike[at]) * once
        kind = kinds[at] if weights.sum() >= OTHERS else _kinds(general(column.arranged, ALONE).tobytes())
        found = {name: np.log(kind.prior) + np.tensordot(weights, each, axes=1) for name, each in says.items()}
        of_rho = {name: _log_sum(each) for name, each in found.items()}
        before = np.log(kind.prior.sum(axis=1))
        mine = {}
        for name, each in found.items():
            others = sum((of_rho[other] - before for other in found if other != name), np.zeros(len(before)))
            middle = each + others[:, None]
            middle = np.exp(middle - middle.max())
            mine[name] = np.tensordot(middle / middle.sum(), kind.holds, axes=2)
            if name in column.later:
                mine[name] *= column.later[name]
                mine[name] = np.maximum(mine[name] / mine[name].sum(), TINY)
        if mine:
            mine[""] = np.mean(list(mine.values()), axis=0)
        out.append(mine)
    return out


@dataclass(frozen=True, slots=True, eq=False)
class _Kinds:
    """Kinds of logs, by the middle of RHOS and of RATIOS: how likely each is, (RHOS, RATIOS), and what its columns are,
    (RHOS, RATIOS, RHOS, RATIOS)."""

    prior: Floats
    holds: Floats


@lru_cache(maxsize=32)
def _kinds(general_bytes: bytes) -> _Kinds:
    """All kinds together are as the general prior."""
    general = np.frombuffer(general_bytes).reshape(len(RHOS), len(RATIOS))
    rhos = _near(-np.log(1 - np.asarray(RHOS)), ALIKE_RHOS)
    ratios = _near(np.log(1 + RATIOS / SMALL), ALIKE_RATIOS)
    joint = np.einsum("ij,di,cj->dcij", general, rhos, ratios)
    prior = joint.sum(axis=(2, 3))
    return _Kinds(prior, (1 - OWN_KIND) * joint / prior[:, :, None, None] + OWN_KIND * general)


def _near(values: Floats, width: float) -> Floats:
    """How likely each value comes of each middle, shape (middles, values)."""
    near = np.exp(-0.5 * (np.subtract.outer(values, values) / width) ** 2)
    return np.asarray(near / near.sum(axis=0))


def _log_sum(logs: Floats) -> Floats:
    """The logarithm of the sum over the last axis."""
    most = logs.max(axis=-1, keepdims=True)
    return np.asarray(np.log(np.exp(logs - most).sum(axis=-1)) + most[..., 0])
