"""Joint of prediction and features."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from monitoring.core.multivariate.conditional import answered, conditional
from monitoring.core.multivariate.encoding import Floats, Integers, Rows
from monitoring.rowtests.registry import Fitted, NotJudged, rowtest

WARNING = 1.2
LEAST = 0.1
"""Share of the predictions' variance that the features must explain, else a swapped model would not show."""


def _words(ratio: float) -> str:
    far = f"lies {ratio:.2f} times as far from what the features say"
    if 1 / WARNING < ratio < WARNING:
        return f"the prediction {far} as in the reference"
    return f"the prediction no longer follows from the features as in the reference: it {far}"


@rowtest(
    "joint_with_prediction",
    title="Prediction given features",
    sides="both",
    warning=WARNING,
    breached=1.5,
    value=lambda measure, usual: math.exp(measure - usual),
    words=_words,
    of_model=True,
)
def joint_with_prediction(reference: Rows, owner: Integers, seed: int) -> Fitted:
    """How far predictions lie from what their features say, against the reference: 1 as there, 2 twice as far.

    A regression fitted on the reference says a prediction (its rank) from the features. Inputs may move without
    it; it changes where the model, or what is done to features on their way into it, is another: a model silently
    swapped, a preprocessing step gone wrong. Rows whose features lie outside the reference are left out.
    """
    known = conditional(reference)

    @cache
    def explained() -> float:
        half = np.arange(len(reference)) % 2 == 0
        other = reference.take(np.flatnonzero(~half))
        return conditional(reference.take(np.flatnonzero(half))).explained(other.take(answered(other)))

    def measure(rows: Rows) -> float:
        if not known.regressions:
            raise NotJudged("No prediction is logged in the reference.")
        if explained() < LEAST:
            raise NotJudged(
                f"The features explain {max(explained(), 0):.0%} of the predictions in the reference: too little for a "
                "change of the model to show."
            )
        predicted = len(answered(rows))
        fitting = known.inside(rows)
        if len(fitting) < predicted / 2 or not len(fitting):
            raise NotJudged(
                f"{predicted - len(fitting):,} of {predicted:,} rows have features outside the reference's range: what "
                "should follow from them is not known."
            )
        return math.log(max(known.residual(fitting), 1e-6))

    def shares(rows: Rows) -> Floats:
        return np.zeros(0)

    return Fitted(measure, shares)
