"""How Leeway itself is doing, and where each model stands: what /metrics says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from monitoring.core.codec import decode_total
from monitoring.core.grid import BucketGrid
from monitoring.core.histogram import Histogram, merge
from monitoring.core.profile import from_document, is_current
from monitoring.core.slo import series
from monitoring.core.summary import Kind
from monitoring.fleet import parse_model
from monitoring.store.queries.fleet import newest_flags
from monitoring.store.tables import BaselineRow, EvaluationRow, HeartbeatRow, ModelRow, SeriesRow, SourceRow, SummaryRow


@dataclass(frozen=True, slots=True)
class Events:
    """Good-or-bad events of one objective since its model is watched."""

    slo: str
    valid: int
    bad: int


@dataclass(frozen=True, slots=True)
class ModelHealth:
    """One model: its flag ("" before the first evaluation), its last evaluation, and its prediction log."""

    id: int
    key: str
    owner: str
    flag: str
    evaluated_at: datetime | None
    seconds: float
    failed: bool
    rows: int
    newest: datetime | None
    unreadable: bool
    document: dict[str, Any]


def heartbeats(session: Session) -> dict[str, datetime]:
    """When each part of Leeway last gave a sign of life."""
    return {row.name: row.at for row in session.scalars(select(HeartbeatRow))}


def models(session: Session) -> list[ModelHealth]:
    """All models, by key."""
    last = select(func.max(EvaluationRow.id)).group_by(EvaluationRow.model_id)
    evaluated = {row.model_id: row for row in session.scalars(select(EvaluationRow).where(EvaluationRow.id.in_(last)))}
    sources = {r.model_id: r for r in session.scalars(select(SourceRow).where(SourceRow.role == "predictions"))}
    flags = newest_flags(session)
    out = []
    for row in session.scalars(select(ModelRow).order_by(ModelRow.key)):
        done, source = evaluated.get(row.id), sources.get(row.id)
        out.append(
            ModelHealth(
                row.id, row.key, row.owner, flags[row.id].flag if row.id in flags else "",
                done.now if done else None, done.seconds if done else 0.0, bool(done and done.error),
                source.rows if source else 0, source.last_at if source else None, bool(source and source.error),
                row.document,
            )
        )  # fmt: skip
    return out


def events(session: Session, model: ModelHealth) -> tuple[Events, ...]:
    """Of every objective that counts requests, from the totals of whole days: no cell is unpacked."""
    counted = [s for s in parse_model(model.document, model.key).slos if s.sli in ("availability", "latency")]
    baseline = session.scalar(select(BaselineRow).where(BaselineRow.model_id == model.id, BaselineRow.active))
    if not counted or baseline is None or not is_current(baseline.profile):
        return ()
    column = from_document(baseline.profile).find(Kind.SERVICE, "")
    if column is None or not isinstance(column.grid, BucketGrid):
        return ()
    query = (
        select(SummaryRow.total)
        .join(SeriesRow, SeriesRow.id == SummaryRow.series_id)
        .where(SeriesRow.baseline_id == baseline.id, SeriesRow.role == "current", SeriesRow.kind == str(Kind.SERVICE))
        .where(SeriesRow.slice == "")
    )
    counts: Histogram = merge([decode_total(total) for total in session.scalars(query)])
    out = []
    for slo in counted:
        judge: series.Judge = series.answered
        if slo.sli == "latency" and slo.threshold_ms is not None:
            judge, _ = series.within(column.grid, slo.threshold_ms)
        out.append(Events(slo.slug, *series.events(counts, judge)))
    return tuple(out)
