"""Days of a log without drift, or with one kind of it, for tests on rows: fixed seeds, known truth."""

from __future__ import annotations

import numpy as np
import pandas as pd

from monitoring.core.multivariate.chance import Reference
from monitoring.core.multivariate.encoding import Encoder

FEATURES = ("a", "b", "c", "d", "e", "kind")
KINDS = np.array(["AA", "UA", "DL", "WN"])


def day(random: np.random.Generator, n: int, drift: str = "", moved: np.ndarray | None = None) -> pd.DataFrame:
    """`n` rows of five numbers, of which a and b go together, a category, and a score that follows from them.

    `moved` (5,) is what the numbers of this day are off by. `drift`: shift (of d by half a deviation), flip (a and b
    go against one another), missing (a fifth of c), mix (of categories), swap (another model).
    """
    z = random.normal(size=(n, 5))
    z[:, 1] = (-0.8 if drift == "flip" else 0.8) * z[:, 0] + 0.6 * z[:, 1]
    z[:, 3] += 0.5 if drift == "shift" else 0.0
    z += 0.0 if moved is None else moved
    frame = pd.DataFrame(z, columns=list(FEATURES[:5]))
    frame["e"] = np.exp(frame["e"])
    shares = [0.1, 0.2, 0.3, 0.4] if drift == "mix" else [0.4, 0.3, 0.2, 0.1]
    frame["kind"] = random.choice(KINDS, n, p=shares).astype(object)
    told = frame["a"] + frame["c"] if drift != "swap" else frame["a"] - 0.7 * frame["c"] + 0.3 * frame["d"]
    frame["score"] = 1 / (1 + np.exp(-(told + 0.8 * (frame["kind"] == "AA") + random.normal(0, 0.3, n))))
    if drift == "missing":
        frame.loc[random.random(n) < 0.2, "c"] = np.nan
    return frame


def days(random: np.random.Generator, count: int, n: int, along: float | None = None) -> list[pd.DataFrame]:
    """Days without drift: independent, or (`along`) days apart by .3 deviations that go on to the next by so much."""
    if along is None:
        return [day(random, n) for _ in range(count)]
    moved = random.normal(size=(count, 5))
    for number in range(1, count):
        moved[number] = along * moved[number - 1] + np.sqrt(1 - along**2) * moved[number]
    return [day(random, n, moved=0.3 * row) for row in moved]


def known(reference: list[pd.DataFrame], keep: int = 6_000) -> tuple[Encoder, Reference]:
    """A reference of days, as the shell reads it: some rows of all of it, and all rows of each day."""
    rows = pd.concat(reference, ignore_index=True)
    slot = np.repeat(np.arange(len(reference)), [len(frame) for frame in reference])
    kept = np.sort(np.random.default_rng(0).permutation(len(rows))[:keep])
    encoder = Encoder.fitted(rows.iloc[kept], FEATURES, ["score"])
    blocks = {number: encoder.encode(frame) for number, frame in enumerate(reference)}
    return encoder, Reference(encoder.encode(rows.iloc[kept]), slot[kept], 1, blocks)
