"""From the rows of two versions to a comparison."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from monitoring.core.comparison import changes, gates
from monitoring.core.comparison.betting import NEEDED, played
from monitoring.core.comparison.calibration import calibration
from monitoring.core.comparison.comparison import (
    About,
    Comparison,
    Figure,
    Outcome,
    Sequential,
    SliceFigure,
    Step,
    Verdict,
    verdict_of,
)
from monitoring.core.comparison.differences import differences
from monitoring.core.comparison.gates import Objective
from monitoring.core.comparison.rows import Sides
from monitoring.core.comparison.rules import Rules
from monitoring.core.comparison.statistics import metrics_of
from monitoring.core.diagnosis.row_metric import row_metric
from monitoring.core.performance.metric import Metric

STEPS = 100
"""Steps of the sequential test that are kept for its chart."""
MOST_SLICES = 60
"""The largest slices that are judged."""

Progress = Callable[[float, str], None]


class Incomparable(ValueError):
    """The two versions have no metric in common."""


def compared(
    sides: Sides, sequence: Sides, about: About, objective: Objective | None, rules: Rules, progress: Progress,
    notes: tuple[str, ...] = (),
) -> Comparison:  # fmt: skip
    """Champion against challenger.

    `sequence` are the rows of the sequential test: the first there were, where `sides` is a sample of all. Of `about`,
    the metric is what is wanted, and the margin is filled in here. Raises Incomparable.
    """
    known = metrics_of(sides)
    if not known:
        raise Incomparable("neither scores nor predictions are logged by both versions")
    main = _main(known, about.metric, sides)
    figures = []
    for number, metric in enumerate([main, *(m for m in known if m is not main)]):
        progress(0.1 + 0.4 * number / len(known), f"comparing {metric.title}")
        figures.append(_figure(sides, metric, about.unit))
    first = figures[0]
    margin = rules.margin_of(first.better == "lower", first.champion or 0.0)
    unit = about.unit if first.unit else ""
    progress(0.5, "comparing slices")
    found = tuple(_slices(sides, main, margin * rules.slice_margins, rules, progress))
    enough = gates.rows(sides, rules)
    passed = [enough, gates.slices(found, main.title, margin * rules.slice_margins, unit)]
    progress(0.8, "comparing latency and calibration")
    passed += [gates.latency(sides, objective, rules), calibration(sides, rules)]
    verdict = verdict_of(first.gain, margin) if enough.outcome == Outcome.PASSED else Verdict.UNSURE
    progress(0.9, "betting on the days in the order of their labels")
    closed = None if about.as_of is None else about.as_of.timestamp()
    test = sequential(sequence, main.name, about.unit, closed)
    both = (gates.quantiles(sides.champion), gates.quantiles(sides.challenger))
    about = replace(about, metric=main.name, margin=margin)
    return Comparison(about, verdict, tuple(figures), tuple(passed), found, both, test, notes)


def sequential(sides: Sides, metric: str, unit: str, closed: float | None = None) -> Sequential:
    """The sequential test, from the first day on; `closed` as in `differences`."""
    found = differences(sides, metric, unit, closed)
    shown = unit if found.in_unit else ""
    n = len(found.gains)
    if n == 0:
        return Sequential(found.words, shown, NEEDED)
    course = played(found.gains)
    better, worse = course.crossed()
    up, down = (logs / np.log(10) for logs in course.log_e)
    kept = np.unique(np.linspace(1, n, min(n, STEPS)).round().astype(int))
    declared = min(x for x in (better, worse) if x) if better or worse else 0
    steps = []
    for t in np.unique([*kept, *([declared] if declared else [])]).tolist():
        wealth = course.at(t)
        mean, lower, upper = (float(x) * found.scale for x in (wealth.mean, *wealth.ends()))
        moment, rows = _at(found.at[t - 1]), int(found.rows[t - 1])
        steps.append(Step(moment, t, rows, mean, lower, upper, float(up[t - 1]), float(down[t - 1])))
    if not declared:
        return Sequential(found.words, shown, NEEDED, course=tuple(steps))
    return Sequential(
        found.words, shown, NEEDED, "better" if declared == better else "worse", _at(found.at[declared - 1]), declared,
        int(found.rows[declared - 1]), tuple(steps),
    )  # fmt: skip


def _main(known: list[Metric], wanted: str, sides: Sides) -> Metric:
    """The metric wanted; where both sides do not have it, the one of rows that is nearest to it; else the first."""
    scored = sides.champion.score is not None and sides.challenger.score is not None
    near = row_metric(wanted, sides.task, scored).name
    return next((m for name in (wanted, near) for m in known if m.name == name), known[0])


def _figure(sides: Sides, metric: Metric, unit: str) -> Figure:
    better = "higher" if metric.better == "higher" else "lower"
    of, to = changes.levels(sides, metric.name)
    moved = changes.change(sides, metric.name) if of is not None and to is not None else None
    reason = "" if moved is not None else "undefined on these rows"
    return Figure(
        metric.name, metric.title, better, unit if metric.unit else "", of, to, moved,  # type: ignore[arg-type]
        changes.method(metric.name), reason,
    )  # fmt: skip


def _slices(sides: Sides, metric: Metric, tolerance: float, rules: Rules, progress: Progress) -> list[SliceFigure]:
    """The largest slices that have enough rows on both sides, worst first."""
    sign = 1.0 if metric.better == "higher" else -1.0
    cut = []
    for name, values in sides.champion.slices.items():
        others = sides.challenger.slices.get(name, values[:0])
        for value in np.unique(values):
            kept = values == value, others == value
            size = min(int(k.sum()) for k in kept)
            if size >= rules.slice_rows:
                cut.append((size, f"{name} = {value}", kept))
    cut = sorted(cut, key=lambda c: (-c[0], c[1]))[:MOST_SLICES]
    found = []
    for number, (size, name, kept) in enumerate(cut):
        progress(0.5 + 0.3 * number / len(cut), f"comparing {name}")
        part = Sides(
            sides.task, sides.champion.take(kept[0]), sides.challenger.take(kept[1]), sides.paired, sides.classes
        )
        moved = changes.change(part, metric.name)
        of, to = changes.levels(part, metric.name)
        found.append((name, size, of, to, None if moved is None else moved.times(sign)))
    judged = sum(gain is not None for *_, gain in found)
    out = []
    for name, size, of, to, gain in found:
        if gain is None:
            out.append(SliceFigure(name, size, of, to, None, None, None, False))
            continue
        half = gain.half_at(0.05 / judged)
        upper = gain.value + half
        out.append(SliceFigure(name, size, of, to, gain.value, gain.value - half, upper, upper < -tolerance))
    return sorted(out, key=lambda s: (s.gain is None, s.gain or 0.0))


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(float(seconds), tz=UTC)
