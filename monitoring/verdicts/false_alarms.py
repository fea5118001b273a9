"""False alarms as measured: what the drift checks say of the reference itself, where by definition nothing drifted."""

from __future__ import annotations

from collections.abc import Iterator

from monitoring.core.calibration.budget import windows_per_quarter
from monitoring.core.calibration.matching import FEWEST
from monitoring.core.calibration.share import interval
from monitoring.core.verdict import Status, Verdict, Window
from monitoring.core.window import Slots, moment_of
from monitoring.fleet import MovingReference
from monitoring.verdicts.compared import compare_reference
from monitoring.verdicts.drift import PREFIX, budget_of, held_to_budget, monitored_columns
from monitoring.verdicts.effect import effect_of, own_threshold
from monitoring.verdicts.learned import Priors
from monitoring.verdicts.season import Seasons
from monitoring.verdicts.subject import Subject


def judge(subject: Subject) -> Iterator[Verdict]:
    """One verdict a baseline, when all windows are judged: false alarms a quarter against the budget."""
    span = subject.reference_span
    whole = subject.windows == subject.history and bool(subject.history)
    if not whole or not len(span) or isinstance(subject.model.reference, MovingReference):
        return
    monitored = [
        m for m in monitored_columns(subject) if not (own_threshold(subject, m, "").method or "").startswith(PREFIX)
    ]
    priors = Priors(subject, monitored)
    compared = [(m, compare_reference(subject, m, priors)) for m in monitored]
    windows = sorted({window for _, found in compared for window in found})
    budget = budget_of(subject.model)
    rows = subject.reference.rows(span)
    start, end = (None, None) if subject.by_rows else (moment_of(span.first), moment_of(span.last))
    place = Window(start, end, rows, 0 if subject.by_rows else None)
    verdict = Verdict(
        subject.model.key, "drift.false_alarms", place, Status.OK, "", method="on_reference", threshold=budget,
        warning=budget, automatic=True,
    )  # fmt: skip
    if not windows:
        reason = f"Not measured: the reference has too few windows for some to be judged by {FEWEST} others."
        yield verdict._replace(status=Status.INSUFFICIENT_DATA, reason=reason)
        return
    alarms, warned, seasons = 0, 0, Seasons(subject)
    last: Slots | None = None  # the newest window that was breached
    for at, window in enumerate(windows):
        effects = [effect_of(subject, m, "", found[window]) for m, found in compared if window in found]
        before = windows[at - 1] if at and windows[at - 1].last == window.first else None
        earlier = {(m.column.key, ""): found.get(before) for m, found in compared} if before else {}
        statuses = {v.status for v in held_to_budget(seasons, window, effects, earlier)}
        if Status.BREACHED in statuses:
            alarms += last is None or last.last != window.first
            last = window
        else:
            warned += Status.WARNING in statuses
    a_quarter = windows_per_quarter(subject.model.chunk.hours)
    low, high = (share * a_quarter for share in interval(alarms, len(windows)))
    also = f" ({warned} more would have warned)" if warned else ""
    reason = (
        f"{alarms} drift alarm{'s' * (alarms != 1)} would have begun in the reference's own {len(windows)} windows, "
        f"each judged by others{also}: {low:.2g} to {high:.2g} a quarter, where the budget is {budget:.2g}."
    )
    yield verdict._replace(
        value=alarms / len(windows) * a_quarter, lower=low, upper=high, reason=reason,
        status=Status.WARNING if low > budget else Status.OK,
    )  # fmt: skip
