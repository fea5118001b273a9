"""The one decision: what is said now, what is open, who is on what, and the moment → what changes and what is sent.

Pure. Everything it returns carries its reason. Deciding twice the same changes nothing the second time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from monitoring.core.alerting import lifecycle
from monitoring.core.alerting.alert import Alert, Event
from monitoring.core.alerting.escalation import NOBODY, Policy
from monitoring.core.alerting.grouping import Group, Pace, Shared, name_of, opened
from monitoring.core.alerting.inhibition import inhibited
from monitoring.core.alerting.notice import Notice
from monitoring.core.alerting.signal import Condition, Signal
from monitoring.core.alerting.silence import Silence
from monitoring.core.alerting.speaking import speak
from monitoring.core.alerting.telling import INHIBITION, SILENCE, Hold

GONE = "It is not judged any more."


@dataclass(frozen=True, slots=True)
class Known:
    """All that a decision goes by.

    `alerts` are those open, and those closed whose group still has to say so; `last` the newest closed episode of
    fingerprints that have none open; `watched` the models there are, `objectives` what they promise (model, check,
    column), None where that does not matter; `heard` those that were just evaluated, of which every signal there is was
    given.
    """

    alerts: Sequence[Alert] = ()
    last: Mapping[str, Alert] = field(default_factory=dict)
    groups: Sequence[Group] = ()
    incidents: Sequence[Shared] = ()
    silences: Sequence[Silence] = ()
    policies: Mapping[str, Policy] = field(default_factory=dict)
    watched: Collection[str] | None = None
    objectives: Collection[tuple[str, str, str]] | None = None
    heard: Collection[str] = ()
    pace: Pace = field(default_factory=Pace)


@dataclass(frozen=True, slots=True)
class Decision:
    """Alerts and groups that are new or changed, what happened to them, and what is to be sent."""

    alerts: tuple[Alert, ...]
    groups: tuple[Group, ...]
    events: tuple[Event, ...]
    notices: tuple[Notice, ...]


def decide(known: Known, signals: Iterable[Signal], now: datetime) -> Decision:
    """One step of all alerts. Signals are those of the models that were just evaluated; the others only age."""
    alerts, events = _live(known, {s.subject.fingerprint: s for s in signals}, now)
    alerts, groups = _grouped(known, alerts, now)
    holds = held_back(alerts.values(), known.silences, now)
    notices: list[Notice] = []
    for group in list(groups.values()):
        members = [a for a in alerts.values() if a.group == group.id]
        spoken = speak(group, members, holds, known.pace, now)
        groups[group.id] = spoken.group
        alerts |= {a.key: a for a in spoken.alerts}
        events += spoken.events
        notices += spoken.notices
    before, were = {a.key: a for a in known.alerts}, {g.id: g for g in known.groups}
    return Decision(
        tuple(a for key, a in alerts.items() if (b := before.get(key)) is not a and b != a),
        tuple(g for id_, g in groups.items() if (w := were.get(id_)) is not g and w != g),
        tuple(events),
        tuple(notices),
    )


def _live(known: Known, said: Mapping[str, Signal], now: datetime) -> tuple[dict[str, Alert], list[Event]]:
    """Every alert one step on in its life, and the new ones."""
    alerts: dict[str, Alert] = {}
    events: list[Event] = []
    for alert in known.alerts:
        alerts[alert.key] = alert
        if not alert.open:
            continue
        if known.watched is not None and alert.subject.model not in known.watched:
            change = lifecycle.end(alert, "The model is not watched any more.", now)
        elif known.objectives is not None and not _promised(alert, known.objectives):
            change = lifecycle.end(alert, "The objective was changed or taken away.", now)
        else:
            signal = said.get(alert.subject.fingerprint)
            unsaid = signal is None and alert.subject.model in known.heard
            if unsaid and not alert.firing:
                change = lifecycle.end(alert, GONE, now)
            else:
                change = lifecycle.advance(alert, nothing_of(alert) if unsaid else signal, now)
        alerts[alert.key] = change.alert
        events += change.events
    there = {a.subject.fingerprint for a in known.alerts if a.open}
    for fingerprint, signal in said.items():
        if fingerprint in there:
            continue
        policy = known.policies.get(signal.owner, NOBODY)
        begun = lifecycle.begin(signal, known.last.get(fingerprint), policy, now)
        if begun is not None:
            alerts[begun.alert.key] = begun.alert
            events += begun.events
    return alerts, events


def _promised(alert: Alert, objectives: Collection[tuple[str, str, str]]) -> bool:
    about = alert.subject
    return not about.check.startswith("slo.") or (about.model, about.check, about.column) in objectives


def nothing_of(alert: Alert) -> Signal:
    """What is said of an alert whose check, column, slice or version is not judged any more: that nothing is known. It
    ends nothing, as a check may be missing by mistake; a person can close it."""
    return Signal(
        alert.subject, alert.rule, alert.kind, alert.severity, Condition.UNKNOWN, GONE,
        alert.owner, alert.model_name,
    )  # fmt: skip


def _grouped(known: Known, alerts: dict[str, Alert], now: datetime) -> tuple[dict[str, Alert], dict[str, Group]]:
    """Every firing alert in its group. One that nobody was told of yet may still move to a cause that is found."""
    groups = {g.id: g for g in known.groups}
    by_name = {g.name: g for g in known.groups}
    out = dict(alerts)
    for alert in alerts.values():
        own = groups.get(alert.group)
        if not alert.firing or (own is not None and alert.key in own.told):
            continue
        name, shared = name_of(alert, known.incidents)
        if own is not None and own.name == name:
            continue
        if name not in by_name:
            by_name[name] = opened(alert, name, shared, now)
            groups[by_name[name].id] = by_name[name]
        out[alert.key] = replace(alert, group=by_name[name].id)
    return out, groups


def held_back(alerts: Iterable[Alert], silences: Sequence[Silence], now: datetime) -> dict[str, Hold]:
    """What is not to be sent now, and why. A silence is named before an inhibition: it is a person's word."""
    out = {}
    of_model: dict[str, list[Alert]] = defaultdict(list)
    for alert in alerts:
        if alert.firing:
            of_model[alert.subject.model].append(alert)
    for alert in (a for several in of_model.values() for a in several):
        own = alert.labels if silences else {}
        silence = next((s for s in silences if s.matches(own, now)), None)
        if silence is not None:
            until = silence.until(now)
            end = "" if until is None else f" until {until:%Y-%m-%d %H:%M} UTC"
            out[alert.key] = Hold(SILENCE, f"Silenced by {silence.author}{end}: {silence.reason}")
        elif why := inhibited(alert, of_model[alert.subject.model]):
            out[alert.key] = Hold(INHIBITION, f"Held back while {why}.")
    return out
