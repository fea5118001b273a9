"""What is known of a model's labels at a moment: which windows are mature, and how many labels were to be expected."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from monitoring.core.label_delay import LOOK_BACK, MATURE, Arrivals, DelayCurve, NotLearned, learn
from monitoring.core.profile import Profile
from monitoring.core.summaries import Summaries
from monitoring.core.summary import Kind
from monitoring.core.window import Slots

USUAL = 0.9
"""Without times of observation: the share of the usual label completeness from which a window is mature."""

Floats = NDArray[np.float64]


def answered(profile: Profile, with_status: bool) -> tuple[Kind, str]:
    """The series that counts the predictions that can get a label: a request that failed has none."""
    if with_status:
        for kind in (Kind.PREDICTION, Kind.SCORE):
            for column in profile.columns:
                if column.kind == kind:
                    return kind, column.name
    return Kind.ROWS, ""


def arrivals(summaries: Summaries, window: Slots, counted: tuple[Kind, str]) -> Arrivals:
    """Predictions and labels of a window, slot by slot, of all versions together."""
    made = [c.moments() for c in summaries.every(*counted, window)]
    came = [c.moments() for c in summaries.every(Kind.OUTCOME, "", window)]
    slots, _, predictions = _added(made, window)
    return Arrivals(slots, predictions, *_added(came, window))


@dataclass(frozen=True, eq=False)
class LabelState:
    """The labels of windows of one length as they stand before slot `horizon`.

    One entry a window, oldest first, of `starts` (slots): predictions, those with a label, and the labels to be
    expected by now (`due`; NaN where the delay is not known). `timed`: labels have a time of observation; `since`:
    the first slot that what is usual is learned from.
    """

    timed: bool
    horizon: int
    since: int
    length: int
    curve: DelayCurve | NotLearned
    arrivals: Arrivals
    starts: NDArray[np.int64]
    predictions: Floats
    labelled: Floats
    due: Floats

    def at(self, window: Slots) -> int | None:
        """The entry of a window; None of one that is older than all that was looked at."""
        place = (window.first - int(self.starts[0])) // self.length if len(self.starts) else -1
        return place if 0 <= place < len(self.starts) else None

    def mature(self, window: Slots) -> bool:
        """Whether hardly a label of the window is still to come: see MATURE; without times of observation, USUAL.

        One whose labels have come is mature whatever the curve says.
        """
        place = self.at(window)
        if place is None:
            return True
        n, have = self.predictions[place], self.labelled[place]
        if not n:
            return False
        if not self.timed:
            return bool(have / n >= USUAL * self.usual)
        if have >= MATURE * n:
            return True
        return isinstance(self.curve, DelayCurve) and bool(self.due[place] >= MATURE * self.curve.ever * n - 1e-9)

    def learned_from(self, kept: Callable[[NDArray[np.int64]], NDArray[np.bool_]]) -> LabelState:
        """The same with the curve of some slots' predictions; where they are too few for one, unchanged."""
        curve = learn(self.arrivals.since(self.since).chosen(kept), self.horizon)
        if isinstance(curve, NotLearned):
            return self
        return replace(self, curve=curve, due=_due(curve, self.arrivals, self.starts, self.horizon))

    @cached_property
    def usual(self) -> float:
        """The share of predictions with a label once labels have come: the median over all but the newest windows."""
        shares = self.labelled / np.maximum(self.predictions, 1.0)
        some = shares[:-2] if len(shares) > 2 else shares
        some = some[some > 0]
        return float(np.median(some)) if len(some) else 1.0


def label_state(
    summaries: Summaries,
    history: Sequence[Slots],
    counted: tuple[Kind, str],
    timed: bool,
    now: int | None,
    oldest: int | None = None,
) -> LabelState:
    """How labels stand before slot `now`; None: as of the newest row or label, for a log that has ended.

    Looks at the windows of the newest LOOK_BACK slots (or from slot `oldest` on), further back only where labels
    take longer than that. The curve is the same whatever `oldest` is.
    """
    length = len(history[0]) if history else 1
    begin, end = (history[0].first, history[-1].last) if history else (0, 0)
    back = LOOK_BACK
    while True:
        since = begin if now is None else max(begin, min(end, now) - back)
        first = since if oldest is None else max(begin, min(since, oldest))
        first = begin + (first - begin) // length * length
        found = arrivals(summaries, Slots(first, end), counted)
        horizon = now
        if horizon is None:
            last = [*found.slots[-1:], *([] if found.last_known is None else [found.last_known])]
            horizon = int(max(last)) + 1 if last else end
        found = found.known_by(horizon + 1)  # this hour's too, though it is not over
        curve = learn(found.since(since), horizon) if timed else NotLearned("labels have no time of observation")
        if isinstance(curve, DelayCurve) or not timed or since == begin:
            break
        back *= 2
    starts = np.arange(first, end, length, dtype=np.int64)
    predictions = _by_window(starts, found.slots, found.predictions)
    labelled = _by_window(starts, found.of, found.labels)
    due = np.full(len(starts), np.nan)
    if isinstance(curve, DelayCurve):
        due = _due(curve, found, starts, horizon)
    return LabelState(timed, horizon, since, length, curve, found, starts, predictions, labelled, due)


def settled_until(state: LabelState, complete: Iterable[Slots]) -> int:
    """The slot before which predictions are past label maturity: by the delay curve, else with the newest of the
    windows that are over whose labels are there. 0 where there is none."""
    known = [w.last for w in complete if state.mature(w)]
    if isinstance(state.curve, DelayCurve):
        known.append(state.horizon - state.curve.within(MATURE))
    return max(known, default=0)


def _due(curve: DelayCurve, arrivals: Arrivals, starts: NDArray[np.int64], horizon: int) -> Floats:
    return _by_window(starts, arrivals.slots, arrivals.predictions * curve.share(horizon - 1 - arrivals.slots))


def _by_window(starts: NDArray[np.int64], slots: NDArray[np.int64], counts: NDArray[np.number]) -> Floats:
    at = np.searchsorted(starts, slots, side="right") - 1
    return np.bincount(at[at >= 0], counts[at >= 0], len(starts)).astype(float)


def _added(
    parts: list[tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]], window: Slots
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Counts by two slots within a window of the first, those of a key added up."""
    if not parts:
        nothing = np.zeros(0, np.int64)
        return nothing, nothing, nothing
    one, other, counts = (np.concatenate(part).astype(np.int64) for part in zip(*parts, strict=True))
    kept = (one >= window.first) & (one < window.last)
    one, other, counts = one[kept], other[kept], counts[kept]
    keys, at = np.unique(one << 32 | other, return_inverse=True)
    return keys >> 32, keys & 0xFFFFFFFF, np.bincount(at, counts, len(keys)).astype(np.int64)
