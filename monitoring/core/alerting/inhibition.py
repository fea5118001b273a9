"""Inhibition: while a cause fires, what follows from it is not sent. Computed when something is sent, never stored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from monitoring.core.alerting.alert import Alert
from monitoring.core.alerting.signal import Kind


@dataclass(frozen=True, slots=True)
class Inhibition:
    """While a source fires, targets with the same labels `equal` are held back. A label that both lack is not equal;
    of `alike`, it is."""

    sources: frozenset[Kind]
    targets: frozenset[Kind]
    equal: tuple[str, ...]
    why: str
    alike: tuple[str, ...] = ()
    of_whole: bool = False

    def holds(self, source: Alert, target: Alert) -> bool:
        """Whether one alert holds another back. `of_whole`: the model as a whole its slices and versions."""
        if source.kind not in self.sources or target.kind not in self.targets:
            return False
        if self.of_whole and (source.subject.part or not target.subject.part):
            return False
        of_one, of_other = source.labels, target.labels
        alike = all(of_one.get(name) == of_other.get(name) for name in self.alike)
        return alike and all(name in of_one and of_one[name] == of_other.get(name) for name in self.equal)


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
        Inhibition(frozenset({kind}), frozenset({kind}), ("model", "check"), "the whole model says so", (), True)
        for kind in (Kind.DRIFT, Kind.PERFORMANCE)
    ),
)  # fmt: skip


def inhibited(alert: Alert, firing: Iterable[Alert]) -> str:
    """What holds an alert back, in words; "" where nothing does."""
    for source in firing:
        if source.key == alert.key or not source.firing:
            continue
        for rule in INHIBITIONS:
            if rule.holds(source, alert):
                return f'"{source.rule}" fires for {source.subject.model}: {rule.why}'
    return ""
