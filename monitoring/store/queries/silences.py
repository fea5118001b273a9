"""What a silence catches: alerts that are open, and what was found over the last days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select, tuple_
from sqlalchemy.orm import Session

from monitoring.core.alerting.matcher import all_match
from monitoring.core.alerting.silence import Silence
from monitoring.core.verdict import Status
from monitoring.store.tables import AlertRow, ModelRow, VerdictRow

BACK = timedelta(days=30)
"""How far back a preview looks."""
BAD = (Status.WARNING, Status.BREACHED, Status.FAILED)
OF_VERDICT = ("check", "column", "slice", "version", "method")
OF_ALERT = (*OF_VERDICT, "severity", "kind", "owner")


@dataclass(frozen=True, slots=True)
class CaughtAlert:
    """An alert that is open now and would be silent."""

    model: str
    name: str
    check: str
    column: str
    slice: str
    version: str
    severity: str
    state: str
    summary: str
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class CaughtFinding:
    """What a check found of a subject within a silence's hours: in how many windows, last when, and its status now."""

    model: str
    name: str
    check: str
    column: str
    slice: str
    version: str
    windows: int
    last: datetime
    status: str


@dataclass(frozen=True, slots=True)
class Catch:
    """What a silence would catch now, and would have caught had it held over the last days."""

    alerts: tuple[CaughtAlert, ...]
    opened: int
    findings: tuple[CaughtFinding, ...]

    @property
    def models(self) -> list[str]:
        """The models it touches."""
        return sorted({a.model for a in self.alerts} | {f.model for f in self.findings})


def catch(session: Session, silence: Silence, now: datetime, back: timedelta = BACK) -> Catch:
    """What it catches of alerts open now, and of alerts and findings as if it had held over the time before.

    One that recurs is laid back a year, so that its hours are those it will have. A finding counts at the end of its
    window, which is when it would have alerted, or when it was made, where that was before.
    """
    since = now - back
    inside = _hours(silence, since, now)
    open_, opened = [], 0
    query = select(AlertRow).where(or_(AlertRow.closed_at.is_(None), AlertRow.opened_at >= since))
    for row in session.scalars(query.order_by(AlertRow.opened_at.desc())):
        if all_match(silence.matchers, _labels(row, OF_ALERT, row.model_key)):
            opened += row.opened_at >= since and inside(row.opened_at)
            if row.closed_at is None:
                open_.append(
                    CaughtAlert(
                        row.model_key, row.model_name, row.check, row.column, row.slice, row.version, row.severity,
                        row.state, row.summary, row.opened_at,
                    )
                )  # fmt: skip
    return Catch(tuple(open_), opened, tuple(_findings(session, silence, since, inside)))


def slice_names(session: Session) -> list[str]:
    """Every slice that verdicts were given for."""
    return list(
        session.scalars(select(VerdictRow.slice).where(VerdictRow.slice != "").distinct().order_by(VerdictRow.slice))
    )


def _findings(
    session: Session, silence: Silence, since: datetime, inside: Callable[[datetime], bool]
) -> list[CaughtFinding]:
    models = {id_: (key, name, owner) for id_, key, name, owner in session.execute(
        select(ModelRow.id, ModelRow.key, ModelRow.name, ModelRow.owner)
    )}  # fmt: skip
    series = (VerdictRow.model_id, *(getattr(VerdictRow, name) for name in OF_VERDICT))
    moment = func.coalesce(VerdictRow.window_end, VerdictRow.evaluated_at)
    query = select(*series, VerdictRow.window_end, VerdictRow.evaluated_at)
    query = query.where(VerdictRow.status.in_([str(s) for s in BAD]), moment >= since)
    fits: dict[Any, bool] = {}
    found: dict[Any, list[datetime]] = defaultdict(list)
    for *subject, end, evaluated in session.execute(query):
        key = tuple(subject)
        if key not in fits:
            model, _, owner = models[key[0]]
            labels = dict(zip(OF_VERDICT, key[1:], strict=True)) | {"model": model, "owner": owner}
            fits[key] = all_match(silence.matchers, labels)
        at = min(end or evaluated, evaluated)  # the newest window may still be open
        if fits[key] and inside(at):
            found[key].append(at)
    newest = _newest(session, {key[0] for key in found})
    out = []
    for key, moments in found.items():
        id_, check, column, slice_, version, _ = key
        words = (*models[id_][:2], check, column, slice_, version)
        out.append(CaughtFinding(*words, len(moments), max(moments), newest.get(key, "")))
    return sorted(out, key=lambda f: (-f.windows, f.model, f.check, f.column))


def _newest(session: Session, models: set[int]) -> dict[Any, str]:
    """What the newest verdict of every series of some models says."""
    if not models:
        return {}
    series = (VerdictRow.model_id, *(getattr(VerdictRow, name) for name in OF_VERDICT))
    last = select(*series, func.max(VerdictRow.first_slot)).where(VerdictRow.model_id.in_(models)).group_by(*series)
    query = select(*series, VerdictRow.status).where(tuple_(*series, VerdictRow.first_slot).in_(last))
    return {tuple(key): status for *key, status in session.execute(query)}


def _hours(silence: Silence, first: datetime, last: datetime) -> Callable[[datetime], bool]:
    """Whether a moment of the past lies in the hours of a silence."""
    rule = silence.recurrence
    if rule is None:
        return lambda at: True
    windows = rule.windows(rule.year_before(silence.starts), first, last)
    return lambda at: any(start <= at < end for start, end in windows)


def _labels(row: Any, names: tuple[str, ...], model: str) -> Mapping[str, str]:
    return {name: getattr(row, name) for name in names} | {"model": model}
