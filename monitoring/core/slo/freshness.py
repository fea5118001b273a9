"""Freshness as a service level: a slot is good while the newest prediction is young enough."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitoring.core.slo.series import MINUTES, ServiceSeries
from monitoring.core.summaries import Summaries
from monitoring.core.summary import FINE, Kind
from monitoring.core.window import Slots


def predicted(summaries: Summaries, window: Slots) -> NDArray[np.int64]:
    """The 5-minute slots with a prediction; of a log without service counts, those of its hours."""
    fine = [p.slots for p in summaries.every(Kind.SERVICE, "", window)]
    if any(len(slots) for slots in fine):
        return np.unique(np.concatenate(fine).astype(np.int64))
    hours = [p.slots for p in summaries.every(Kind.ROWS, "", window)]
    if not any(len(slots) for slots in hours):
        return np.zeros(0, np.int64)
    found = np.unique(np.concatenate(hours).astype(np.int64))
    out: NDArray[np.int64] = (found[:, None] * FINE + np.arange(FINE)).ravel()
    return out


def ages(predicted: NDArray[np.int64], nows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Hours since the newest prediction before each slot of `nows`, to the slot; NaN before the first. `predicted` are
    the slots with a prediction, ascending."""
    if not len(predicted):
        return np.full(len(nows), np.nan)
    at = np.searchsorted(predicted, nows) - 1
    out: NDArray[np.float64] = np.where(at >= 0, (nows - predicted[at] - 1) * MINUTES / 60, np.nan)
    return out


def events(predicted: NDArray[np.int64], last: int, most: float) -> ServiceSeries:
    """Valid: every slot from the first prediction to slot `last`. Bad: those at whose end the newest is older than
    `most` hours."""
    first = int(predicted[0]) if len(predicted) else last
    slots = np.arange(first, last, dtype=np.int64)
    stale = ages(predicted, slots + 1) > most
    return ServiceSeries(slots, np.ones(len(slots), np.int64), stale.astype(np.int64))
