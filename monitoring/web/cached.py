"""Every query of the pages, kept for a few seconds: the one place that caches. Clear it after a write."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar, TypeVarTuple

import pandas as pd
import streamlit as st
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from monitoring.core.alerting.silence import Silence
from monitoring.core.diagnosis.diagnosis import Attempt
from monitoring.core.label_delay import DelayCurve, NotLearned
from monitoring.core.performance.metric import Estimate
from monitoring.core.retraining.request import Event as RetrainEvent
from monitoring.core.retraining.request import RetrainRequest
from monitoring.core.retraining.worth import Worth as Waiting
from monitoring.core.verdict import Verdict
from monitoring.core.window import Chunk
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
from monitoring.store.queries import drift as drifts
from monitoring.store.queries import estimates, sources, summaries, verdicts
from monitoring.store.queries import fleet as fleets
from monitoring.store.queries import incidents as incident_queries
from monitoring.store.queries import label_delay as label_delays
from monitoring.store.queries import oncall as oncalls
from monitoring.store.queries import performance as performances
from monitoring.store.queries import reliability as reliabilities
from monitoring.store.queries import retrain_worth as worth_queries
from monitoring.store.queries import retraining as retrain_queries
from monitoring.store.queries import silences as silence_queries
from monitoring.store.queries import standing as standings
from monitoring.store.queries.alerts import AlertEntry, Count, EventEntry, Worth
from monitoring.store.queries.beside import Beside
from monitoring.store.queries.changes import Changed
from monitoring.store.queries.channels import ChannelEntry, DeadLetter, Test
from monitoring.store.queries.comparisons import Made
from monitoring.store.queries.drift import WindowOfDrift
from monitoring.store.queries.estimates import Hindsight
from monitoring.store.queries.fleet import FleetEntry, Work
from monitoring.store.queries.incidents import IncidentEntry
from monitoring.store.queries.oncall import Board
from monitoring.store.queries.performance import Labels
from monitoring.store.queries.reliability import Beside as BesideReference
from monitoring.store.queries.retrain_worth import Advised
from monitoring.store.queries.silences import Catch
from monitoring.store.queries.sources import Change, Entry, LogState
from monitoring.store.queries.standing import Seen
from monitoring.store.queries.summaries import Distribution, Frozen
from monitoring.store.silences import Kept

TTL, ENTRIES = 15, 8_000
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


@st.cache_resource(max_entries=4, show_spinner=False)
def _engine(url: str) -> Engine:
    store = connect(url)
    migrate(store)
    return store


def store() -> Engine:
    """The database of the settings."""
    return _engine(load().database)


def _ask(query: Callable[[Session, *Ts], T], *arguments: *Ts) -> T:
    with reading(store()) as session:
        return query(session, *arguments)


@st.cache_data(ttl=TTL, max_entries=ENTRIES, show_spinner=False)
def _kept(database: str, question: str, arguments: tuple[Any, ...], _query: Callable[..., Any]) -> Any:
    """The answer to a question. `database` is only a part of the key: another one has other answers."""
    return _ask(_query, *arguments)


def _cached(query: Callable[[Session, *Ts], T], *arguments: *Ts) -> T:
    """What a query answers, asked again only after some seconds or a write."""
    answer: T = _kept(load().database, f"{query.__module__}.{query.__qualname__}", arguments, query)
    return answer


def asked(query: Callable[[Session, *Ts], T], *arguments: *Ts) -> T:
    """A question of one page alone, kept like the others."""
    return _cached(query, *arguments)


def write(change: Callable[[Session], Any]) -> Any:
    """Run a change in one transaction, then forget every cached answer."""
    with transaction(store()) as session:
        result = change(session)
    st.cache_data.clear()
    return result


def fleet(now: datetime) -> list[FleetEntry]:
    """All models, worst first."""
    return _cached(fleets.fleet, now.replace(second=0, microsecond=0))


def newest(key: str) -> list[Verdict]:
    """The newest verdict of every check of a model."""
    return _cached(verdicts.newest, key)


def standing(key: str) -> list[Verdict]:
    """The newest verdict that counts of every check of a model, worst first."""
    return _cached(standings.standing, key)


def versions(key: str) -> list[Seen]:
    """The versions in a model's log, newest first."""
    return _cached(standings.versions, key)


def what_changed(key: str | None, start: datetime, end: datetime) -> list[Changed]:
    """What changed about a model, or the fleet, in a range, newest first."""
    return _cached(change_queries.changes, key, start, end)


def shares(key: str) -> pd.DataFrame | None:
    """The share of each day's rows that each version of a model answered; None where there are not several."""
    return _cached(change_queries.shares, key).get(key)


def beside(key: str, first: str, second: str, start: datetime, end: datetime, main: str) -> Beside | None:
    """Two versions of a model side by side; `main` is the metric by slices."""
    return _cached(beside_queries.beside, key, first, second, start, end, main)


def comparisons(key: str) -> list[Made]:
    """The comparisons that were asked for, newest first: live, so not cached."""
    return _ask(comparison_queries.comparisons, key)


def coverage(key: str, metric: str, start: datetime | None = None, end: datetime | None = None) -> pd.DataFrame:
    """Rows and labelled rows window by window."""
    return _cached(standings.coverage, key, metric, start, end)


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
    return _cached(verdicts.history, key, check, start, end, column, slice_, version)


def baseline(key: str) -> Frozen | None:
    """The model's active baseline."""
    return _cached(summaries.baseline, key)


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
    return _cached(summaries.distribution, key, kind, column, start, end, slice_, chunk)


def drift(key: str, start: datetime, end: datetime, slice_: str = "") -> WindowOfDrift | None:
    """Which columns moved in the newest window of a range."""
    return _cached(drifts.drift, key, start, end, slice_)


def slices(key: str, check: str) -> list[str]:
    """The slices that a check is judged for."""
    return _cached(drifts.slices, key, check)


def labels(key: str, start: datetime | None, end: datetime | None, chunk: int | None = None) -> Labels | None:
    """How complete the labels of a window are."""
    return _cached(performances.labels, key, start, end, chunk)


def reference(key: str, metric: str) -> Estimate | None:
    """A metric over the whole reference."""
    return _cached(performances.reference, key, metric)


def hindsight(key: str, metric: str, start: datetime | None, end: datetime | None) -> Hindsight | None:
    """How far the estimates of a metric were off, once labels were there."""
    return _cached(estimates.hindsight, key, metric, start, end)


def reliability(
    key: str, start: datetime | None, end: datetime | None, chunks: tuple[int, int], class_: str = ""
) -> BesideReference | None:
    """Whether a model's probabilities mean what they say, in a stretch of its log and in the reference."""
    return _cached(reliabilities.beside, key, start, end, chunks, class_)


def label_delay(
    key: str, chunk: Chunk, timed: bool, with_status: bool, now: datetime
) -> DelayCurve | NotLearned | None:
    """How long a model's labels take."""
    return _cached(label_delays.curve, key, chunk, timed, with_status, now.replace(minute=0, second=0, microsecond=0))


def traffic(key: str, start: datetime, end: datetime) -> pd.DataFrame:
    """Requests, errors and latency by hour."""
    return _cached(summaries.traffic, key, start, end)


def logs(key: str | None = None) -> list[LogState]:
    """The logs of all models, or of one."""
    return _cached(sources.logs, key)


def incidents() -> list[IncidentEntry]:
    """The open incidents of the fleet, of most models first."""
    return _cached(incident_queries.open_now)


def incidents_of(key: str) -> list[IncidentEntry]:
    """The incidents that a model is or was part of, newest first."""
    return _cached(incident_queries.of_model, key)


def alerts(since: datetime, now: datetime) -> list[AlertEntry]:
    """Alerts that are open, and those that ended since a moment; to the minute."""
    return _cached(alert_queries.stream, since.replace(second=0, microsecond=0), _minute_ahead(now))


def alert_history(keys: tuple[str, ...]) -> dict[str, list[EventEntry]]:
    """What happened to some alerts."""
    return _cached(alert_queries.history, keys)


def alert_worth(since: datetime) -> list[Worth]:
    """What each rule was worth."""
    return _cached(alert_queries.worth, since.replace(second=0, microsecond=0))


def alert_counts() -> dict[str, Count]:
    """The open alerts by model."""
    return _cached(alert_queries.counts)


def alerts_needing(now: datetime) -> tuple[int, int]:
    """How many pages and tickets need somebody now."""
    return _cached(alert_queries.needing, _minute_ahead(now))


def _minute_ahead(now: datetime) -> datetime:
    """The end of a minute: what a person silenced in it is silent."""
    return now.replace(second=0, microsecond=0) + timedelta(minutes=1)


def alert_trouble() -> str:
    """What went wrong when alerts were last decided."""
    return _cached(alert_queries.trouble)


def reachable() -> bool:
    """Whether there is a channel to tell anybody by."""
    return _cached(alert_queries.reachable)


def board(now: datetime) -> Board:
    """Who is on call from now on; laid out each time, so that what was changed a moment ago is seen."""
    return oncalls.board(_cached(oncalls.known, now.replace(second=0, microsecond=0)), now)


def team_documents() -> dict[str, dict[str, Any]]:
    """Every team as it was written."""
    return _cached(oncalls.team_documents)


def silences(since: datetime) -> list[Kept]:
    """Silences that end after a moment."""
    return _cached(silence_rows.kept_since, since.replace(second=0, microsecond=0))


def catch(silence: Silence, now: datetime) -> Catch:
    """What a silence would catch, now and over the last days."""
    return _cached(silence_queries.catch, silence, now.replace(second=0, microsecond=0))


def slice_names() -> list[str]:
    """Every slice that verdicts were given for."""
    return _cached(silence_queries.slice_names)


def retrains() -> list[RetrainRequest]:
    """The newest retrain requests of all models."""
    return _cached(retrain_queries.requests)


def retrain_trouble() -> str:
    """What went wrong when the worker last looked after retrains."""
    return _cached(retrain_queries.trouble)


def retrains_now() -> list[RetrainRequest]:
    """The same, asked anew."""
    return _ask(retrain_queries.requests)


def retrain_worths(now: datetime) -> dict[str, Waiting]:
    """What waiting costs each request that waits for a decision."""
    return _cached(worth_queries.worths, _minute_ahead(now))


def retrain_cadences(now: datetime) -> list[Advised]:
    """How often each model that can be retrained should be."""
    return _cached(worth_queries.cadences, _minute_ahead(now))


def retrain_history(key: str, changed_at: datetime) -> list[RetrainEvent]:
    """What happened to a request until its last change, oldest first."""
    return _cached(_retrain_history, key, changed_at)


def _retrain_history(session: Session, key: str, changed_at: datetime) -> list[RetrainEvent]:
    return retrain_queries.history(session, key)


def diagnoses(key: str) -> list[Attempt]:
    """The newest diagnoses of a model, those made last first."""
    return _cached(diagnosis_queries.diagnoses, key)


def entries() -> list[Entry]:
    """All models as they were written."""
    return _cached(sources.entries)


def changes() -> list[Change]:
    """The newest lines of the audit."""
    return _cached(sources.changes)


def channels() -> list[ChannelEntry]:
    """All channels with how they fare: live, so not cached."""
    return _ask(channel_queries.entries)


def dead_letters() -> list[DeadLetter]:
    """What could not be delivered, newest first: live, so not cached."""
    return _ask(channel_queries.dead_letters)


def dead_count() -> int:
    """How many notifications could not be delivered."""
    return _cached(channel_queries.dead_count)


def channel_test(name: str) -> Test | None:
    """What became of a channel's newest test: live, so not cached."""
    return _ask(channel_queries.newest_test, name)


def work(model: str | None = None) -> list[Work]:
    """What was asked of the worker: live, so not cached."""
    return _ask(fleets.work, model)


def last_round() -> tuple[int, datetime | None]:
    """How many models are watched, and when one was last evaluated: live, so not cached."""
    return _ask(fleets.last_round)


def heartbeat() -> datetime | None:
    """When the worker last gave a sign of life: live, so not cached."""
    return _ask(fleets.heartbeat)
