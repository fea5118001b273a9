"""The shell of a back-test: reads stored verdicts, judges them again under a proposal, and counts what would differ."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from monitoring.core.backtest import BackTest, Difference, Period, course, delays
from monitoring.core.verdict import Verdict
from monitoring.core.window import slot_of
from monitoring.fleet import Model, parse_model
from monitoring.fleet_thresholds import Rule
from monitoring.store import models as stored_models
from monitoring.store import oncall, rules
from monitoring.store.queries import backtest as queries
from monitoring.verdicts.rejudge import needed, rejudge, set_of

LEAD = 4
"""Windows before the period that are looked at, too, so that what had begun before it is known to go on."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """Thresholds that are not in force: of models, as written, by key; and rules, None where they stay."""

    models: Mapping[str, Sequence[dict[str, Any]]] = field(default_factory=dict)
    rules: tuple[Rule, ...] | None = None


@dataclass(frozen=True, slots=True)
class _Case:
    """A model that a proposal changes."""

    id: int
    before: Model
    after: Model


def back_test(session: Session, proposal: Proposal, days: int, now: datetime, zone: str = "UTC") -> BackTest:
    """What a proposal would have done in the last `days`. Nights are those of the team that has a model; of `zone`
    where no team has it."""
    with _uncollected():
        return _back_test(session, proposal, days, now, zone)


def _back_test(session: Session, proposal: Proposal, days: int, now: datetime, zone: str) -> BackTest:
    cases, skipped = _cases(session, proposal)
    whole = Period(now - timedelta(days=days), now, zone)
    teams = oncall.roster(session)
    checks = {case.before.key: needed(case.before, case.after) | _waited(case) for case in cases}
    found = _read(session, cases, set().union(*checks.values()), whole)
    begun = queries.begun(session, [case.id for case in cases])
    said = queries.judged(session, list(checks), set().union(*checks.values()), whole.start, now)
    out = []
    for case in cases:
        key = case.before.key
        verdicts = [v for v in found.get(key, ()) if v.check in checks[key]]
        if not verdicts:
            skipped[key] = f"no verdict of it is kept from the last {days} days"
            continue
        again = rejudge(case.before, case.after, verdicts, begun.get(case.id))
        late = delays(verdicts, now)
        of_model = said.get(key, ())
        team = teams.team_of(case.before.owner)
        period = whole if team is None else replace(whole, zone=team.zone)
        before, after = (
            course(key, case.before.title, case.before.owner, each, late, period, of_model, model.waits)
            for each, model in ((verdicts, case.before), (again.verdicts, case.after))
        )
        out.append(Difference(key, period.zone, before, after, again.unknown))
    return BackTest(whole, tuple(out), skipped)


def _waited(case: _Case) -> set[str]:
    """The checks whose alerts would wait for another while."""
    return {one.check for one in set(case.before.waits) ^ set(case.after.waits)}


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the garbage collector, which would look at a hundred thousand verdicts again and again: they are in no
    cycle, and go when the last that names them goes."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


def _cases(session: Session, proposal: Proposal) -> tuple[list[_Case], dict[str, str]]:
    """The models whose thresholds the proposal changes; those it cannot be told of, with the reason."""
    now_rules = rules.rules(session)
    new_rules: Iterable[Rule] = now_rules if proposal.rules is None else proposal.rules
    cases, skipped = [], {}
    for id_, document in stored_models.documents(session):
        own = parse_model(document, document["key"])
        thresholds = proposal.models.get(own.key)
        changed = own if thresholds is None else parse_model({**document, "thresholds": list(thresholds)}, own.key)
        case = _Case(id_, own.under(now_rules), changed.under(new_rules))
        if set_of(case.before) == set_of(case.after) and case.before.waits == case.after.waits:
            continue
        if own.chunk.rows is not None:
            skipped[own.key] = "its log has no real time, so there are no days to look back on"
            continue
        cases.append(case)
    return cases, skipped


def _read(session: Session, cases: Sequence[_Case], checks: set[str], period: Period) -> dict[str, list[Verdict]]:
    """The verdicts of each model from some windows before the period on. Models of one chunk are read together."""
    out: dict[str, list[Verdict]] = {}
    for slots in sorted({case.before.chunk.slots for case in cases}):
        of = {c.id: (c.before.key, slots) for c in cases if c.before.chunk.slots == slots}
        out |= queries.verdicts(session, of, checks, slot_of(period.start) - LEAD * slots)
    return out
