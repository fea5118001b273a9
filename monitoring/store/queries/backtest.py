"""What a back-test reads: the stored verdicts of models as wholes, and what people said of their alerts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import case, func, or_, select
from sqlalchemy.orm import Session

from monitoring.core.backtest import Judged
from monitoring.core.verdict import Status, Verdict, Window
from monitoring.core.window import moment_of
from monitoring.store.alert_tables import AlertRow
from monitoring.store.tables import BaselineRow, SlotRow, VerdictRow

_STATUS = {str(status): status for status in Status}


def verdicts(
    session: Session, models: Mapping[int, tuple[str, int]], checks: Collection[str], since: int
) -> dict[str, list[Verdict]]:
    """By model, in order of time, the verdicts of some checks from slot `since` on. `models` are key and slots of a
    chunk, by id. Only of drift the reasons are read, as a back-test goes by some of their words."""
    v = VerdictRow.__table__.c  # columns, not attributes: the ORM would look at each row
    reason = case(
        (v.check == "drift", v.reason), (v.check.startswith("drift."), func.substr(v.reason, 1, 20)), else_=""
    )
    query = (
        select(
            v.model_id, v.check, v.column, v.method, v.first_slot, v.n, v.value, v.p_value, v.threshold, v.warning,
            v.breached, v.status, v.automatic, v.provisional, v.drift_score, v.null_quantile, reason,
        )
        .where(v.model_id.in_(models), v.check.in_(checks), v.first_slot >= since)
        .where(v.slice == "", v.version == "", v.chunk.is_(None))
        .order_by(v.first_slot)
    )  # fmt: skip
    out: dict[str, list[Verdict]] = defaultdict(list)
    windows: dict[tuple[int, int, int], Window] = {}
    rows = session.execute(query).all()
    for (
        id_, check, column, method, first, n, value, p, threshold, warning, breached, status, automatic, provisional,
        drift_score, quantile, words,
    ) in rows:  # fmt: skip
        key, slots = models[id_]
        window = windows.get((first, slots, n))
        if window is None:
            window = windows[first, slots, n] = Window(moment_of(first), moment_of(first + slots), n)
        out[key].append(
            Verdict(
                key, check, window, _STATUS[status], words, column or None, None, None,
                method or None, value, threshold, warning, breached, None, None, p, automatic, provisional, None,
                drift_score, quantile,
            )
        )  # fmt: skip
    return out


def begun(session: Session, models: Collection[int]) -> dict[int, int]:
    """By model, the slot in which its log begins."""
    query = (
        select(BaselineRow.model_id, func.min(SlotRow.slot))
        .join(SlotRow, SlotRow.baseline_id == BaselineRow.id)
        .where(BaselineRow.active, BaselineRow.model_id.in_(models), SlotRow.role == "current")
        .group_by(BaselineRow.model_id)
    )
    return {id_: slot for id_, slot in session.execute(query)}


def judged(
    session: Session, keys: Collection[str], checks: Collection[str], start: datetime, end: datetime
) -> dict[str, list[Judged]]:
    """By model, the alerts in a period that somebody called useful, or noise."""
    query = select(AlertRow).where(
        AlertRow.model_key.in_(keys), AlertRow.check.in_(checks), AlertRow.useful.is_not(None),
        AlertRow.fired_at <= end, or_(AlertRow.closed_at.is_(None), AlertRow.closed_at > start),
    )  # fmt: skip
    out: dict[str, list[Judged]] = defaultdict(list)
    for row in session.scalars(query.order_by(AlertRow.fired_at)):
        fired = row.fired_at or row.opened_at
        out[row.model_key].append(Judged(row.key, row.check, row.column, fired, row.closed_at or end, bool(row.useful)))
    return out
