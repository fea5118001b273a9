"""The one decision run over the past: which alerts verdicts would have raised, and when they would have paged.

The clock goes from one moment at which something was known to the next. Nobody answers, nothing is silenced, and only
the verdicts at hand speak, so no other check of the model holds an alert back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitoring.core.alerting.alert import Alert
from monitoring.core.alerting.decide import Known, decide
from monitoring.core.alerting.grouping import Group, Pace
from monitoring.core.alerting.lifecycle import changes_at
from monitoring.core.alerting.reading import RECENT, Read
from monitoring.core.alerting.rules import RULES, Rule
from monitoring.core.alerting.severity import Severity
from monitoring.core.alerting.signal import Condition, Signal, Subject
from monitoring.core.alerting.signals import answered, signal_of, subject_of
from monitoring.core.alerting.waits import Waits
from monitoring.core.verdict import Verdict

AT_ONCE = Pace(timedelta(), timedelta(), timedelta(days=3650))
"""Windows are hours apart: half a minute of waiting changes nothing, and nobody is there to be told again."""

Moment = Callable[[Verdict], datetime | None]


@dataclass(frozen=True, slots=True)
class Past:
    """The alerts that would have been, in the order of opening, and the moments at which somebody would have been
    paged for something new."""

    alerts: tuple[Alert, ...]
    pages: tuple[datetime, ...]


@dataclass(slots=True)
class _Track:
    """What may alert: a rule on a check and column, with the newest verdicts of each of its methods."""

    subject: Subject
    rule: Rule
    recent: dict[str | None, list[Verdict]] = field(default_factory=dict)

    def hear(self, v: Verdict, at: datetime) -> list[Read]:
        """How each method that still goes on is read, once a verdict is known."""
        series = self.recent.setdefault(v.method, [])
        series.append(v)
        if len(series) > RECENT:
            del series[0]
        live = [series]
        if len(self.recent) > 1:
            newest = max(each[-1].window.end or at for each in self.recent.values())
            live = [each for each in self.recent.values() if each[-1].window.end == newest]
        return [read for each in live if (read := self.rule.read(each, at)) is not None]


def simulate(
    model: str, name: str, owner: str, verdicts: Sequence[Verdict], known_at: Moment, waits: Sequence[Waits] = (),
    end: datetime | None = None,
) -> Past:  # fmt: skip
    """The alerts of one model over its verdicts, each heard when it was first known to be final (None: never), and up
    to an end, where one is given."""
    desk = Desk()
    for at, heard in _heard(model, verdicts, known_at):
        desk.wait_until(at)
        begins = any(read.condition == Condition.BEYOND for _, reads in heard.values() for read in reads)
        if desk.open or begins:  # otherwise nothing can begin or end
            said = [signal_of(track.subject, track.rule, name, owner, reads, waits) for track, reads in heard.values()]
            desk.step(said, at)
    if end is not None:
        desk.wait_until(end)
    return desk.past()


def _heard(
    model: str, verdicts: Sequence[Verdict], known_at: Moment
) -> Iterator[tuple[datetime, dict[int, tuple[_Track, list[Read]]]]]:
    """Moment by moment, how everything is read that something was heard of."""
    tracks: dict[tuple[str | None, ...], list[_Track]] = {}
    every: dict[Subject, _Track] = {}
    known: dict[datetime, list[Verdict]] = defaultdict(list)
    for v in verdicts:
        key = _key(v)
        if key not in tracks:
            found = [(subject_of(model, v, r), r) for r in RULES if r.fits(v)]
            tracks[key] = [every.setdefault(subject, _Track(subject, rule)) for subject, rule in found]
        if tracks[key] and not v.provisional and (at := known_at(v)) is not None:
            known[at].append(v)
    answers = _Answers()
    for at in sorted(known):
        heard: dict[int, tuple[_Track, list[Read]]] = {}
        for v in answers.to(known[at]):
            for track in tracks[_key(v)]:
                if reads := track.hear(v, at):
                    heard[id(track)] = track, reads
        if heard:
            yield at, heard


def _key(v: Verdict) -> tuple[str | None, ...]:
    return v.check, v.column, v.slice, v.version, v.method


@dataclass
class _Answers:
    """Estimates, which say nothing once labels have told how it really was."""

    told: dict[str, datetime] = field(default_factory=dict)
    newest: dict[str, Verdict] = field(default_factory=dict)

    def to(self, heard: Sequence[Verdict]) -> Iterator[Verdict]:
        """What is heard at one moment, labels first; with it the estimates that they have answered."""
        estimates = [v for v in heard if v.check.startswith("estimated.")]
        for v in heard:
            metric = v.check.removeprefix("performance.")
            whole = v.slice is None and v.version is None
            if whole and metric != v.check and v.value is not None and v.window.end is not None:
                self.told[metric] = v.window.end
                estimate = self.newest.get(metric)
                if estimate is not None and not self._ahead(estimate, metric):
                    yield answered(self.newest.pop(metric))
            if not v.check.startswith("estimated."):
                yield v
        for v in estimates:
            metric = v.check.removeprefix("estimated.")
            if self._ahead(v, metric):
                self.newest[metric] = v
                yield v
            else:
                yield answered(v)

    def _ahead(self, v: Verdict, metric: str) -> bool:
        told = self.told.get(metric)
        return told is None or v.window.end is None or v.window.end > told


@dataclass
class Desk:
    """All alerts and groups of a model, in memory: what is decided is applied."""

    alerts: dict[str, Alert] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    pages: list[datetime] = field(default_factory=list)
    open: dict[str, Alert] = field(default_factory=dict)
    _last: dict[str, Alert] = field(default_factory=dict)

    def wait_until(self, at: datetime) -> None:
        """Let the time go by in which what waits fires, and what is clear is resolved."""
        while due := [moment for alert in self.open.values() if (moment := changes_at(alert)) and moment < at]:
            self.step((), min(due))

    def step(self, said: Sequence[Signal], now: datetime) -> None:
        """Decide and apply."""
        known = Known(list(self.open.values()), self._last, list(self.groups.values()), pace=AT_ONCE)
        decision = decide(known, said, now)
        if any(self._called(alert) for alert in decision.alerts):
            self.pages.append(now)
        for alert in decision.alerts:
            self.alerts[alert.key] = alert
            if alert.open:
                self.open[alert.key] = alert
            else:
                self.open.pop(alert.key, None)
                self._last[alert.subject.fingerprint] = alert
        for group in decision.groups:
            if group.closed_at is None:
                self.groups[group.id] = group
            else:
                self.groups.pop(group.id, None)

    def _called(self, alert: Alert) -> bool:
        """Whether the first of an alert's policy is called just now. A ticket that joins a page calls nobody."""
        before = self.open.get(alert.key)
        return alert.severity == Severity.PAGE and alert.step == 0 and (before is None or before.step < 0)

    def past(self) -> Past:
        """What came of all the steps."""
        return Past(tuple(self.alerts.values()), tuple(self.pages))
