"""Drift as the Drift page asks for it: which columns moved in the newest window, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from monitoring.core.verdict import SEVERITY, Status
from monitoring.core.window import slot_of
from monitoring.store.queries.verdicts import history
from monitoring.store.tables import ModelRow, VerdictRow

DRIFTED = ("warning", "breached")
KINDS = {"drift.feature": "feature", "drift.label": "label"}
"""What a check's column is in the summaries; drift.prediction is a score, or a prediction where there is none."""


@dataclass(frozen=True, slots=True)
class WindowOfDrift:
    """The newest window that was judged in a range.

    `table` has a row a column of the log, most drifted first: check, column, status, change, value, method, threshold,
    level (of drift: 1 is breached), p_value, n, since, since_chunk, course (the values of the range), provisional
    (labels are still to come) and reason. `whole` is the verdict of the model as a whole, where the window has one.
    `course` holds every verdict of the range.
    """

    start: datetime | None
    end: datetime | None
    chunk: int | None
    table: pd.DataFrame
    whole: dict[str, Any] | None
    course: pd.DataFrame

    def of(self, check: str) -> pd.DataFrame:
        """The rows of one check."""
        return self.table[self.table["check"] == check]

    @property
    def judged(self) -> int:
        """Features with a statistic."""
        return int(self.of("drift.feature")["value"].notna().sum())

    @property
    def drifted(self) -> int:
        """Features that warn or are breached."""
        return int(self.of("drift.feature")["status"].isin(DRIFTED).sum())

    def count(self, status: Status) -> int:
        """Features of a status."""
        return int((self.of("drift.feature")["status"] == str(status)).sum())

    @property
    def matrix(self) -> pd.DataFrame:
        """Columns by windows: the level of drift, most drifted first."""
        cells = self.course.pivot_table(
            index=["check", "column"], columns="at", values="level", dropna=False, observed=True
        )
        order = pd.MultiIndex.from_frame(self.table[["check", "column"]])
        return cells.reindex(order)


def drift(session: Session, key: str, start: datetime, end: datetime, slice_: str = "") -> WindowOfDrift | None:
    """Drift of a model's columns over a range, looked at from its newest window; None without any verdict."""
    frame = history(session, key, "drift.%", start, end, slice_=slice_)
    frame = frame[frame["check"] != "drift.multivariate"]  # of no column
    if frame.empty:
        return None
    frame = frame.assign(at=_order(frame), level=_level(frame)).sort_values("at", kind="stable")
    last = frame["at"].iloc[-1]
    table = frame[frame["at"] == last].copy()
    newest = table.iloc[0]
    said = zip(table["effect"], table["reason"], table["provisional"], strict=True)
    table["change"] = [_change(effect, reason, bool(early)) for effect, reason, early in said]
    courses = frame.groupby(["check", "column"])["value"].apply(list)
    table["course"] = [courses[check, column] for check, column in zip(table["check"], table["column"], strict=True)]
    since = _since(session, key, slice_, newest["window_start"], newest["chunk"])
    early = table["provisional"].astype(bool)
    pairs = [
        (None, None) if waits else since.get((check, column), (None, None))
        for check, column, waits in zip(table["check"], table["column"], early, strict=True)
    ]
    table["since"] = pd.to_datetime(pd.Series([p[0] for p in pairs], index=table.index), utc=True)
    table["since_chunk"] = pd.Series([p[1] for p in pairs], index=table.index, dtype="Int64")
    table["grave"] = [-1 if waits else SEVERITY[Status(s)] for s, waits in zip(table["status"], early, strict=True)]
    table = table.sort_values(["grave", "level"], ascending=False, kind="stable").reset_index(drop=True)
    return WindowOfDrift(
        _moment(newest["window_start"]),
        _moment(newest["window_end"]),
        None if pd.isna(newest["chunk"]) else int(newest["chunk"]),
        table,
        _whole(session, key, newest),
        frame.reset_index(drop=True),
    )


def slices(session: Session, key: str, check: str) -> list[str]:
    """The slices that a check is judged for, without the whole."""
    query = select(VerdictRow.slice).join(ModelRow, ModelRow.id == VerdictRow.model_id)
    return sorted(
        session.scalars(query.where(ModelRow.key == key, VerdictRow.check == check, VerdictRow.slice != "").distinct())
    )


def _since(
    session: Session, key: str, slice_: str, start: Any, chunk: Any
) -> dict[tuple[str, str], tuple[datetime | None, int | None]]:
    """Where the run of drifted windows began that lasts to this window. One that could not be judged ends no run."""
    last = int(str(chunk)) if pd.isna(start) else slot_of(pd.Timestamp(str(start)).to_pydatetime())
    of_model = (
        VerdictRow.model_id == select(ModelRow.id).where(ModelRow.key == key).scalar_subquery(),
        VerdictRow.check.like("drift.%"),
        VerdictRow.slice == slice_,
        VerdictRow.version == "",
        VerdictRow.first_slot <= last,
    )
    names = (VerdictRow.check, VerdictRow.column)
    fine = func.max(case((VerdictRow.status == str(Status.OK), VerdictRow.first_slot), else_=-1)).label("slot")
    sound = select(*names, fine).where(*of_model).group_by(*names).subquery()
    query = (
        select(*names, func.min(VerdictRow.window_start), func.min(VerdictRow.chunk))
        .join(sound, (sound.c.check == VerdictRow.check) & (sound.c.column == VerdictRow.column))
        .where(*of_model, VerdictRow.first_slot > sound.c.slot, VerdictRow.status.in_(DRIFTED))
        .group_by(*names)
    )
    return {(check, column): (moment, number) for check, column, moment, number in session.execute(query)}


def _whole(session: Session, key: str, newest: pd.Series) -> dict[str, Any] | None:
    frame = history(session, key, "drift")
    same = frame[_order(frame) == newest["at"]]
    return None if same.empty else {str(name): value for name, value in same.iloc[-1].items()}


def _order(frame: pd.DataFrame) -> pd.Series:
    """What orders windows in time: the start, or the number of the chunk of rows."""
    moments = pd.to_datetime(frame["window_start"], utc=True).astype("int64")
    return moments.where(frame["chunk"].isna(), frame["chunk"].fillna(0)).astype("int64")


def _level(frame: pd.DataFrame) -> pd.Series:
    """The statistic in units of the level that is a breach, or, where none is set, of the warning; no more than the
    drift score in units of the score needed, where there is one: drift is beyond both."""
    levels = pd.to_numeric(frame["breached"]).fillna(pd.to_numeric(frame["warning"]))
    effect = pd.to_numeric(frame["value"]) / levels.where(levels > 0)
    evidence = pd.to_numeric(frame["drift_score"]) / pd.to_numeric(frame["null_quantile"])
    return effect.where(evidence.isna() | (evidence > effect), evidence)


def _change(effect: str, reason: str, provisional: bool) -> str:
    """The effect in plain words, and what it is put down to where it is no drift; else the start of the reason."""
    if effect and provisional:
        return f"{effect}, labels still to come"
    season = ("As a year ago", "Explained by ")
    for said, words in ((("Could be chance: ",), "could be chance"), (season, "the season")):
        if effect and reason.startswith(said):
            return f"{effect}, {words}"
    return effect or reason.partition(";")[0]


def _moment(value: Any) -> datetime | None:
    return None if pd.isna(value) else pd.Timestamp(str(value)).to_pydatetime()
