"""What a back-test reads: stored verdicts, of slices and versions those that matter, and what people said of alerts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, and_, case, false, func, or_, select
from sqlalchemy.orm import Session

from monitoring.core.backtest import Evidence, Judged, Levels, Part, Quiet
from monitoring.core.verdict import Status, Verdict, Window
from monitoring.core.window import moment_of
from monitoring.store.tables import AlertRow, BaselineRow, SlotRow, VerdictRow

MOST = 10_000
"""Numbers in one query."""
OF_COLUMNS = ("drift.feature", "drift.prediction", "drift.label")
_STATUS = {str(status): status for status in Status}
V = VerdictRow.__table__.c
"""Columns, not attributes: the ORM would look at each row."""
_WORDS = case(
    (V.check == "drift", V.reason), (V.drift_score > V.null_quantile - 0.01, func.substr(V.reason, 1, 20)), else_=""
)
"""A back-test goes by some words of the reasons of drift: of a column those that say that it is the season, where there
is evidence. To read them all would take a tenth of its time."""
Names = tuple[str, str, str | None, str | None, str | None, str | None]
"""Of a series: key of its model, check, column, slice, version and method."""


def wholes(session: Session, models: Mapping[int, str], checks: Collection[str], since: int) -> list[tuple[int, Names]]:
    """The series of some checks on models as wholes (keys by id) from slot `since` on, each with its number."""
    series = (V.check, V.column, V.method)
    query = (
        select(V.model_id, func.min(V.id), *series)
        .where(V.model_id.in_(models), V.check.in_(checks), V.first_slot >= since, V.slice == "", V.version == "")
        .group_by(V.model_id, *series)
    )
    return [
        (number, (models[id_], check, column or None, None, None, method or None))
        for id_, number, check, column, method in session.execute(query).all()
    ]


def parts(
    session: Session, models: Collection[int], checks: Collection[str], since: int
) -> dict[int, list[tuple[int, Part]]]:
    """By model, the series of slices and versions of some checks from slot `since` on, each with its number."""
    breached = func.max(case((V.status == str(Status.BREACHED), 1), else_=0))
    series = (V.check, V.column, V.slice, V.version, V.method)
    query = (
        select(V.model_id, func.min(V.id), *series, func.count(), breached)
        .add_columns(func.min(V.value), func.max(V.value), func.min(V.p_value))
        .where(V.model_id.in_(models), V.check.in_(checks), V.first_slot >= since)
        .where(or_(V.slice != "", V.version != ""), V.chunk.is_(None))
        .group_by(V.model_id, *series)
    )  # fmt: skip
    out: dict[int, list[tuple[int, Part]]] = defaultdict(list)
    for id_, number, check, column, slice_, version, method, many, over, *extremes in session.execute(query).all():
        names = check, column or None, slice_ or None, version or None, method or None
        out[id_].append((number, Part(*names, many, bool(over), *extremes)))
    return out


def _quiet(levels: Mapping[str, Levels], fewest: int) -> ColumnElement[bool]:
    """Whether a row is a window of a feature that is fine, of `fewest` rows, and below the levels of its method, by
    which it was judged."""
    below = [
        and_(V.method == method, *(
            held.is_(None) if level is None else and_(held == level, V.value < level)
            for held, level in zip((V.warning, V.breached), both, strict=True)
        ))
        for method, both in levels.items()
    ]  # fmt: skip
    return and_(
        V.check == "drift.feature", V.status == str(Status.OK), V.n >= fewest, V.value.is_not(None),
        V.provisional.is_(False), V.chunk.is_(None), V.slice == "", V.version == "", or_(false(), *below),
    )  # fmt: skip


def quiet(
    session: Session, models: Mapping[int, str], since: int, levels: Mapping[str, Levels], fewest: int, cut: float
) -> dict[str, Quiet]:
    """By model, its features' windows from slot `since` on that are fine and below the levels of their method. P-values
    above a cut are no evidence."""
    there = [V.model_id.in_(models), V.first_slot >= since, _quiet(levels, fewest)]
    features: dict[int, dict[datetime, int]] = {id_: {} for id_ in models}
    p_values: dict[int, dict[datetime, list[float]]] = {id_: {} for id_ in models}
    evidence_: dict[int, dict[tuple[datetime, str | None], float]] = {id_: {} for id_ in models}
    one, above = _each_below(cut)
    query = select(V.model_id, V.first_slot, func.max(V.column), func.count(), above, func.min(V.p_value), one)
    moments: dict[int, datetime] = {}
    for id_, first, column, many, large, p, alone in session.execute(
        query.where(*there).group_by(V.model_id, V.first_slot, one)
    ).all():
        start = moments.get(first) or moments.setdefault(first, moment_of(first))
        features[id_][start] = features[id_].get(start, 0) + many
        found = p_values[id_].setdefault(start, [])
        if alone is None:
            found += [1.0] * large
        else:
            found.append(p)
            evidence_[id_][start, column or None] = p
    return {key: Quiet(features[id_], p_values[id_], evidence_[id_]) for id_, key in models.items()}


def _each_below(cut: float) -> tuple[ColumnElement[int | None], ColumnElement[int]]:
    """To group by: a row's number where its p-value is not above a cut, so that one scan gives each of these, and all
    others together; and how many of a group are above."""
    return case((V.p_value <= cut, V.id), else_=None), func.sum(case((V.p_value > cut, 1), else_=0))


def verdicts(
    session: Session, series: Sequence[tuple[int, Names]], slots: int, since: int,
    levels: Mapping[str, Levels] | None = None, fewest: int = 0,
) -> dict[str, list[Verdict]]:  # fmt: skip
    """By model, in order of time, the verdicts of numbered series from slot `since` on; with `levels` without those
    that `quiet` counts. Windows are of so many `slots`.

    What a series is called is not read with each of its verdicts: that takes as long as all their figures.
    """
    named = VerdictRow.__table__.alias("named")
    same = [V[name] == named.c[name] for name in ("model_id", "check", "column", "slice", "version", "method")]
    query = select(
        named.c.id, V.first_slot, V.n, V.value, V.p_value, V.threshold, V.warning, V.breached, V.status, V.automatic,
        V.provisional, V.null_quantile, _WORDS,
    ).join_from(named, VerdictRow.__table__, and_(*same)).where(V.first_slot >= since, V.chunk.is_(None))  # fmt: skip
    if levels:
        query = query.where(case((_quiet(levels, fewest), 0), else_=1) == 1)  # what is null is not quiet
    names = dict(series)
    rows: list[Any] = []
    for at in range(0, len(series), MOST):
        numbers = [number for number, _ in series[at : at + MOST]]
        rows += session.execute(query.where(named.c.id.in_(numbers))).all()
    rows.sort(key=itemgetter(1))
    out: dict[str, list[Verdict]] = defaultdict(list)
    windows: dict[tuple[int, int], Window] = {}
    for (
        number, first, n, value, p, threshold, warning, breached, status, automatic, provisional, quantile, words
    ) in rows:  # fmt: skip
        key, check, column, slice_, version, method = names[number]
        window = windows.get((first, n))
        if window is None:
            window = windows[first, n] = Window(moment_of(first), moment_of(first + slots), n)
        out[key].append(
            Verdict(
                key, check, window, _STATUS[status], words, column, slice_, version, method, value, threshold, warning,
                breached, None, None, p, automatic, provisional, None, None, quantile,
            )
        )  # fmt: skip
    return out


def evidence(
    session: Session, models: Collection[int], windows: tuple[int, int], cut: float
) -> tuple[dict[int, list[Evidence]], dict[int, dict[int, int]]]:
    """Of the drift of slices in the windows that begin from one slot to another: by model, what is not above a cut;
    and by first slot how many are. What is provisional shares no budget."""
    there = [
        V.model_id.in_(models), V.check.in_(OF_COLUMNS), V.slice != "", V.first_slot.between(*windows),
        V.chunk.is_(None), V.provisional.is_(False),
    ]  # fmt: skip
    below: dict[int, list[Evidence]] = defaultdict(list)
    above: dict[int, dict[int, int]] = defaultdict(dict)
    one, large = _each_below(cut)
    names = (func.max(V.check), func.max(V.column), func.max(V.slice))
    query = select(V.model_id, V.first_slot, *names, func.max(V.n), func.max(V.p_value), large, one).where(*there)
    for id_, first, check, column, slice_, n, p, many, alone in session.execute(
        query.group_by(V.model_id, V.first_slot, one)
    ).all():
        if alone is not None:
            below[id_].append((first, check, column or None, slice_ or None, n, p))
        elif many:
            above[id_][first] = many
    return below, above


def begun(session: Session, models: Collection[int]) -> dict[int, int]:
    """By model, the slot in which its log begins."""
    query = (
        select(BaselineRow.model_id, func.min(SlotRow.slot))
        .join(SlotRow, SlotRow.baseline_id == BaselineRow.id)
        .where(BaselineRow.active, BaselineRow.model_id.in_(models), SlotRow.role == "current")
        .group_by(BaselineRow.model_id)
    )
    return {id_: slot for id_, slot in session.execute(query)}


def judged(
    session: Session, keys: Collection[str], checks: Collection[str], start: datetime, end: datetime
) -> dict[str, list[Judged]]:
    """By model, the alerts in a period that somebody called useful, or noise."""
    query = select(AlertRow).where(
        AlertRow.model_key.in_(keys), AlertRow.check.in_(checks), AlertRow.useful.is_not(None),
        AlertRow.fired_at <= end, or_(AlertRow.closed_at.is_(None), AlertRow.closed_at > start),
    )  # fmt: skip
    out: dict[str, list[Judged]] = defaultdict(list)
    for row in session.scalars(query.order_by(AlertRow.fired_at)):
        fired = row.fired_at or row.opened_at
        about = row.check, row.column, row.slice, row.version
        out[row.model_key].append(Judged(*about, fired, row.closed_at or end, bool(row.useful)))
    return out
