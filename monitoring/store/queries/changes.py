"""What changed about a model and when: one function a kind, so that a further kind is one more in SOURCES."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from monitoring.core.summary import BLOCK, Kind
from monitoring.core.window import moment_of
from monitoring.store.queries.standing import deployments
from monitoring.store.tables import (
    AuditRow,
    BaselineRow,
    ModelRow,
    RetrainEventRow,
    RetrainRow,
    RevisionRow,
    SeriesRow,
    SummaryRow,
)

LIMIT = 500
"""Changes of a kind that are listed, the newest."""
MOST = 0.5
"""Share of a day's rows above which a version has taken over."""
MARKED = {"requested": "retrain requested", "promoted": "promoted", "rolled_back": "rolled back"}
"""What of a retrain is a line on charts, and what is written beside it."""
LISTED = ("approved", "candidate", "evaluated", "rejected", "verified", "failed", "timed_out", "cancelled")


@dataclass(frozen=True, slots=True)
class Changed:
    """Something that was changed: `kind` names what, `mark` is what a chart writes beside its line. `model` is "" for
    what holds for the fleet. `quiet`: it is listed, and no chart marks it."""

    at: datetime
    model: str
    kind: str
    words: str
    mark: str
    actor: str = ""
    reason: str = ""
    quiet: bool = False


Source = Callable[[Session, str | None, datetime, datetime], Iterable[Changed]]


def changes(session: Session, key: str | None, start: datetime, end: datetime) -> list[Changed]:
    """What changed in [start, end), newest first: of a model (rules of the fleet left out), or of all."""
    found = [one for source in SOURCES for one in source(session, key, start, end) if start <= one.at < end]
    return sorted(found, key=lambda c: (c.at, c.kind, c.model, c.words), reverse=True)


def versions(session: Session, key: str | None, start: datetime, end: datetime) -> Iterable[Changed]:
    """Versions that came after a log began, took over most of its rows, and answered no more before it ended: to the
    day; of one model, what came is known to the hour."""
    hours = {} if key is None else {d.version: d.at for d in deployments(session, key, start, end)}
    for model, rows in shares(session, key).items():
        began, ended = rows.index.min(), rows.index.max()
        for version in rows.columns:
            share = rows[version]
            first, last = share[share > 0].index[[0, -1]]
            most = share[share > MOST]
            if first > began:
                came = hours.get(version, first.to_pydatetime())
                part = f", {share[first]:.0%} of that day's rows" if share[first] < 1 else ""
                yield Changed(came, model, "version", f"{version} answered first{part}", version)
                if len(most) and most.index[0] > first:
                    over = f"{version} answers most rows: {most.iloc[0]:.0%} of the day"
                    yield Changed(
                        most.index[0].to_pydatetime(), model, "version", over, f"{version} takes over", quiet=True
                    )
            if last < ended:
                gone = last.to_pydatetime() + timedelta(hours=BLOCK)
                yield Changed(
                    gone, model, "version", f"{version} answered last the day before", f"{version} ends", quiet=True
                )


def revisions(session: Session, key: str | None, start: datetime, end: datetime) -> Iterable[Changed]:
    """Thresholds, objectives and rules that were changed; not what a model was first written with."""
    query = select(RevisionRow).where(RevisionRow.at >= start, RevisionRow.at < end)
    if key is not None:
        query = query.where(RevisionRow.name == key, RevisionRow.kind != "rule")
    for row in session.scalars(query.order_by(RevisionRow.id.desc()).limit(LIMIT)):
        if row.number == 1 and not row.before and row.kind != "rule":
            continue
        kind = "objectives" if row.kind == "objectives" else "thresholds"
        told = (f"rule {row.name}: " if row.kind == "rule" else "") + _difference(row.before, row.after)
        model = "" if row.kind == "rule" else row.name
        words = told if row.undoes is None else f"{told} (revision {row.undoes} undone)"
        yield Changed(row.at, model, kind, words, kind, row.author, row.reason)


def references(session: Session, key: str | None, start: datetime, end: datetime) -> Iterable[Changed]:
    """References that were frozen anew."""
    query = select(AuditRow).where(AuditRow.action == "model re-baselined", AuditRow.at >= start, AuditRow.at < end)
    if key is not None:
        query = query.where(AuditRow.subject == key)
    for row in session.scalars(query.order_by(AuditRow.id.desc()).limit(LIMIT)):
        ends = [str(row.detail.get(name, ""))[:10] for name in ("from", "to")]
        where = f" on {ends[0]} to {ends[1]}" if all(ends) else ""
        yield Changed(row.at, row.subject, "reference", f"reference frozen anew{where}", "reference", row.actor)


def retrains(session: Session, key: str | None, start: datetime, end: datetime) -> Iterable[Changed]:
    """What became of retrain requests."""
    query = (
        select(RetrainEventRow, RetrainRow.model, RetrainRow.key)
        .join(RetrainRow, RetrainRow.id == RetrainEventRow.retrain_id)
        .where(RetrainEventRow.at >= start, RetrainEventRow.at < end, RetrainEventRow.kind.in_([*MARKED, *LISTED]))
        .order_by(RetrainEventRow.id.desc())
        .limit(LIMIT)
    )
    if key is not None:
        query = query.where(RetrainRow.model == key)
    for row, model, request in session.execute(query):
        mark = MARKED.get(row.kind, row.kind)
        words = f"{request}: {row.words}"
        yield Changed(row.at, model, "retraining", words, mark, row.actor, quiet=row.kind not in MARKED)


SOURCES: tuple[Source, ...] = (versions, revisions, references, retrains)


def shares(session: Session, key: str | None) -> dict[str, pd.DataFrame]:
    """By model with several versions: the share of a day's rows that each of them answered, days by versions. Without
    logs that have no real time."""
    several = (
        select(SeriesRow.baseline_id)
        .where(SeriesRow.role == "current", SeriesRow.kind == str(Kind.ROWS), SeriesRow.slice == "")
        .group_by(SeriesRow.baseline_id)
        .having(func.count() > 1)
    )
    query = (
        select(ModelRow.key, ModelRow.document, SeriesRow.version, SummaryRow.block, SummaryRow.n)
        .join(BaselineRow, BaselineRow.model_id == ModelRow.id)
        .join(SeriesRow, SeriesRow.baseline_id == BaselineRow.id)
        .join(SummaryRow, SummaryRow.series_id == SeriesRow.id)
        .where(BaselineRow.active, SeriesRow.role == "current", SeriesRow.kind == str(Kind.ROWS))
        .where(SeriesRow.slice == "", SeriesRow.version != "", SeriesRow.baseline_id.in_(several))
    )
    if key is not None:
        query = query.where(ModelRow.key == key)
    found: dict[str, list[tuple[str, int, int]]] = {}
    for model, document, version, block, n in session.execute(query):
        if not isinstance(document.get("chunk"), dict):
            found.setdefault(model, []).append((version, block, n))
    out = {}
    for model, cells in found.items():
        rows = pd.DataFrame(cells, columns=["version", "block", "n"]).pivot_table(
            index="block", columns="version", values="n", aggfunc="sum", fill_value=0
        )
        rows.index = pd.to_datetime([moment_of(int(block) * BLOCK) for block in rows.index], utc=True)
        out[model] = rows.div(rows.sum(axis=1), axis=0)
    return out


NAMES = ("key", "check", "sli", "column", "slice", "version", "method", "period")
"""What says which threshold or objective one is; all else is how it is set."""


def _difference(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> str:
    """What of two lists is not the same: "drift: warning 0.1 → 0.2; quality.missing: removed"."""
    both = (before, after)
    alike = any(len({_name(one) for one in several}) < len(several) for several in both)  # then by all they say
    of, to = ({f"{_name(one)}{one if alike else ''}": one for one in several} for several in both)
    out = []
    for name in dict.fromkeys([*of, *to]):
        old, new = of.get(name, {}), to.get(name, {})
        fields = [key for key in dict.fromkeys([*old, *new]) if key not in NAMES and old.get(key) != new.get(key)]
        parts = [f"{key} {old.get(key, '–')} → {new.get(key, '–')}" for key in fields]
        if not old or not new:
            set_ = [f"{key} {value}" for key, value in (old or new).items() if key not in NAMES]
            parts = [" ".join(["removed" if not new else "added", *([f"({', '.join(set_)})"] if set_ else [])])]
        if parts:
            out.append(f"{_name(old or new)}: {', '.join(parts)}")
    return "; ".join(out) or "put in another order"


def _name(one: dict[str, Any]) -> str:
    return " ".join(str(one[key]) for key in NAMES if one.get(key) is not None)
