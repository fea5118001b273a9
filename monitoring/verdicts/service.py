"""Service level verdicts: error budgets and burn rates of latency, availability and quality, and freshness."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from monitoring.core.grid import BucketGrid
from monitoring.core.label_arrivals import settled_until
from monitoring.core.slo import freshness, quality, series
from monitoring.core.slo.burn import Budget, Burn, budget, burns, last_slot
from monitoring.core.slo.series import MINUTES, ServiceSeries
from monitoring.core.slo.windows import period
from monitoring.core.slo.words import ending, maturing
from monitoring.core.summary import FINE, Kind
from monitoring.core.verdict import Status, Verdict, Window
from monitoring.core.window import EPOCH, Slots
from monitoring.fleet import Slo
from monitoring.verdicts import labels
from monitoring.verdicts.subject import Subject


def judge(subject: Subject) -> Iterator[Verdict]:
    """Every objective, at the moment of the evaluation."""
    for slo in subject.model.slos:
        if slo.sli in ("latency", "availability", "quality") and not subject.by_rows:
            yield from _objective(subject, slo)
        elif slo.sli == "freshness":
            yield from _freshness(subject, slo)


def series_of(subject: Subject, slo: Slo, now: int) -> tuple[ServiceSeries, str]:
    """Good and bad events of an objective before the slot `now`, and a note where its limit had to be snapped."""
    if slo.sli == "quality":
        return _quality(subject, slo, now)
    span = subject.current.span() or Slots(0, 1)
    parts = list(subject.current.every(Kind.SERVICE, "", span))
    if slo.sli == "availability":
        return series.availability(parts), ""
    column = subject.profile.find(Kind.SERVICE, "")
    assert column is not None and isinstance(column.grid, BucketGrid) and slo.threshold_ms is not None
    found, effective = series.latency(parts, column.grid, slo.threshold_ms)
    note = "" if effective == slo.threshold_ms else f" Counted at {effective:g} ms until the model is re-baselined."
    return found, note


def _quality(subject: Subject, slo: Slo, now: int) -> tuple[ServiceSeries, str]:
    judge, effective = quality.right(subject.profile, subject.model.task, slo.tolerance)
    span = subject.current.span() or Slots(0, 1)
    found = quality.events(subject.current.every(Kind.OUTCOME, "", span), judge, now // FINE)
    exact = effective is None or effective == slo.tolerance
    return found, "" if exact else f" Counted at ±{effective:.4g} until the model is re-baselined."


def mature_until(subject: Subject) -> int:
    """The hour before which predictions are past label maturity."""
    return settled_until(labels.state_of(subject), (w for w in subject.history if subject.complete(w)))


def _missing(subject: Subject, slo: Slo) -> str:
    """What an objective needs and there is not."""
    columns = subject.model.predictions.columns
    if slo.sli == "quality":
        if subject.profile.find(Kind.OUTCOME, "") is None:
            return "The model has no labels, which this objective needs."
        return "" if mature_until(subject) else "No prediction has had the time yet to get its label."
    needed, mapped = ("status", columns.status) if slo.sli == "availability" else ("latency_ms", columns.latency_ms)
    return "" if mapped else f"The log has no `{needed}` mapped, which this objective needs."


def _objective(subject: Subject, slo: Slo) -> Iterator[Verdict]:
    missing = _missing(subject, slo)
    if missing:  # not 100 % good: nothing is known
        window = Window(subject.now, subject.now, 0)
        column = slo.slug
        yield Verdict(subject.model.key, f"slo.{slo.sli}", window, Status.NO_DATA, missing, column, method="budget")
        return
    now = int((subject.now - EPOCH).total_seconds() // (MINUTES * 60))
    found, note = series_of(subject, slo, now)
    at = subject.now
    if slo.sli == "quality":
        settled = min(now, mature_until(subject) * FINE)
        at = EPOCH + timedelta(minutes=settled * MINUTES)
        note = maturing(at, _provisional(subject, slo, found, settled, now)) + note
        found, now = found.until(settled), settled
    yield from judged(subject.model.key, slo, found, now, at, note)


def _provisional(subject: Subject, slo: Slo, found: ServiceSeries, settled: int, now: int) -> quality.Provisional:
    since = Slots(settled // FINE, max(settled, now) // FINE)
    made = subject.current.histogram(*labels.counted(subject), since).n
    return quality.provisional(found, made, settled, now, slo.objective, period(slo.period))


def judged(model: str, slo: Slo, found: ServiceSeries, now: int, at: datetime, note: str = "") -> Iterator[Verdict]:
    """An objective of events before the slot `now`, at the moment `at`: its budget, and every window pair. What is too
    old pages by itself, so its burn is not looked at."""
    whole = period(slo.period)
    end = last_slot(found, now)
    start = EPOCH + timedelta(minutes=(end - whole.minutes // MINUTES) * MINUTES)
    left = budget(found, end, slo.objective, whole)
    base = Verdict(
        model, f"slo.{slo.sli}", Window(start, at, left.valid), Status.OK, "", column=slo.slug, method="budget",
        threshold=slo.objective, breached=slo.objective,
    )  # fmt: skip
    yield _budget(base, slo, left, note)
    for burn in burns(found, end, slo.objective, whole) if slo.sli != "freshness" else ():
        yield _burn(base, burn, slo)


def _budget(base: Verdict, slo: Slo, left: Budget, note: str) -> Verdict:
    if left.good is None or left.remaining is None:
        what = "prediction with its label" if slo.sli == "quality" else "request"
        return base._replace(status=Status.NO_DATA, reason=f"No {what} in the last {slo.period}.")
    unit = {
        "latency": f"within {slo.threshold_ms:g} ms" if slo.threshold_ms else "",
        "quality": "correct" if slo.tolerance is None else f"within ±{slo.tolerance:g} of their label",
    }.get(slo.sli, "answered")
    reason = f"{left.good:.3%} {unit} of {left.valid:,} in {slo.period}"
    if slo.sli == "freshness":
        reason = f"The newest prediction was at most {slo.max_age} old {left.good:.3%} of the time in {slo.period}"
    reason += f", objective {slo.objective:.3%}; error budget left {left.remaining:.0%}."
    reason += ending(left.lasts, period(slo.period)).sentence
    status = Status.BREACHED if left.remaining < 0 else Status.OK
    return base._replace(status=status, value=left.good, reason=reason + note)


def _burn(base: Verdict, burn: Burn, slo: Slo) -> Verdict:
    until = base.window.end
    start = None if until is None else until - timedelta(minutes=burn.pair.long)
    status = Status.OK if burn.known else Status.NO_DATA
    if burn.firing:
        status = Status.BREACHED if burn.pair.severity == "page" else Status.WARNING
    reason = f"{slo.sli.capitalize()} ({slo.limit}) {'had' if burn.long is None else 'is'} {burn.reason}."
    return base._replace(
        method=f"burn {burn.pair.name}", window=Window(start, until, burn.bad_long), status=status,
        value=burn.long, threshold=burn.factor, warning=burn.factor if burn.pair.severity == "ticket" else None,
        breached=burn.factor if burn.pair.severity == "page" else None, reason=reason,
    )  # fmt: skip


def _freshness(subject: Subject, slo: Slo) -> Iterator[Verdict]:
    """Age of the newest prediction, to the 5 minutes (to the hour where the log has no service counts); and the share
    of the time in which it was young enough."""
    age_limit = slo.max_age_hours
    newest = None
    span = subject.current.span()
    if span is not None:
        parts = list(subject.current.every(Kind.SERVICE, "", Slots(span.last - 1, span.last)))
        last = max((int(p.slots[-1]) for p in parts if len(p.slots)), default=span.last * FINE - 1)
        newest = EPOCH + timedelta(minutes=(last + 1) * MINUTES)
    verdict = Verdict(
        subject.model.key, "slo.freshness", Window(newest, subject.now, 0), Status.OK, "",
        slo.slug, method="age_hours", threshold=age_limit, breached=age_limit,
    )  # fmt: skip
    if newest is None:
        yield verdict._replace(status=Status.NO_DATA, reason="The log holds no prediction.")
        return
    age = max(0.0, (subject.now - newest).total_seconds() / 3600)
    status = Status.BREACHED if age > age_limit else Status.OK
    reason = f"The newest prediction is {_hours(age)} old; at most {slo.max_age} is allowed."
    yield verdict._replace(status=status, value=age, reason=reason)
    if span is not None and not subject.by_rows:
        now = int((subject.now - EPOCH).total_seconds() // (MINUTES * 60))
        found = freshness.events(freshness.predicted(subject.current, span), now, age_limit)
        yield from judged(subject.model.key, slo, found, now, subject.now)


def _hours(hours: float) -> str:
    if hours < 1:
        return f"{hours * 60:.0f} min"
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} days"
