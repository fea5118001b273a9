"""Whether labels come as they used to: late, fewer, or not at all any more. A long delay is no finding."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from monitoring.core import label_lateness as lateness
from monitoring.core.label_arrivals import LabelState, answered, label_state
from monitoring.core.label_delay import MATURE, DelayCurve, NotLearned, duration, expected_since, learn
from monitoring.core.label_delay import words as delay_words
from monitoring.core.label_lateness import Usual
from monitoring.core.summary import Kind
from monitoring.core.verdict import Status, Verdict
from monitoring.core.window import Slots, slot_of
from monitoring.fleet import Model
from monitoring.verdicts.subject import Subject, status_above, status_below

CHECK = "quality.labels"
ARRIVAL, COMPLETENESS = "arrival", "completeness"
FEWEST = 5
"""Silences before, without which nobody can say what is usual."""
SILENT, STOPPED = 1.5, 3.0
"""Labels are silent, or have stopped, when none has come for so many times the longest silence before."""
LEAST = 30
"""Labels to be expected in a silence, without which it says nothing."""
DAY = 24
"""Slots of silence, at the least, of labels that have stopped."""


def is_timed(model: Model) -> bool:
    """Whether the log says when a label was observed."""
    if model.chunk.rows is not None:
        return False
    log = model.labels if model.labels is not None else model.predictions
    return log.columns.observed_at is not None


def state_of(subject: Subject) -> LabelState:
    """The labels as they stand at the subject's moment; of a log that has ended, as of its end."""
    if subject.labels is not None:
        return subject.labels
    now = None if subject.finished or subject.by_rows else slot_of(subject.now)
    back = max(lateness.WEEKS * lateness.WEEK, lateness.POOL * subject.model.chunk.slots)
    oldest = min((w.first for w in subject.windows), default=None)
    state = label_state(
        subject.current, subject.history, counted(subject), is_timed(subject.model), now,
        None if oldest is None else oldest - back,
    )  # fmt: skip
    return lateness.without_late(state)


def counted(subject: Subject) -> tuple[Kind, str]:
    """The series that counts the predictions that can get a label."""
    return answered(subject.profile, subject.model.predictions.columns.status is not None)


def to_come(state: LabelState) -> str:
    """How labels come, in words, for a window that still waits for some."""
    if isinstance(state.curve, DelayCurve):
        return delay_words(state.curve)
    return f"usually {state.usual:.0%}" if not state.timed else state.curve.reason


def provisional(subject: Subject) -> frozenset[int]:
    """The first slots of windows whose performance decides nothing yet: not over, or without most of their labels."""
    if subject.early is not None:
        return subject.early
    state = state_of(subject)
    late = lateness.late(state, lateness.usual(state))
    return late | {w.first for w in subject.history if not subject.complete(w) or not state.mature(w)}


def due(subject: Subject, state: LabelState) -> frozenset[int]:
    """The first slots of windows that should have their labels by now."""
    usual = lateness.usual(state)
    return frozenset(
        w.first
        for w in subject.history
        if (place := state.at(w)) is not None and _is_due(subject, state, usual, w, place)
    )


def _is_due(subject: Subject, state: LabelState, usual: Usual, window: Slots, place: int) -> bool:
    return subject.complete(window) and lateness.is_due(state, usual, place)


def judge(subject: Subject) -> Iterator[Verdict]:
    """Whether labels still come, and window by window whether as many came as were to be expected by now."""
    if subject.profile.find(Kind.OUTCOME, "") is None or not subject.windows:
        return
    state = state_of(subject)
    newest = Verdict(
        subject.model.key, CHECK, subject.window(subject.windows[-1], 0), Status.INSUFFICIENT_DATA, "",
        method=COMPLETENESS,
    )  # fmt: skip
    if not state.timed:
        words = "Labels have no time of observation, so their delay cannot be learned; map `observed_at`."
        if subject.by_rows:
            words = "A log without real time says nothing about the delay of its labels."
        yield newest._replace(reason=words)
        return
    if subject.windows[-1] == subject.history[-1]:
        yield _arrival(subject, state, newest._replace(method=ARRIVAL))
    usual = lateness.usual(state)
    for window in subject.windows:
        place = state.at(window)
        if place is not None and state.predictions[place]:
            verdict = newest._replace(window=subject.window(window, int(state.predictions[place])))
            yield _completeness(subject, state, usual, verdict, window, place)


def _arrival(subject: Subject, state: LabelState, verdict: Verdict) -> Verdict:
    """How long no label has come, against the silences before it and the labels that the delay curve expects."""
    last = state.arrivals.last_known
    if last is None:
        return verdict._replace(reason="No label has come yet, so nobody can say when one is due.")
    last = min(last, state.horizon)
    silence = max(0, state.horizon - 1 - last)
    recent = state.arrivals.since(state.since)
    curve = learn(recent, last + 1)  # as of the last label: what came after it cannot blur the expectation
    warm = 0 if isinstance(curve, NotLearned) else curve.within(MATURE)
    came = np.unique(recent.known[(recent.known <= last) & (recent.known >= state.since + warm)])
    if isinstance(curve, NotLearned) or len(came) <= FEWEST:
        why = curve.reason if isinstance(curve, NotLearned) else f"labels have come in only {len(came)} hours so far"
        come = f"No label for {duration(silence)}" if silence else "Labels come"
        return verdict._replace(value=float(silence), reason=f"{come}; {why}.")
    longest = int(np.diff(came).max())
    due = expected_since(curve, recent, last, state.horizon)
    own = subject.threshold(CHECK)
    warning, breached = SILENT * longest, max(STOPPED * longest, DAY)
    mine = own is not None and own.method == ARRIVAL and (own.warning is not None or own.breached is not None)
    if own is not None and mine:
        warning, breached = own.warning or math.inf, own.breached or math.inf
    status, level = status_above(float(silence), warning, breached)
    verdict = verdict._replace(
        value=float(silence), threshold=level, automatic=not mine,
        warning=warning if math.isfinite(warning) else None, breached=breached if math.isfinite(breached) else None,
    )  # fmt: skip
    before = f"the longest silence before was {duration(longest)}"
    if due < LEAST or status == Status.OK:
        when = "before the log's end" if subject.finished else "ago"
        words = f"The newest label came {duration(silence)} {when}; {before}." if silence else f"Labels come; {before}."
        return verdict._replace(status=Status.OK, reason=words)
    words = f"where {due:,.0f} were to be expected; {before}."
    if subject.finished:  # nobody can be called to a log that has ended, and its labels may have been cut
        head = f"Labels stop {duration(silence)} before the log's end"
        return verdict._replace(status=Status.WARNING, threshold=verdict.warning, reason=f"{head}, {words}")
    head = "Labels have stopped" if status == Status.BREACHED else "Labels are silent"
    return verdict._replace(status=status, reason=f"{head}: none has come for {duration(silence)}, {words}")


def _completeness(
    subject: Subject, state: LabelState, usual: Usual, verdict: Verdict, window: Slots, place: int
) -> Verdict:
    """A window's share of labels, against the delay curve and the windows before it."""
    share = float(state.labelled[place] / state.predictions[place])
    if isinstance(state.curve, NotLearned):
        return verdict._replace(reason=f"Labels {share:.0%} complete; {state.curve.reason}.")
    due = float(state.due[place] / state.predictions[place])
    ever = "" if state.curve.ever >= 0.9 else f" ({state.curve.ever:.0%} ever get one)"
    words = f"Labels {share:.0%} complete where {due:.0%} were to be expected by now{ever}"
    verdict = verdict._replace(value=share / due if due else None)
    if not _is_due(subject, state, usual, window, place):
        age = duration(max(usual.due_age, state.curve.within(MATURE)))
        return verdict._replace(provisional=True, reason=f"{words}; too early to judge: they are due within {age}.")
    own = subject.threshold(CHECK)
    mine = own is not None and own.method in (None, COMPLETENESS)
    found: tuple[float | None, float | None] | None = lateness.levels(state, usual, place)
    if own is not None and mine and (own.warning is not None or own.breached is not None):
        found = own.warning, own.breached
    if found is None:
        return verdict._replace(reason=f"{words}; there are too few earlier windows to compare with.")
    status, level = status_below(share / due, *found)
    verdict = verdict._replace(status=status, threshold=level, warning=found[0], breached=found[1], automatic=not mine)
    return verdict._replace(
        reason=f"{words}." if status == Status.OK else f"{words}: labels are late, lost or stopped."
    )
