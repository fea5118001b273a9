"""Drift that is the season: as a year ago, or explained by a covariate that its owner named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from monitoring.core.covariate import Explanation, follow
from monitoring.core.daylight import hours_of_daylight
from monitoring.core.grid import MISSING, NONFINITE, CategoricalGrid
from monitoring.core.summaries import Summaries
from monitoring.core.summary import Kind
from monitoring.core.verdict import Status, Verdict
from monitoring.core.window import Slots
from monitoring.fleet import Covariate, Daylight, MovingReference, Threshold
from monitoring.verdicts.compared import compare
from monitoring.verdicts.learned import Priors
from monitoring.verdicts.monitored import Monitored
from monitoring.verdicts.subject import MIN_ROWS, Subject

Floats = NDArray[np.float64]
AS_A_YEAR_AGO, EXPLAINED = "As a year ago", "Explained by "
SEASON = (AS_A_YEAR_AGO, EXPLAINED)
"""How the reason of a drift begins that is the season: the Drift page and a back-test go by it."""
UNLIKE = ("", ", but the spread is another", ", but the missing share is another")
"""What is said of a window whose mean, spread or missing share a covariate does not predict."""
A_YEAR_AGO = MovingReference(same_season=28 * 24)
TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Seasons:
    """What a model's log says of the season. Columns are followed once, when they are first asked about."""

    subject: Subject
    _followed: dict[tuple[Kind, str, str], dict[Slots, Explanation | None]] = field(default_factory=dict)

    def judge(
        self, window: Slots, monitored: Monitored, slice_: str, own: Threshold, v: Verdict, limit: float
    ) -> Verdict:
        """The verdict on a drift; ok where that is the season."""
        subject = self.subject
        if isinstance(subject.model.reference, MovingReference):
            return v
        if own.reference is None and own.covariate is not None:
            v = self._covariate(window, monitored, slice_, own.covariate, v)
        if v.status == Status.OK or subject.by_rows or v.window.start is None:
            return v
        span, seen = A_YEAR_AGO.span(window, subject.model.chunk), subject.current.span()
        if seen is None or span.first < seen.first:
            return v
        last_year, alone = Threshold(check=v.check, reference=A_YEAR_AGO), Priors(subject, [monitored])
        then = compare(subject, monitored, slice_, [window], last_year, alone)[window]
        if then.reference.n < MIN_ROWS or np.isnan(then.p_value) or then.p_value <= limit:
            return v
        return v._replace(status=Status.OK, reason=f"{AS_A_YEAR_AGO}, so the season: {v.reason}")

    def _covariate(self, window: Slots, monitored: Monitored, slice_: str, covariate: Covariate, v: Verdict) -> Verdict:
        cannot = _cannot(self.subject, monitored, covariate)
        if cannot:
            return v._replace(reason=f"{v.reason} Not explained by {covariate}: {cannot}.")
        key = *monitored.column.key, slice_
        if key not in self._followed:
            self._followed[key] = _followed(self.subject, monitored, covariate, slice_)
        found = self._followed[key].get(window)
        if found is None:
            return v._replace(
                reason=f"{v.reason} Not explained by {covariate}: too few windows, or rows of this, tell how."
            )
        said = f"it predicts a mean of {found.predicted:.4g} ± {found.width:.2g}"
        if not found.explained:
            why = UNLIKE[found.beyond] if found.beyond is not None else ", a band too wide to tell"
            return v._replace(reason=f"{v.reason} Not explained by {covariate}: {said}{why}.")
        return v._replace(status=Status.OK, reason=f"{EXPLAINED}{covariate}, so the season: {said}; {v.reason}")


def _cannot(subject: Subject, monitored: Monitored, covariate: Covariate) -> str:
    """Why a covariate can say nothing of a column; "" where it can."""
    if isinstance(monitored.grid, CategoricalGrid):
        return "the column holds no numbers"
    if isinstance(covariate, Daylight):
        return "the log has no real time" if subject.by_rows else ""
    column = subject.profile.find(Kind.FEATURE, covariate)
    if column is None:
        return "the log has no such feature"
    return "it holds no numbers" if isinstance(column.grid, CategoricalGrid) else ""


def _followed(
    subject: Subject, monitored: Monitored, covariate: Covariate, slice_: str
) -> dict[Slots, Explanation | None]:
    """The explanation of every window of the log outside the reference."""
    reference = list(subject.reference_chunks())
    later = [w for w in subject.history if subject.comparable(w)]
    parts = ((subject.reference, reference), (subject.current, later))
    of = [np.concatenate(p) for p in zip(*(_measures(subject, monitored, *p, slice_) for p in parts), strict=True)]
    with_ = np.concatenate([_course(subject, covariate, *p, slice_) for p in parts])
    return dict(zip(later, follow(with_, of[0], of[1], len(reference))[len(reference) :], strict=True))


def _course(
    subject: Subject, covariate: Covariate, summaries: Summaries, windows: Sequence[Slots], slice_: str
) -> Floats:
    """A covariate's mean in each window."""
    if isinstance(covariate, Daylight):
        return hours_of_daylight(covariate.latitude, [(w.first + w.last) / 2 - (covariate.lag or 0) for w in windows])
    column = subject.profile.find(Kind.FEATURE, covariate)
    assert column is not None, "asked before"
    return _measures(subject, Monitored(column, column.grid), summaries, windows, slice_)[0][:, 0]


def _measures(
    subject: Subject, of: Monitored, summaries: Summaries, windows: Sequence[Slots], slice_: str
) -> tuple[Floats, Floats]:
    """Of each window the mean, the logarithm of the deviation and the missing share, and the variance that its rows
    give each; NaN where it has too few."""
    codes, counts = of.table(subject, summaries, windows, slice_)
    number = ~np.isin(codes, (MISSING, NONFINITE))
    rows, held = counts.sum(axis=1), counts[:, number]
    n = held.sum(axis=1)
    safe = np.maximum(n, 1.0)
    low, high = of.grid.limits(codes[number])  # type: ignore[union-attr]
    middle = (low + high) / 2
    mean = held @ middle / safe
    variance = np.maximum(held @ middle**2 / safe - mean**2, TINY)
    missing = 1 - n / np.maximum(rows, 1.0)
    measures = np.column_stack([mean, np.log(variance) / 2, missing])
    measures[n < MIN_ROWS] = np.nan
    loose = (missing * rows + 1) / (rows + 2)
    tails = np.maximum((held * (middle - mean[:, None]) ** 4).sum(axis=1) / safe / variance**2, 1.0)
    return measures, np.column_stack([variance / safe, tails / (4 * safe), loose * (1 - loose) / np.maximum(rows, 1.0)])
