"""Every query of the pages, kept for a few seconds: the one place that caches. Clear it after a write."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import pandas as pd
import streamlit as st
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from monitoring.core.retraining.request import Event
from monitoring.settings import load
from monitoring.store import silences as silence_rows
from monitoring.store.database import connect, reading, transaction
from monitoring.store.migrations import migrate
from monitoring.store.queries import alerts as alert_queries
from monitoring.store.queries import beside as beside_queries
from monitoring.store.queries import changes as change_queries
from monitoring.store.queries import channels as channel_queries
from monitoring.store.queries import comparisons as comparison_queries
from monitoring.store.queries import diagnoses as diagnosis_queries
from monitoring.store.queries import drift as drift_queries
from monitoring.store.queries import estimates, performance, sources, summaries, verdicts
from monitoring.store.queries import fleet as fleet_queries
from monitoring.store.queries import incidents as incident_queries
from monitoring.store.queries import label_delay as label_delay_queries
from monitoring.store.queries import oncall as oncall_queries
from monitoring.store.queries import reliability as reliability_queries
from monitoring.store.queries import retrain_worth as worth_queries
from monitoring.store.queries import retraining as retrain_queries
from monitoring.store.queries import silences as silence_queries
from monitoring.store.queries import standing as standing_queries
from monitoring.store.queries.alerts import AlertEntry
from monitoring.store.queries.oncall import Board

TTL, ENTRIES = 15, 8_000
P = ParamSpec("P")
T = TypeVar("T")


@st.cache_resource(max_entries=4, show_spinner=False)
def _engine(url: str) -> Engine:
    store = connect(url)
    migrate(store)
    return store


def store() -> Engine:
    """The database of the settings."""
    return _engine(load().database)


def write(change: Callable[[Session], T]) -> T:
    """Run a change in one transaction, then forget every cached answer."""
    with transaction(store()) as session:
        result = change(session)
    st.cache_data.clear()
    return result


@st.cache_data(ttl=TTL, max_entries=ENTRIES, show_spinner=False)
def _kept(database: str, question: str, values: tuple[Any, ...], _query: Callable[[Session], Any]) -> Any:
    """The answer to a question. `database` is only a part of the key: another one has other answers."""
    with reading(store()) as session:
        return _query(session)


def asked(query: Callable[Concatenate[Session, P], T], *given: P.args, **named: P.kwargs) -> T:
    """What a query answers, asked again only after some seconds or a write."""
    names = sorted(named)
    question = " ".join((query.__module__, query.__qualname__, *names))
    values = (*given, *(named[name] for name in names))
    answer: T = _kept(load().database, question, values, lambda session: query(session, *given, **named))
    return answer


def kept(
    query: Callable[Concatenate[Session, P], T], to: Callable[[datetime], datetime] | None = None
) -> Callable[P, T]:
    """A query as a question of the pages. Its moments are taken `to` the minute or hour where it is asked for the
    present: another moment each time would never be found again."""

    def taken(value: Any) -> Any:
        return to(value) if to and isinstance(value, datetime) else value

    @wraps(query)
    def question(*given: P.args, **named: P.kwargs) -> T:
        return asked(query, *map(taken, given), **{name: taken(value) for name, value in named.items()})

    return question


def live(query: Callable[Concatenate[Session, P], T]) -> Callable[P, T]:
    """A query as a question that is never answered from the cache: of what changes while one looks."""

    @wraps(query)
    def question(*given: P.args, **named: P.kwargs) -> T:
        with reading(store()) as session:
            return query(session, *given, **named)

    return question


def to_minute(moment: datetime) -> datetime:
    """The beginning of its minute."""
    return moment.replace(second=0, microsecond=0)


def to_minute_ahead(moment: datetime) -> datetime:
    """The end of a minute: what a person silenced in it is silent."""
    return to_minute(moment) + timedelta(minutes=1)


def to_hour(moment: datetime) -> datetime:
    """The beginning of its hour."""
    return moment.replace(minute=0, second=0, microsecond=0)


fleet = kept(fleet_queries.fleet, to=to_minute)
work = live(fleet_queries.work)
last_round = live(fleet_queries.last_round)
heartbeat = live(fleet_queries.heartbeat)
entries = kept(sources.entries)
changes = kept(sources.changes)
logs = kept(sources.logs)

newest = kept(verdicts.newest)
history = kept(verdicts.history)
standing = kept(standing_queries.standing)
versions = kept(standing_queries.versions)
coverage = kept(standing_queries.coverage)
baseline = kept(summaries.baseline)
distribution = kept(summaries.distribution)
traffic = kept(summaries.traffic)
drift = kept(drift_queries.drift)
slices = kept(drift_queries.slices)
labels = kept(performance.labels)
reference = kept(performance.reference)
hindsight = kept(estimates.hindsight)
reliability = kept(reliability_queries.beside)
label_delay = kept(label_delay_queries.curve, to=to_hour)
diagnoses = kept(diagnosis_queries.diagnoses)
what_changed = kept(change_queries.changes)
beside = kept(beside_queries.beside)
comparisons = live(comparison_queries.comparisons)

incidents = kept(incident_queries.open_now)
incidents_of = kept(incident_queries.of_model)
alert_history = kept(alert_queries.history)
alert_worth = kept(alert_queries.worth, to=to_minute)
alert_counts = kept(alert_queries.counts)
alerts_needing = kept(alert_queries.needing, to=to_minute_ahead)
alert_trouble = kept(alert_queries.trouble)
reachable = kept(alert_queries.reachable)
silences = kept(silence_rows.kept_since, to=to_minute)
catch = kept(silence_queries.catch, to=to_minute)
slice_names = kept(silence_queries.slice_names)
team_documents = kept(oncall_queries.team_documents)
channels = live(channel_queries.entries)
channel_test = live(channel_queries.newest_test)
dead_letters = live(channel_queries.dead_letters)
dead_count = kept(channel_queries.dead_count)

retrains = kept(retrain_queries.requests)
retrains_now = live(retrain_queries.requests)
retrain_trouble = kept(retrain_queries.trouble)
retrain_worths = kept(worth_queries.worths, to=to_minute_ahead)
retrain_cadences = kept(worth_queries.cadences, to=to_minute_ahead)


def shares(key: str) -> pd.DataFrame | None:
    """The share of each day's rows that each version of a model answered; None where there are not several."""
    return asked(change_queries.shares, key).get(key)


def alerts(since: datetime, now: datetime) -> list[AlertEntry]:
    """Alerts that are open, and those that ended since a moment; to the minute."""
    return asked(alert_queries.stream, to_minute(since), to_minute_ahead(now))


def board(now: datetime) -> Board:
    """Who is on call from now on; laid out each time, so that what was changed a moment ago is seen."""
    return oncall_queries.board(asked(oncall_queries.known, to_minute(now)), now)


def retrain_history(key: str, changed_at: datetime) -> list[Event]:
    """What happened to a request until its last change, oldest first."""
    return asked(_history_until, key, changed_at)


def _history_until(session: Session, key: str, changed_at: datetime) -> list[Event]:
    """Another answer after every change: the moment is a part of the question."""
    return retrain_queries.history(session, key)
