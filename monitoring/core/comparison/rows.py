"""The labelled rows that two versions answered, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from monitoring.core.diagnosis.interval import Codes, Floats

Values = npt.NDArray[Any]
Task = Literal["binary_classification", "multiclass_classification", "regression"]
Pairing = Literal["id", "inputs", "none"]
"""By what the rows of two versions were brought together: their id; moment and inputs, where each version gives ids of
its own; or not at all."""
PAIRED: dict[Pairing, str] = {
    "id": "paired by id",
    "inputs": "paired by moment and inputs, as the ids differ",
    "none": "not paired, as neither ids nor inputs coincide",
}


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Labelled rows of one version in order of time, n of them.

    `truth`: the label: a number in a regression, 0 or 1 in a binary classification, else the index of its class.
    `predicted`: likewise, NaN where none was logged. `score`: the chance of class 1, shape (n,), or of each class,
    shape (n, classes); None without scores. `latency`: ms, NaN where it was not logged. `slices`: a text a row by slice
    column. `codes`: the block of each row (core.diagnosis.interval.blocks). `moment`, `observed`: seconds since 1970
    of the prediction, and when its label was known.
    """

    truth: Floats
    predicted: Floats
    score: Floats | None
    latency: Floats
    slices: dict[str, Values]
    codes: Codes
    moment: Floats
    observed: Floats

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def decided(self) -> bool:
        """Whether every row has a predicted value or class."""
        return bool(np.isfinite(self.predicted).all())

    def take(self, kept: npt.NDArray[np.bool_]) -> Answers:
        """Some of the rows, their blocks numbered from 0 without gaps."""
        codes = np.unique(self.codes[kept], return_inverse=True)[1].astype(np.int64)
        return Answers(
            self.truth[kept], self.predicted[kept], None if self.score is None else self.score[kept],
            self.latency[kept], {name: values[kept] for name, values in self.slices.items()}, codes,
            self.moment[kept], self.observed[kept],
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """What two versions answered. Paired, row i of one is row i of the other: the same truth, slices and blocks."""

    task: Task
    champion: Answers
    challenger: Answers
    paired: bool
    classes: tuple[str, ...] = ()
