"""PCA reconstruction."""

from __future__ import annotations

import math

from monitoring.core.multivariate.components import components
from monitoring.core.multivariate.encoding import Floats, Integers, Rows
from monitoring.rowtests.registry import Fitted, NotJudged, rowtest


def _words(ratio: float) -> str:
    return f"what the reference's main components leave unexplained is {ratio:.2f} times what it was"


@rowtest(
    "pca_reconstruction",
    title="PCA reconstruction error",
    sides="both",
    warning=1.1,
    breached=1.25,
    value=lambda measure, usual: math.exp(measure - usual),
    words=_words,
)
def pca_reconstruction(reference: Rows, owner: Integers, seed: int) -> Fitted:
    """Mean error of rows put together again from the reference's principal components, against the reference's own.

    1 where columns go together as they did; more where they no longer do, less where they do so more closely.
    Components explain 65 % of the variance; numbers asinh-scaled, categories as indicators, missing values too.
    Source: NannyML's data reconstruction with PCA.
    """
    known = components(reference)

    def measure(rows: Rows) -> float:
        if known.usual.sum() <= 1e-9:
            raise NotJudged(
                "The columns are constant, or determine one another, in the reference: no error to compare."
            )
        return math.log(max(known.distance(rows), 1e-9))

    def shares(rows: Rows) -> Floats:
        rises = known.rises(rows, owner)
        return rises / rises.sum() if rises.sum() > 0 else rises

    return Fitted(measure, shares)
