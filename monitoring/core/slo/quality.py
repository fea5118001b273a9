"""Quality as a service level: which predictions came out right, counted like requests that were answered well."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitoring.core.grid import MISSING, NONFINITE, NumericGrid
from monitoring.core.profile import Profile
from monitoring.core.slo.burn import budget, last_slot
from monitoring.core.slo.series import ServiceSeries, added
from monitoring.core.slo.windows import Period
from monitoring.core.summary import FINE, Cells, Kind

Right = Callable[[NDArray[np.int32]], NDArray[np.bool_]]
"""Which outcome codes are good."""


@dataclass(frozen=True, slots=True)
class Provisional:
    """What is not settled yet: predictions past the settled ones, how many of them have their label so far and how many
    of these are bad. `remaining`: the budget left of the period that ends now, if these counted as they stand."""

    predictions: int
    labelled: int
    bad: int
    remaining: float | None


def provisional(
    found: ServiceSeries, predictions: int, settled: int, now: int, objective: float, whole: Period
) -> Provisional:
    """Of the events before the slot `now`, those from the slot `settled` on. `predictions` are those made since then,
    with a label or without."""
    known = found.until(now)
    after = known.slots >= settled
    left = budget(known, last_slot(known, now), objective, whole).remaining
    return Provisional(predictions, int(known.valid[after].sum()), int(known.bad[after].sum()), left)


def events(parts: Iterable[Cells], correct: Right, end: int) -> ServiceSeries:
    """Valid: predictions before hour `end` with a label. Bad: those whose outcome is not `correct`.

    Outcomes are kept by the hour of the prediction: its events stand in the hour's last slot, so that a window shorter
    than an hour has those of the newest hour.
    """
    every = [p for p in parts if len(p.slots)]
    if not every:
        return added(*(np.zeros(0, np.int64) for _ in range(3)))
    slots, codes, counts = (np.concatenate([getattr(p, n) for p in every]) for n in ("slots", "codes", "counts"))
    kept = (slots < end) & (codes != MISSING)
    slots, codes, counts = slots[kept].astype(np.int64), codes[kept], counts[kept]
    return added(slots * FINE + FINE - 1, counts, counts * ~correct(codes))


def correct_class(classes: int) -> Right:
    """Whether outcomes of a classification are of the class that was predicted; 2 `classes` are a binary one's."""
    if classes == 2:
        return lambda codes: (codes >> 1 & 1) == (codes & 1)
    return lambda codes: codes // classes == codes % classes


def within(grid: NumericGrid, tolerance: float) -> tuple[Right, float]:
    """Whether errors of a regression are within the tolerance, and the tolerance really used.

    One that is no class limit is narrowed to one, so that nothing too wrong counts as good.
    """
    slack = 1e-6 * max(tolerance, grid.scale)

    def good(codes: NDArray[np.int32]) -> NDArray[np.bool_]:
        known = codes != NONFINITE
        lower, upper = grid.limits(np.where(known, codes, 0))
        inside: NDArray[np.bool_] = known & (lower >= -tolerance - slack) & (upper <= tolerance + slack)
        return inside

    ends = grid.code([-tolerance, tolerance])
    lower, upper = grid.limits(ends)
    inner = np.abs([upper[0], lower[1]])
    return good, min([tolerance, *inner[~good(ends)].tolist()])


def right(profile: Profile, task: str, tolerance: float | None) -> tuple[Right, float | None]:
    """Which outcomes of a model are good, and the tolerance really used; None where a class is right or wrong."""
    if task != "regression":
        return correct_class(len(profile.classes) or 2), None
    column = profile.find(Kind.OUTCOME, "")
    assert column is not None and isinstance(column.grid, NumericGrid) and tolerance is not None
    return within(column.grid, tolerance)
