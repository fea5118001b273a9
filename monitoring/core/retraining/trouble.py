"""What went wrong while a retrain request was looked after: a line of its history, until another ends it."""

from __future__ import annotations

from collections.abc import Sequence

from monitoring.core.retraining.request import Event

UNTOLD, UNCOMPARED = "untold", "uncompared"
ENDS = {UNTOLD: "told_again", UNCOMPARED: "compared_again"}
"""Kinds of events: of trouble, and what ends it."""


def standing(events: Sequence[Event]) -> dict[str, Event]:
    """By kind, the trouble of a history (oldest first) that nothing has ended."""
    out: dict[str, Event] = {}
    ended = {end: kind for kind, end in ENDS.items()}
    for event in events:
        if event.kind in ENDS:
            out[event.kind] = event
        elif event.kind in ended:
            out.pop(ended[event.kind], None)
    return out
