"""The shell of a look-back: reads the summaries an objective is counted from, and tells what it would have done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import isclose

from sqlalchemy import select
from sqlalchemy.orm import Session

from monitoring.core.backtest import Period
from monitoring.core.slo import freshness
from monitoring.core.slo.lookback import LEAD, Asked, LookBack, look_back
from monitoring.core.slo.windows import period
from monitoring.core.summaries import Summaries
from monitoring.core.summary import FINE, Kind
from monitoring.core.window import Slots, moment_of, slot_ceiling, slot_of
from monitoring.fleet import Model, Slo, parse_model
from monitoring.store import rules
from monitoring.store.models import unknown
from monitoring.store.queries import label_delay, objectives
from monitoring.store.queries.summaries import Frozen, baseline
from monitoring.store.roster import roster
from monitoring.store.summaries import load
from monitoring.store.tables import ModelRow
from monitoring.verdicts.labels import is_timed

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Looked:
    """An objective as it is and with the change; None on a side where there is none. `notes` say what was counted in
    another way than it is written; `why`, why nothing could be told."""

    period: Period
    before: LookBack | None = None
    after: LookBack | None = None
    notes: tuple[str, ...] = ()
    why: str = ""


class UntoldError(Exception):
    """Why nothing can be told."""


def look_back_on(
    session: Session, key: str, before: Slo | None, after: Slo | None, days: int, now: datetime, zone: str = "UTC"
) -> Looked:
    """What an objective of a model would have done in the last `days`, as it is and as another of its kind in its
    place. Reads summaries only. Nights are those of the team that has the model; of `zone` where no team has it."""
    document = session.scalar(select(ModelRow.document).where(ModelRow.key == key))
    if document is None:
        raise unknown(key, [])
    model = parse_model(document, key).under(rules.rules(session))
    team = roster(session).team_of(model.owner)
    whole = Period(now - timedelta(days=days), now, zone if team is None else team.zone)
    slos = [slo for slo in (before, after) if slo is not None]
    try:
        notes, asked = _asked(session, model, slos, whole)
    except UntoldError as untold:
        return Looked(whole, why=str(untold))
    found = iter([look_back(replace(one, waits=model.waits), key, model.owner, whole) for one in asked])
    return Looked(whole, next(found) if before else None, next(found) if after else None, tuple(notes))


def _asked(session: Session, model: Model, slos: Sequence[Slo], looked: Period) -> tuple[list[str], list[Asked]]:
    """The objectives with their events, and what is to be said of how they were counted."""
    frozen = baseline(session, model.key)
    if frozen is None:
        raise UntoldError("the model has not been evaluated yet, so nothing is counted")
    if model.chunk.rows is not None:
        raise UntoldError("its log has no real time, so there are no days to look back on")
    for slo in slos:
        if missing := _missing(model, frozen, slo):
            raise UntoldError(missing)
    late = _late(session, model, frozen, looked.end) if any(slo.sli == "quality" for slo in slos) else timedelta()
    longest = max((timedelta(minutes=period(slo.period).minutes) for slo in slos), default=DAY)
    window = Slots(slot_of(looked.start - LEAD - late - longest - DAY), slot_ceiling(looked.end))
    wanted = {kind for slo in slos for kind in objectives.kinds(slo.sli)}
    found = load(session, frozen.id, "current", window, sorted(wanted))
    span = found.span()
    if span is None or moment_of(span.first) >= looked.end:
        raise UntoldError("the log holds nothing in these days")
    notes = []
    begins = moment_of(span.first)
    if begins > looked.start:
        notes.append(f"The log begins on {begins:%Y-%m-%d}: {(looked.end - begins) / DAY:.0f} days are known.")
    asked = [replace(_of(slo, model, frozen, found, window, late, notes), column=slo.slug) for slo in slos]
    return notes, asked


def _missing(model: Model, frozen: Frozen, slo: Slo) -> str:
    """What an objective needs and there is not."""
    columns = model.predictions.columns
    needed = {"latency": ("latency_ms", columns.latency_ms), "availability": ("status", columns.status)}.get(slo.sli)
    if needed is not None and not needed[1]:
        return f"the log has no `{needed[0]}` mapped, which this objective needs"
    if slo.sli == "quality" and frozen.profile.find(Kind.OUTCOME, "") is None:
        return "the model has no labels, which this objective needs"
    return ""


def _late(session: Session, model: Model, frozen: Frozen, now: datetime) -> timedelta:
    """How long after a prediction it is settled, as it is now."""
    with_status = model.predictions.columns.status is not None
    until = label_delay.settled(session, frozen, model.chunk, is_timed(model), with_status, now)
    if until is None:
        raise UntoldError("no prediction has had the time yet to get its label")
    return now - until


def _of(
    slo: Slo, model: Model, frozen: Frozen, found: Summaries, window: Slots, late: timedelta, notes: list[str]
) -> Asked:
    """An objective with its events."""
    check, whole = f"slo.{slo.sli}", period(slo.period)
    if slo.sli == "freshness":
        made = freshness.predicted(found, window)
        seen = freshness.events(made, window.last * FINE, slo.max_age_hours)
        return Asked(check, slo.objective, whole, seen, made, slo.max_age_hours)
    limit = slo.tolerance if slo.sli == "quality" else slo.threshold_ms
    counted, used = objectives.events(found, frozen.profile, model.task, slo.sli, limit, window)
    if used is not None and limit is not None and not isclose(used, limit):
        name = f"±{used:.4g}" if slo.sli == "quality" else f"{used:g} ms"
        notes.append(f"Counted at {name} until the model is re-baselined: {slo.limit}.")
    if slo.sli != "quality":
        return Asked(check, slo.objective, whole, counted)
    hours = -(-late // timedelta(hours=1))
    return Asked(check, slo.objective, whole, counted, late=hours * FINE, step=FINE)
