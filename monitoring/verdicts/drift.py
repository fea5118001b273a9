"""Drift verdicts: of features, prediction and label, and of the model as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from monitoring.core.binned import Binned, align
from monitoring.core.grid import MISSING, CategoricalGrid, Grid
from monitoring.core.histogram import Histogram, from_cells
from monitoring.core.profile import Column
from monitoring.core.summary import Kind
from monitoring.core.verdict import Status, Verdict
from monitoring.core.window import Slots
from monitoring.fleet import Threshold
from monitoring.stattests.evidence import evidence
from monitoring.stattests.registry import Stattest, default_for, get
from monitoring.verdicts.subject import Subject, status_above

MIN_ROWS = 30
"""Rows below which a window says nothing about a distribution."""

FALSE_DISCOVERIES = 0.01
"""Benjamini-Hochberg level over the features of a window, where the owner set no threshold of their own."""

CHECKS = {
    Kind.FEATURE: "drift.feature",
    Kind.SCORE: "drift.prediction",
    Kind.PREDICTION: "drift.prediction",
    Kind.LABEL: "drift.label",
}
PREFIX = "evidently:"
"""Of methods that need rows, not counts: monitoring.evidently.judge has them."""
DRIFTED = (Status.WARNING, Status.BREACHED)


@dataclass(frozen=True, slots=True)
class Monitored:
    """A distribution to compare: its column, grid, and how to get its counts."""

    column: Column
    grid: Grid

    def counts(self, subject: Subject, window: Slots, slice_: str, reference: bool) -> Histogram:
        """Counts in a window (or in the reference)."""
        summaries = subject.reference if reference else subject.current
        span = subject.reference_span if reference else window
        if self.column.kind == Kind.LABEL and subject.model.task != "regression":
            outcome = summaries.histogram(Kind.OUTCOME, "", span, None, slice_)
            size = 2 if subject.model.task == "binary_classification" else len(subject.profile.classes)
            return from_cells(outcome.codes % size, outcome.counts)
        return summaries.histogram(self.column.kind, self.column.name, span, None, slice_)


def judge(subject: Subject) -> Iterator[Verdict]:
    """All drift verdicts, window by window."""
    monitored = list(_monitored(subject))
    slices = ["", *subject.current.slices()]
    references = {
        (m.column.key, s): m.counts(subject, subject.reference_span, s, reference=True)
        for m in monitored
        for s in slices
    }
    for window in filter(subject.comparable, subject.windows):
        for slice_ in slices:
            found = [
                _verdict(subject, m, window, slice_, references[m.column.key, slice_])
                for m in monitored
                if not (_own(subject, m, slice_).method or "").startswith(PREFIX)
            ]
            found = _discoveries(found)
            yield from found
            if slice_ == "":
                yield _whole(subject, window, [v for v in found if v.check == "drift.feature"])


def _monitored(subject: Subject) -> Iterator[Monitored]:
    for column in subject.profile.columns:
        if column.kind in (Kind.FEATURE, Kind.SCORE, Kind.PREDICTION, Kind.LABEL):
            yield Monitored(column, column.grid)
    if subject.model.task != "regression" and subject.profile.find(Kind.OUTCOME, "") is not None:
        names = subject.profile.classes or ("0", "1")
        grid = CategoricalGrid(names)
        yield Monitored(Column(Kind.LABEL, "", "text", grid), grid)


def _own(subject: Subject, m: Monitored, slice_: str) -> Threshold:
    check = CHECKS[m.column.kind]
    return subject.threshold(check, m.column.name, slice_) or Threshold(check=check)


def _verdict(subject: Subject, m: Monitored, window: Slots, slice_: str, reference: Histogram) -> Verdict:
    check = CHECKS[m.column.kind]
    own = subject.threshold(check, m.column.name, slice_)
    current = m.counts(subject, window, slice_, reference=False)
    test = default_for("categorical" if isinstance(m.grid, CategoricalGrid) else "numeric")
    unknown = ""
    if own and own.method:
        try:
            test = get(own.method)
        except ValueError as error:
            unknown = str(error)
    verdict = Verdict(
        subject.model.key,
        check,
        subject.window(window, current.n),
        Status.OK,
        "",
        column=m.column.name or None,
        slice=slice_ or None,
        method=test.name,
    )
    if unknown:
        return replace(verdict, status=Status.FAILED, method=own.method if own else None, reason=unknown)
    fewest = own.min_rows if own and own.min_rows else MIN_ROWS
    if current.n == 0:
        return replace(verdict, status=Status.NO_DATA, reason="No row in this window.")
    if min(current.n, reference.n) < fewest:
        short = "window" if current.n < fewest else "reference"
        reason = f"{min(current.n, reference.n):,} rows in the {short}; at least {fewest} are needed."
        return replace(verdict, status=Status.INSUFFICIENT_DATA, reason=reason)
    if current.count(MISSING) == current.n and reference.count(MISSING) == reference.n:
        reason = "Every value is missing, here and in the reference: nothing to compare."
        return replace(verdict, status=Status.INSUFFICIENT_DATA, reason=reason)
    binned = align(m.grid, reference, current)
    if binned.kind not in test.kinds:
        reason = f"{test.title} is a test for {' or '.join(test.kinds)} columns; {m.column.name} is {binned.kind}."
        return replace(verdict, status=Status.FAILED, reason=reason)
    try:
        return _held(verdict, test, own, binned, m.grid, np.union1d(reference.codes, current.codes))
    except (ArithmeticError, ValueError, IndexError, np.linalg.LinAlgError) as error:
        return replace(verdict, status=Status.FAILED, reason=f"{test.title} failed: {error}")


def _held(
    verdict: Verdict, test: Stattest, own: Threshold | None, binned: Binned, grid: Grid, codes: np.ndarray
) -> Verdict:
    result = test.run(binned)
    p = result.p_value if result.p_value is not None else evidence(binned)
    warning, breached = test.warning, test.breached
    if own is not None and (own.warning is not None or own.breached is not None):
        warning, breached = own.warning, own.breached  # type: ignore[assignment]
    status, level = status_above(result.statistic, warning, breached)
    change = moved(binned, grid, codes)
    if own and own.direction in ("up", "down") and status in DRIFTED and not _went(binned, own.direction):
        status, change = Status.OK, f"{change}, the way that does not matter"
    reason = (
        f"{change}; {test.title} {result.statistic:.3g} ({_level(warning, breached)}), p {_p(p)}, "
        f"{binned.n_current:,.0f} rows against {binned.n_reference:,.0f}."
    )
    automatic = own is None or (own.warning is None and own.breached is None)
    return replace(
        verdict, status=status, value=result.statistic, threshold=level, warning=warning, breached=breached,
        p_value=p, reason=reason, automatic=automatic,
    )  # fmt: skip


def _discoveries(verdicts: list[Verdict]) -> list[Verdict]:
    """Hold default floors to evidence as well: Benjamini & Hochberg (1995) over the window's features."""
    judged = sorted((v.p_value, i) for i, v in enumerate(verdicts) if v.p_value is not None)
    limit = 0.0
    for rank, (p, _) in enumerate(judged, start=1):
        if p <= FALSE_DISCOVERIES * rank / len(judged):
            limit = p
    return [
        replace(v, status=Status.OK, reason=f"Could be chance: {v.reason}")
        if v.status in DRIFTED and v.automatic and v.p_value is not None and v.p_value > limit
        else v
        for v in verdicts
    ]


def _whole(subject: Subject, window: Slots, features: list[Verdict]) -> Verdict:
    own = subject.threshold("drift")
    judged = [v for v in features if v.value is not None]
    verdict = Verdict(
        subject.model.key, "drift", subject.window(window, max((v.window.n for v in features), default=0)), Status.OK,
        "", method="share_of_features", automatic=own is None,
    )  # fmt: skip
    if not judged:
        statuses = {v.status for v in features}
        status = Status.FAILED if Status.FAILED in statuses else Status.INSUFFICIENT_DATA
        status = Status.NO_DATA if not features or statuses == {Status.NO_DATA} else status
        return replace(verdict, status=status, reason="No feature could be judged in this window.")
    drifted = sorted((v for v in judged if v.status in DRIFTED), key=lambda v: -(v.value or 0))
    value = len(drifted) / len(judged)
    one = 1 / len(judged)
    warning, breached = (own.warning, own.breached) if own and (own.warning or own.breached) else (one, 0.5)
    status, level = status_above(value, warning, breached)
    failed = [v for v in features if v.status == Status.FAILED]
    names = "; ".join(f"{v.column}: {v.reason.split(';')[0]}" for v in drifted[:3])
    reason = f"{len(drifted)} of {len(judged)} features drifted" + (f" ({names})." if names else ".")
    if failed:
        reason += f" {len(failed)} could not be tested: {failed[0].reason}"
        status = status if status in DRIFTED else Status.FAILED
    return replace(
        verdict, status=status, value=value, threshold=level, warning=warning, breached=breached, reason=reason
    )


def moved(binned: Binned, grid: Grid, codes: np.ndarray) -> str:
    """What changed, in plain words: the median, the category that moved most, or the share of missing values."""
    missing = [binned.reference_missing / binned.n_reference, binned.current_missing / binned.n_current]
    if abs(missing[0] - missing[1]) > 0.05:
        return f"missing {missing[0]:.1%} → {missing[1]:.1%}"
    if binned.kind == "categorical":
        shares = [c / max(c.sum(), 1.0) for c in (binned.reference, binned.current)]
        at = int(np.abs(shares[0] - shares[1]).argmax())
        assert isinstance(grid, CategoricalGrid)
        kept = codes[np.abs(codes) != 30_000]
        return f"share of {grid.name(int(kept[at]))} {shares[0][at]:.1%} → {shares[1][at]:.1%}"
    medians = [_median(binned, c) for c in (binned.reference, binned.current)]
    return f"median {medians[0]:.4g} → {medians[1]:.4g}"


def _median(binned: Binned, counts: np.ndarray) -> float:
    if counts.sum() == 0:
        return float("nan")
    upto = np.cumsum(counts)
    at = int(np.searchsorted(upto, upto[-1] / 2))
    inside = (upto[-1] / 2 - (upto[at] - counts[at])) / counts[at]
    return float(binned.lower[at] + (binned.upper[at] - binned.lower[at]) * inside)


def _went(binned: Binned, direction: str) -> bool:
    position = binned.middle if binned.kind == "numeric" else np.arange(len(binned.reference))
    a, b = (np.average(position, weights=c) if c.sum() else 0.0 for c in (binned.reference, binned.current))
    return bool(b > a) if direction == "up" else bool(b < a)


def _level(warning: float | None, breached: float | None) -> str:
    parts = [
        f"warns at {warning:.3g}" if warning is not None else "",
        f"breached at {breached:.3g}" if breached is not None else "",
    ]
    return ", ".join(p for p in parts if p)


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
