"""Domain classifier."""

from __future__ import annotations

import math
from statistics import NormalDist

from monitoring.core.multivariate.discriminant import tell
from monitoring.core.multivariate.encoding import Floats, Integers, Rows
from monitoring.rowtests.registry import Fitted, rowtest

NORMAL = NormalDist()
SOFT = 0.1
"""Deviations apart up to which the scale is even. A root beyond: what days differ by has a long upper tail."""


def _measure(auc: float) -> float:
    apart = NORMAL.inv_cdf(auc)  # deviations apart, by the root of two, of two normal distributions with this AUC
    return math.copysign(math.sqrt(abs(apart) + SOFT) - math.sqrt(SOFT), apart)


def _auc(measure: float, usual: float) -> float:
    return NORMAL.cdf(math.copysign((abs(measure) + math.sqrt(SOFT)) ** 2 - SOFT, measure))


@rowtest(
    "domain_classifier",
    title="Domain classifier (AUC)",
    sides="above",
    warning=0.6,
    breached=0.75,
    value=_auc,
    words=lambda auc: f"a classifier tells this window from the reference with AUC {auc:.2f}",
)
def domain_classifier(reference: Rows, owner: Integers, seed: int) -> Fitted:
    """AUC of a classifier that is to tell rows of the window from rows of the reference, on rows it did not see.

    .5 where they are alike, 1 where every row gives itself away. Sees what no single column shows, such as a
    correlation that turned. A linear discriminant on numbers, their classes and products of two, the 15 that tell
    most (monitoring.core.multivariate.discriminant); source: Friedman (2003), On multivariate goodness-of-fit.
    """

    def measure(rows: Rows) -> float:
        pairs = len(reference) * len(rows)
        return _measure(min(max(tell(reference, rows, owner, seed).auc, 0.5 / pairs), 1 - 0.5 / pairs))

    def shares(rows: Rows) -> Floats:
        return tell(reference, rows, owner, seed).shares

    return Fitted(measure, shares)
