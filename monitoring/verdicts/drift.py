"""Drift verdicts: of features, prediction and label, and of the model as a whole, within a false-alarm budget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from monitoring.core.calibration.budget import evident, level, score, shared_out, windows_per_quarter
from monitoring.core.grid import CategoricalGrid
from monitoring.core.profile import Column
from monitoring.core.summary import Kind
from monitoring.core.verdict import Status, Verdict
from monitoring.core.window import Slots
from monitoring.fleet import Model, Threshold
from monitoring.verdicts import labels
from monitoring.verdicts.compared import Compared, compare
from monitoring.verdicts.effect import Effect, effect_of, own_threshold
from monitoring.verdicts.learned import Priors
from monitoring.verdicts.monitored import Monitored
from monitoring.verdicts.season import Seasons
from monitoring.verdicts.subject import Subject, narrowest, status_above

FALSE_ALARMS = 1.0
"""The budget of a model and quarter, where its owner states none."""

PREFIX = "evidently:"
"""Of methods that need rows, not counts: monitoring.evidently.judge has them."""
DRIFTED = (Status.WARNING, Status.BREACHED)
UNTESTED = "could not be tested"
"""Words of a reason that a back-test goes by."""


def judge(subject: Subject) -> Iterator[Verdict]:
    """All drift verdicts, window by window."""
    monitored = list(monitored_columns(subject))
    wanted = [w for w in subject.windows if subject.comparable(w)]
    before = _predecessors(subject, wanted)
    needed = sorted({*wanted, *before.values()})
    slices, seasons = ["", *subject.current.slices()], Seasons(subject)
    early = frozenset() if subject.labels is None else labels.provisional(subject)
    priors = Priors(subject, monitored)
    compared = {
        (m.column.key, s): compare(subject, m, s, needed, own_threshold(subject, m, s), priors)
        for m in monitored
        for s in slices
        if not (own_threshold(subject, m, s).method or "").startswith(PREFIX)
    }
    for window in wanted:
        for family in ([""], slices[1:]):
            effects = [
                _waiting(subject, early, effect_of(subject, m, s, compared[m.column.key, s][window]))
                for s in family
                for m in monitored
                if (m.column.key, s) in compared
            ]
            earlier = {
                (e.monitored.column.key, e.slice): compared[e.monitored.column.key, e.slice].get(before.get(window))  # type: ignore[arg-type]
                for e in effects
            }
            found = held_to_budget(seasons, window, effects, earlier)
            yield from found
            if family == [""]:
                yield _whole(subject, window, [v for v in found if v.check == "drift.feature"])


def monitored_columns(subject: Subject) -> Iterator[Monitored]:
    """Features, prediction and label of a model."""
    for column in subject.profile.columns:
        if column.kind in (Kind.FEATURE, Kind.SCORE, Kind.PREDICTION, Kind.LABEL):
            yield Monitored(column, column.grid)
    if subject.model.task != "regression" and subject.profile.find(Kind.OUTCOME, "") is not None:
        names = subject.profile.classes or ("0", "1")
        grid = CategoricalGrid(names)
        yield Monitored(Column(Kind.LABEL, "", "text", grid), grid)


def _waiting(subject: Subject, early: frozenset[int], effect: Effect) -> Effect:
    """The effect; of labels in windows that still wait for most of theirs as provisional. Which come first may say
    which they are, as fraud is known before its absence is: their drift decides nothing yet, and shares no budget with
    what does."""
    v, window = effect.verdict, effect.compared.window
    if subject.labels is None or effect.monitored.column.kind != Kind.LABEL or window.first not in early:
        return effect
    reason = f"{v.reason[:-1]}; labels still to come, {labels.to_come(subject.labels)}."
    budget = budget_of(subject.model) if effect.budget is None else effect.budget
    return replace(effect, verdict=v._replace(provisional=True, reason=reason), budget=budget)


def _predecessors(subject: Subject, windows: Sequence[Slots]) -> dict[Slots, Slots]:
    """The window before each, where that can be compared, too."""
    place = {window: at for at, window in enumerate(subject.history)}
    return {
        window: subject.history[place[window] - 1]
        for window in windows
        if place.get(window, 0) > 0 and subject.comparable(subject.history[place[window] - 1])
    }


def budget_of(model: Model) -> float:
    """False alarms a quarter that all drift checks of a model together are allowed."""
    own = narrowest(model.thresholds, "drift")
    return (own.false_alarms_per_quarter if own else None) or FALSE_ALARMS


def held_to_budget(
    seasons: Seasons,
    window: Slots,
    effects: Sequence[Effect],
    before: dict[tuple[tuple[Kind, str], str], Compared | None],
) -> list[Verdict]:
    """Evidence beside the effect: what chance does as often as the budget allows is no drift, nor is the season."""
    subject = seasons.subject
    hours, shared = subject.model.chunk.hours, budget_of(subject.model)
    held = [e for e in effects if e.calibrated]
    family = sum(e.budget is None for e in held)
    limits = shared_out([e.verdict.p_value or 0.0 for e in held], [e.budget for e in held], shared, hours)
    limit_of = {id(e): float(limit) for e, limit in zip(held, limits, strict=True)}
    out = []
    for effect in effects:
        if not effect.calibrated:
            out.append(effect.verdict)
            continue
        limit = limit_of[id(effect)]
        alone = level(shared, hours) / family if effect.budget is None else limit
        earlier = before.get((effect.monitored.column.key, effect.slice))
        found = _evidence(effect, limit, alone * windows_per_quarter(hours), earlier)
        if found.status in DRIFTED:
            own = own_threshold(subject, effect.monitored, effect.slice)
            found = seasons.judge(window, effect.monitored, effect.slice, own, found, limit)
        out.append(found)
    return out


def _evidence(effect: Effect, limit: float, false_alarms: float, earlier: Compared | None) -> Verdict:
    v, basis = effect.verdict, effect.compared.basis
    p_value = v.p_value
    assert p_value is not None and v.drift_score is not None
    needed = score(limit)
    reason = (
        f"{v.reason[:-1]}; {v.drift_score:.1f} deviations of chance, {needed:.1f} needed for "
        f"{false_alarms:.2g} false alarms a quarter ({basis})."
    )
    v = v._replace(null_quantile=needed, false_alarms=false_alarms, reason=reason)
    status = evident(v.status, p_value, limit, None if earlier is None else earlier.p_value)
    if status == v.status:
        return v
    if status == Status.OK:
        return v._replace(status=status, reason=f"Could be chance: {v.reason}")
    return v._replace(status=status, reason=f"{v.reason} Breached if the next window says so, too.")


def share_levels(own: Threshold | None, judged: int) -> tuple[float | None, float | None]:
    """The shares of drifted features that warn and breach, of so many that could be judged."""
    if own is not None and (own.warning or own.breached):
        return own.warning, own.breached
    return 1 / judged, 0.5


def _whole(subject: Subject, window: Slots, features: list[Verdict]) -> Verdict:
    own = subject.threshold("drift")
    judged = [v for v in features if v.value is not None]
    verdict = Verdict(
        subject.model.key, "drift", subject.window(window, max((v.window.n for v in features), default=0)), Status.OK,
        "", method="share_of_features", automatic=own is None or (own.warning is None and own.breached is None),
    )  # fmt: skip
    if not judged:
        statuses = {v.status for v in features}
        status = Status.FAILED if Status.FAILED in statuses else Status.INSUFFICIENT_DATA
        status = Status.NO_DATA if not features or statuses == {Status.NO_DATA} else status
        return verdict._replace(status=status, reason="No feature could be judged in this window.")
    drifted = sorted((v for v in judged if v.status in DRIFTED), key=lambda v: -(v.value or 0.0))
    value = len(drifted) / len(judged)
    warning, breached = share_levels(own, len(judged))
    status, decided = status_above(value, warning, breached)
    failed = [v for v in features if v.status == Status.FAILED]
    names = "; ".join(f"{v.column}: {v.effect}" for v in drifted[:3])
    reason = f"{len(drifted)} of {len(judged)} features drifted" + (f" ({names})." if names else ".")
    if failed:
        reason += f" {len(failed)} {UNTESTED}: {failed[0].reason}"
        status = status if status in DRIFTED else Status.FAILED
    scores = [v.drift_score for v in judged if v.drift_score is not None]
    needed = [v.null_quantile for v in judged if v.null_quantile is not None]
    calibrated = [v.false_alarms for v in judged if v.false_alarms is not None]
    return verdict._replace(
        status=status, value=value, threshold=decided, warning=warning, breached=breached, reason=reason,
        drift_score=max(scores, default=None), false_alarms=sum(calibrated) if calibrated else None,
        null_quantile=min(needed, default=None),
        effect=names,
    )  # fmt: skip
