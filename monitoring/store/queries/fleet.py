"""The fleet as a whole: every model's flag, and what it stands on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from monitoring.core.performance import metric
from monitoring.core.verdict import Flag, Status
from monitoring.core.window import slot_of
from monitoring.fleet import parse_model
from monitoring.fleet.thresholds import Rule
from monitoring.store.rules import rules
from monitoring.store.tables import EvaluationRow, HeartbeatRow, ModelRow, RequestRow, SourceRow, VerdictRow

WORST_FIRST = (Flag.PAGE, Flag.RETRAIN, Flag.WATCH, Flag.HEALTHY)
TREND_DAYS = 45


@dataclass(frozen=True, slots=True)
class FleetEntry:
    """One model on the Fleet page. An empty `flag` means that it was never evaluated.

    `main` is the name of the metric it is judged by, with its newest mature `value` and its `trend`, a value a
    window; `budget` the least error budget left of its objectives (1 is all of it). `false_alarms` are those of its
    drift checks as measured on the reference, a quarter, from and to, and `allowed` the budget they are held to.
    """

    key: str
    name: str
    owner: str
    mode: str
    task: str
    flag: str
    status: str
    reason: str
    evaluated_at: datetime | None
    last_at: datetime | None
    main: str
    value: float | None
    trend: tuple[float, ...]
    drift: tuple[float, ...]
    budget: float | None
    rows: int
    false_alarms: tuple[float, float] | None = None
    allowed: float | None = None

    @property
    def findings(self) -> list[str]:
        """Why it has its flag, gravest first."""
        return self.reason.splitlines()


@dataclass(frozen=True, slots=True)
class Work:
    """Something asked of the worker, and how far it is."""

    id: int
    kind: str
    model: str
    state: str
    progress: float
    message: str
    result: str
    actor: str
    asked_at: datetime
    arguments: dict[str, Any]


def newest_flags(session: Session) -> dict[int, Row[int, str, str, str, int]]:
    """By model: the newest summing-up (model_id, flag, status, reason, n)."""
    newest = select(VerdictRow.model_id, func.max(VerdictRow.first_slot).label("slot"))
    latest = newest.where(VerdictRow.check == "model").group_by(VerdictRow.model_id).subquery()
    query = (
        select(VerdictRow.model_id, VerdictRow.flag, VerdictRow.status, VerdictRow.reason, VerdictRow.n)
        .join(latest, (latest.c.model_id == VerdictRow.model_id) & (latest.c.slot == VerdictRow.first_slot))
        .where(VerdictRow.check == "model")
    )
    return {row.model_id: row for row in session.execute(query)}


def fleet(session: Session, now: datetime) -> list[FleetEntry]:
    """All models, worst first."""
    about = (ModelRow.id, ModelRow.key, ModelRow.name, ModelRow.owner, ModelRow.mode, ModelRow.task, ModelRow.document)
    models = list(session.execute(select(*about)))
    flags = newest_flags(session)
    # when it was last looked at, which is not when its verdict last changed
    looked_at = select(EvaluationRow.model_id, func.max(EvaluationRow.now)).group_by(EvaluationRow.model_id)
    evaluated = {id_: at for id_, at in session.execute(looked_at)}
    sources = {
        r.model_id: r.last_at
        for r in session.execute(select(SourceRow.model_id, SourceRow.last_at).where(SourceRow.role == "predictions"))
    }
    stated = [rule for rule in rules(session) if rule.check.startswith("performance.")]
    judged = {row.id: judged_check(row.task, row.document, stated) for row in models}
    trends = _trends(session, now, judged)
    budgets = _budgets(session, now)
    alarms = _false_alarms(session)
    out = []
    for id_, key, name, owner, mode, task, _ in models:
        flag = flags.get(id_)
        trend, drift = trends.get((id_, judged[id_]), ()), trends.get((id_, "drift"), ())
        out.append(
            FleetEntry(
                key, name, owner, mode, task,
                flag.flag if flag else "", flag.status if flag else "", flag.reason if flag else "",
                evaluated.get(id_), sources.get(id_),
                judged[id_].removeprefix("performance.") if trend else "", trend[-1] if trend else None, trend, drift,
                budgets.get(id_), flag.n if flag else 0, *alarms.get(id_, (None, None)),
            )
        )  # fmt: skip
    return sorted(out, key=lambda e: (_rank(e.flag), e.key))


def last_round(session: Session) -> tuple[int, datetime | None]:
    """How many models are watched, and when one of them was last evaluated."""
    return session.scalar(select(func.count(ModelRow.id))) or 0, session.scalar(select(func.max(EvaluationRow.now)))


def heartbeat(session: Session, name: str = "worker") -> datetime | None:
    """When the worker last gave a sign of life."""
    return session.scalar(select(HeartbeatRow.at).where(HeartbeatRow.name == name))


def work(session: Session, model: str | None = None, limit: int = 20) -> list[Work]:
    """What was asked of the worker, newest first."""
    query = select(RequestRow).order_by(RequestRow.id.desc()).limit(limit)
    if model is not None:
        query = query.where(RequestRow.model_key == model)
    return [
        Work(r.id, r.kind, r.model_key, r.state, r.progress, r.message, r.result, r.actor, r.asked_at, r.arguments)
        for r in session.scalars(query)
    ]


def _rank(flag: str) -> int:
    return WORST_FIRST.index(Flag(flag)) if flag else len(WORST_FIRST)


def judged_check(task: str, document: dict[str, Any], stated: Sequence[Rule]) -> str:
    """The check a model is judged by. Only where fleet-wide rules state metrics its document is read as a Model for
    that, which takes longer."""
    if stated:
        return f"performance.{parse_model(document, 'the fleet').under(stated).main_metric}"
    checks = [str(threshold.get("check", "")) for threshold in document.get("thresholds") or ()]
    scored = ((document.get("predictions") or {}).get("columns") or {}).get("score") is not None
    return f"performance.{metric.main_metric(task, checks, scored)}"


def _trends(session: Session, now: datetime, judged: dict[int, str]) -> dict[tuple[int, str], tuple[float, ...]]:
    """By model and check, oldest first: the newest values of the metric it is judged by, and of its drift."""
    since = now - timedelta(days=TREND_DAYS)
    query = select(VerdictRow.model_id, VerdictRow.check, VerdictRow.value, VerdictRow.first_slot).where(
        VerdictRow.check.in_(["drift", *set(judged.values())]),
        VerdictRow.slice == "",
        VerdictRow.version == "",
        VerdictRow.column == "",
        VerdictRow.value.is_not(None),
        VerdictRow.provisional.is_(False),
        VerdictRow.threshold.is_not(None),
    )
    # two searches of the index verdict_by_check; one with "or" would scan the table
    rows = list(session.execute(query.where(VerdictRow.window_end >= since, VerdictRow.first_slot >= slot_of(since))))
    rows += session.execute(query.where(VerdictRow.window_end.is_(None), VerdictRow.chunk.is_not(None)))
    found: dict[tuple[int, str], list[float]] = defaultdict(list)
    for id_, check, value, _ in sorted(rows, key=lambda row: (row.model_id, row.first_slot)):
        if check in ("drift", judged.get(id_)):
            found[id_, check].append(float(value))  # type: ignore[arg-type]  # not null, by the query
    return {key: tuple(values[-TREND_DAYS:]) for key, values in found.items()}


def _false_alarms(session: Session) -> dict[int, tuple[tuple[float, float] | None, float | None]]:
    """By model, the false alarms a quarter measured on the newest reference, from and to, and the budget."""
    query = select(VerdictRow.model_id, VerdictRow.lower, VerdictRow.upper, VerdictRow.threshold).where(
        VerdictRow.check == "drift.false_alarms"
    )
    return {
        id_: (None if low is None or high is None else (low, high), budget)
        for id_, low, high, budget in session.execute(query.order_by(VerdictRow.id))
    }


def _budgets(session: Session, now: datetime) -> dict[int, float]:
    """The least budget left: 1 - (1 - good) / (1 - objective), of the newest budget verdicts."""
    query = (
        select(VerdictRow.model_id, VerdictRow.check, VerdictRow.column, VerdictRow.value, VerdictRow.threshold)
        .where(
            VerdictRow.check.in_(("slo.latency", "slo.availability", "slo.quality", "slo.freshness")),
            VerdictRow.window_end >= now - timedelta(days=2),
        )
        .where(VerdictRow.method == "budget", VerdictRow.status != str(Status.NO_DATA))
        .where(VerdictRow.first_slot >= slot_of(now - timedelta(days=2)))
        .order_by(VerdictRow.first_slot)
    )
    newest: dict[tuple[int, str, str], float] = {}
    for id_, check, column, value, objective in session.execute(query):
        if value is not None and objective is not None:
            newest[id_, check, column] = 1 - (1 - value) / (1 - objective)
    out: dict[int, float] = {}
    for (id_, *_), left in newest.items():
        out[id_] = min(left, out.get(id_, left))
    return out
