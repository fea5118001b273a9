"""What one evaluation of one model looks at."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from monitoring.core.label_arrivals import LabelState
from monitoring.core.performance.metric import Better
from monitoring.core.profile import Profile
from monitoring.core.summaries import Summaries
from monitoring.core.verdict import Status, Verdict, Window
from monitoring.core.window import Slots, chunks, moment_of
from monitoring.fleet import Model, MovingReference, Threshold

MIN_ROWS = 30
"""Rows below which a window says nothing about a distribution."""
FEWEST_PIECES, PIECES = 5, 10
"""Pieces of a reference below which their spread says nothing, and pieces that it is cut into at need."""
DAY = 24
TINY = 1e-6


@dataclass(frozen=True, slots=True)
class Subject:
    """A model with its summaries. `reference_span` are the reference's slots within `reference`.

    `windows` are the chunks to judge, oldest first, of `history`, all there are; `now` is the moment evaluated as
    of. `inside` are the reference's slots where it is a window of the log itself; `finished` is true of a log that
    is looked at as it is, not as it grows: its last window is complete. `due` are the windows whose estimates must be
    made: their rows changed, or there is none yet; None: all. `labels` is how its labels stand, where that is known
    already, and `early` the first slots of the windows that still wait for them. `lacking` are versions, each with the
    first slot of a window of `history` in which it was not judged yet.
    """

    model: Model
    profile: Profile
    reference: Summaries
    reference_span: Slots
    current: Summaries
    windows: tuple[Slots, ...]
    history: tuple[Slots, ...]
    now: datetime
    inside: Slots | None = None
    finished: bool = False
    due: frozenset[Slots] | None = None
    labels: LabelState | None = None
    early: frozenset[int] | None = None
    lacking: frozenset[tuple[str, int]] = frozenset()

    @property
    def by_rows(self) -> bool:
        """Whether the log has no real time."""
        return self.model.chunk.rows is not None

    def window(self, slots: Slots, n: int) -> Window:
        """The window's face: times, or the number of the chunk of rows."""
        if self.by_rows:
            return Window(None, None, n, slots.first)
        return Window(moment_of(slots.first), moment_of(slots.last), n)

    def complete(self, slots: Slots) -> bool:
        """Whether the window is over."""
        return self.by_rows or self.finished or moment_of(slots.last) <= self.now

    def comparable(self, slots: Slots) -> bool:
        """Whether a window can be compared with the reference: it is over, and no part of the reference itself."""
        inside = self.inside is not None and self.inside.first <= slots.first and slots.last <= self.inside.last
        return self.complete(slots) and not inside

    def reference_of(self, window: Slots, own: Threshold | None = None) -> Slots:
        """The slots of the reference that a window is compared with: the threshold's, else the model's."""
        moving = own.reference if own is not None and own.reference is not None else self.model.reference
        return moving.span(window, self.model.chunk) if isinstance(moving, MovingReference) else self.reference_span

    def complete_window(self, verdict: Verdict) -> bool:
        """Whether a verdict's window is over."""
        return self.finished or verdict.window.end is None or verdict.window.end <= self.now

    def reference_chunks(self, span: Slots | None = None) -> Iterator[Slots]:
        """The reference (or another stretch of the log) cut as the log is."""
        span = span or self.reference_span
        for chunk in chunks(self.model.chunk, span, span.first):
            if chunk.first >= span.first and chunk.last <= span.last:
                yield chunk

    def reference_pieces(self) -> list[Slots]:
        """The reference in the pieces whose spread says how much windows vary: its chunks, else days, else tenths.

        What days vary by is taken for weeks, too, where the reference has too few of them: it is what is known.
        """
        whole = list(self.reference_chunks())
        if len(whole) >= FEWEST_PIECES or self.by_rows:
            return whole
        span = self.reference_span
        for length in (DAY, max(1, len(span) // PIECES)):
            starts = range(span.first, span.last - length + 1, length)
            if length < self.model.chunk.slots and len(starts) >= FEWEST_PIECES:
                return [Slots(first, first + length) for first in starts]
        return whole

    def threshold(self, check: str, column: str | None = None, slice_: str = "", version: str = "") -> Threshold | None:
        """What this check is held against by its owner, or by a rule of the fleet."""
        return narrowest(self.model.thresholds, check, column, slice_, version)


def narrowest(
    thresholds: Iterable[Threshold], check: str, column: str | None = None, slice_: str = "", version: str = ""
) -> Threshold | None:
    """The one that counts: a model's own before a rule of the fleet, then the narrowest; a later one wins among
    equals."""
    best: tuple[tuple[bool, int], Threshold] | None = None
    for t in thresholds:
        fits = (
            t.check == check
            and t.column in (None, column)
            and (t.slice is None or t.slice == slice_)
            and (t.version is None or t.version == version)
        )
        rank = not t.rule, sum(x is not None for x in (t.column, t.slice, t.version))
        if fits and (best is None or rank >= best[0]):
            best = (rank, t)
    return best[1] if best else None


def status_above(value: float, warning: float | None, breached: float | None) -> tuple[Status, float | None]:
    """Status of a value that should stay low, and the level that decided it."""
    if breached is not None and value >= breached:
        return Status.BREACHED, breached
    if warning is not None and value >= warning:
        return Status.WARNING, warning
    return Status.OK, warning if warning is not None else breached


def status_below(value: float, warning: float | None, breached: float | None) -> tuple[Status, float | None]:
    """Status of a value that should stay high, and the level that decided it."""
    if breached is not None and value <= breached:
        return Status.BREACHED, breached
    if warning is not None and value <= warning:
        return Status.WARNING, warning
    return Status.OK, warning if warning is not None else breached


def held_against(
    better: Better, value: float, warning: float | None, breached: float | None, how: str
) -> tuple[Status, float | None, str]:
    """Status of a metric's value, the level that decided it, and how it was held, in words; "" without a level."""
    if warning is None and breached is None:
        return Status.OK, None, ""
    status, decided = held_to(better, value, warning, breached)
    side = {"lower": "above", "higher": "below"}.get(better, "beyond")
    held = f"{side} {decided:.4g}" if status != Status.OK and decided is not None else f"within {decided:.4g}"
    return status, decided, f": {held} ({how})"


def held_to(better: Better, value: float, warning: float | None, breached: float | None) -> tuple[Status, float | None]:
    """Status of a metric's value, and the level that decided it; None without one.

    Where one is best, a level is as far from it as its inverse: 0.8 means 1.25, too.
    """
    if warning is None and breached is None:
        return Status.OK, None
    if better == "zero":
        return status_above(abs(value), *(None if x is None else abs(x) for x in (warning, breached)))
    if better == "one":
        steps = [None if x is None else -abs(math.log(max(x, TINY))) for x in (warning, breached)]
        status, step = status_below(-abs(math.log(max(value, TINY))), *steps)
        return status, None if step is None else math.exp(step if value < 1 else -step)
    return (status_above if better == "lower" else status_below)(value, warning, breached)
