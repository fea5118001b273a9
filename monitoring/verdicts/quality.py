"""Data quality verdicts: missing, range, unseen, volume, schema, duplicates."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from monitoring.core.grid import MISSING, NONFINITE, UNSEEN, CategoricalGrid, NumericGrid
from monitoring.core.outcome import SCORE_GRID
from monitoring.core.profile import Column, ColumnType
from monitoring.core.summaries import Summaries
from monitoring.core.summary import Kind
from monitoring.core.verdict import Status, Verdict
from monitoring.core.window import Slots, moment_of, said
from monitoring.fleet import MovingReference, Threshold
from monitoring.verdicts.subject import MIN_ROWS, Subject, status_above

WEEK = 168
DEFAULTS = {
    "quality.missing": (0.05, 0.2),
    "quality.range": (0.01, 0.05),
    "quality.unseen": (0.01, 0.05),
    "quality.duplicates": (0.001, 0.05),
    "quality.volume": (0.5, 0.9),
}
"""Warning and breached levels: missing is the rise above the reference's share; volume the share gone or added."""


def judge(subject: Subject) -> Iterator[Verdict]:
    """All quality verdicts but schema, window by window."""
    for window in subject.windows:
        n = subject.current.rows(window)
        yield _volume(subject, window, n)
        if n == 0:
            continue
        if subject.model.predictions.columns.id is not None:
            yield _duplicates(subject, window, n)
        for column in subject.profile.columns:
            if column.kind in (Kind.FEATURE, Kind.SCORE, Kind.PREDICTION):
                yield from _column(subject, window, column)


def schema(subject: Subject, now: dict[str, ColumnType] | None) -> Verdict:
    """The log's columns today against the reference's. `now` is None when nothing new was read."""
    window = subject.windows[-1] if subject.windows else subject.reference_span
    verdict = Verdict(
        subject.model.key, "quality.schema", subject.window(window, subject.current.rows(window)), Status.OK,
        f"All {len(subject.profile.types)} columns are as in the reference.", value=0.0, threshold=1.0,
    )  # fmt: skip
    if now is None:
        return verdict
    used = {
        c.name for c in subject.profile.columns if c.name and c.kind != Kind.OUTCOME
    }  # an outcome has a class's name
    before = subject.profile.types
    gone = sorted(name for name in used if name not in now)
    other = sorted(f"{n} ({before[n]} → {now[n]})" for n in used if n in now and n in before and now[n] != before[n])
    new = sorted(set(now) - set(before))
    parts = [f"gone: {', '.join(gone)}" if gone else "", f"other type: {', '.join(other)}" if other else ""]
    parts.append(f"new: {', '.join(new)}" if new else "")
    if gone or other:
        reason = f"Columns changed: {'; '.join(p for p in parts if p)}."
        return verdict._replace(status=Status.BREACHED, value=float(len(gone) + len(other)), reason=reason)
    if new:
        return verdict._replace(status=Status.WARNING, value=float(len(new)), reason=f"Columns {parts[-1]}.")
    return verdict


def _verdict(
    subject: Subject, check: str, window: Slots, n: int, column: str | None, value: float, reason: str
) -> Verdict:
    own = subject.threshold(check, column)
    warning, breached = levels_of(check, own)
    status, level = status_above(value, warning, breached)
    verdict = Verdict(
        subject.model.key, check, subject.window(window, n), status, reason, column=column, value=value,
        threshold=level, warning=warning, breached=breached, automatic=own is None,
    )  # fmt: skip
    fewest = fewest_rows(check, own)
    if n < fewest:
        return verdict._replace(status=Status.INSUFFICIENT_DATA, reason=f"{n:,} rows; at least {fewest} are needed.")
    return verdict


def levels_of(check: str, own: Threshold | None) -> tuple[float | None, float | None]:
    """The owner's levels, else the default ones."""
    if own is not None and (own.warning is not None or own.breached is not None):
        return own.warning, own.breached
    return DEFAULTS[check]


def fewest_rows(check: str, own: Threshold | None) -> int:
    """Rows below which a window is not judged. Volume is about that itself."""
    if check == "quality.volume":
        return 0
    return own.min_rows if own and own.min_rows else MIN_ROWS


def _column(subject: Subject, window: Slots, column: Column) -> Iterator[Verdict]:
    counts = subject.current.histogram(column.kind, column.name, window)
    source, span = _reference(subject, window)
    before = source.histogram(column.kind, column.name, span)
    n = counts.n
    if n == 0:
        return
    missing = (counts.count(MISSING) + counts.count(NONFINITE)) / n
    usual = (before.count(MISSING) + before.count(NONFINITE)) / max(before.n, 1)
    rise = max(0.0, missing - usual)
    words = f"missing {missing:.1%} of {n:,}, {usual:.1%} in the reference."
    yield _verdict(subject, "quality.missing", window, n, column.name, rise, words)
    if isinstance(column.grid, CategoricalGrid):
        if column.grid.complete:
            unseen = counts.count(UNSEEN)
            words = f"{unseen:,} of {n:,} rows hold a category that the reference never held."
            yield _verdict(subject, "quality.unseen", window, n, column.name, unseen / n, words)
    elif usual_range := source.extremes(column.kind, column.name, span):
        yield _range(subject, window, column, n, *usual_range)


def _reference(subject: Subject, window: Slots) -> tuple[Summaries, Slots]:
    """What a window is compared with: a stretch of the log, where the reference moves and is whole; else the first."""
    if isinstance(subject.model.reference, MovingReference):
        span, begun = subject.reference_of(window), subject.current.span()
        if begun is not None and span.first >= begun.first and subject.current.rows(span):
            return subject.current, span
    return subject.reference, subject.reference_span


def _range(subject: Subject, window: Slots, column: Column, n: int, least: float, greatest: float) -> Verdict:
    """Share of values outside the reference's range, widened by a tenth; one far outside is worth a warning."""
    counts = subject.current.histogram(column.kind, column.name, window)
    span = greatest - least
    low, high = least - span / 10, greatest + span / 10
    grid = column.grid
    assert not isinstance(grid, CategoricalGrid)
    edges = grid.code(np.asarray([low, high])) if isinstance(grid, NumericGrid) else np.asarray([-1, SCORE_GRID.top])
    first, past = np.searchsorted(counts.codes, [edges[0], edges[1] + 1])
    outside = n - int(counts.counts[first:past].sum()) - counts.count(MISSING) - counts.count(NONFINITE)
    extremes = subject.current.extremes(column.kind, column.name, window) or (least, greatest)
    words = (
        f"{outside:,} of {n:,} values outside {least:.6g} to {greatest:.6g} (with a tenth to spare); "
        f"they run from {extremes[0]:.6g} to {extremes[1]:.6g}."
    )
    verdict = _verdict(subject, "quality.range", window, n, column.name, outside / n, words)
    far = max(extremes[1] - greatest, least - extremes[0]) > 3 * span > 0
    if far and verdict.status == Status.OK and verdict.automatic:
        return verdict._replace(status=Status.WARNING, reason=f"A value far outside: {words}")
    return verdict


def _duplicates(subject: Subject, window: Slots, n: int) -> Verdict:
    sums = subject.current.sums(Kind.ROWS, "", window)
    twice = int(sums[:, 0].sum()) if len(sums) else 0
    words = f"{twice:,} of {n:,} rows repeat an id of the same hour."
    return _verdict(subject, "quality.duplicates", window, n, None, twice / n, words)


def _silence(subject: Subject, window: Slots, earlier: list[int]) -> str:
    """Since when there has been no row, and how many there used to be."""
    log = subject.current.span()
    ended = log is not None and log.last <= window.first
    words = f"No row since {said(moment_of(log.last), subject.now)}" if log and ended else "No row in this window"
    return f"{words}; {_usual(earlier)}." if earlier else f"{words}."


def _usual(earlier: list[int]) -> str:
    weeks = "the earlier week" if len(earlier) == 1 else f"{len(earlier)} earlier weeks"
    return f"the median of the same hours in {weeks} is {np.median(earlier):,.0f}"


def _volume(subject: Subject, window: Slots, n: int) -> Verdict:
    """Rows against the same hours of earlier weeks (at most four), else against the reference's chunks."""
    if subject.by_rows:
        return _verdict(subject, "quality.volume", window, n, None, 0.0, f"{n:,} rows in the chunk.")
    shift = -(-len(window) // WEEK) * WEEK
    earlier = []
    for back in range(1, 5):
        past = Slots(window.first - back * shift, window.last - back * shift)
        rows = subject.current.rows(past)
        if rows:
            earlier.append(rows)
    if n == 0:
        return _verdict(subject, "quality.volume", window, 0, None, 1.0, _silence(subject, window, earlier))._replace(
            status=Status.NO_DATA
        )
    if not earlier:
        verdict = _verdict(subject, "quality.volume", window, n, None, 0.0, "No earlier week to compare with.")
        return verdict._replace(status=Status.INSUFFICIENT_DATA, value=None)
    usual = float(np.median(earlier))
    if moment_of(window.last) > subject.now:  # a finished log may end within its last window, too
        verdict = _verdict(
            subject, "quality.volume", window, n, None, 0.0, f"{n:,} rows so far; {usual:,.0f} is usual."
        )
        return verdict._replace(provisional=True)
    change = abs(n - usual) / max(n, usual)
    return _verdict(subject, "quality.volume", window, n, None, change, f"{n:,} rows; {_usual(earlier)}.")
