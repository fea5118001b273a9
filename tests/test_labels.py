"""Labels that are late, lost or stopped are said to be; those that merely take their time are not."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from monitoring import fleet
from monitoring.core.codec import encode, encode_total
from monitoring.core.grid import ScoreGrid
from monitoring.core.profile import Column, Profile
from monitoring.core.summaries import Packed, Summaries
from monitoring.core.summary import BLOCK, Kind, Series, cells
from monitoring.core.verdict import Flag, Status, Verdict
from monitoring.core.window import Chunk, Slots, chunks, moment_of, slot_of
from monitoring.evaluate import Scope, evaluate
from monitoring.fleet import parse_model
from monitoring.store import models
from monitoring.store.database import MEMORY, connect, create, reading, transaction
from monitoring.verdicts import labels
from monitoring.verdicts.subject import Subject
from monitoring.verdicts.summing_up import sum_up
from tests.logs_of import START, binary_model, fleet_of, flights, write

FIRST = slot_of(START)
DAYS, A_DAY = 35, 200
BAD = (Status.WARNING, Status.BREACHED)
Rows = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Of every prediction: its hour from the start, the hour its label is known in, and whether one ever comes."""


def predictions(seed: int = 0) -> tuple[np.ndarray, np.random.Generator]:
    draw = np.random.default_rng(seed)
    return np.sort(draw.integers(0, DAYS * 24, DAYS * A_DAY)), draw


def taking(low: float, high: float, ever: float = 1.0) -> Rows:
    slots, draw = predictions()
    return slots, slots + draw.uniform(low, high, len(slots)).astype(int), draw.random(len(slots)) < ever


def once_a_week() -> Rows:
    slots, _ = predictions()
    return slots, (slots // 168 + 1) * 168 + 9, np.ones(len(slots), bool)


def working_days_alone() -> Rows:
    slots, known, ever = taking(2, 10)
    return slots, known, ever & (slots // 24 % 7 < 5)


def in_fits() -> Rows:
    """Every day has a delay of its own."""
    slots, draw = predictions()
    return slots, slots + draw.integers(1, 60, DAYS)[slots // 24], np.ones(len(slots), bool)


def stopped() -> Rows:
    slots, known, ever = taking(1, 30)
    return slots, known, ever & (known < 20 * 24)


def lost() -> Rows:
    slots, known, ever = taking(1, 30)
    return slots, known, ever & ((slots < 20 * 24) | (np.random.default_rng(1).random(len(slots)) < 0.4))


def slower() -> Rows:
    slots, known, ever = taking(1, 30)
    return slots, np.where(slots < 20 * 24, known, known + 96), ever


def subject(rows: Rows, day: float, finished: bool = False, chunk: str = "1d", **changes: Any) -> Subject:
    """A model's summaries as they would be on a day; of a finished log all of them."""
    slots, known, ever = rows
    now = START + timedelta(days=day)
    until = 10**9 if finished else slot_of(now) - FIRST + 1
    made = slots < until
    came = made & ever & (known < until)

    def packed(at: np.ndarray, when: np.ndarray) -> dict[int, Packed]:
        out = {}
        for block in np.unique(at // BLOCK):
            chosen = at // BLOCK == block
            one = cells(at[chosen], when[chosen], np.zeros(chosen.sum(), int), np.ones(chosen.sum(), int))
            out[int(block)] = Packed(encode_total(one.histogram()), encode(one))
        return out

    current = Summaries(
        {
            Series(Kind.ROWS, ""): packed(FIRST + slots[made], FIRST + slots[made]),
            Series(Kind.OUTCOME, ""): packed(FIRST + slots[came], FIRST + known[came]),
        }
    )
    document = binary_model({"source": "csv", "location": "log.csv"}, slos=[], chunk=chunk) | changes
    del document["predictions"]["columns"]["status"]
    model = parse_model(document, "delays")
    span = Slots(FIRST, FIRST + 7 * 24)
    whole = current.span() or span
    history = tuple(chunks(model.chunk if isinstance(model.chunk, Chunk) else Chunk(), whole))
    profile = Profile((Column(Kind.OUTCOME, "", "number", ScoreGrid()),), first=span.first, last=span.last)
    if finished:
        now = moment_of(whole.last)
    return Subject(model, profile, current, span, current, history, history, now, span, finished)


def judged(rows: Rows, day: float, **how: Any) -> tuple[list[Verdict], Flag | None]:
    one = subject(rows, day, **how)
    found = list(labels.judge(one))
    ok = Verdict("delays", "quality.schema", one.window(one.history[-1], 0), Status.OK, "")
    return found, sum_up(one, [*found, ok]).flag


def of(found: list[Verdict], method: str) -> list[Verdict]:
    return [v for v in found if v.method == method]


SOUND: dict[str, Callable[[], Rows]] = {
    "within a day or so": lambda: taking(1, 30),
    "after ten days": lambda: taking(230, 260),
    "after anything up to eight days": lambda: taking(0, 190),
    "at once": lambda: taking(0, 0.5),
    "for one prediction in ten": lambda: taking(1, 30, 0.1),
    "once a week, all together": once_a_week,
    "on working days alone": working_days_alone,
    "every day after another delay": in_fits,
}


@pytest.mark.parametrize("how", SOUND)
@pytest.mark.parametrize("chunk", ["1d", "7d"])
def test_nothing_is_said_against_labels_that_come(how: str, chunk: str) -> None:
    rows = SOUND[how]()
    for day in (0.4, 1.2, 3.3, 8.1, 12.9, 16.6, 20.5, 23.2, 27.8, 30.3, 34.9):
        found, flag = judged(rows, day, chunk=chunk)
        assert not [v.reason for v in found if v.status in BAD], day
        assert flag == Flag.HEALTHY


@pytest.mark.parametrize("how", SOUND)
def test_nor_where_a_finished_log_ends(how: str) -> None:
    rows = SOUND[how]()
    cut = rows[0], rows[1], rows[2] & (rows[1] < DAYS * 24)
    for ending in (rows, cut):
        found, flag = judged(ending, DAYS, finished=True)
        assert not [v.reason for v in found if v.status in BAD]
        assert flag == Flag.HEALTHY


def test_labels_that_stop_within_a_finished_log_are_watched_and_call_nobody() -> None:
    found, flag = judged(stopped(), DAYS, finished=True)
    (arrival,) = of(found, "arrival")
    assert (arrival.status, flag) == (Status.WARNING, Flag.WATCH)
    assert re.fullmatch(r"Labels stop 15 d before the log's end, where 2,\d{3} were to be expected; .*", arrival.reason)
    late = {v.window.start for v in of(found, "completeness") if v.status in BAD}
    assert late >= {START + timedelta(days=day) for day in range(20, 33)}
    assert not [start for start in late if start < START + timedelta(days=18)]  # type: ignore[operator]


def test_labels_that_stop_are_watched_within_hours_and_page_after_a_day() -> None:
    told = {day: judged(stopped(), day)[1] for day in (19.9, 20.4, 21.3, 25.0, 34.9)}
    assert told == {19.9: Flag.HEALTHY, 20.4: Flag.WATCH, 21.3: Flag.PAGE, 25.0: Flag.PAGE, 34.9: Flag.PAGE}
    (arrival,) = of(judged(stopped(), 25.0)[0], "arrival")
    assert arrival.reason.startswith("Labels have stopped: none has come for 5 d, where ")
    assert arrival.value == pytest.approx(120, abs=1)


def test_where_no_prediction_is_made_no_label_is_missed() -> None:
    slots, known, ever = taking(1, 30)
    paused = slots < 20 * 24
    found, _ = judged((slots[paused], known[paused], ever[paused]), 30)
    assert not [v for v in found if v.status in BAD]


def test_labels_that_are_lost_are_said_to_be_window_by_window() -> None:
    found, flag = judged(lost(), 34.9)
    bad = [v for v in of(found, "completeness") if v.status in BAD]
    assert flag == Flag.WATCH
    assert {v.window.start for v in bad} >= {START + timedelta(days=d) for d in range(20, 33)}
    assert re.match(r"Labels 4\d% complete where 9\d% were to be expected by now: labels are late, lost", bad[1].reason)
    assert all(v.value == pytest.approx(0.4, abs=0.12) for v in bad)
    assert of(found, "arrival")[0].status == Status.OK


def test_labels_that_come_later_than_they_used_to_are_late_until_that_is_usual() -> None:
    found, _ = judged(slower(), 23.5)
    assert [v.window.start for v in of(found, "completeness") if v.status in BAD] == [
        START + timedelta(days=d) for d in (20, 21)
    ]
    found, flag = judged(slower(), 34.9)
    assert not [v for v in found if v.status in BAD] and flag == Flag.HEALTHY


def test_windows_without_most_of_their_labels_are_provisional() -> None:
    one = subject(taking(230, 260), 30)
    early = labels.provisional(one)
    assert early == {w.first for w in one.history if (30 * 24 - (w.last - FIRST)) < 230 + 20}
    late = subject(lost(), 30)
    assert FIRST + 22 * 24 in labels.provisional(late), "two thirds lost is not all labels"


def test_before_the_delay_is_known_no_window_is_mature_that_waits_for_labels() -> None:
    one = subject(taking(0, 190), 5)
    assert labels.provisional(one) == {w.first for w in one.history}
    quick = subject(taking(0, 0.5), 2.5)
    assert labels.provisional(quick) == {FIRST + 48}


def test_without_times_of_observation_it_says_what_to_map() -> None:
    document = binary_model({"source": "csv", "location": "log.csv"})
    columns = {k: v for k, v in document["predictions"]["columns"].items() if k != "observed_at"}
    found, _ = judged(taking(0, 0.5), 20, predictions={**document["predictions"], "columns": columns})
    assert [v.status for v in found] == [Status.INSUFFICIENT_DATA]
    assert "map `observed_at`" in found[0].reason


@pytest.mark.parametrize(
    ("method", "warning", "rows", "day", "status"),
    [
        ("arrival", 100.0, stopped, 25.0, Status.WARNING),
        ("arrival", 500.0, stopped, 25.0, Status.OK),
        ("completeness", 0.99, lambda: taking(1, 30, 0.7), 25.0, Status.OK),
        (None, 0.3, lost, 25.0, Status.OK),
        (None, 0.7, lost, 25.0, Status.WARNING),
    ],
)
def test_its_levels_may_be_set(
    method: str | None, warning: float, rows: Callable[[], Rows], day: float, status: Status
) -> None:
    own = [{"check": "quality.labels", "method": method, "warning": warning}]
    found, _ = judged(rows(), day, thresholds=own)
    held = [v for v in of(found, method or "completeness") if v.threshold is not None]
    assert held and held[-1].status == status and held[-1].warning == warning


# From logs, as they grow


def grown(log: pd.DataFrame, now: datetime) -> pd.DataFrame:
    """What a log held at a moment."""
    seen = log[log.ts <= pd.Timestamp(now)].copy()
    seen.loc[seen.observed_at > pd.Timestamp(now), "label"] = None
    return seen


def at(
    folder: Path,
    log: pd.DataFrame,
    moments: list[datetime],
    as_of: datetime | None = None,
    apart: bool = False,
    **more: Any,
) -> list[list[Verdict]]:
    """What the evaluations at these moments gave, one after the other, each of the log as it was then."""
    store = connect(MEMORY)
    create(store)
    out = []
    for moment in moments:
        seen = log if as_of is not None else grown(log, moment)
        changes: dict[str, Any] = {"slos": [], "reference": {"from": "2026-03-02", "to": "2026-03-08"}} | more
        if apart:
            come = seen[["id", "label", "observed_at"]].dropna(subset="label")
            place = write(come, "parquet", folder, "labels")
            changes["labels"] = {**place, "columns": {"id": "id", "label": "label", "observed_at": "observed_at"}}
            seen = seen.drop(columns=["label", "observed_at"])
        path = fleet_of(folder, binary_model(write(seen, "parquet", folder), **changes))
        with transaction(store) as session:
            models.apply(session, fleet.load(path), folder, "tests", moment)
        with reading(store) as session:
            watched = models.watched(session)[0]
        scope = Scope(now=None if as_of else moment, as_of=as_of, diagnosed=False)
        out.append(evaluate(store, watched, scope, lambda m=moment: m, lambda share, words: None))  # type: ignore[misc]
    return out


def faces(found: list[Verdict]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """What was found of labels and performance, without the words."""
    return {
        (v.check, v.slice, v.version, v.method, v.window.start): (v.status, v.provisional, v.value, v.threshold)
        for v in found
        if v.check.startswith(("performance.", "quality.labels", "calibration"))
    }


def whole(found: list[Verdict], check: str = "performance.roc_auc") -> dict[datetime | None, tuple[Any, ...]]:
    mine = [v for v in found if v.check == check and not v.slice and not v.version]
    return {v.window.start: (v.status, v.provisional, v.value) for v in mine}


def stored(found: Iterable[list[Verdict]]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """What stands after evaluations one after the other, of all checks that are judged window by window."""
    return {
        (v.check, v.column, v.slice, v.version, v.method, v.window.start): (v.status, v.provisional, v.value)
        for verdicts in found
        for v in verdicts
        if not v.check.startswith(("slo.", "model", "quality.schema")) and v.method != labels.ARRIVAL
    }


def log_of(days: int, low: float, high: float) -> pd.DataFrame:
    log = flights(days=days, per_hour=4, seed=7)
    hours = np.random.default_rng(7).uniform(low, high, len(log))
    return log.assign(observed_at=log.ts + pd.to_timedelta(hours, unit="h"), label=log.label.astype(float))


@pytest.mark.parametrize("apart", [False, True])
def test_an_evaluation_as_of_a_moment_is_the_one_that_happened_then(apart: bool, tmp_path: Path) -> None:
    log, then = log_of(20, 60, 100), START + timedelta(days=13, hours=7, minutes=30)
    (looking_back,) = at(tmp_path / "back", log, [START + timedelta(days=19)], then, apart)
    (at_the_time,) = at(tmp_path / "then", log, [then], None, apart)
    assert faces(looking_back) == faces(at_the_time)
    mine = [v for v in looking_back if v.check == "performance.roc_auc" and not v.slice and not v.version]
    assert {v.provisional for v in mine} == {True, False}
    assert max(v.window.start for v in mine if not v.provisional) == START + timedelta(days=8)  # type: ignore[type-var]


def test_windows_turn_mature_as_time_goes_by_as_if_all_were_judged_anew(tmp_path: Path) -> None:
    log = log_of(22, 100, 140)
    moments = [START + timedelta(days=d, hours=5) for d in range(8, 22)]
    found = at(tmp_path / "grown", log, moments)
    (anew,) = at(tmp_path / "anew", log, moments[-1:])
    over = [v for v in anew if v.window.end and v.window.end < moments[-1] - timedelta(days=1)]
    assert {**stored(found), **stored([over])} == stored(found), "what is judged step by step is what is judged at once"
    for check in ("performance.roc_auc", "drift.label"):
        told: dict[datetime | None, tuple[Any, ...]] = {}
        for one in found:
            told |= whole(one, check)
        assert told == whole(anew, check)
        assert {provisional for _, provisional, _ in told.values()} == {True, False}


def test_every_version_is_judged_from_when_it_first_answered_however_late_the_second_one_came(tmp_path: Path) -> None:
    log = log_of(16, 1, 30)
    day = (log.ts - pd.Timestamp(START)).dt.days
    log = log.assign(version=np.select([day < 10, (day < 13) | (log.index % 2 == 0)], ["one", "two"], "three"))
    moments = [START + timedelta(days=d, hours=6) for d in (9, 11, 12, 15)]
    found = at(tmp_path / "grown", log, moments)
    days = {
        version: sorted({(v.window.start - START).days for one in found for v in one if v.version == version})  # type: ignore[operator]
        for version in ("one", "two", "three")
    }
    assert not any(v.version for v in found[0]), "the only version is the model as a whole"
    assert days == {"one": list(range(16)), "two": list(range(10, 16)), "three": list(range(13, 16))}
    (anew,) = at(tmp_path / "anew", log, moments[-1:])
    assert {**stored(found), **stored([anew])} == stored(found)
    assert {k for k in stored([anew]) if k[3]} == {k for k in stored(found) if k[3]}


def test_a_window_that_was_open_when_it_was_judged_last_is_judged_once_it_is_over(tmp_path: Path) -> None:
    log, then = log_of(9, 1, 2), START + timedelta(days=8, hours=10, minutes=30)
    log = log[(log.ts < then) | (log.ts > then + timedelta(hours=7))]
    moments = [then, then + timedelta(hours=8)]
    found = at(tmp_path / "grown", log, moments, chunk="1h")
    anew = at(tmp_path / "anew", log, moments[-1:], chunk="1h")
    assert stored(found) == stored(anew)
    hour = then.replace(minute=0)
    early, late = ([v for v in one if v.check == "quality.volume" and v.window.start == hour] for one in found)
    assert [v.provisional for v in (*early, *late)] == [True, False]


def test_labels_of_one_class_that_come_first_are_no_drift(tmp_path: Path) -> None:
    """As of fraud: the fraud is known within two days, that there was none only when three weeks are over."""
    log = flights(days=40, per_hour=12, seed=5)
    hours = np.where(log.label == 1, np.random.default_rng(5).uniform(1, 48, len(log)), 21 * 24)
    log = log.assign(observed_at=log.ts + pd.to_timedelta(hours, unit="h"), label=log.label.astype(float))
    for found in at(tmp_path, log, [START + timedelta(days=d, hours=6) for d in (32, 36, 39)]):
        of_label = [v for v in found if v.check == "drift.label"]
        assert {v.provisional for v in of_label if v.status in BAD} == {True}, (
            "it would be one, were it taken at its word"
        )
        assert any(not v.provisional for v in of_label)
        assert "labels still to come, half arrive within" in of_label[-1].reason
        assert found[-1].flag == Flag.HEALTHY, found[-1].reason


def test_a_model_whose_labels_take_weeks_still_needs_retraining_once_they_show_it(tmp_path: Path) -> None:
    log = flights(days=50, per_hour=25, decay_after=20)
    log = log.assign(observed_at=log.ts + pd.Timedelta(days=20), label=log.label.astype(float))
    flags = [
        found[-1].flag
        for found in at(tmp_path, log, [START + timedelta(days=d, hours=1) for d in (38, 44, 45, 46)])
    ]  # fmt: skip
    assert flags[1:] == [Flag.RETRAIN] * 3


def test_the_seeds_are_not_chosen() -> None:
    """Thirty other draws of sound labels: none is said to be late."""
    for seed, day in itertools.product(range(30), (15.5, 34.9)):
        draw = np.random.default_rng(seed)
        slots = np.sort(draw.integers(0, DAYS * 24, DAYS * 60))
        rows = slots, slots + draw.gamma(2, 20, len(slots)).astype(int), draw.random(len(slots)) < 0.6
        assert not [v.reason for v in judged(rows, day)[0] if v.status in BAD]
