"""Verdicts in the database: one a check and window, replaced by its next revision."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import Row, and_, delete, insert, or_, select, update
from sqlalchemy.orm import Session

from monitoring.core.verdict import Flag, Status, Verdict, Window
from monitoring.core.window import slot_of
from monitoring.store.tables import Base, EvaluationRow, VerdictRow

DAY = 24
TABLE = Base.metadata.tables["verdict"]
"""For rows without the objects of the ORM: many are read and written in half the time."""
OF_LABELS = ("performance.%", "drift.label", "quality.labels")
"""Checks whose windows are final only once their labels have come."""
CONTENT = (
    "n",
    "value",
    "lower",
    "upper",
    "p_value",
    "threshold",
    "warning",
    "breached",
    "status",
    "flag",
    "provisional",
    "reason",
    "drift_score",
    "null_quantile",
    "false_alarms",
    "effect",
    "since",
)
COURSE = (
    "check", "column", "slice", "version", "method", "window_start", "window_end", "chunk", "n", "status", "value",
    "threshold", "warning", "breached", "lower", "upper", "provisional", "drift_score", "effect", "since",
)  # fmt: skip
WHOLE = (
    "check", "column", "slice", "version", "method", "window_start", "window_end", "chunk", "n", "status", "reason",
    "value", "threshold", "warning", "breached", "lower", "upper", "p_value", "automatic", "provisional", "flag",
    "drift_score", "null_quantile", "false_alarms", "effect", "since",
)  # fmt: skip
STATUSES = {str(status): status for status in Status}
PLAIN = [
    name
    for name in Verdict._fields
    if name not in ("model", "window", "flag", "status", "column", "slice", "version", "method")
]


def save(session: Session, model_id: int, verdicts: Sequence[Verdict], now: datetime) -> int:
    """Write what is new or has changed; how many that was."""
    rows = dict(_row(model_id, verdict, now) for verdict in verdicts)
    firsts = sorted({row["first_slot"] for row in rows.values()})
    changed: list[dict[str, Any]] = []
    stale: list[int] = []
    seen: dict[Any, Any] = {}
    for at in range(0, len(firsts), 400):
        query = select(TABLE).where(TABLE.c.model_id == model_id, TABLE.c.first_slot.in_(firsts[at : at + 400]))
        seen.update(
            {(r.check, r.column, r.slice, r.version, r.method, r.first_slot): r for r in session.execute(query)}
        )
    for key, row in rows.items():
        old = seen.get(key)
        if old is not None and all(getattr(old, name) == row[name] for name in CONTENT):
            continue
        if old is not None:
            stale.append(old.id)
            row["revision"] = old.revision + 1
        changed.append(row)
    for at in range(0, len(stale), 400):
        session.execute(delete(TABLE).where(TABLE.c.id.in_(stale[at : at + 400])))
    if changed:
        session.execute(insert(TABLE), changed)
    return len(changed)


def forget(session: Session, model_id: int) -> None:
    """Drop all verdicts of a model: its baseline or its checks are others now."""
    session.execute(delete(TABLE).where(TABLE.c.model_id == model_id))


def recall(
    session: Session, model_id: int, key: str, since: int, matured: int | None = None
) -> Iterator[tuple[int, Verdict]]:
    """The stored verdicts of windows from slot `since` on, in order of time; those that wait for labels, from slot
    `matured` on. Each with its number."""
    wanted = TABLE.c.first_slot >= since
    if matured is not None:
        waiting = or_(*(TABLE.c.check.like(name) for name in OF_LABELS))
        wanted = or_(wanted, and_(TABLE.c.first_slot >= matured, waiting))
    found = select(TABLE.c.id, *(TABLE.c[name] for name in WHOLE)).where(TABLE.c.model_id == model_id, wanted)
    for number, *row in session.execute(found.order_by(TABLE.c.first_slot, TABLE.c.id)).all():
        yield number, _verdict(key, *row)


def course(
    session: Session, model_id: int, key: str, checks: Collection[str], whole: Collection[str], since: int,
    until: int | None = None,
) -> list[tuple[int, Verdict]]:  # fmt: skip
    """The stored verdicts from slot `since` on, before slot `until`, of some checks, and of others where they are of
    the `whole` model, of no slice and no version. Each with its number; without their reasons.
    """
    names = [TABLE.c[name] for name in COURSE]
    of_whole = and_(TABLE.c.check.in_(whole), TABLE.c.slice == "", TABLE.c.version == "")
    query = select(TABLE.c.id, *names).where(
        TABLE.c.model_id == model_id, TABLE.c.first_slot >= since, or_(TABLE.c.check.in_(checks), of_whole)
    )
    if until is not None:
        query = query.where(TABLE.c.first_slot < until)
    return [
        (
            number,
            Verdict(
                key, check, Window(start, end, n, chunk), STATUSES[status], "", column or None, slice_ or None,
                version or None, method or None, value, threshold, warning, breached, lower, upper,
                provisional=provisional, drift_score=drift_score, effect=effect, since=dated,
            ),
        )
        for number, check, column, slice_, version, method, start, end, chunk, n, status, value, threshold, warning,
        breached, lower, upper, provisional, drift_score, effect, dated in session.execute(query).all()
    ]  # fmt: skip


def redate(session: Session, verdicts: Sequence[tuple[int, Verdict]]) -> None:
    """Give stored verdicts another date."""
    if verdicts:
        session.execute(update(VerdictRow), [{"id": number, "since": v.since} for number, v in verdicts])


def evaluated(session: Session, model_id: int) -> datetime | None:
    """The moment of the last evaluation; None where there is none, or it failed."""
    query = select(EvaluationRow).where(EvaluationRow.model_id == model_id).order_by(EvaluationRow.id.desc()).limit(1)
    last = session.scalar(query)
    return None if last is None or last.error else last.now


def evaluated_well(session: Session, model_id: int) -> datetime | None:
    """The moment of the last evaluation that did not fail."""
    query = select(EvaluationRow.now).where(EvaluationRow.model_id == model_id, EvaluationRow.error == "")
    return session.scalar(query.order_by(EvaluationRow.id.desc()).limit(1))


def summing_up(session: Session, model_id: int, key: str) -> Verdict | None:
    """The newest verdict on the model as a whole."""
    query = select(VerdictRow).where(VerdictRow.model_id == model_id, VerdictRow.check == "model")
    row = session.scalar(query.order_by(VerdictRow.first_slot.desc(), VerdictRow.id.desc()).limit(1))
    return None if row is None else from_row(row, key)


def estimated(session: Session, model_id: int, slots: Sequence[int]) -> set[int]:
    """Those of the windows that begin at `slots` for which performance was estimated, or found to need more rows."""
    query = select(VerdictRow.first_slot).where(
        VerdictRow.model_id == model_id,
        VerdictRow.first_slot.in_(slots),
        VerdictRow.check.like("estimated.%"),
        VerdictRow.status.not_in((str(Status.NO_DATA), str(Status.FAILED))),
    )
    return set(session.scalars(query))


def provisional(session: Session, model_id: int, check: str, method: str) -> dict[int, bool]:
    """By the first slot of a window, whether what a check said of the model as a whole was provisional."""
    query = select(VerdictRow.first_slot, VerdictRow.provisional).where(
        VerdictRow.model_id == model_id, VerdictRow.check == check, VerdictRow.column == "", VerdictRow.slice == "",
        VerdictRow.version == "", VerdictRow.method == method,
    )  # fmt: skip
    return {slot: bool(value) for slot, value in session.execute(query)}


def of_versions(session: Session, model_id: int, check: str) -> set[tuple[str, int]]:
    """The versions that a check judged on their own, each with the first slot of the window."""
    query = select(VerdictRow.version, VerdictRow.first_slot).where(
        VerdictRow.model_id == model_id, VerdictRow.check == check, VerdictRow.version != "", VerdictRow.slice == ""
    )
    return {(version, slot) for version, slot in session.execute(query)}


def from_row(row: VerdictRow | Row[Any], key: str) -> Verdict:
    """A stored verdict as a value."""
    return _verdict(key, *_columns(row))


_columns = attrgetter(*WHOLE)


def _verdict(
    key: str, check: str, column: str, slice_: str, version: str, method: str, start: datetime | None,
    end: datetime | None, chunk: int | None, n: int, status: str, reason: str, value: float | None,
    threshold: float | None, warning: float | None, breached: float | None, lower: float | None, upper: float | None,
    p_value: float | None, automatic: bool, provisional: bool, flag: str, *rest: Any,
) -> Verdict:  # fmt: skip
    """A stored verdict, its columns those of WHOLE, as a value. Written out, as many are read."""
    return Verdict(
        key, check, Window(start, end, n, chunk), STATUSES[status], reason, column or None, slice_ or None,
        version or None, method or None, value, threshold, warning, breached, lower, upper, p_value, automatic,
        provisional, Flag(flag) if flag else None, *rest,
    )  # fmt: skip


def _row(model_id: int, v: Verdict, now: datetime) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What tells a verdict apart, and its row."""
    first = _first_slot(v, now)
    names = dict(
        check=v.check, column=v.column or "", slice=v.slice or "", version=v.version or "", method=v.method or ""
    )
    return (*names.values(), first), {
        "model_id": model_id,
        **names,
        "first_slot": first,
        "window_start": v.window.start,
        "window_end": v.window.end,
        "chunk": v.window.chunk,
        "n": v.window.n,
        "status": str(v.status),
        "flag": str(v.flag or ""),
        "evaluated_at": now,
        "revision": 1,
        **{name: getattr(v, name) for name in PLAIN if name != "check"},
    }


def _first_slot(v: Verdict, now: datetime) -> int:
    """Where a verdict stands in time. Objectives and the summing-up look back from now: the last of a day stays."""
    if v.check.startswith("slo.") or v.check == "model":
        return slot_of(v.window.end or now) // DAY * DAY
    if v.window.chunk is not None:
        return v.window.chunk
    return slot_of(v.window.start) if v.window.start else 0
