"""What changed about a model and when: one function a kind, so that a further kind is one more in SOURCES."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from monitoring.core.summary import BLOCK, Kind
from monitoring.core.window import moment_of
from monitoring.store.queries.standing import deployments
from monitoring.store.tables import AuditRow, BaselineRow, ModelRow, SeriesRow, SummaryRow
from monitoring.store.threshold_tables import RevisionRow

LIMIT = 500
"""Changes of a kind that are listed, the newest."""


@dataclass(frozen=True, slots=True)
class Changed:
    """Something that was changed: `kind` names what, `mark` is what a chart writes beside its line. `model` is "" for
    what holds for the fleet. `ends`: it is a version that answered no more, which no chart marks."""

    at: datetime
    model: str
    kind: str
    words: str
    mark: str
    actor: str = ""
    reason: str = ""
    ends: bool = False


Source = Callable[[Session, str | None, datetime, datetime], Iterable[Changed]]


def changes(session: Session, key: str | None, start: datetime, end: datetime) -> list[Changed]:
    """What changed in [start, end), newest first: of a model (rules of the fleet left out), or of all."""
    found = [one for source in SOURCES for one in source(session, key, start, end) if start <= one.at < end]
    return sorted(found, key=lambda c: (c.at, c.kind, c.model, c.words), reverse=True)


def versions(session: Session, key: str | None, start: datetime, end: datetime) -> Iterable[Changed]:
    """Versions that came after a log began, and those that went before it ended: to the day; of one model, what came is
    known to the hour."""
    spans = _spans(session, key)
    hours = {} if key is None else {d.version: d.at for d in deployments(session, key, start, end)}
    for (model, version), (first, last) in spans.items():
        others = [span for (of, _), span in spans.items() if of == model]
        began, ended = min(s[0] for s in others), max(s[1] for s in others)
        if first > began:
            came = hours.get(version, first)
            yield Changed(came, model, "version", f"{version} answered first", version)
        if last < ended:
            gone = last + timedelta(hours=BLOCK)
            yield Changed(
                gone, model, "version", f"{version} answered last the day before", f"{version} ends", ends=True
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
        name = f"rule {row.name}" if row.kind == "rule" else kind
        told = f"{name}: {_written(row.before, row.after)} → {_written(row.after, row.before)}"
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


SOURCES: tuple[Source, ...] = (versions, revisions, references)


def _spans(session: Session, key: str | None) -> dict[tuple[str, str], tuple[datetime, datetime]]:
    """By model and version, the days of its first and its last row; not of logs without real time."""
    query = (
        select(
            ModelRow.key, ModelRow.document, SeriesRow.version, func.min(SummaryRow.block), func.max(SummaryRow.block)
        )
        .join(BaselineRow, BaselineRow.model_id == ModelRow.id)
        .join(SeriesRow, SeriesRow.baseline_id == BaselineRow.id)
        .join(SummaryRow, SummaryRow.series_id == SeriesRow.id)
        .where(BaselineRow.active, SeriesRow.role == "current", SeriesRow.kind == str(Kind.ROWS))
        .where(SeriesRow.slice == "", SeriesRow.version != "")
        .group_by(ModelRow.id, ModelRow.key, SeriesRow.version)
    )  # fmt: skip
    if key is not None:
        query = query.where(ModelRow.key == key)
    out = {}
    for model, document, version, first, last in session.execute(query):
        if not isinstance(document.get("chunk"), dict):
            out[model, version] = moment_of(first * BLOCK), moment_of(last * BLOCK)
    return out


def _written(several: list[Any], other: list[Any]) -> str:
    """What of a list the other one does not have."""
    own = [one for one in several if one not in other]
    return "; ".join(", ".join(f"{k} {v}" for k, v in one.items()) for one in own) or "none"
