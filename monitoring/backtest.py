"""The shell of a back-test: reads stored verdicts, judges them again under a proposal, and counts what would differ."""

from __future__ import annotations

import gc
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from monitoring.core.backtest import BackTest, Difference, Levels, Period, Quiet, course, delays
from monitoring.core.verdict import Verdict
from monitoring.core.window import slot_of
from monitoring.fleet import Model, parse_model
from monitoring.fleet.thresholds import Rule
from monitoring.store import models as stored_models
from monitoring.store import rules
from monitoring.store.queries import backtest as queries
from monitoring.store.roster import roster
from monitoring.verdicts.drift_family import FEATURE, quiet_levels
from monitoring.verdicts.rejudge import needed, rejudge, set_of
from monitoring.verdicts.rejudge_parts import Parts, speaking
from monitoring.verdicts.subject import MIN_ROWS

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
    teams = roster(session)
    checks = {case.before.key: needed(case.before, case.after) | _waited(case) for case in cases}
    every = set().union(*checks.values())
    found, quiet = _read(session, cases, every, whole)
    parts = _parts(session, cases, checks, whole)
    begun = queries.begun(session, [case.id for case in cases])
    said = queries.judged(session, list(checks), every, whole.start, now)
    out = []
    for case in cases:
        key = case.before.key
        verdicts = [v for v in found.get(key, ()) if v.check in checks[key]]
        if not verdicts:
            skipped[key] = f"no verdict of it is kept from the last {days} days"
            continue
        of_parts = parts[key]
        again = rejudge(case.before, case.after, verdicts, begun.get(case.id), quiet=quiet.get(key))
        parts_again = of_parts.of.rejudge(of_parts.verdicts, begun.get(case.id), of_parts.beside)
        late = delays(verdicts, now)
        of_model = said.get(key, ())
        team = teams.team_of(case.before.owner)
        period = whole if team is None else replace(whole, zone=team.zone)
        before, after = (
            course(key, case.before.title, case.before.owner, each, late, period, of_model, model.waits)
            for each, model in (
                ([*verdicts, *of_parts.verdicts], case.before), ([*again.verdicts, *parts_again.verdicts], case.after)
            )
        )  # fmt: skip
        out.append(Difference(key, period.zone, before, after, again.unknown + parts_again.unknown + of_parts.unknown))
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


def _alike(cases: Sequence[_Case], period: Period) -> Iterator[tuple[list[_Case], int]]:
    """The cases of one chunk, which are read together, with the slot from which on: some windows before the period."""
    for slots in sorted({case.before.chunk.slots for case in cases}):
        yield [c for c in cases if c.before.chunk.slots == slots], slot_of(period.start) - LEAD * slots


def _read(
    session: Session, cases: Sequence[_Case], checks: set[str], period: Period
) -> tuple[dict[str, list[Verdict]], dict[str, Quiet]]:
    """The verdicts of each model as a whole, and what is only counted of its features: those that stay fine."""
    out: dict[str, list[Verdict]] = {}
    counted: dict[str, Quiet] = {}
    for alike, since in _alike(cases, period):
        series = queries.wholes(session, {case.id: case.before.key for case in alike}, checks, since)
        slots = alike[0].before.chunk.slots
        methods = {names[-1] or "" for _, names in series if names[1] == FEATURE}
        by_levels: dict[tuple[tuple[tuple[str, Levels], ...], float], list[_Case]] = defaultdict(list)
        for case in alike:
            levels = quiet_levels(case.before, case.after, sorted(methods))
            by_levels[tuple(levels.items()), Parts(case.before, case.after).cut].append(case)
        for (levels_, cut), some in by_levels.items():
            levels, models = dict(levels_), {case.id: case.before.key for case in some}
            mine = [one for one in series if one[1][0] in models.values()] if len(by_levels) > 1 else series
            out |= queries.verdicts(session, mine, slots, since, levels, MIN_ROWS)
            if levels:
                counted |= queries.quiet(session, models, since, levels, MIN_ROWS, cut)
    return out, counted


@dataclass(slots=True)
class _Found:
    """What may alert of a model's slices and versions: verdicts, the p-values of those that share a budget with them by
    window, and what cannot be told."""

    of: Parts
    verdicts: list[Verdict] = field(default_factory=list)
    beside: dict[datetime | None, list[float]] = field(default_factory=dict)
    unknown: Counter[str] = field(default_factory=Counter)


def _parts(
    session: Session, cases: Sequence[_Case], checks: Mapping[str, set[str]], period: Period
) -> dict[str, _Found]:
    """By model, what of its slices and versions may alert before or after."""
    out = {case.before.key: _Found(Parts(case.before, case.after)) for case in cases}
    for alike, since in _alike(cases, period):
        wanted = speaking(set().union(*(checks[case.before.key] for case in alike)))
        series = queries.parts(session, [case.id for case in alike], wanted, since) if wanted else {}
        read: list[tuple[int, queries.Names]] = []
        for case in alike:
            key = case.before.key
            own, found = series.get(case.id, []), out[key]
            mine = [(number, part) for number, part in own if part.check in checks[key]]
            found.unknown = found.of.untold(part for _, part in mine)
            matter = [(number, part) for number, part in mine if found.of.matter(part)]
            read += [(n, (key, p.check, p.column, p.slice, p.version, p.method)) for n, p in matter]
        for key, verdicts in queries.verdicts(session, read, alike[0].before.chunk.slots, since).items():
            out[key].verdicts = verdicts
        _beside(session, {case.id: out[case.before.key] for case in alike})
    return out


def _beside(session: Session, models: Mapping[int, _Found]) -> None:
    """Add who shares the budget of drift with what was found, in the windows in which that matters."""
    windows = {id_: slots for id_, found in models.items() if (slots := found.of.windows(found.verdicts))}
    for cut in {models[id_].of.cut for id_ in windows}:
        alike = [id_ for id_ in windows if models[id_].of.cut == cut]
        slots = set().union(*(windows[id_] for id_ in alike))
        below, above = queries.evidence(session, alike, (min(slots), max(slots)), cut)
        for id_ in alike:
            found = models[id_]
            found.beside = found.of.beside(found.verdicts, below.get(id_, ()), above.get(id_, {}))
