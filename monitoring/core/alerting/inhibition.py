"""Inhibition: while a cause fires, what follows from it is not sent. Computed when something is sent, never stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from monitoring.core.alerting.alert import Alert
from monitoring.core.alerting.signal import Kind


@dataclass(frozen=True, slots=True)
class Inhibition:
    """While a source fires, targets with the same labels `equal` are held back. A label that both lack is not equal;
    of `alike`, it is. `of_whole`: the model as a whole holds back its slices and versions, and nothing else."""

    sources: frozenset[Kind]
    targets: frozenset[Kind]
    equal: tuple[str, ...]
    why: str
    alike: tuple[str, ...] = ()
    of_whole: bool = False

    def holds(self, source: Alert, target: Alert) -> bool:
        """Whether one alert holds another back."""
        kinds = source.kind in self.sources and target.kind in self.targets
        parts = not self.of_whole or (target.subject.part and not source.subject.part)
        return kinds and parts and self._same(source.labels, target.labels)

    def _same(self, one: Mapping[str, str], other: Mapping[str, str]) -> bool:
        alike = all(one.get(name) == other.get(name) for name in self.alike)
        return alike and all(name in one and one[name] == other.get(name) for name in self.equal)


CAUSES = frozenset({Kind.SERVICE_DOWN, Kind.INGEST_DOWN, Kind.SCHEMA_BREAK})
INHIBITIONS = (
    Inhibition(
        CAUSES, frozenset({Kind.DRIFT, Kind.PERFORMANCE, Kind.RETRAIN}), ("model",), "it may be no more than that"
    ),
    Inhibition(
        frozenset({Kind.SERVICE_DOWN, Kind.SERVICE_SLOW}), frozenset({Kind.BUDGET}), ("model", "check"),
        "that says it already", ("column",),
    ),
    Inhibition(
        frozenset({Kind.RETRAIN}), frozenset({Kind.PERFORMANCE}), ("model",), "that says it already"
    ),
    Inhibition(
        frozenset({Kind.INGEST_DOWN}), frozenset({Kind.STALE, Kind.LABELS, Kind.VOLUME}), ("model",),
        "it follows from that",
    ),
    *(
        Inhibition(
            frozenset({kind}), frozenset({kind}), ("model", "check"), "the whole model says it already", ("column",),
            of_whole=True,
        )
        for kind in (Kind.DRIFT, Kind.PERFORMANCE)
    ),
)  # fmt: skip


def inhibited(alert: Alert, firing: Iterable[Alert]) -> str:
    """What holds an alert back, in words; "" where nothing does."""
    rules = [rule for rule in INHIBITIONS if alert.kind in rule.targets]
    for source in firing:
        for rule in rules:
            if source.firing and rule.holds(source, alert) and source.key != alert.key:
                return f'"{source.rule}" fires for {source.subject.model}: {rule.why}'
    return ""
