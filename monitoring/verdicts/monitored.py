"""The distributions a model is watched by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitoring.core.grid import Grid
from monitoring.core.profile import Column
from monitoring.core.summaries import Summaries
from monitoring.core.summary import Kind
from monitoring.core.window import Slots
from monitoring.verdicts.subject import Subject

Integers = NDArray[np.int32]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Monitored:
    """A distribution to compare: its column and grid."""

    column: Column
    grid: Grid

    def table(
        self, subject: Subject, summaries: Summaries, windows: Sequence[Slots], slice_: str
    ) -> tuple[Integers, Floats]:
        """Class codes and counts, a row a window. A classifier's label is kept with its outcome."""
        if self.column.kind != Kind.LABEL or subject.model.task == "regression":
            return summaries.table(self.column.kind, self.column.name, windows, slice_)
        codes, counts = summaries.table(Kind.OUTCOME, "", windows, slice_)
        size = 2 if subject.model.task == "binary_classification" else len(subject.profile.classes)
        labels = np.zeros((len(windows), size))
        np.add.at(labels.T, codes % size, counts.T)
        return np.arange(size, dtype=np.int32), labels


def spread(every: Integers, codes: Integers, counts: Floats) -> Floats:
    """Counts by `codes` as counts by `every` class, which holds those, too."""
    out = np.zeros((len(counts), len(every)))
    out[:, np.searchsorted(every, codes)] = counts
    return out
