"""How a reference's windows vary beyond the sampling of their rows, and how sure that is.

Days have effects of their own, and a day resembles the day before: a window lies from the others' mean by an effect of
variance tau² with autocorrelation rho^distance, plus the noise of its rows. A month of days tells neither tau nor rho
well, and what it leaves open decides how far the next window may lie. So neither is estimated: every pair of them is
weighed by its restricted likelihood (Patterson & Thompson 1971) and a prior, and a window's p-value is the mean over
the pairs. That is exact where the prior holds; simulation shows what it does elsewhere (docs/drift.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from monitoring.core.calibration.arrangement import RHOS, Arrangement

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
TINY = 1e-15
RHO_PRIOR, RHO_STEEPNESS = (6.0, 5.0, 4.0, 3.2, 3.2, 3.5, 3.7, 1.0), 4.5
"""How likely each is before anything was seen, times this power over the number of windows of what a day has that the
day before had not: few windows cannot tell that they are not nearly the same, and a prior that does not either would
leave them no power."""
RATIOS = np.concatenate([[0.0], np.exp(np.arange(np.log(0.03), np.log(2000.0), 0.6))])
"""Variance of effects over that of noise. Effects of less than a thirtieth of the noise show nowhere."""
NO_EFFECT = 0.2
"""Prior probability that windows differ by nothing but their rows."""
SLOPE, STEEPNESS, ALONE = 0.25, 20.0, 13.0
"""The prior of small ratios falls with this power of them; that of large ones (of what a day has that the day before
had not, over noise) with this power over the number of windows. Few windows cannot tell that effects are not huge, and
a prior that does not either would leave them no power. Where no other column of the log bears it out, ALONE."""
ALIKE = 0.12
"""Variances within this share of each other are taken as one."""
MOST = 500.0
"""Logarithm of a likelihood's gain beyond which more says no more."""
ALMOST_NOTHING = 1e-9
"""Weights below this share of all are left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Between:
    """What windows may differ by beyond their rows: `weights` (possibilities,) add up to one, `variances`
    (possibilities, classes) are those of a new window less its class's mean. `usual` is the mean variance of a window's
    effect, `counts_as` how many independent windows would tell the reference's mean as well."""

    weights: Floats
    variances: Floats
    usual: float
    counts_as: float

    def tails(self, apart: Floats, at: Integers, sampling: Floats) -> tuple[Floats, Floats]:
        """Upper and lower p-values of windows `apart` from the mean of their class `at`, their rows' own variance being
        `sampling`."""
        from scipy.special import ndtr

        z = apart / np.sqrt(self.variances[:, at] + sampling + TINY)
        return self.weights @ ndtr(-z), self.weights @ ndtr(z)

    def spread(self, at: Integers, sampling: Floats) -> Floats:
        """The mean variance of windows."""
        return np.asarray(self.weights @ self.variances[:, at] + sampling + TINY)


def nothing(classes: int, windows: int) -> Between:
    """Of windows that differ by nothing but their rows."""
    return Between(np.ones(1), np.zeros((1, classes)), 0.0, float(windows))


def between(
    arranged: Arrangement, apart: Floats, sampling: float, classes: Floats, dimensions: float = 1.0,
    prior: Floats | None = None,
) -> Between:  # fmt: skip
    """From the reference's windows, each `apart` from its class's mean; `sampling` is the variance that its rows give
    one of as many as they have on average. `classes` are the windows by class, `prior` that of RHOS and RATIOS where
    something is known of them.

    With `apart` of shape (windows, measures), variances are the sums over all measures, which say as much as so many
    independent `dimensions`.
    """
    m, size = len(apart), len(classes)
    if arranged.onto.shape[1] == 0:
        return nothing(size, m)
    weighed = _weighed(arranged, apart, sampling, classes, dimensions)
    logs = weighed.logs + np.log(general(arranged, ALONE) if prior is None else prior)
    weights = np.exp(logs - logs.max()).ravel()
    weights /= weights.sum()
    alone, middle, centre = (np.asarray(each) for each in (arranged.own, arranged.middle, arranged.centre))
    usual = float(weights @ np.outer(alone, weighed.tau).ravel())
    mean = float(weights @ np.outer(middle, weighed.tau).ravel())
    variances = (weighed.tau[None, :, None] * (alone[:, None] + centre)[:, None, :]).reshape(len(weights), size)
    own = weighed.own
    hour = own * (1 + 1 / np.maximum(classes, 1.0))
    grouped, together = _grouped(weights, variances, sampling)
    counts_as = (usual + own + sampling / arranged.longer) / (mean + (own + sampling) / m)
    return Between(grouped, together + hour, usual + own, min(counts_as, m / arranged.longer))


def likelihood(
    arranged: Arrangement, apart: Floats, sampling: float, classes: Floats,
    courses: Floats | None = None, drifted: float = 0.0,
) -> Floats:  # fmt: skip
    """How well each of RHOS and RATIOS goes with windows, shape (RHOS, RATIOS); the best is 1.

    With probability `drifted` they went one of the `courses`, shape (windows, courses), each around its class's mean;
    how far is as open as one window leaves it (Zellner's g-prior, 1986, with as much as there are windows for g).
    """
    if arranged.onto.shape[1] == 0:
        return np.ones((len(RHOS), len(RATIOS)))
    weighed = _weighed(arranged, apart, sampling, classes, 1.0)
    logs = weighed.logs
    if courses is not None:
        logs = logs + np.log1p(drifted * np.expm1(_better(arranged, courses, weighed)))
    return np.asarray(np.exp(logs - logs.max()))


def _better(arranged: Arrangement, courses: Floats, weighed: _Weighed) -> Floats:
    """How much better it goes on average where they went one of the courses, as a logarithm."""
    way, many = arranged.directions(courses), len(courses)
    out = []
    for turn, turned, scale in zip(arranged.turn, weighed.turned, weighed.scales, strict=True):
        along, information = turn.T @ way, 1 / (weighed.noise * scale)
        matter = (along**2).T @ information
        square = ((along * turned).T @ information) ** 2 / np.maximum(matter, TINY)
        gain = 0.5 * square * many / (1 + many) - 0.5 * np.log(1 + many)
        most = gain.max(axis=0)
        out.append(most + np.log(np.exp(gain - most).mean(axis=0)))
    return np.asarray(np.minimum(np.stack(out), MOST))


def general(arranged: Arrangement, steepness: float = STEEPNESS) -> Floats:
    """The prior of RHOS and RATIOS before anything was seen, shape (RHOS, RATIOS): the fewer directions windows leave
    free, the steeper against large ratios."""
    return _general(max(arranged.onto.shape[1], 1), steepness)


@dataclass(frozen=True, slots=True, eq=False)
class _Weighed:
    """`turned` are the windows along the axes of each of RHOS, (rank, measures), and `scales` their variances there
    over the noise, (rank, RATIOS). `logs` (RHOS, RATIOS): likelihoods; `tau` the variances that these stand for;
    `noise` that of rows, and `own` that of a window within its block."""

    turned: list[Floats]
    scales: list[Floats]
    logs: Floats
    tau: Floats
    noise: float
    own: float


def _weighed(arranged: Arrangement, apart: Floats, sampling: float, classes: Floats, dimensions: float) -> _Weighed:
    apart = apart.reshape(len(apart), -1)
    m, rank = len(apart), arranged.onto.shape[1]
    sums = arranged.directions(apart)
    noise, own = max(sampling, TINY), 0.0
    inside = m - int((classes > 0).sum()) - rank
    if arranged.length > 1 and inside > 0:
        scatter = float((arranged.weight[:, None] * apart**2).sum()) - float((sums**2).sum())
        noise = max(noise, scatter / inside)
        own = noise - sampling
    turned = [turn.T @ sums for turn in arranged.turn]
    scales = [1.0 + values[:, None] * (RATIOS / arranged.length) for values in arranged.eigenvalues]
    logs = []
    for along, scale in zip(turned, scales, strict=True):
        square = (along**2).sum(axis=1) / noise
        logs.append(-0.5 * dimensions * (np.log(scale) + square[:, None] / scale).sum(axis=0))
    return _Weighed(turned, scales, np.stack(logs), RATIOS * noise / arranged.length, noise, own)


@lru_cache(maxsize=128)
def _general(rank: int, steepness: float) -> Floats:
    ratios, new = RATIOS[1:], np.outer(1 - np.square(RHOS), RATIOS[1:])
    some = (ratios / (1 + ratios)) ** SLOPE * (1 + new) ** (-steepness / rank)
    some *= (1 - NO_EFFECT) / some.sum(axis=1, keepdims=True)
    of_ratios = np.column_stack([np.full(len(RHOS), NO_EFFECT), some])
    of_rhos = np.asarray(RHO_PRIOR) * (1 - np.square(RHOS)) ** (RHO_STEEPNESS / rank)
    return np.asarray(of_ratios * (of_rhos / of_rhos.sum())[:, None])


def _grouped(weights: Floats, variances: Floats, sampling: float) -> tuple[Floats, Floats]:
    """Possibilities that come to the same, taken together."""
    key = np.floor(np.log(variances.mean(axis=1) + sampling + TINY) / ALIKE).astype(np.int64)
    _, group = np.unique(key, return_inverse=True)
    held = np.bincount(group, weights=weights)
    sums = np.zeros((len(held), variances.shape[1]))
    np.add.at(sums, group, weights[:, None] * variances)
    kept = held > ALMOST_NOTHING
    return held[kept] / held[kept].sum(), sums[kept] / held[kept, None]
