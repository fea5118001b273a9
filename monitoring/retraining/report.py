"""Retrain requests as lines of text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from monitoring.core.retraining.request import Event, RetrainRequest
from monitoring.core.retraining.state import WORDS


def table(found: Sequence[RetrainRequest], now: datetime) -> Iterator[str]:
    """A line a request, newest first."""
    if not found:
        yield "No retrain was requested yet. Ask for one: python -m monitoring retrain ask MODEL --reason …"
    for request in found:
        days = (now - request.opened_at).total_seconds() / 86400
        yield f"{request.key:32} {WORDS[request.state]:12} {request.cause:9} {days:5.1f} d ago  {request.reason}"


def lines(request: RetrainRequest, events: Sequence[Event]) -> Iterator[str]:
    """A request with its objections, its candidate and its history."""
    yield f"{request.key}: {WORDS[request.state].lower()}. {request.reason}"
    for objection in request.objections:
        yield f"    against: {objection.words}"
    if request.version:
        yield f"    candidate: version {request.version}, champion: version {request.champion or 'unnamed'}"
    for name, gain in (
        ("expected", request.evidence.get("gain")),
        ("compared", request.gain),
        ("measured", request.measured),
    ):
        if gain:
            yield f"    {name}: {gain_words(gain)}"
    for event in events:
        by = f" by {event.actor}" if event.actor else ""
        yield f"    {event.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC {event.kind}{by}: {event.words}"


def gain_words(gain: dict[str, Any]) -> str:
    """A gain with its 95 % interval, in words."""
    unit = f" {gain['unit']}" if gain.get("unit") else ""
    way = "better" if gain["value"] >= 0 else "worse"
    low, high = sorted((gain["lower"], gain["upper"]))
    return f"{gain['metric']} {abs(gain['value']):.4g}{unit} {way} (95 % from {low:.4g} to {high:.4g})"
