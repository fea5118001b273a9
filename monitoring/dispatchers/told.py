"""What a run tells of itself: lines of a command, bodies of a server. A part that cannot be read is left out."""

from __future__ import annotations

import json
import math
from typing import Any

from monitoring.core.retraining.report import Report, RunState

LONGEST, METRICS = 500, 50
"""Letters of a message, and how many metrics are kept."""


def document(text: str) -> dict[str, Any] | None:
    """A JSON object, None for anything else."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def report(said: dict[str, Any]) -> Report | None:
    """What a JSON object tells; None where it tells nothing of a run. Without a state it is running."""
    if not said.keys() & {"state", "progress", "message", "version"}:
        return None
    try:
        state = RunState(said.get("state", RunState.RUNNING))
    except ValueError:
        return None
    if state == RunState.CANDIDATE and not text(said.get("version")):
        state = RunState.DONE
    progress, cost, metrics = number(said.get("progress")), number(said.get("cost")), said.get("metrics")
    named = metrics.items() if isinstance(metrics, dict) else ()
    measured = {str(k)[:100]: value for k, v in list(named)[:METRICS] if (value := number(v)) is not None}
    url = text(said.get("url"))
    return Report(
        state, None if progress is None else min(max(progress, 0.0), 1.0), text(said.get("message")),
        text(said.get("version"))[:200], measured, cost, text(said.get("run"))[:200],
        url if url.startswith(("https://", "http://")) else "",
    )  # fmt: skip


def text(value: Any) -> str:
    """A short text; numbers too, as versions often are."""
    return str(value)[:LONGEST] if isinstance(value, str | int) and not isinstance(value, bool) else ""


def long_text(value: Any) -> str:
    """A text of any length."""
    return value if isinstance(value, str) else ""


def number(value: Any) -> float | None:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None
