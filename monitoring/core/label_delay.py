"""How long labels take: the delay curve, learned from counts of predictions and labels by slot.

The newest predictions have not been waited for as long as the oldest, so their missing labels are censored, not
absent: the curve is the product-limit estimate (Kaplan & Meier 1958) on grouped data, exact from the summaries'
cells, for these hold the slot a label was known in beside that of its prediction.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Slotted = NDArray[np.int64]
Floats = NDArray[np.float64]

FEWEST = 30
"""Labels below which nothing is said of their delay; predictions waited for below which the curve ends."""
LOOK_BACK = 13 * 7 * 24
"""Slots of predictions that the curve is learned from: a quarter. Twice and more where labels take longer."""
TAIL, STILL_RISING = 0.75, 0.05
"""The curve has settled when no more than a twentieth of its labels came in the last quarter of the delays seen."""
MATURE = 0.95
"""Share of the labels that will ever come, from which a window is mature: one in twenty may still be to come."""


@dataclass(frozen=True, slots=True, eq=False)
class Arrivals:
    """Predictions by slot, and their labels by slot and slot known. `slots` and `of` ascend; `slots` are unique."""

    slots: Slotted
    predictions: Slotted
    of: Slotted
    known: Slotted
    labels: Slotted

    def since(self, first: int) -> Arrivals:
        """The predictions from slot `first` on, with their labels."""
        a, b = np.searchsorted(self.slots, first), np.searchsorted(self.of, first)
        return Arrivals(self.slots[a:], self.predictions[a:], self.of[b:], self.known[b:], self.labels[b:])

    def chosen(self, kept: Callable[[Slotted], NDArray[np.bool_]]) -> Arrivals:
        """The predictions of some slots, with their labels."""
        a, b = kept(self.slots), kept(self.of)
        return Arrivals(self.slots[a], self.predictions[a], self.of[b], self.known[b], self.labels[b])

    def known_by(self, horizon: int) -> Arrivals:
        """What there was to see before slot `horizon`."""
        a = np.searchsorted(self.slots, horizon)
        kept = (self.known < horizon) & (self.of < horizon)
        return Arrivals(self.slots[:a], self.predictions[:a], self.of[kept], self.known[kept], self.labels[kept])

    @property
    def last_known(self) -> int | None:
        """The slot in which the newest label was known; None without a label."""
        return int(self.known.max()) if len(self.known) else None


@dataclass(frozen=True, slots=True, eq=False)
class DelayCurve:
    """`shares[d]`: the share of predictions that have a label d slots after their own, or sooner.

    Past its end the curve stays level: it has settled.
    """

    shares: Floats
    labels: int

    @property
    def ever(self) -> float:
        """The share of predictions that ever get a label."""
        return float(self.shares[-1])

    def share(self, delays: Slotted) -> Floats:
        """The share of predictions that have a label so many slots after theirs; 0 for one not yet made."""
        at = np.clip(delays, 0, len(self.shares) - 1)
        out: Floats = np.where(np.asarray(delays) < 0, 0.0, self.shares[at])
        return out

    def within(self, share: float) -> int:
        """Slots within which that share of the labels that ever come has come; at least one."""
        return max(1, int(np.searchsorted(self.shares, share * self.ever - 1e-12)))


@dataclass(frozen=True, slots=True)
class NotLearned:
    """Why there is no curve."""

    reason: str


def learn(arrivals: Arrivals, horizon: int) -> DelayCurve | NotLearned:
    """The delay curve of what was seen before slot `horizon`, from the newest LOOK_BACK slots of it.

    Where the curve has not settled within them, the look-back is doubled, up to all there is.
    """
    seen = arrivals.known_by(horizon)
    if not len(seen.slots):
        return NotLearned("no prediction yet")
    if int(seen.labels.sum()) < FEWEST:
        return NotLearned(f"{int(seen.labels.sum()):,} labels have come; at least {FEWEST} are needed")
    back, longest = LOOK_BACK, horizon - int(seen.slots[0])
    while True:
        recent = seen.since(horizon - back)
        shares = _product_limit(recent, horizon)
        n = int(recent.labels.sum())
        if len(shares) and n >= FEWEST and _settled(shares):
            return DelayCurve(shares, n)
        if back >= longest:
            return NotLearned("labels take too long for this log to say yet how many are still to come")
        back *= 2


def expected_since(curve: DelayCurve, arrivals: Arrivals, last: int, horizon: int) -> float:
    """Labels to be expected in the slots (last, horizon) by a curve, given what had come up to slot `last`."""
    before = arrivals.known_by(last + 1)
    have = np.zeros(len(arrivals.slots))
    np.add.at(have, np.searchsorted(arrivals.slots, before.of), before.labels)
    then = curve.share(last - arrivals.slots)
    now = curve.share(horizon - 1 - arrivals.slots)
    waiting = np.maximum(arrivals.predictions - have, 0.0)
    hazard = np.divide(now - then, 1.0 - then, out=np.zeros_like(now), where=then < 1.0)
    return float((waiting * hazard).sum())


def duration(slots: int) -> str:
    """Hours in words: "5 h", "3 d"."""
    if slots < 48:
        return f"{slots} h"
    days = slots / 24
    return f"{math.ceil(days * 2) / 2:g} d"


def words(curve: DelayCurve) -> str:
    """ "half arrive within 5 h, 95 % within 3 d" """
    return f"half arrive within {duration(curve.within(0.5))}, 95 % within {duration(curve.within(MATURE))}"


def _product_limit(arrivals: Arrivals, horizon: int) -> Floats:
    """1 - product of (1 - hazard): at delay d only predictions are looked at that have been waited for so long."""
    if not len(arrivals.slots):
        return np.zeros(0)
    longest = horizon - int(arrivals.slots[0])
    ages = horizon - 1 - arrivals.slots
    made = np.bincount(ages, arrivals.predictions, longest)
    waited = made[::-1].cumsum()[::-1]  # predictions at least so old
    enough = int(np.count_nonzero(waited >= FEWEST))
    delays = np.clip(arrivals.known - arrivals.of, 0, longest)
    events = np.bincount(delays, arrivals.labels, longest + 1)[:longest]
    # a label that came at delay d leaves the count of those at risk from d + 1 until its prediction's age ends it
    left = np.bincount(delays + 1, arrivals.labels, longest + 2)[: longest + 1]
    left -= np.bincount(horizon - arrivals.of, arrivals.labels, longest + 2)[: longest + 1]
    at_risk = waited - left.cumsum()[:longest]
    hazard = np.divide(events, at_risk, out=np.zeros(longest), where=at_risk > 0)
    out: Floats = 1.0 - np.cumprod(1.0 - np.clip(hazard, 0.0, 1.0))
    return out[:enough]


def _settled(shares: Floats) -> bool:
    """Whether the curve has become level: by then hardly a label comes."""
    end = float(shares[-1])
    return end > 0 and end - float(shares[int(TAIL * (len(shares) - 1))]) <= STILL_RISING * end
