"""How far the calibration curve may be off: from the reference's size, and from one stretch of time to the next.

A window's curve is taken as the reference's, tilted: logit P(label | score class) moves by theta . basis, the basis
being 1, the standardised logit of the score and its bend: a level, a steepness and a curvature. What windows vary by
has a level and a steepness only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitoring.core.estimation.calibrator import sides

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

FEWEST = 5
"""Pieces of reference below which their spread says nothing."""
CHANCE = 0.1
"""Pieces that vary no more than chance would in one of ten references are taken not to vary: what the method of
moments makes of chance alone would widen every band."""
RIDGE = 0.5
FAR = 4.0
"""Standard deviations of the logit beyond which the tilt goes no further."""


@dataclass(frozen=True, slots=True, eq=False)
class Tilt:
    """`basis` (classes, 3); `fitted` the covariance (3, 3) of the reference's own tilt, `between` that of windows
    around it, by `pieces` of the reference, whose degrees of freedom a t distribution takes into account.
    """

    basis: Floats
    fitted: Floats
    between: Floats
    pieces: int


def tilt(tables: Counts, curve: Floats) -> Tilt:
    """From the reference's counts by piece, shape (pieces, classes, 2), and its curve.

    The sampling error is that of the score equations (Fisher information); what pieces vary beyond it, if it is more
    than chance, is put down to tilts of their own.
    """
    kept = tables[tables.sum(axis=(1, 2)) > 0].astype(float)
    n, k = kept.sum(axis=2), len(kept)
    basis = _basis(n.sum(axis=0))
    weight = n * curve * (1 - curve)
    total = np.einsum("s,si,sj->ij", weight.sum(axis=0), basis, basis) + RIDGE * np.eye(3)
    fitted, between = np.linalg.inv(total), np.zeros((3, 3))
    if k >= FEWEST:
        scores = np.einsum("ws,si->wi", kept[:, :, 1] - n * curve, basis[:, :2])
        information = np.einsum("ws,si,sj->wij", weight, basis[:, :2], basis[:, :2])
        between[:2, :2] = _between(scores, information)
    return Tilt(basis, fitted + between / max(k, 1), between, k)


def _between(scores: Floats, information: Floats) -> Floats:
    """Covariance of the pieces' own tilts, from the score equations (pieces, 2) and their information (pieces, 2, 2).

    By the method of moments (as DerSimonian & Laird 1986, in two dimensions and for pieces of unequal size): the sum of
    U U' k / (k - 1) - I over pieces is that of I T I.
    """
    from scipy.special import chdtri

    k = len(scores)
    if np.einsum("wi,wij,wj->", scores, np.linalg.pinv(information), scores) < chdtri(2 * (k - 1), CHANCE):
        return np.zeros((2, 2))
    excess = np.einsum("wi,wj->ij", scores, scores) * k / (k - 1) - information.sum(axis=0)
    spread = np.einsum("wij,wkl->ikjl", information, information).reshape(4, 4)
    found = np.linalg.lstsq(spread, excess.reshape(4), rcond=None)[0].reshape(2, 2)
    return _positive((found + found.T) / 2, information.mean(axis=0) + RIDGE * np.eye(2))


def tilted(curve: Floats, around: Tilt, draws: int, rng: np.random.Generator) -> Floats:
    """Curves that may hold in a window, shape (draws, classes)."""
    theta = rng.standard_normal((draws, 3)) @ _root(around.fitted).T
    own = rng.standard_normal((draws, 3)) @ _root(around.between).T
    if around.between.any():
        degrees = around.pieces - 1
        own /= np.sqrt(rng.chisquare(degrees, (draws, 1)) / degrees)
    moved = np.log(curve / (1 - curve)) + (theta + own) @ around.basis.T
    found: Floats = 1 / (1 + np.exp(-moved))
    return found


def _basis(n: Floats) -> Floats:
    """1, the logit and its bend of each class, the latter two standardised by the reference's rows `n` and free of one
    another there; 0 for a missing score."""
    known = n[:-1] / max(float(n[:-1].sum()), 1.0)
    columns = [np.ones(len(n))]
    for raw in (sides().sum(axis=1), sides()[:, 0] - sides()[:, 1]):
        for other in columns:
            raw = raw - other[:-1] * (known * other[:-1] * raw).sum()
        spread = float(np.sqrt((known * raw**2).sum()))
        columns.append(np.append(np.clip(raw / (spread or 1.0), -FAR, FAR), 0.0))
    return np.stack(columns, axis=1)


def _positive(matrix: Floats, information: Floats) -> Floats:
    """The nearest covariance that is nowhere below 0, in units of the pieces' own sampling error."""
    root = np.linalg.cholesky(information)
    values, vectors = np.linalg.eigh(root.T @ matrix @ root)
    back = np.linalg.inv(root.T)
    found: Floats = back @ (vectors * np.maximum(values, 0.0)) @ vectors.T @ back.T
    return found


def _root(covariance: Floats) -> Floats:
    values, vectors = np.linalg.eigh(covariance)
    found: Floats = vectors * np.sqrt(np.maximum(values, 0.0))
    return found
