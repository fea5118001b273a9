"""What speaks for a retrain of a model and what against it: from verdicts, diagnoses, alerts and summaries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from monitoring.core.alerting.signal import Kind as Trouble
from monitoring.core.diagnosis.diagnosis import Advice, Diagnosis
from monitoring.core.diagnosis.episode import breached, episode, mature
from monitoring.core.diagnosis.words import sentence
from monitoring.core.performance.outcome import BinaryOutcome, MulticlassOutcome
from monitoring.core.retraining.guards import Facts
from monitoring.core.retraining.request import RetrainRequest
from monitoring.core.retraining.state import State
from monitoring.core.summary import Kind
from monitoring.core.verdict import Status, Verdict
from monitoring.core.window import Slots, moment_of, slot_ceiling, slot_of
from monitoring.fleet import Model
from monitoring.store.diagnoses import newest as newest_diagnosis
from monitoring.store.models import Watched
from monitoring.store.queries.performance import labels, outcome_of
from monitoring.store.queries.standing import versions
from monitoring.store.queries.summaries import baseline
from monitoring.store.retrains import of_model
from monitoring.store.summaries import load
from monitoring.store.tables import AlertRow, VerdictRow
from monitoring.store.verdicts import course

BROKEN = (Trouble.SCHEMA_BREAK, Trouble.MISSING, Trouble.STALE, Trouble.INGEST_DOWN, Trouble.LABELS)
"""Kinds of alerts that say the data to train on are broken."""
TRAINED = (State.PROMOTED, State.VERIFIED)
LONGEST = 400
"""Windows that the beginning of a breach is looked for in."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a model is to be retrained: the beginning of its breach, and everything that was known when it was asked."""

    flag: str
    flagged_at: datetime | None
    occasion: str
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Breach:
    """A breach that goes on: what makes it this one, and the newest reason."""

    occasion: str
    reason: str


def facts(session: Session, model: Model, now: datetime) -> Facts:
    """What the guards go by."""
    past = of_model(session, model.key)
    dispatched = tuple(r.dispatched_at for r in past if r.dispatched_at is not None)
    since, until = training_span(session, model, past, now)
    seen = None if since is None or until is None or until <= since else labels(session, model.key, since, until)
    empty = since is not None and until is not None and until <= since
    return Facts(
        now, model.retraining.dispatcher is not None, dispatched, since,
        0 if empty else None if seen is None else seen.rows,
        0 if empty else None if seen is None else seen.labelled,
        {} if seen is None or since is None or until is None else _classes(session, model, since, until),
        _broken(session, model.key),
    )  # fmt: skip


def training_span(
    session: Session, model: Model, past: Sequence[RetrainRequest], now: datetime
) -> tuple[datetime | None, datetime | None]:
    """From what no serving version was trained on to what is held out. None, None of a log without real time."""
    if model.chunk.rows is not None:
        return None, None
    until = (now - model.retraining.holdout).replace(minute=0, second=0, microsecond=0)
    served = [r.train_until for r in past if r.state in TRAINED and r.train_until is not None]
    if served:
        return max(served), until
    frozen = baseline(session, model.key)
    if frozen is None:
        return None, until
    return moment_of(frozen.profile.last or 0), until  # where the reference is a log of its own, all rows are new


def evidence(session: Session, watched: Watched) -> Evidence:
    """What is known now of a model that may have to be retrained."""
    newest = session.scalar(
        select(VerdictRow)
        .where(VerdictRow.model_id == watched.id, VerdictRow.check == "model")
        .order_by(VerdictRow.first_slot.desc())
        .limit(1)
    )
    main = f"performance.{watched.model.main_metric}"
    checks = {main, *(t.check for t in watched.model.thresholds if t.check.startswith("performance."))}
    stored = sorted((v for _, v in course(session, watched.id, watched.key, (), checks, 0)), key=_place)
    check = breached(stored, main)
    windows: list[Verdict] = episode(mature(stored, check), LONGEST) if check else []
    began = (windows[-1].since or windows[0].window.start) if windows else None
    document: dict[str, Any] = {
        "flag": newest.flag if newest is not None else "",
        "findings": newest.reason.splitlines() if newest is not None else [],
    }
    made = newest_diagnosis(session, watched.id, check or main)
    if made is not None and made.content is not None:
        document |= {"advice": str(made.content.advice), "diagnosis": sentence(made.content)}
        if (gain := expected(made.content)) is not None:
            document["gain"] = gain
    occasion = f"{check}/{_place(windows[0]):.0f}" if windows else ""
    return Evidence(newest.flag if newest is not None else "", began, occasion, document)


def _place(v: Verdict) -> float:
    return float(v.window.chunk or 0) if v.window.start is None else v.window.start.timestamp()


def breaches(session: Session, watched: Watched, checks: Sequence[str]) -> list[Breach]:
    """The breaches of some checks of the whole model that go on, in the newest window that is final. A breach is the
    same one from its first window on."""
    found: dict[tuple[str, str, str], list[VerdictRow]] = {}
    query = select(VerdictRow).where(
        VerdictRow.model_id == watched.id, VerdictRow.check.in_(checks), VerdictRow.slice == "",
        VerdictRow.version == "", VerdictRow.provisional.is_(False),
    )  # fmt: skip
    for row in session.scalars(query.order_by(VerdictRow.first_slot)):
        found.setdefault((row.check, row.column, row.method), []).append(row)
    out = []
    for (check, column, _), rows in sorted(found.items()):
        run = list(takewhile(lambda row: row.status == Status.BREACHED, reversed(rows)))
        if run:
            out.append(Breach(f"{check}/{column}/{run[-1].first_slot}", run[0].reason))
    return out


def mature_since(session: Session, watched: Watched, moment: datetime) -> list[Status]:
    """What the mature windows that began after a moment say of the main metric, in order of time."""
    main = f"performance.{watched.model.main_metric}"
    stored = sorted((v for _, v in course(session, watched.id, watched.key, (), {main}, slot_of(moment))), key=_place)
    return [v.status for v in mature(stored, main) if v.window.start is not None and v.window.start >= moment]


def expected(found: Diagnosis) -> dict[str, Any] | None:
    """What a diagnosis expects retraining to bring: a gain, above zero where it is better."""
    change = found.retraining.change
    if change is None or found.advice == Advice.MEND:
        return None
    gain = change.times(found.about.metric.sign)
    return {
        "metric": found.about.metric.title, "value": gain.value, "lower": gain.lower, "upper": gain.upper,
        "unit": found.about.unit if found.about.metric.in_unit else "",
    }  # fmt: skip


def champion(session: Session, key: str) -> str:
    """The version that serves: the one with the newest rows, and the most of them. "" where the log names none."""
    seen = versions(session, key)
    if not seen:
        return ""
    last = max((v.last for v in seen if v.last is not None), default=None)
    return max((v for v in seen if v.last == last), key=lambda v: v.rows).version


def _classes(session: Session, model: Model, since: datetime, until: datetime) -> dict[str, int]:
    frozen = baseline(session, model.key)
    if model.task == "regression" or frozen is None or frozen.profile.find(Kind.OUTCOME, "") is None:
        return {}
    window = Slots(slot_of(since), slot_ceiling(until))
    found = outcome_of(
        frozen.profile, load(session, frozen.id, "current", window, [Kind.OUTCOME, Kind.ROWS]), window, model.task, ""
    )
    if isinstance(found, BinaryOutcome):
        counts = np.asarray(found.cells.sum(axis=(0, 1)))
        return {"0": int(counts[0]), "1": int(counts[1])}
    assert isinstance(found, MulticlassOutcome)
    return dict(zip(found.classes, found.confusion.sum(axis=0).astype(int).tolist(), strict=True))


def _broken(session: Session, key: str) -> tuple[str, ...]:
    query = select(AlertRow.summary, AlertRow.check, AlertRow.column).where(
        AlertRow.model_key == key, AlertRow.closed_at.is_(None), AlertRow.state == "firing",
        AlertRow.kind.in_([str(kind) for kind in BROKEN]),
    )  # fmt: skip
    return tuple(
        f"{check}{f' of {column}' if column else ''}: {summary}"
        for summary, check, column in session.execute(query.order_by(AlertRow.id))
    )
