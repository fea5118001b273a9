"""Whether probabilities mean what they say: reliability curve, calibration error beyond chance, and recalibration.

All from counts by [score class, label], shape (classes, 2), each score at its class's middle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitoring.core.performance import curves
from monitoring.core.performance.metric import Z95, Estimate, proportion, undefined
from monitoring.core.performance.outcome import BinaryOutcome, MulticlassOutcome

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
BINS, ROWS_A_BIN = 15, 20
"""Bins of a curve at most, and rows that each has at least, as far as there are any."""
ERROR_BINS = 20
"""Bins of equal width of the calibration error."""
CERTAIN = 1e-4
"""Scores nearer to 0 and 1 than this count as this far from them, so that one row does not decide a slope."""
STEPS = 50
PRIOR = 0.01
"""Information of the prior that intercept and slope are what they are looked for from."""
CONFIDENT = 0.5
"""Above this share only one class can have the probability, so that it is the predicted one."""


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """Bins of equal mass, ascending: mean score, observed share with its Wilson interval (95 %), and rows."""

    score: Floats
    share: Floats
    lower: Floats
    upper: Floats
    n: Counts


@dataclass(frozen=True, slots=True, eq=False)
class Recalibration:
    """P(label | score) = expit(intercept + slope * logit(score)): Cox (1958). 0 and 1 are perfect.

    A slope below 1 is over-confidence: scores lie further apart than the shares that happen. `covariance` is that of
    both, shape (2, 2).
    """

    intercept: float
    slope: float
    covariance: Floats

    def share(self, scores: Floats) -> Floats:
        """The share to be expected at these scores."""
        from scipy.special import expit

        out: Floats = expit(self.intercept + self.slope * log_odds(scores))
        return out


def log_odds(scores: Floats) -> Floats:
    """logit, of scores held off 0 and 1."""
    inside = np.clip(scores, CERTAIN, 1 - CERTAIN)
    return np.asarray(np.log(inside / (1 - inside)))


def reliability(table: Counts, bins: int = BINS) -> Reliability:
    """Score classes merged to bins of about equal mass; a class is never split."""
    n, scores = table.sum(axis=1).astype(float), curves.MIDDLE
    rows = n.sum()
    bins = int(np.clip(rows // ROWS_A_BIN, 1, bins))
    at = np.minimum(((n.cumsum() - n / 2) / max(rows, 1.0) * bins).astype(int), bins - 1)
    weight, score, hits = (np.bincount(at, w, bins) for w in (n, n * scores, table[:, 1].astype(float)))
    held = weight > 0
    found = [proportion(float(h), float(w), int(w), "") for h, w in zip(hits[held], weight[held], strict=True)]
    share, lower, upper = (np.asarray([getattr(f, name) for f in found]) for name in ("value", "lower", "upper"))
    return Reliability(score[held] / weight[held], share, lower, upper, weight[held].astype(np.int64))


def recalibrate(table: Counts) -> Recalibration | None:
    """Intercept and slope by maximum likelihood; None without both labels."""
    n, hits = table.sum(axis=1).astype(float), table[:, 1].astype(float)
    if not 0 < hits.sum() < n.sum():
        return None
    held = n > 0
    intercept, slope, information = _fitted(n[held], hits[held], log_odds(curves.MIDDLE[held]), (0.0, 1.0))
    return Recalibration(intercept, slope, np.asarray(np.linalg.inv(information)))


def recalibrated(n: Floats, hits: Floats, x: Floats, start: Recalibration) -> tuple[float, float]:
    """Intercept and slope of counts at log odds `x`, looked for from those of `start` on."""
    return _fitted(n, hits, x, (start.intercept, start.slope))[:2]


def _fitted(n: Floats, hits: Floats, x: Floats, start: tuple[float, float]) -> tuple[float, float, Floats]:
    """Newton's steps, none longer than 2, with a prior that only stops a fit without end."""
    from scipy.special import expit

    design, prior = np.stack([np.ones_like(x), x], axis=1), np.asarray(start)
    beta, information = prior.copy(), np.eye(2)
    for _ in range(STEPS):
        p = expit(design @ beta)
        information = design.T @ (design * (n * p * (1 - p))[:, None]) + PRIOR * np.eye(2)
        step = np.linalg.solve(information, design.T @ (hits - n * p) - PRIOR * (beta - prior))
        beta = beta + step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-8:
            break
    return float(beta[0]), float(beta[1]), information


def gap(table: Counts) -> Estimate:
    """Mean score less observed share: above 0 where it predicts too much. Interval: of the share, within bins."""
    n = table.sum(axis=1).astype(float)
    rows = int(n.sum())
    if rows == 0:
        return undefined(0, "no labelled row with a score")
    value = float((n * curves.MIDDLE).sum() - table[:, 1].sum()) / rows
    found = reliability(table)
    spread = found.n * np.maximum(found.share * (1 - found.share), 1.0 / (found.n + 4.0) ** 2)
    half = Z95 * math.sqrt(float(spread.sum())) / rows
    return Estimate(value, value - half, value + half, rows)


def slope(table: Counts) -> Estimate:
    """The slope of the recalibration, its interval from the information; undefined without both labels."""
    rows, found = int(table.sum()), recalibrate(table)
    if found is None:
        return undefined(rows, curves.ONE_CLASS if rows else "no labelled row with a score")
    half = Z95 * math.sqrt(float(found.covariance[1, 1]))
    return Estimate(found.slope, found.slope - half, found.slope + half, rows)


def null_error(table: Counts, bins: int = ERROR_BINS) -> float:
    """The calibration error that chance alone is expected to give a perfectly calibrated score.

    The mean deviation of a binomial share is exact: de Moivre 1730 (Diaconis & Zabell 1991).
    """
    from scipy.special import gammaln

    n = table.sum(axis=1).astype(float)
    of = np.minimum((curves.MIDDLE * bins).astype(int), bins - 1)
    weight, score = np.bincount(of, n, bins), np.bincount(of, n * curves.MIDDLE, bins)
    w = weight[weight > 0]
    p = np.clip(score[weight > 0] / w, 1e-9, 1 - 1e-9)
    m = np.floor(w * p) + 1
    m = np.minimum(m, w)
    log = gammaln(w + 1) - gammaln(m + 1) - gammaln(w - m + 1) + m * np.log(p) + (w - m + 1) * np.log1p(-p)
    return float((2 * m * np.exp(log)).sum() / max(n.sum(), 1.0))


def table_of(outcome: BinaryOutcome | MulticlassOutcome, name: str = "") -> Counts | None:
    """Counts by [score class, label is it] of a class against the rest; "": of the positive, or of the top label.

    The top label is that of probabilities above one half: for those, being predicted and being above are the same.
    None without scores.
    """
    if isinstance(outcome, BinaryOutcome):
        return outcome.scored
    if outcome.scores is None:
        return None
    if name:
        found: Counts = outcome.scores[outcome.classes.index(name)][:-1]
        return found
    above = curves.MIDDLE > CONFIDENT
    return np.where(above[:, None], outcome.scores[:, :-1].sum(axis=0), 0)
