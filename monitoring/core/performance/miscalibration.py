"""Whether a window's probabilities are off by more than the reference's are, beyond chance.

The reference's own recalibration (Cox 1958) says which share to expect at each score. A window may have moved from it
in level (too much or too little is predicted) and, at its own level, in slope (over- or under-confidence), both in log
odds. How far chance moves it is the sampling error at the window's size, as the root of the likelihood ratio has it,
plus the reference's own error, plus what windows vary by beyond theirs, over all that it may be.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from monitoring.core.performance import curves
from monitoring.core.performance.reliability import STEPS, Counts, Recalibration, log_odds, recalibrate, recalibrated
from monitoring.core.performance.varying import FEWEST_PIECES, Varying, of_pieces

Floats = NDArray[np.float64]
Aspect = Literal["level", "slope"]
ASPECTS: tuple[Aspect, ...] = ("level", "slope")
FEWEST_ROWS, FEWEST_EVENTS = 100, 20
"""Labelled rows, and rows of either label, below which nothing is said of a window, or learned from a reference."""
LEVELS = {"level": (0.2, 0.5), "slope": (0.2, 0.4)}
"""What is off enough to matter, warning and breached: the level in log odds (.2: 22 % more or less likely), the slope
as its distance from 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """What the reference says of calibration: its recalibration, and what windows vary by. One is `longer` pieces."""

    recalibration: Recalibration
    varying: dict[Aspect, Varying]
    pieces: int
    longer: int

    @property
    def spread_known(self) -> bool:
        """Whether the reference has pieces enough to say what windows vary by."""
        return self.pieces >= FEWEST_PIECES


@dataclass(frozen=True, slots=True)
class Found:
    """One aspect of a window: mean score less observed share, or the slope.

    `expected` is what the reference would have it be. `score` is how far it lies beyond that, in standard deviations of
    chance, `quantile` the bound on either side; `warning` and `breached` are levels on its own side of `expected`.
    """

    expected: float
    score: float
    quantile: float
    warning: float
    breached: float

    @property
    def beyond(self) -> bool:
        """Whether chance alone would hardly go as far."""
        return abs(self.score) > self.quantile

    def reaches(self, value: float, level: float) -> bool:
        """Whether a value lies beyond chance, and beyond a level of these."""
        above = self.score > 0
        return self.beyond and (value >= level if above else value <= level)


def learn(whole: Counts, pieces: Sequence[Counts], longer: int = 1) -> Learned | None:
    """Calibration as it is in the reference, and by how much it varies from piece to piece; None with too few labels.

    With fewer than FEWEST_PIECES, sampling error is all that is known.
    """
    known = recalibrate(whole)
    if known is None or whole.sum() < FEWEST_ROWS or whole.sum(axis=0).min() < FEWEST_EVENTS:
        return None
    usable = [_Part(p, known) for p in pieces if p.sum()]
    varying = {aspect: of_pieces([p.score(aspect) for p in usable]) for aspect in ASPECTS}
    return Learned(known, varying, len(usable), longer)


def lacking(table: Counts, learned: Learned) -> str:
    """What a window lacks for anything to be said of its calibration; "" where nothing.

    Events are those to be expected: were it those that happened, good windows would be passed over.
    """
    rows = table.sum(axis=1).astype(float)
    expected = float((rows * learned.recalibration.share(curves.MIDDLE)).sum())
    events = min(expected, float(rows.sum()) - expected)
    if rows.sum() < FEWEST_ROWS:
        return f"{rows.sum():,.0f} labelled rows with a score; at least {FEWEST_ROWS} are needed"
    if events < FEWEST_EVENTS:
        return f"{events:,.0f} rows of one label are to be expected; at least {FEWEST_EVENTS} are needed"
    return ""


def held_against(table: Counts, learned: Learned, aspect: Aspect, chance: float) -> Found:
    """One aspect of a window that lacks nothing, against the reference; `chance` of being beyond it, both sides."""
    from scipy.special import ndtr, ndtri

    part = _Part(table, learned.recalibration)
    moved, sampling = part.moved(aspect)
    varying = learned.varying[aspect]
    spread = np.sqrt(sampling + part.reference(aspect) + varying.of_window(learned.longer, learned.pieces))

    def as_far(distance: float) -> float:
        return float((varying.weight * 2 * ndtr(-distance / spread)).sum())

    quantile = -float(ndtri(chance / 2))
    limit = quantile * float(spread[0])
    for _ in range(STEPS):  # Newton's, from below: the chance is convex there, so that none goes too far
        falls = varying.weight * math.sqrt(2 / math.pi) * np.exp(-((limit / spread) ** 2) / 2) / spread
        step = (as_far(limit) - chance) / max(float(falls.sum()), 1e-300)
        limit += step
        if step <= 1e-12 * limit:
            break
    score = -float(ndtri(max(as_far(abs(moved)), 1e-300) / 2))
    return part.found(aspect, moved, score, quantile, limit)


class _Part:
    """Labelled rows beside the shares that the reference has them have."""

    def __init__(self, table: Counts, known: Recalibration) -> None:
        held = table.sum(axis=1) > 0
        self.known, self.scores = known, curves.MIDDLE[held]
        self.n, self.hits = table.sum(axis=1)[held].astype(float), table[held, 1].astype(float)
        self.x = log_odds(self.scores)
        self.odds = known.intercept + known.slope * self.x
        self.rows, self.events = float(self.n.sum()), float(self.hits.sum())
        # none, or nothing but events: half a row, so that odds have a logarithm
        self.target = float(np.clip(self.events, 0.5, self.rows - 0.5))

    def score(self, aspect: Aspect) -> tuple[float, float]:
        """The score at what the reference expects (for the slope: at the part's own level), and its information."""
        from scipy.special import expit

        p = expit(self.odds + (self._level() if aspect == "slope" else 0.0))
        v = self.n * p * (1 - p)
        if aspect == "level":
            return self.events - float((self.n * p).sum()), float(v.sum())
        x = self.x - float((v * self.x).sum()) / max(float(v.sum()), 1e-12)
        return float((x * (self.hits - self.n * p)).sum()), float((v * x**2).sum())

    def moved(self, aspect: Aspect) -> tuple[float, float]:
        """By how much intercept or slope moved, and the sampling variance that its likelihood ratio amounts to.

        The root of the ratio is nearly normal in small samples where the estimate is not.
        """
        level = self._level()
        if aspect == "level":
            at, ratio = level, self._deviance(self.odds) - self._deviance(self.odds + level)
        else:
            fitted = recalibrated(self.n, self.hits, self.x, self.known)
            at = fitted[1] - self.known.slope
            ratio = self._deviance(self.odds + level) - self._deviance(fitted[0] + fitted[1] * self.x)
        information = self.score(aspect)[1]
        return at, at**2 / ratio if ratio > 1e-9 else 1 / max(information, 1e-12)

    def reference(self, aspect: Aspect) -> float:
        """The variance of what the reference expects here, of intercept or slope."""
        if aspect == "slope":
            return float(self.known.covariance[1, 1])
        from scipy.special import expit

        p = expit(self.odds)
        v = self.n * p * (1 - p)
        lever = np.asarray([1.0, float((v * self.x).sum() / max(v.sum(), 1e-12))])
        return float(lever @ self.known.covariance @ lever)

    def found(self, aspect: Aspect, moved: float, score: float, quantile: float, far: float) -> Found:
        """The aspect in the unit that people know: predicted less observed share, or the slope."""
        side = 1.0 if moved >= 0 else -1.0
        steps = LEVELS[aspect]
        if aspect == "slope":
            expected, off = self.known.slope, abs(self.known.slope - 1)
            limit = expected + side * far
            warning, breached = (1 + side * max(side * (limit - 1), off, step) for step in steps)
            return Found(expected, side * score, quantile, warning, breached)
        mean = float((self.n * self.scores).sum()) / self.rows
        expected = mean - self._share(0.0)
        limit = mean - self._share(side * far)
        own = math.log(mean / (1 - mean))
        least = [mean - 1 / (1 + math.exp(-own - side * step)) for step in steps]
        # more is observed than expected where less was predicted: the gap goes the other way
        warning, breached = (-side * max(-side * limit, abs(expected), -side * step) for step in least)
        return Found(expected, -side * score, quantile, warning, breached)

    def _share(self, level: float) -> float:
        """The share to be expected with log odds moved by as much."""
        from scipy.special import expit

        return float((self.n * expit(self.odds + level)).sum()) / self.rows

    def _level(self) -> float:
        """By how much log odds must move for as many events to be expected as there were."""
        from scipy.special import expit, logit

        wanted, at = float(logit(self.target / self.rows)), 0.0
        for _ in range(STEPS):
            p = expit(self.odds + at)
            share = float((self.n * p).sum()) / self.rows
            rises = float((self.n * p * (1 - p)).sum()) / (self.rows * share * (1 - share))
            step = (wanted - float(logit(share))) / max(rises, 1e-3)
            at = float(np.clip(at + np.clip(step, -2, 2), -20, 20))
            if abs(step) < 1e-9:
                break
        return at

    def _deviance(self, odds: Floats) -> float:
        return -2 * float((self.hits * odds - self.n * np.logaddexp(0, odds)).sum())
