"""Every query of the pages, kept for a few seconds: the one place that caches. Clear it after a write."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from monitoring.core.performance.metric import Estimate
from monitoring.core.verdict import Verdict
from monitoring.settings import load
from monitoring.store.database import connect, reading, transaction
from monitoring.store.migrations import migrate
from monitoring.store.queries import drift as drifts
from monitoring.store.queries import fleet as fleets
from monitoring.store.queries import performance as performances
from monitoring.store.queries import sources, summaries, verdicts
from monitoring.store.queries import standing as standings
from monitoring.store.queries.drift import WindowOfDrift
from monitoring.store.queries.fleet import FleetEntry, Work
from monitoring.store.queries.performance import Labels
from monitoring.store.queries.sources import Change, Entry, LogState
from monitoring.store.queries.standing import Seen
from monitoring.store.queries.summaries import Distribution, Frozen, ObjectiveState

TTL, ENTRIES = 15, 500


@st.cache_resource(max_entries=4, show_spinner=False)
def _engine(url: str) -> Engine:
    store = connect(url)
    migrate(store)
    return store


def store() -> Engine:
    """The database of the settings."""
    return _engine(load().database)


def _ask(query: Callable[..., Any], *arguments: Any) -> Any:
    with reading(store()) as session:
        return query(session, *arguments)


def write(change: Callable[[Session], Any]) -> Any:
    """Run a change in one transaction, then forget every cached answer."""
    with transaction(store()) as session:
        result = change(session)
    st.cache_data.clear()
    return result


# `database` is only a part of the cache key: another database has other answers


@st.cache_data(ttl=TTL, max_entries=ENTRIES, show_spinner=False)
def _fleet(database: str, minute: datetime) -> list[FleetEntry]:
    return list(_ask(fleets.fleet, minute))


def fleet(now: datetime) -> list[FleetEntry]:
    """All models, worst first."""
    return _fleet(load().database, now.replace(second=0, microsecond=0))


@st.cache_data(ttl=TTL, max_entries=ENTRIES, show_spinner=False)
def _newest(database: str, key: str) -> list[Verdict]:
    return list(_ask(verdicts.newest, key))


def newest(key: str) -> list[Verdict]:
    """The newest verdict of every check of a model."""
    return _newest(load().database, key)


@st.cache_data(ttl=TTL, max_entries=ENTRIES, show_spinner=False)
def _standing(database: str, key: str) -> list[Verdict]:
    return list(_ask(standings.standing, key))


def standing(key: str) -> list[Verdict]:
    """The newest verdict that counts of every check of a model, worst first."""
    return _standing(load().database, key)


@st.cache_data(ttl=TTL, max_entries=ENTRIES, show_spinner=False)
def _versions(database: str, key: str) -> list[Seen]:
    return list(_ask(standings.versions, key))


def versions(key: str) -> list[Seen]:
    """The versions in a model's log, newest first."""
    return _versions(load().database, key)


@st.cache_data(ttl=TTL, max_entries=ENTRIES, show_spinner=False)
def _coverage(database: str, key: str, metric: str, start: datetime | None, end: datetime | None) -> pd.DataFrame:
    frame: pd.DataFrame = _ask(standings.coverage, key, metric, start, end)
    return frame


def coverage(key: str, metric: str, start: datetime | None = None, end: datetime | None = None) -> pd.DataFrame:
    """Rows and labelled rows window by window."""
    return _coverage(load().database, key, metric, start, end)


@st.cache_data(ttl=TTL, max_entries=ENTRIES, show_spinner=False)
def _history(
    database: str, key: str, check: str, start: Any, end: Any, column: Any, slice_: Any, version: Any
) -> pd.DataFrame:
    frame: pd.DataFrame = _ask(verdicts.history, key, check, start, end, column, slice_, version)
    return frame


def history(
    key: str,
    check: str,
    start: datetime | None = None,
    end: datetime | None = None,
    column: str | None = None,
    slice_: str | None = "",
    version: str | None = "",
) -> pd.DataFrame:
    """Verdicts of a check over time; see store.queries.verdicts.history."""
    return _history(load().database, key, check, start, end, column, slice_, version)


@st.cache_data(ttl=TTL, max_entries=ENTRIES, show_spinner=False)
def _baseline(database: str, key: str) -> Frozen | None:
    found: Frozen | None = _ask(summaries.baseline, key)
    return found


def baseline(key: str) -> Frozen | None:
    """The model's active baseline."""
    return _baseline(load().database, key)


@st.cache_data(ttl=TTL, max_entries=ENTRIES, show_spinner=False)
def _distribution(
    database: str, key: str, kind: str, column: str, start: Any, end: Any, slice_: str, chunk: int | None
) -> Distribution | None:
    found: Distribution | None = _ask(summaries.distribution, key, kind, column, start, end, slice_, chunk)
    return found


def distribution(
    key: str,
    kind: str,
    column: str,
    start: datetime | None,
    end: datetime | None,
    slice_: str = "",
    chunk: int | None = None,
) -> Distribution | None:
    """A column's counts in the reference and in a window, or in a chunk of rows."""
    return _distribution(load().database, key, kind, column, start, end, slice_, chunk)


@st.cache_data(ttl=TTL, max_entries=ENTRIES, show_spinner=False)
def _drift(database: str, key: str, start: datetime, end: datetime, slice_: str) -> WindowOfDrift | None:
    found: WindowOfDrift | None = _ask(drifts.drift, key, start, end, slice_)
    return found


def drift(key: str, start: datetime, end: datetime, slice_: str = "") -> WindowOfDrift | None:
    """Which columns moved in the newest window of a range."""
    return _drift(load().database, key, start, end, slice_)


@st.cache_data(ttl=TTL, max_entries=ENTRIES, show_spinner=False)
def _slices(database: str, key: str, check: str) -> list[str]:
    return list(_ask(drifts.slices, key, check))


def slices(key: str, check: str) -> list[str]:
    """The slices that a check is judged for."""
    return _slices(load().database, key, check)


@st.cache_data(ttl=TTL, max_entries=ENTRIES, show_spinner=False)
def _labels(database: str, key: str, start: Any, end: Any, chunk: int | None) -> Labels | None:
    found: Labels | None = _ask(performances.labels, key, start, end, chunk)
    return found


def labels(key: str, start: datetime | None, end: datetime | None, chunk: int | None = None) -> Labels | None:
    """How complete the labels of a window are."""
    return _labels(load().database, key, start, end, chunk)


@st.cache_data(ttl=TTL, max_entries=ENTRIES, show_spinner=False)
def _reference(database: str, key: str, metric: str) -> Estimate | None:
    found: Estimate | None = _ask(performances.reference, key, metric)
    return found


def reference(key: str, metric: str) -> Estimate | None:
    """A metric over the whole reference."""
    return _reference(load().database, key, metric)


@st.cache_data(ttl=TTL, max_entries=ENTRIES, show_spinner=False)
def _traffic(database: str, key: str, start: datetime, end: datetime) -> pd.DataFrame:
    frame: pd.DataFrame = _ask(summaries.traffic, key, start, end)
    return frame


def traffic(key: str, start: datetime, end: datetime) -> pd.DataFrame:
    """Requests, errors and latency by hour."""
    return _traffic(load().database, key, start, end)


@st.cache_data(ttl=TTL, max_entries=ENTRIES, show_spinner=False)
def _objective(
    database: str, key: str, sli: str, share: float, period: str, threshold: float | None, now: datetime
) -> ObjectiveState | None:
    found: ObjectiveState | None = _ask(summaries.objective, key, sli, share, period, threshold, now)
    return found


def objective(
    key: str, sli: str, share: float, period: str, threshold: float | None, now: datetime
) -> ObjectiveState | None:
    """An objective now, and its course."""
    return _objective(load().database, key, sli, share, period, threshold, now.replace(second=0, microsecond=0))


@st.cache_data(ttl=TTL, max_entries=ENTRIES, show_spinner=False)
def _logs(database: str, key: str | None) -> list[LogState]:
    return list(_ask(sources.logs, key))


def logs(key: str | None = None) -> list[LogState]:
    """The logs of all models, or of one."""
    return _logs(load().database, key)


@st.cache_data(ttl=TTL, max_entries=ENTRIES, show_spinner=False)
def _entries(database: str) -> list[Entry]:
    return list(_ask(sources.entries))


def entries() -> list[Entry]:
    """All models as they were written."""
    return _entries(load().database)


@st.cache_data(ttl=TTL, max_entries=ENTRIES, show_spinner=False)
def _changes(database: str) -> list[Change]:
    return list(_ask(sources.changes))


def changes() -> list[Change]:
    """The newest lines of the audit."""
    return _changes(load().database)


def work(model: str | None = None) -> list[Work]:
    """What was asked of the worker: live, so not cached."""
    return list(_ask(fleets.work, model))


def heartbeat() -> datetime | None:
    """When the worker last gave a sign of life: live, so not cached."""
    found: datetime | None = _ask(fleets.heartbeat)
    return found
