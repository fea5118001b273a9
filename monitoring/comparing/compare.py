"""Two versions of a model compared on labelled rows, on the command line or as the dashboard asks for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from monitoring.comparing import reading
from monitoring.comparing.asked import Asked, CompareError, Side, check
from monitoring.comparing.pairing import Together
from monitoring.core.comparison.comparison import About, Comparison, as_document
from monitoring.core.comparison.gates import Objective
from monitoring.core.comparison.judge import Incomparable, Progress, compared
from monitoring.core.comparison.rows import Answers
from monitoring.core.comparison.rules import Rules
from monitoring.fleet import Log, Model
from monitoring.instant import instant
from monitoring.store.models import Watched

ANSWERED = 0.95
"""Share of the champion's labelled rows below which it is said that the challenger did not answer all."""
SHARED = 0.5
"""Share of the shorter side's time below which versions that are not paired are said to have answered apart."""


def compare(
    model: Model, base: Path, champion: Side, challenger: Side, *, since: datetime | None = None,
    until: datetime | None = None, as_of: datetime | None = None, metric: str = "", shadow: Log | None = None,
    rules: Rules | None = None, progress: Progress = lambda share, words: None,
) -> Comparison:  # fmt: skip
    """Champion against challenger on labelled rows after a moment: that at which training ended, so that no version
    has seen them.

    `metric` decides; "" is the one that the model is judged by. Rows are paired by id; within one log where each
    version gives ids of its own, by moment and inputs; else they are compared unpaired. Raises CompareError where a
    side has no labelled row, and other LeewayErrors where a log cannot be read.
    """
    asked, sides = Asked(since, until, as_of), (champion, challenger)
    check(model, sides, shadow)
    progress(0.0, "reading the rows of both versions")
    found = reading.read(model, base, sides, asked, shadow)
    rows, sequence = found.drawn(reading.LIMIT), found.first(reading.LIMIT)
    if len(rows.champion) == 0 or len(rows.challenger) == 0:
        raise CompareError(
            f"no labelled row {asked.words} was answered by both.", where=model.key, mend="Wait for their labels."
        )
    ends = [datetime.fromtimestamp(float(f(rows.champion.moment)), tz=UTC) for f in (min, max)]
    about = About(
        model.key, model.task, metric or model.main_metric, champion.name, challenger.name, model.unit, since, until,
        as_of, ends[0], ends[1], found.pairing, len(rows.champion), len(rows.challenger), found.of, 0.0,
    )  # fmt: skip
    try:
        return compared(rows, sequence, about, _objective(model), rules or Rules(), progress, _notes(model, found))
    except Incomparable as error:
        raise CompareError(str(error), where=model.key, mend="Map `score` or `prediction` of both logs.") from error


def asked_for(watched: Watched, arguments: Mapping[str, Any], now: datetime, progress: Progress) -> str:
    """What the dashboard asks for (champion, challenger, start, end, metric), as of now, as JSON."""
    sides = [Side.of(str(arguments.get(name) or "")) for name in ("champion", "challenger")]
    start, end = (instant(arguments[name]) if arguments.get(name) else None for name in ("start", "end"))
    found = compare(
        watched.model, watched.base, sides[0], sides[1], since=start, until=end, as_of=now,
        metric=str(arguments.get("metric") or ""), shadow=watched.model.retraining.shadow, progress=progress,
    )  # fmt: skip
    return json.dumps(as_document(found))


def _notes(model: Model, found: Together) -> tuple[str, ...]:
    """What has to be known beside."""
    out = []
    a, b = found.sides.champion, found.sides.challenger
    if found.pairing == "none" and (apart := _apart(a, b)):
        out.append(apart)
    if found.pairing != "none" and found.unanswered > (1 - ANSWERED) * (len(a) + found.unanswered):
        share = found.unanswered / (len(a) + found.unanswered)
        out.append(
            f"Of the champion's labelled rows the challenger gave no answer to {share:.0%}; they are left out, so that "
            "it is not known how it would have done on them."
        )
    columns = model.labels.columns if model.labels is not None else model.predictions.columns
    if columns.observed_at is None:
        out.append("No `observed_at` is mapped: labels count as known when the prediction was made.")
    return tuple(out)


def _apart(a: Answers, b: Answers) -> str:
    """What is to be said of versions that answered at different times; "" where they share most of the shorter one."""
    first = max(float(x.moment.min()) for x in (a, b))
    last = min(float(x.moment.max()) for x in (a, b))
    share = max(0.0, last - first) / max(min(float(x.moment.max() - x.moment.min()) for x in (a, b)), 1.0)
    if share >= SHARED:
        return ""
    ends = [f"{datetime.fromtimestamp(end, tz=UTC):%Y-%m-%d %H:%M}" for end in (first, last)]
    where = f" Both answered from {ends[0]} to {ends[1]} UTC: choose that." if share > 0 else ""
    told = f"Only {share:.0%} of the shorter time is shared by both versions"
    return f"{told}: what differs may be the time, not the version.{where}"


def _objective(model: Model) -> Objective | None:
    """The model's first latency objective."""
    found = (s for s in model.slos if s.sli == "latency" and s.threshold_ms is not None)
    slo = next(found, None)
    return None if slo is None or slo.threshold_ms is None else Objective(slo.threshold_ms, slo.objective)
