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

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
TINY = 1e-15
RHOS = (0.0, 0.25, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
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
MOST_BLOCKS = 120
"""Windows above which neighbours are taken together, to keep matrices small."""
ALIKE = 0.12
"""Variances within this share of each other are taken as one."""
MOST = 500.0
"""Logarithm of a likelihood's gain beyond which more says no more."""
ALMOST_NOTHING = 1e-9
"""Weights, and directions in which the windows say anything, below this share of the greatest are left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Arrangement:
    """What follows from when the reference's windows are, which are matched and how many rows they hold, whatever those
    are.

    `block` is each window's day (or itself) and `weight` its rows, in units of their mean; a block holds `length`
    windows, and `longer` windows make one that is judged. `onto` (blocks, rank) takes the blocks' sums to the
    directions that the means of the classes leave free, in units of noise. For each of RHOS: `eigenvalues` of the
    effects' correlation in those directions, `turn` their axes, `own` the variance of a new window's effect, `centre`
    that of the mean of each class and `middle` that of the mean of all windows, in units of tau².
    """

    block: Integers
    weight: Floats
    length: float
    longer: int
    onto: Floats
    eigenvalues: tuple[Floats, ...]
    turn: tuple[Floats, ...]
    own: tuple[float, ...]
    centre: tuple[Floats, ...]
    middle: tuple[float, ...]

    def directions(self, apart: Floats) -> Floats:
        """What windows lie apart by, shape (windows, measures), in the directions that the classes' means leave free,
        shape (rank, measures)."""
        sums = np.zeros((len(self.onto), apart.shape[1]))
        np.add.at(sums, self.block, self.weight[:, None] * apart)
        return np.asarray(self.onto.T @ sums)


def arrangement(matched: Integers, times: Integers, rows: Floats, longer: int) -> Arrangement:
    """Of windows by class, by the day each lies in (or its place, where it is a day or more) and by rows; the window
    that is judged is as long as `longer` of them."""
    return _arrangement(
        matched.astype(np.int64).tobytes(),
        (times - times[:1]).astype(np.int64).tobytes(),
        rows.astype(np.float64).tobytes(),
        longer,
    )


@lru_cache(maxsize=32)
def _arrangement(matched_bytes: bytes, times_bytes: bytes, rows_bytes: bytes, longer: int) -> Arrangement:
    matched, times = np.frombuffer(matched_bytes, np.int64), np.frombuffer(times_bytes, np.int64)
    rows = np.frombuffer(rows_bytes, np.float64)
    times = times // max(1, -(-len(np.unique(times)) // MOST_BLOCKS))
    days, block = np.unique(times, return_inverse=True)
    weight = rows / rows.mean()
    into, of = np.zeros((len(rows), len(days))), np.zeros((len(rows), int(matched.max()) + 1))
    into[np.arange(len(rows)), block] = weight
    of[np.arange(len(rows)), matched] = 1.0
    held = of.T @ into  # (classes, blocks)
    share = held / np.maximum(held.sum(axis=1, keepdims=True), TINY)  # of a block in the mean of a class
    information, directions = np.linalg.eigh(np.diag(into.sum(axis=0)) - held.T @ share)
    free = information > ALMOST_NOTHING * information.max(initial=1.0)
    onto = directions[:, free] / np.sqrt(information[free])
    back = directions[:, free] * np.sqrt(information[free])
    whole = into.sum(axis=0) / weight.sum()
    lags = np.arange(1, longer)
    eigenvalues, turns, own, centre, middle = [], [], [], [], []
    for rho in RHOS:
        correlation = rho ** np.abs(np.subtract.outer(days, days)).astype(float)
        values, turn = np.linalg.eigh(back.T @ correlation @ back)
        eigenvalues.append(np.maximum(values, 0.0))
        turns.append(turn)
        own.append((1 + 2 * float(((1 - lags / longer) * rho**lags).sum())) / longer)
        centre.append(np.einsum("ci,ij,cj->c", share, correlation, share))
        middle.append(float(whole @ correlation @ whole))
    length = len(rows) / len(days)
    return Arrangement(
        block, weight, length, longer, onto, tuple(eigenvalues), tuple(turns), tuple(own), tuple(centre), tuple(middle)
    )


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
        logs = logs + np.log1p(drifted * np.expm1(_better(arranged, apart, courses, weighed)))
    return np.asarray(np.exp(logs - logs.max()))


def _better(arranged: Arrangement, apart: Floats, courses: Floats, weighed: _Weighed) -> Floats:
    """How much better it goes on average where they went one of the courses, as a logarithm."""
    of, way, many = arranged.directions(apart[:, None]), arranged.directions(courses), len(apart)
    out = []
    for at in range(len(RHOS)):
        turned, along = arranged.turn[at].T @ of, arranged.turn[at].T @ way
        variance = weighed.noise * (1.0 + arranged.eigenvalues[at][:, None] * (RATIOS / arranged.length))
        matter = (along**2).T @ (1 / variance)
        square = ((along * turned).T @ (1 / variance)) ** 2 / np.maximum(matter, TINY)
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
    """`logs` (RHOS, RATIOS): likelihoods; `tau` the variances that these stand for; `noise` that of rows, and `own`
    that of a window within its block."""

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
    logs = []
    for at in range(len(RHOS)):
        square = ((arranged.turn[at].T @ sums) ** 2).sum(axis=1) / noise
        scale = 1.0 + arranged.eigenvalues[at][:, None] * (RATIOS / arranged.length)
        logs.append(-0.5 * dimensions * (np.log(scale) + square[:, None] / scale).sum(axis=0))
    return _Weighed(np.stack(logs), RATIOS * noise / arranged.length, noise, own)


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
