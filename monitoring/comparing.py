"""The shell: two versions of a model compared, from its prediction log, its labels, and a shadow log."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from monitoring.core.comparison.comparison import About, Comparison, as_document
from monitoring.core.comparison.gates import Objective
from monitoring.core.comparison.judge import Incomparable, Progress, compared
from monitoring.core.comparison.rows import Answers, Pairing
from monitoring.core.comparison.rules import Rules
from monitoring.core.window import Chunk, slot_ceiling, slot_of
from monitoring.errors import LeewayError
from monitoring.fleet import Log, Model
from monitoring.instant import instant
from monitoring.logs.answered import Key, Wanted, answered, count, first_row, rows_within
from monitoring.logs.reader import LogReader
from monitoring.logs.rows import Bounds
from monitoring.pairing import Frames, Together, coincide, together
from monitoring.store.models import Watched

LIMIT, SEED = 60_000, 0
"""Labelled rows of a side that are compared, and what they are drawn by."""
BACK, AHEAD = 7, 30
"""Days before the first row whose traffic says which share of the rows is read, and the days that LIMIT is for. Of what
is known before, so that a comparison later on is of the same rows and more."""
ANSWERED = 0.95
"""Share of the champion's labelled rows below which it is said that the challenger did not answer all."""
SHARED = 0.5
"""Share of the shorter side's time below which versions that are not paired are said to have answered apart."""
NEVER = 1_000_000
"""A slot after all others."""
SHADOW = "shadow"


class CompareError(LeewayError):
    """Two versions cannot be compared."""


@dataclass(frozen=True, slots=True)
class Side:
    """A version: of the prediction log, or of the `shadow` log. "": whatever version the log has."""

    version: str = ""
    shadow: bool = False

    @classmethod
    def of(cls, text: str) -> Side:
        """From how people write it: a version, "shadow:" and a version, "shadow" for whatever is in that log."""
        log, _, version = text.partition(":")
        return cls(version, True) if log == SHADOW else cls(text)

    @property
    def name(self) -> str:
        """How to call it."""
        return self.version or (SHADOW if self.shadow else "all versions")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which rows: predicted from `since` on (whole hours after it) and before `until`, as known at `as_of`."""

    since: datetime | None = None
    until: datetime | None = None
    as_of: datetime | None = None

    def wanted(self, side: Side) -> Wanted:
        """Of a side's log. A shadow may have answered later, or does not say when, and it has no labels: which of its
        rows count is for the other log to say."""
        if side.shadow:
            return Wanted(Bounds(None, self.as_of), side.version, False)
        first = 0 if self.since is None else slot_ceiling(self.since)
        last = NEVER if self.until is None else slot_of(self.until)
        return Wanted(Bounds(((first, last),), self.as_of), side.version)

    @property
    def words(self) -> str:
        """In a sentence."""
        ends = ((word, t) for word, t in (("from", self.since), ("to", self.until)) if t is not None)
        return " ".join(f"{word} {t:%Y-%m-%d %H:%M} UTC" for word, t in ends) or "in the whole log"


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
    _check(model, sides, shadow)
    progress(0.0, "reading the rows of both versions")
    found = read(model, base, sides, asked, shadow)
    rows, sequence = found.drawn(LIMIT), found.first(LIMIT)
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


def read(model: Model, base: Path, sides: tuple[Side, Side], asked: Asked, shadow: Log | None) -> Together:
    """The labelled rows of both sides, brought together; of a busy log a share. Raises CompareError where one has
    none."""
    with _opened(_timed(model), base, asked.as_of) as own, _opened(_shadow(model, shadow), base, asked.as_of) as other:
        assert own is not None
        readers = [other if side.shadow and other is not None else own for side in sides]
        frames, pairing = _by_key(readers, sides, asked, _share(own, asked))
        counts = [count(r, asked.wanted(s)) for r, s in zip(readers, sides, strict=True) if not s.shadow]
    for frame, side in zip(frames, sides, strict=True):
        if frame.empty:
            raise CompareError(
                f"version {side.name} has no {'' if side.shadow else 'labelled '}rows {asked.words}.", where=model.key,
                mend="Choose a longer time, or wait for its labels.",
            )  # fmt: skip
    logs = [shadow if side.shadow and shadow is not None else model.predictions for side in sides]
    of = sum(counts) if pairing == "none" else max(counts)
    return together(model, (logs[0], logs[1]), frames, pairing, of)


def asked_for(watched: Watched, arguments: Mapping[str, Any], now: datetime, progress: Progress) -> str:
    """What the dashboard asks for (champion, challenger, start, end, metric), as of now, as JSON."""
    sides = [Side.of(str(arguments.get(name) or "")) for name in ("champion", "challenger")]
    start, end = (instant(arguments[name]) if arguments.get(name) else None for name in ("start", "end"))
    found = compare(
        watched.model, watched.base, sides[0], sides[1], since=start, until=end, as_of=now,
        metric=str(arguments.get("metric") or ""), shadow=watched.model.retraining.shadow, progress=progress,
    )  # fmt: skip
    return json.dumps(as_document(found))


def _check(model: Model, sides: tuple[Side, Side], shadow: Log | None) -> None:
    columns = model.predictions.columns
    if columns.timestamp is None:
        raise CompareError(
            "the log has no real time, so nobody knows which rows came after training.", where=model.key,
            mend="Map `predictions.columns.timestamp`.",
        )  # fmt: skip
    if model.labels is None and columns.label is None:
        raise CompareError("no label is mapped, so nobody knows who is right.", where=model.key, mend="Map `labels`.")
    if sides[0] == sides[1]:
        raise CompareError(f"{sides[0].name} is compared with itself.", where=model.key, mend="Choose two versions.")
    if all(side.shadow for side in sides):
        raise CompareError("both versions are of the shadow log, which has no labels.", where=model.key)
    if any(side.shadow for side in sides):
        if shadow is None:
            raise CompareError("no shadow log is mapped.", where=model.key, mend="Map `retraining.shadow`.")
        if columns.id is None or shadow.columns.id is None:
            raise CompareError("a shadow log is joined by id.", where=model.key, mend="Map `id` in both logs.")
    if columns.version is None and any(side.version and not side.shadow for side in sides):
        raise CompareError("the log does not say its version.", where=model.key, mend="Map `version`.")


def _by_key(readers: list[LogReader], sides: tuple[Side, Side], asked: Asked, share: float) -> tuple[Frames, Pairing]:
    """The rows of both sides by the first key that makes pairs of them."""
    keys: list[Key] = ["id"] if any(side.shadow for side in sides) else ["id", "inputs"]
    if readers[0].model.predictions.columns.id is None:
        keys = ["inputs"]
    frames: Frames | None = None
    for key in keys:
        read = [answered(r, asked.wanted(s), key, share, SEED) for r, s in zip(readers, sides, strict=True)]
        found = (read[0], read[1])
        if coincide(found) or any(side.shadow for side in sides):
            return found, key
        frames = frames or found
    assert frames is not None
    return frames, "none"


def _share(reader: LogReader, asked: Asked) -> float:
    """The share of the rows that is read, from the traffic before them."""
    since = asked.since or first_row(reader)
    if since is None:
        return 1.0
    first = slot_of(since)
    before = rows_within(reader, Bounds(((first - BACK * 24, first),), asked.as_of))
    if before == 0:
        before = rows_within(reader, Bounds(((first, first + BACK * 24),), asked.as_of))
    return min(1.0, LIMIT / max(before / BACK * AHEAD, 1.0))


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


def _timed(model: Model) -> Model:
    """The model with its log in hours, also where it is judged by chunks of rows."""
    return model if model.chunk.rows is None else model.model_copy(update={"chunk": Chunk()})


def _shadow(model: Model, shadow: Log | None) -> Model | None:
    """The model as its shadow log has it: without labels, and in rows where it does not say its times."""
    if shadow is None:
        return None
    chunk = Chunk() if shadow.columns.timestamp is not None else Chunk(hours=None, rows=NEVER)
    return model.model_copy(update={"predictions": shadow, "labels": None, "chunk": chunk})


@contextmanager
def _opened(model: Model | None, base: Path, as_of: datetime | None) -> Iterator[LogReader | None]:
    if model is None:
        yield None
        return
    reader = LogReader(model, base, as_of)
    try:
        yield reader
    finally:
        reader.close()
