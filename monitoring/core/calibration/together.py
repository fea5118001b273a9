"""How often chance takes all classes together as far."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitoring.core.calibration.between import between
from monitoring.core.calibration.contingency import contingency
from monitoring.core.calibration.contrasts import Contrasts
from monitoring.core.calibration.windows import Known, Windows

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
LEAST_DEGREES = 3.0
PRIOR_WINDOWS = 60.0
"""Windows that the theory of the statistic's spread is worth, beside the reference's own, where only rows vary: times
the cube of the rows' part of the variance, since it knows nothing of how days differ."""
STEPS, LONGEST = 12, 1.0
"""Newton's steps to a tilt, and how far one may go."""
MISFIT = 0.02
"""How much of the way that a tilt goes it may miss, of Pearson's distance, as measured where days differ much."""
TINY = 1e-15


def together(known: Known, windows: Windows, contrasts: Contrasts) -> Floats:
    """p-values of all classes together, by window."""
    if not known.independent:
        besides = tuple(c.weights for c in contrasts.single if not c.indicator)
        return _omnibus(known, contrasts.bins(float(np.median(known.rows))), besides, windows)
    heaps, counts = known.totals[windows.matched], windows.counts
    if contrasts.ranked:
        binned = np.zeros((2, *counts.shape))
        for at, (heap, window) in enumerate(zip(heaps, counts, strict=True)):
            # which classes are rare is judged by both together: by the reference alone, its chance lows look like gains
            onto = _onto(contrasts.bins(min(window.sum(), heap.sum()), window + heap))
            binned[:, at, : onto.shape[1]] = np.stack([heap, window]) @ onto
        heaps, counts = binned
    return contingency(heaps, counts)


def _omnibus(known: Known, bins: Integers, besides: tuple[Floats, ...], windows: Windows) -> Floats:
    """p-values that the bins' shares are the reference's, other than along the weights `besides`.

    Pearson's statistic against its first two moments, as Rao & Scott (1981, second order) and Thomas & Rao (1987)
    for clustered rows; and against what it is for the reference's own windows.
    """
    from scipy.special import chdtrc, stdtr

    onto = _onto(bins)
    held, counts, mine = known.totals @ onto, windows.counts @ onto, known.counts @ onto
    whole = held.sum(axis=0)
    usual_shares = np.maximum(whole / max(whole.sum(), 1.0), TINY)
    root = np.sqrt(usual_shares)
    along = [(known.totals.sum(axis=0) * w) @ onto / np.maximum(whole, 1.0) for w in besides]
    free = _smooth(root, along) if along else _complement(root)
    one, two = float((free**2).sum()), float(((free**2).sum(axis=0) ** 2).sum())
    if not free.shape[1]:
        return np.ones(len(counts))
    at, rows, own = windows.matched, np.maximum(counts.sum(axis=1), 1.0), np.maximum(mine.sum(axis=1), 1.0)
    heaps = np.maximum(held.sum(axis=1), 1.0)
    base = (held + usual_shares) / (held.sum(axis=1, keepdims=True) + 1.0)  # no bin is quite empty
    of_mine, of_counts = tilted(base[known.matched], mine, along), tilted(base[at], counts, along)
    off = mine / own[:, None] - of_mine
    centre = np.zeros(held.shape)
    np.add.at(centre, known.matched, off * (own / heaps[known.matched])[:, None])
    # rows of a bin that holds more than usual scatter more
    scatter = (free**2).sum(axis=1) / one / usual_shares
    pearson = ((((counts / rows[:, None] - of_counts - centre[at]) / root) @ free) ** 2).sum(axis=1)
    sampling = of_counts @ scatter / rows + (base @ scatter / heaps)[at]
    apart = ((off - centre[known.matched]) / root) @ free
    scaled = apart / np.sqrt(np.maximum(known.lever, TINY))[:, None]
    covariance = scaled.T @ scaled / len(scaled)
    trace, usual = float(np.trace(covariance)), float((of_mine @ scatter / own).mean())
    degrees = max(float(len(own) - int((known.windows > 0).sum())), 3.0)
    beside_rows = max(0.0, trace - usual * one)
    square = degrees**2 / ((degrees - 1) * (degrees + 2)) * (float((covariance**2).sum()) - trace**2 / degrees)
    square_beside = square - 2 * usual * beside_rows * two / one - usual**2 * two
    # in how few directions windows differ: from as many as there are to one
    narrow = float(np.clip(square_beside / max(beside_rows, TINY) ** 2, two / one**2, 1.0))
    dimensions = (usual * one + beside_rows) ** 2 / (
        usual**2 * two + 2 * usual * beside_rows * two / one + beside_rows**2 * narrow
    )
    learned = between(known.arranged, apart, usual * one, known.windows, dimensions, known.prior(""))
    misfit = MISFIT * ((of_counts - base[at]) ** 2 / usual_shares).sum(axis=1)
    varied = learned.variances[:, at]
    expected = sampling * one + varied + misfit
    expected_square = sampling**2 * two + 2 * sampling * (varied + misfit) * two / one + varied**2 * narrow + misfit**2
    free_dimensions = expected**2 / expected_square
    by_moments = learned.weights @ chdtrc(free_dimensions, free_dimensions * pearson / expected)
    # moments know nothing of days that differ in other than straight lines; the reference's own windows do
    share = min(1.0, usual * one / max(trace, TINY))
    seen = _even((scaled**2).sum(axis=1) / max(usual * one + beside_rows, TINY), share)
    beyond = _even(pearson / (learned.weights @ expected), share) - seen.mean()
    prior, theory = PRIOR_WINDOWS * share**3, 2 / dimensions
    pooled = (float(((seen - seen.mean()) ** 2).sum()) + prior * theory) / (len(seen) - 1 + prior)
    spread = np.sqrt(pooled * (1 + 1 / learned.counts_as))
    effective = max(LEAST_DEGREES, learned.counts_as - 1)
    return np.asarray(np.maximum(by_moments, stdtr(effective + prior, -beyond / spread)))


def _even(ratio: Floats, share: float) -> Floats:
    """A statistic over what is expected of it, on a scale where it is nearly normal: its cube root where only rows vary
    (Wilson & Hilferty 1931), its logarithm where windows do; `share` is the rows' part of its variance."""
    power = max(share, 1e-3) / 3
    return np.asarray((np.maximum(ratio, TINY) ** power - 1) / power)


def tilted(base: Floats, counts: Floats, along: list[Floats]) -> Floats:
    """Shares as in `base`, shape (windows, bins), tilted along weights until those have the same mean as in `counts`.

    The maximum likelihood in the exponential family of `base`: along location and scale, what a normal distribution
    becomes when it is moved and stretched. So what a window differs by besides is not mistaken for a change of shape.
    """
    if not along:
        return base
    centred = np.stack(along, axis=1)
    centred = (centred - centred.mean(axis=0)) / np.maximum(centred.std(axis=0), TINY)
    rows = counts.sum(axis=1, keepdims=True)
    target = (counts + base) / (rows + 1.0) @ centred  # with a row as usual, that there always is a maximum
    tilt = np.zeros_like(target)
    shares = base
    for _ in range(STEPS):
        mean = shares @ centred
        spread = np.einsum("wk,ka,kb->wab", shares, centred, centred) - mean[:, :, None] * mean[:, None, :]
        spread += 1e-6 * np.eye(centred.shape[1])
        step = np.linalg.solve(spread, (target - mean)[:, :, None])[:, :, 0]
        tilt += step * np.minimum(1.0, LONGEST / np.maximum(np.abs(step).max(axis=1), TINY))[:, None]
        power = tilt @ centred.T
        shares = base * np.exp(power - power.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
    return np.asarray(shares)


def _onto(bins: Integers) -> Floats:
    """What adds classes up to their bins."""
    onto = np.zeros((len(bins), int(bins.max()) + 1))
    onto[bins >= 0, bins[bins >= 0]] = 1.0
    return onto


def _complement(root: Floats) -> Floats:
    """An orthonormal basis, in coordinates of share / root, of all that leaves their sum as it is."""
    basis, _ = np.linalg.qr(np.column_stack([root, np.eye(len(root))[:, 1:]]))
    return np.asarray(basis[:, 1:])


def _smooth(root: Floats, along: list[Floats]) -> Floats:
    """A basis of all that is uncorrelated with weights `along` of bins in order, from smooth to rough (Neyman 1937):
    the first two directions in full, each further one half as much as the one before."""
    upto = np.cumsum(root**2)
    place = 2 * (upto - root**2 / 2) / upto[-1] - 1
    polynomials = np.polynomial.legendre.legvander(place, len(root) - 1)[:, 1:]
    basis, _ = np.linalg.qr(root[:, None] * np.column_stack([np.ones(len(root)), *along, polynomials]))
    free = basis[:, 1 + len(along) :]
    return np.asarray(free * 0.5 ** (np.maximum(np.arange(free.shape[1]) - 1, 0) / 2))
