"""The one decision run over the past: which alerts verdicts would have raised, and when they would have paged.

The clock goes from one moment at which something was known to the next. Nobody answers, nothing is silenced, and only
the verdicts at hand speak, so no other check of the model holds an alert back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain

from monitoring.core.alerting.desk import Desk, Past
from monitoring.core.alerting.reading import BEGINS, RECENT, Read
from monitoring.core.alerting.rules import RULES, Rule, rules_of
from monitoring.core.alerting.signal import Condition, Subject
from monitoring.core.alerting.signals import answered, gravest, of_part, signal_of, subject_of
from monitoring.core.alerting.waits import Waits
from monitoring.core.verdict import Status, Verdict
from monitoring.core.window import EPOCH

Moment = Callable[[Verdict], datetime | None]
Series = tuple[str, str | None, str | None, str | None, str | None]
"""Check, column, slice, version and method."""


@dataclass(slots=True, eq=False)
class _Track:
    """What may alert: a rule on a check and column, with the newest verdicts of each of its methods. It is heard from
    `since` on, None where no verdict of it could begin an alert."""

    subject: Subject
    rule: Rule
    recent: dict[str | None, list[Verdict]] = field(default_factory=dict)
    whole: _Track | None = None
    since: datetime | None = None
    at: datetime = EPOCH
    calm: int = 0
    begins: tuple[Status, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.begins = BEGINS[self.rule.read]

    def hear(self, v: Verdict, at: datetime) -> None:
        """A verdict is known."""
        series = self.recent.get(v.method)
        if series is None:
            series = self.recent[v.method] = []
        series.append(v)
        if len(series) > RECENT:
            del series[0]
        self.at = at
        self.calm = 0 if v.status in self.begins else self.calm + 1

    def hear_from(self, moment: datetime | None) -> None:
        """It must be heard from a moment on at the latest."""
        if moment is not None and (self.since is None or moment < self.since):
            self.since = moment

    @property
    def live(self) -> list[list[Verdict]]:
        """The newest verdicts of each method that still goes on."""
        every = list(self.recent.values())
        if len(every) < 2:
            return every
        newest = max(each[-1].window.end or self.at for each in every)
        return [each for each in every if each[-1].window.end == newest]

    def read(self) -> list[Read]:
        """What is said, of a slice or a version in the light of the model as a whole."""
        reads = [read for each in self.live if (read := self.rule.read(each, self.at)) is not None]
        if self.whole is None or not self.whole.recent:
            return reads
        return [of_part(self.subject, each, self.live[0], self.whole.live[0]) for each in reads]

    def news(self, last: Condition | None) -> list[Read]:
        """What is said where that may begin an alert (`last` is None), or change one of which `last` was said."""
        if last is None and self.calm >= RECENT * len(self.recent):
            return []
        reads = self.read()
        said = gravest(reads).condition if reads else last
        return reads if said != last and (last is not None or said == Condition.BEYOND) else []


def simulate(
    model: str, name: str, owner: str, verdicts: Sequence[Verdict], known_at: Moment, waits: Sequence[Waits] = (),
    end: datetime | None = None,
) -> Past:  # fmt: skip
    """The alerts of one model over its verdicts, each heard when it was first known to be final (None: never), and up
    to an end, where one is given."""
    desk = Desk()
    for at, heard in _heard(model, verdicts, known_at):
        desk.wait_until(at)
        conditions = {alert.subject.fingerprint: alert.condition for alert in desk.open.values()}
        said = [
            signal_of(track.subject, track.rule, name, owner, news, waits)
            for track in heard
            if (news := track.news(conditions.get(track.subject.fingerprint) if conditions else None))
        ]
        if said:  # otherwise nothing begins, and nothing ends but by time alone
            desk.step(said, at)
    if end is not None:
        desk.wait_until(end)
        if desk.open:
            desk.step((), end)
    return desk.past()


def _heard(model: str, verdicts: Sequence[Verdict], known_at: Moment) -> Iterator[tuple[datetime, list[_Track]]]:
    """Moment by moment, everything that something was heard of. What comes before the first verdict that may begin an
    alert, and those read with it, changes nothing and is left out."""
    every, series = _tracks(model, verdicts, known_at)
    known: dict[datetime, list[tuple[Verdict, list[_Track]]]] = defaultdict(list)
    answering: dict[datetime, list[Verdict]] = defaultdict(list)
    about: dict[Series, list[_Track]] = {}
    answer = any(track.since is not None and _estimated(track.subject.check) for track in every)
    for key, (tracks, heard_) in series.items():
        if answer and not any(track.subject.part for track in tracks) and _answers(key[0]):
            about[key] = tracks
            for at, v in heard_:
                answering[at].append(v)
        elif since := min((track.since for track in tracks if track.since is not None), default=None):
            for at, v in heard_:
                if at >= since:
                    known[at].append((v, tracks))
    parts = [track for track in every if track.whole is not None and track.since is not None]
    answers = _Answers()
    for at in sorted({*known, *answering}):
        heard: dict[_Track, None] = {}
        told = ((v, about[_key(v)]) for v in answers.to(answering.get(at, ())))
        for v, of in chain(known.get(at, ()), told):
            for track in of:
                track.hear(v, at)
                heard[track] = None
        heard |= {track: None for track in parts if track.recent and track.whole in heard}
        if heard:
            yield at, list(heard)


def _tracks(
    model: str, verdicts: Sequence[Verdict], known_at: Moment
) -> tuple[list[_Track], dict[Series, tuple[list[_Track], list[tuple[datetime, Verdict]]]]]:
    """What may alert; and by series its tracks, and its verdicts with the moments at which they were known."""
    speaking = {check for check in {v.check for v in verdicts} if rules_of(check)}
    heard: dict[Series, list[tuple[datetime, Verdict]]] = defaultdict(list)
    for v in verdicts:
        if v.check in speaking and not v.provisional and (at := known_at(v)) is not None:
            heard[_key(v)].append((at, v))
    every: dict[Subject, _Track] = {}
    series = {}
    for key, found in heard.items():
        first = found[0][1]
        rules = [(subject_of(model, first, rule), rule) for rule in RULES if rule.fits(first)]
        tracks = [every.setdefault(subject, _Track(subject, rule)) for subject, rule in rules]
        series[key] = tracks, found
        for track in tracks:
            begin = next((place for place, (_, v) in enumerate(found) if v.status in track.begins), None)
            if begin is not None:
                track.hear_from(found[max(0, begin - RECENT + 1)][0])
    for track in every.values():
        track.whole = every.get(track.subject.whole) if track.subject.part else None
        if track.whole is not None:
            track.whole.hear_from(track.since)
    return list(every.values()), series


def _key(v: Verdict) -> Series:
    return v.check, v.column, v.slice, v.version, v.method


def _estimated(check: str) -> bool:
    return check.startswith("estimated.")


def _answers(check: str) -> bool:
    return check.startswith(("estimated.", "performance."))


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
