"""Where a model stands: its newest verdicts that count, its versions, and how far its labels have come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd
from sqlalchemy import func, select, true
from sqlalchemy.orm import Session, aliased

from monitoring.core.summary import BLOCK, Kind, Series
from monitoring.core.verdict import SEVERITY, Verdict
from monitoring.core.window import Slots, moment_of, slot_of
from monitoring.store.queries.summaries import baseline
from monitoring.store.queries.verdicts import history, newest
from monitoring.store.summaries import load
from monitoring.store.tables import BaselineRow, ModelRow, SeriesRow, SummaryRow, VerdictRow
from monitoring.store.verdicts import from_row

FAMILIES = ("model", "slo", "performance", "quality", "drift", "estimated")
"""Families of checks in the order in which findings are shown."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A version in the log: its rows, and the days of the first and the last."""

    version: str
    rows: int
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True, slots=True)
class Deployed:
    """A version that came after others: its first row is its deployment, to the hour."""

    version: str
    at: datetime


def standing(session: Session, key: str) -> list[Verdict]:
    """The newest verdict of every check, column, slice, version and method, worst first. Where the newest window is
    provisional (not over yet, or without its labels), the newest one before it that is not stands in its place."""
    found = newest(session, key)
    checks = sorted({v.check for v in found if v.provisional})
    if checks:
        older = {name_of(v): v for v in _before(session, key, checks)}
        found = [older.get(name_of(v), v) if v.provisional else v for v in found]
    return sorted(found, key=gravest_first)


def gravest_first(v: Verdict) -> tuple[object, ...]:
    """By status; the whole before its slices and versions; what costs users before what may come to cost them."""
    family = v.check.split(".")[0]
    order = FAMILIES.index(family) if family in FAMILIES else len(FAMILIES)
    part = (v.slice or "", v.version or "")
    return -SEVERITY[v.status], part != ("", ""), order, v.check, part, v.column or ""


def name_of(v: Verdict) -> tuple[str | None, ...]:
    """What a verdict is about, whatever its window."""
    return v.check, v.column, v.slice, v.version, v.method


def versions(session: Session, key: str) -> list[Seen]:
    """The versions in the log, the newest first. None where the log does not say."""
    query = (
        select(SeriesRow.version, func.sum(SummaryRow.n), func.min(SummaryRow.block), func.max(SummaryRow.block))
        .join(BaselineRow, BaselineRow.id == SeriesRow.baseline_id)
        .join(ModelRow, ModelRow.id == BaselineRow.model_id)
        .join(SummaryRow, SummaryRow.series_id == SeriesRow.id)
        .where(ModelRow.key == key, BaselineRow.active, SeriesRow.role == "current", SeriesRow.kind == str(Kind.ROWS))
        .where(SeriesRow.slice == "", SeriesRow.version != "")
        .group_by(SeriesRow.version)
    )
    document = session.scalar(select(ModelRow.document).where(ModelRow.key == key)) or {}
    timed = not isinstance(document.get("chunk"), dict)  # rows without real time have numbers for slots
    found = [
        (last, Seen(v, int(n), moment_of(first * BLOCK) if timed else None, moment_of(last * BLOCK) if timed else None))
        for v, n, first, last in session.execute(query)
    ]
    return [seen for _, seen in sorted(found, key=lambda pair: (-pair[0], pair[1].version))]


def deployments(session: Session, key: str, start: datetime, end: datetime) -> list[Deployed]:
    """The versions whose first row lies in [start, end), oldest first; those that the log began with are none."""
    frozen = baseline(session, key)
    seen = [(v.version, v.first) for v in versions(session, key) if v.first is not None]
    if frozen is None or not seen:
        return []
    began = min(first for _, first in seen)
    days = {first for _, first in seen if end > first >= start - timedelta(hours=BLOCK)} - {began}
    out = []
    for day in days:
        window = Slots(slot_of(day), slot_of(day) + BLOCK)
        found = load(session, frozen.id, "current", window, [Kind.ROWS])
        for version in {name for name, first in seen if first == day}:
            hour = int(found.cells(Series(Kind.ROWS, "", version, ""), slot_of(day) // BLOCK).slots[0])
            out.append(Deployed(version, moment_of(hour)))
    return sorted((d for d in out if start <= d.at < end), key=lambda d: (d.at, d.version))


def coverage(session: Session, key: str, metric: str, start: datetime | None, end: datetime | None) -> pd.DataFrame:
    """Window by window: window_start, window_end, chunk, rows, labelled (of `metric`), complete (their share), and
    of the volume: status, provisional."""
    rows = history(session, key, "quality.volume", start, end).rename(columns={"n": "rows"})
    rows = rows[["window_start", "window_end", "chunk", "rows", "status", "provisional"]]
    labels = history(session, key, f"performance.{metric}", start, end).rename(columns={"n": "labelled"})
    on = "chunk" if rows["chunk"].notna().any() else "window_start"
    out = rows.merge(labels[[on, "labelled"]].drop_duplicates(on), on=on, how="left")
    out["labelled"] = out["labelled"].astype(float)
    out["complete"] = (out["labelled"] / out["rows"].where(out["rows"] > 0)).clip(upper=1.0)
    return out


def _before(session: Session, key: str, checks: list[str]) -> list[Verdict]:
    """The newest verdicts of some checks that are not provisional."""
    one, other = VerdictRow, aliased(VerdictRow)
    names = ("check", "column", "slice", "version", "method")
    model = select(ModelRow.id).where(ModelRow.key == key).scalar_subquery()
    last = (
        select(*(getattr(other, name) for name in names), func.max(other.first_slot).label("slot"))
        .where(other.model_id == model, other.check.in_(checks), other.provisional.is_(False))
        .group_by(*(getattr(other, name) for name in names))
        .subquery()
    )
    same = true()
    for name in names:
        same = same & (last.c[name] == getattr(one, name))
    query = select(one).join(last, same & (last.c.slot == one.first_slot)).where(one.model_id == model)
    return [from_row(row, key) for row in session.scalars(query)]
