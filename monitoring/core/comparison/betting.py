"""Evidence that may be looked at any time: an e-process by betting, and a confidence sequence for a mean.

Of bounded differences x in [-1, 1] that come one after another, a gambler stakes the share b of what he has on each:
he wins b x. Somebody who cannot win on average cannot become rich: with capital 1 at first, the chance of ever having
1/alpha is alpha at most (Ville 1939), so that capital is evidence, however often one looks and whenever one stops.

The capital is the mean of that of 12 fixed stakes, "diversified Kelly betting" (Waudby-Smith & Ramdas 2024, JRSS-B
86:1, section 5.6). Each stake is fixed from the beginning, which makes the guarantee hold for means that drift, too:

    prod(1 + b x_i) = N * prod(1 + b d_i),    d_i the expectation of x_i given all before it,

N is a martingale of mean 1, and prod(1 + b d_i) <= (1 + b m)^t for m the mean of d_1 .. d_t. So prod((1 + b x_i) /
(1 + b m)) <= N where m is the true mean up to now, whatever its course: it is what is kept below of a hypothetical m.

Differences that resemble those before are less evidence than they seem: an expectation that wanders above and below 0
is none of 0, but is nobody's gain either. So a toll is taken off what was won: exp(-b^2 (k - 1) sum(x_i^2) / 2), with k
the variance of a mean of such differences in that of independent ones, by their correlations as they were seen up to
now: (1 + r) / (1 - r) of that with the one before (Bartlett 1946), or, where that is more, 1 + 2 sum(r_h) over the
first four lags, for what lasts may lie under noise, and then r is small, and r_2 hardly smaller. The toll is 1 or
less, so that the guarantee is kept as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitoring.core.diagnosis.interval import Floats

ALPHA = 0.05
"""The chance of ever being wrong, of both directions together."""
NEEDED = 2 / ALPHA
"""The e-value at which a direction may be declared."""
STAKES: Floats = 0.95 * 2.0 ** -(np.arange(12) / 2)
"""Shares that are staked, from 0.95 down to 0.02. A mean m of differences of variance v is found soonest at m / v."""
MOST_ALIKE = 0.9
"""The strongest correlation with the one before that a toll is taken for."""
LAGS, PER_LAG = 4, 4
"""How far back they are compared, and how many there must be for each step back: fewer say nothing."""
STEPS = 40
"""Bisections of [-1, 1]."""


@dataclass(frozen=True, slots=True)
class Wealth:
    """Where two gamblers stand after some differences: one bets on a mean above 0, one below. `logs` of `above` and
    `below` are of each stake: log prod(1 + b x) and log prod(1 - b x), less the toll, shape (stakes,)."""

    n: int
    total: float
    above: Floats
    below: Floats

    @property
    def mean(self) -> float:
        """Of the differences; NaN without any."""
        return self.total / self.n if self.n else float("nan")

    @property
    def log_e_above(self) -> float:
        """The logarithm of the e-value against a mean of 0 or less."""
        return float(_pooled(self.above))

    @property
    def log_e_below(self) -> float:
        """The logarithm of the e-value against a mean of 0 or more."""
        return float(_pooled(self.below))

    def ends(self, alpha: float = ALPHA) -> tuple[float, float]:
        """A confidence sequence's interval: the mean up to now lies in it at every time, but with chance alpha."""
        if self.n == 0:
            return -1.0, 1.0
        level = np.log(2 / alpha)
        return _end(self.above, self.n, level), -_end(self.below, self.n, level)


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """All of it, difference by difference: e-values (logarithms) and wealth, shape (n,) and (n, stakes)."""

    differences: Floats
    above: Floats
    below: Floats

    @property
    def log_e(self) -> tuple[Floats, Floats]:
        """Logarithms of both e-values after each difference."""
        return _pooled(self.above), _pooled(self.below)

    def at(self, n: int) -> Wealth:
        """Where the gamblers stand after n differences."""
        if n == 0:
            return Wealth(0, 0.0, np.zeros(len(STAKES)), np.zeros(len(STAKES)))
        return Wealth(n, float(self.differences[:n].sum()), self.above[n - 1], self.below[n - 1])

    def crossed(self) -> tuple[int, int]:
        """After how many differences each direction could first be declared: above 0, below 0; 0 for never."""
        found = []
        for logs in self.log_e:
            over = logs >= np.log(NEEDED)
            found.append(int(over.argmax()) + 1 if over.any() else 0)
        return found[0], found[1]


def played(differences: Floats) -> Course:
    """Bet on differences in their order. Raises ValueError for one that is not in [-1, 1]."""
    x = np.asarray(differences, dtype=float)
    if not np.all(np.abs(x) <= 1):
        raise ValueError("differences must lie in [-1, 1]: otherwise a stake could lose more than all")
    toll = STAKES**2 / 2 * ((inflation(x) - 1) * np.cumsum(x**2))[:, None]
    up, down = (np.cumsum(np.log1p(side * x[:, None] * STAKES), axis=0) - toll for side in (1, -1))
    return Course(x, up, down)


def inflation(differences: Floats) -> Floats:
    """By how much the mean of differences varies more, after each of them, because they resemble those before: 1 where
    they do not, shape (n,)."""
    x = np.asarray(differences, dtype=float)
    alike = [_correlation(x, lag) for lag in range(1, LAGS + 1)]
    one = np.clip(alike[0], 0.0, MOST_ALIKE)
    more = np.where(one > 0, 2 * np.sum(alike, axis=0), 0.0)
    return np.asarray(np.maximum((1 + one) / (1 - one), 1 + more))


def _correlation(x: Floats, lag: int) -> Floats:
    """That of differences with those `lag` before, of all up to each of them, corrected for its bias of -1/n; 0 of too
    few, and of such as do not vary."""
    if len(x) < PER_LAG * lag:
        return np.zeros(len(x))
    n, total = np.arange(1, len(x) + 1), np.cumsum(x)
    mean = total / n
    spread = np.cumsum(x**2) - n * mean**2
    before = np.concatenate([np.zeros(lag), x[:-lag]])
    first, last = total[lag - 1], total - np.concatenate([np.zeros(lag), total[:-lag]])
    together = np.cumsum(x * before) - mean * (2 * total - first - last) + (n - lag) * mean**2
    known = (n >= PER_LAG * lag) & (spread > 1e-12)
    return np.where(known, together / np.where(known, spread, 1.0) + 1 / n, 0.0)


def _pooled(logs: Floats) -> npt.NDArray[np.float64]:
    """The logarithm of the mean capital of all stakes."""
    top = logs.max(axis=-1, keepdims=True)
    return np.asarray(top[..., 0] + np.log(np.exp(logs - top).mean(axis=-1)))


def _end(logs: Floats, n: int, level: float) -> float:
    """The largest mean against which the capital is still `level` (a logarithm) or more: it falls as the mean rises."""
    low, high = -1.0, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        rich = _pooled(logs - n * np.log1p(STAKES * middle)) >= level
        low, high = (middle, high) if rich else (low, middle)
    return low
