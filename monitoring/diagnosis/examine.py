"""The examination: rows of the reference and of some windows in, a Diagnosis out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from monitoring.core.diagnosis.cells import cut
from monitoring.core.diagnosis.decomposition import Decomposition, Measured, decomposed
from monitoring.core.diagnosis.diagnosis import About, Diagnosis
from monitoring.core.diagnosis.inputs import Broken, broken, moved
from monitoring.core.diagnosis.interval import Floats
from monitoring.core.diagnosis.retraining import FEWEST_ROWS, Outlook, Retraining
from monitoring.core.diagnosis.slices import Side, worst
from monitoring.core.window import Slots, moment_of
from monitoring.diagnosis.challenger import retrained
from monitoring.diagnosis.learner import crossed, unsupported
from monitoring.diagnosis.rows import DiagnosisError, Labelled, Logs
from monitoring.estimating.losses import one_thread
from monitoring.ingest import Progress

SEED = 7
ANSWERED = "__leeway_answer"


@dataclass(frozen=True, slots=True)
class Case:
    """What is examined: the window, and the inputs that quality checks found broken in it."""

    check: str
    window: Slots
    broken: tuple[Broken, ...] = ()


def examine(logs: Logs, case: Case, progress: Progress) -> Diagnosis:
    """Diagnose a window. Raises DiagnosisError where it overlaps the reference; too few labels are said, not raised."""
    progress(0.05, "reading labelled rows of the reference")
    then, span = logs.reference(case.window)
    if span is not None and case.window.first < span.last and span.first < case.window.last:
        raise DiagnosisError("the window overlaps the reference, which it is compared with.", where=logs.model.key)
    progress(0.1, "reading labelled rows of the window")
    now = logs.window(case.window)
    if len(now.frame) < FEWEST_ROWS:
        short = f"{len(now.frame):,} labelled rows are too few, at least {FEWEST_ROWS} are needed"
        return Diagnosis(_about(logs, case, then, now), Retraining(Outlook.UNTRIED, short), broken=case.broken)
    import sklearn.ensemble  # noqa: F401 - only libraries that are loaded already can be held to one thread

    with one_thread():
        return _examined(logs, case, then, now, progress)


def _examined(logs: Logs, case: Case, then: Labelled, now: Labelled, progress: Progress) -> Diagnosis:
    metric = logs.metric
    found = Diagnosis(_about(logs, case, then, now), Retraining(Outlook.UNSURE), broken=case.broken)
    level = metric.statistic(now.answer, now.truth)(np.ones(len(now.frame)))
    found = replace(found, level=level if np.isfinite(level) else None)
    if len(then.frame) < FEWEST_ROWS:
        note = f"The reference has {len(then.frame):,} labelled rows: what it lost cannot be compared with."
        done = retrained(logs, case.window, None, now, None, progress)
        return replace(found, retraining=done, notes=(note,))
    before = metric.statistic(then.answer, then.truth)(np.ones(len(then.frame)))
    found = replace(found, then=before if np.isfinite(before) else None)
    progress(0.15, "looking for the slices that lost most")
    found = _compared(logs, found, then, now)
    progress(0.25, "learning what the reference lost, and on which inputs")
    split = _split(logs, then, now)
    if split is None:
        note = "The drop could not be split: there is nothing to learn the reference's losses from."
        found = replace(found, notes=(*found.notes, note))
    else:
        apart = unsupported(then.frame, now.frame, logs.roles.features, then.codes, now.codes)
        found = replace(found, split=split, unsupported=apart)
    worse = -metric.sign * (level - before)
    done = retrained(logs, case.window, then, now, worse if np.isfinite(worse) else None, progress)
    progress(1.0, "done")
    return replace(found, retraining=done)


def _about(logs: Logs, case: Case, then: Labelled, now: Labelled) -> About:
    first, last = case.window.first, case.window.last
    start, end = (moment_of(first), moment_of(last)) if logs.timed else (None, None)
    return About(
        logs.model.key, case.check, logs.metric, first, last, start, end, logs.as_of, then.counts, now.counts,
        logs.model.unit,
    )  # fmt: skip


def _compared(logs: Logs, found: Diagnosis, then: Labelled, now: Labelled) -> Diagnosis:
    """With the slices that lost most, the features that moved, and the inputs that are broken."""
    losses_then = logs.metric.losses(then.answer, then.truth)
    losses = logs.metric.losses(now.answer, now.truth)
    if not (np.isfinite(losses).all() and np.isfinite(losses_then).all()):
        return replace(found, notes=("Only one class has labels, so no slice can be held against another.",))
    cuts = [cut(name, then.frame[name], now.frame[name]) for name in logs.slices]
    mine = [one for one in cuts if one.feature in logs.roles.features]
    drop = float(losses.mean() - losses_then.mean())
    known = {one.feature for one in found.broken}
    odd = broken(then.frame, now.frame, logs.roles.features, losses, drop)
    return replace(
        found,
        slices=worst(cuts, Side(losses_then, then.codes), Side(losses, now.codes)),
        moved=moved(mine, then.frame, now.frame, then.codes, now.codes, SEED),
        broken=(*found.broken, *(one for one in odd if one.feature not in known)),
    )


def _split(logs: Logs, then: Labelled, now: Labelled) -> Decomposition | None:
    """The drop's two parts, by a model of the reference's labels (binary) or losses (all else)."""
    metric = logs.metric
    realised = [metric.statistic(side.answer, side.truth) for side in (then, now)]
    features = list(logs.roles.features)
    frames = [then.frame, now.frame]
    if logs.task == "binary_classification":
        # the score is an input, too: it says more of the label than the quick learner finds out by itself
        frames = [side.frame.assign(**{ANSWERED: side.answer}) for side in (then, now)]
        found = crossed(frames[0], [*features, ANSWERED], then.truth.astype(int), "chance", then.codes)

        def expected(side: Labelled, chance: Floats) -> Callable[[Floats], float]:
            return metric.statistic(side.answer, np.clip(chance, 0, 1))
    else:
        found = crossed(frames[0], features, metric.losses(then.answer, then.truth), "mean", then.codes)

        def expected(side: Labelled, chance: Floats) -> Callable[[Floats], float]:
            return metric.of_losses(np.maximum(chance, 0))

    if found is None:
        return None
    out, models = found
    each = [model(frames[1]) for model in models]
    return decomposed(
        Measured(realised[0], expected(then, out), then.codes),
        Measured(
            realised[1], expected(now, np.mean(each, axis=0)), now.codes, tuple(expected(now, one) for one in each)
        ),
    )
