"""Diagnosing logs made so that the truth is known, and what an evaluation makes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import astuple, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select

import monitoring.diagnose
from monitoring import fleet
from monitoring.__main__ import main
from monitoring.core.diagnosis.diagnosis import About, Advice, Diagnosis, Rows
from monitoring.core.diagnosis.interval import Interval
from monitoring.core.diagnosis.retraining import Outlook, Retraining
from monitoring.core.diagnosis.row_metric import RowMetric
from monitoring.core.diagnosis.words import sentence
from monitoring.core.window import Slots, slot_of
from monitoring.diagnosis import learner
from monitoring.diagnosis.examine import Case, examine
from monitoring.diagnosis.rows import DiagnosisError, opened, some_hours
from monitoring.evaluate import Scope, evaluate
from monitoring.preview import preview
from monitoring.settings import Settings
from monitoring.store import models
from monitoring.store.database import MEMORY, connect, create, reading, transaction
from monitoring.store.diagnoses import from_stored
from monitoring.store.models import Watched
from monitoring.store.tables import DiagnosisRow, RequestRow, VerdictRow
from monitoring.worker import answer
from tests.logs_of import START, fleet_of, write

REFERENCE, BETWEEN, NOW, PER_DAY = 20, 15, 12, 80
DAYS = REFERENCE + BETWEEN + NOW
WINDOW = Slots(slot_of(START) + (REFERENCE + BETWEEN) * 24, slot_of(START) + DAYS * 24)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Smaller trees: the truth of these logs is simple."""
    monkeypatch.setattr(learner, "TREES", 30)
    monkeypatch.setattr(learner, "RATE", 0.2)


def log(story: str, seed: int = 0) -> pd.DataFrame:
    """A regression whose truth is known: 2·x + effect of origin. The reference is the first 20 days.

    - shift: x wanders to where the truth is noisier, in the last 12 days. - concept: the truth gains 6 from day 20 on.
    - noise: the truth is noisier in the last 12 days. - slice: so it is for EWR alone. - broken: x is mostly missing.
    - served: the served answers are off by 8 in the last 12 days, and nothing else changed.
    """
    draw = np.random.default_rng(seed)
    n = DAYS * PER_DAY
    day = np.repeat(np.arange(DAYS), PER_DAY)
    late = day >= REFERENCE + BETWEEN
    x = draw.uniform(0, 10, n)
    if story == "shift":
        x = np.where(late, 10 * draw.beta(4, 1, n), x)
    origin = draw.choice(["EWR", "JFK", "LGA"], n, p=[0.3, 0.4, 0.3])
    mean = 2 * x + np.where(origin == "EWR", 3.0, 0.0)
    spread = 0.5 + 0.4 * x
    if story == "noise":
        spread = np.where(late, 2.0, 1.0) * spread
    if story == "slice":
        spread = np.where(late & (origin == "EWR"), 3.0, 1.0) * spread
    label = mean + draw.normal(0, 1, n) * spread + draw.normal(0, 0.2, DAYS)[day]
    if story == "concept":
        label += np.where(day >= REFERENCE, 6.0, 0.0)
    answer = mean + np.where(late & (story == "served"), 8.0, 0.0)
    if story == "broken":
        gone = late & (draw.random(n) < 0.6)
        x, answer = np.where(gone, np.nan, x), np.where(gone, 10.0, answer)
    seconds = day * 86_400 + np.sort(draw.integers(0, 86_400, (DAYS, PER_DAY)), axis=1).ravel()
    ts = pd.Timestamp(START) + pd.to_timedelta(seconds, unit="s")
    return pd.DataFrame(
        {
            "id": [f"r{i:06d}" for i in range(n)], "ts": ts, "x": x, "origin": origin, "hour": seconds // 3600 % 24,
            "answer": answer, "label": label,
            "observed_at": ts + pd.to_timedelta(draw.integers(600, 7200, n), unit="s"),
        }
    )  # fmt: skip


def document(place: dict[str, Any], **changes: Any) -> dict[str, Any]:
    columns = {
        "id": "id", "timestamp": "ts", "prediction": "answer", "label": "label", "observed_at": "observed_at",
        "features": ["x", "hour"], "slices": ["origin"],
    }  # fmt: skip
    until = START + timedelta(days=REFERENCE - 1)
    return {
        "key": "eta", "task": "regression", "unit": "min", "predictions": {**place, "columns": columns},
        "reference": {"from": f"{START:%Y-%m-%d}", "to": f"{until:%Y-%m-%d}"}, "chunk": "1d",
    } | changes  # fmt: skip


def diagnosed(
    rows: pd.DataFrame, folder: Path, window: Slots = WINDOW, as_of: datetime | None = None, **changes: Any
) -> Diagnosis:
    written = document(write(rows, "parquet", folder), **changes)
    if "labels" in changes:
        for name in ("label", "observed_at"):
            del written["predictions"]["columns"][name]
    with opened(fleet.parse_model(written, "test"), folder, "mae", as_of) as logs:
        return examine(logs, Case("performance.mae", window), lambda share, words: None)


def test_inputs_that_wander_to_where_it_was_always_hard_explain_the_drop(tmp_path: Path) -> None:
    got = diagnosed(log("shift"), tmp_path)
    assert got.fell and got.split is not None
    assert got.split.shift.value > 0.7 * got.split.change.value
    assert got.split.concept.lower <= 0 <= got.split.concept.upper
    assert got.advice == Advice.HARDER
    assert [one.feature for one in got.moved] == ["x"]
    assert got.unsupported is not None and got.unsupported < 0.2


def test_a_world_that_answers_otherwise_is_what_is_left_and_retraining_mends_it(tmp_path: Path) -> None:
    got = diagnosed(log("concept"), tmp_path)
    assert got.split is not None and got.level is not None and got.then is not None
    assert got.split.concept.lower > 0.8 * got.split.change.value
    assert abs(got.split.shift.value) < 0.1 * got.split.change.value
    assert got.advice == Advice.RETRAIN and sentence(got).startswith("Retraining is likely to help: MAE -")
    assert got.retraining.newer is not None and got.retraining.newer.upper < 0
    assert got.retraining.after is not None and got.then < got.retraining.after < got.level
    assert not got.moved and not got.broken
    assert all(one.name.startswith("x ") for one in got.slices)  # whatever the origin and the hour, all lost alike


def test_a_harder_month_is_not_mended_by_retraining(tmp_path: Path) -> None:
    got = diagnosed(log("noise"), tmp_path)
    assert got.advice == Advice.HARDER
    assert "retraining will not help" in sentence(got) and sentence(got).startswith("A harder few weeks")


def test_the_declared_slice_that_lost_is_found_though_it_is_no_feature(tmp_path: Path) -> None:
    got = diagnosed(log("slice"), tmp_path)
    assert got.slices[0].name == "origin = EWR"
    assert got.slices[0].now > 2 * got.slices[0].then
    assert not {"origin = JFK", "origin = LGA"} & {one.name for one in got.slices}


def test_broken_inputs_are_mended_first(tmp_path: Path) -> None:
    got = diagnosed(log("broken"), tmp_path)
    assert got.advice == Advice.MEND
    assert sentence(got).startswith("Mend the data first: x missing in 6") and "will not help" in sentence(got)


def test_what_is_served_wrongly_is_told_from_newer_rows(tmp_path: Path) -> None:
    got = diagnosed(log("served"), tmp_path)
    assert got.advice == Advice.RETRAIN
    assert got.retraining.newer is not None and abs(got.retraining.newer.value) < 0.5


def learnable() -> pd.DataFrame:
    """The truth gains 6 from day 10 on: whoever knows the labels of days 10 to 34 has learned it when the window
    begins."""
    rows = log("none")
    return rows.assign(label=rows["label"] + np.where(changed(rows), 6.0, 0.0))


def changed(rows: pd.DataFrame) -> pd.Series:
    return rows["ts"] >= pd.Timestamp(START + timedelta(days=10))


BEFORE = {"reference": {"from": f"{START:%Y-%m-%d}", "to": f"{START + timedelta(days=9):%Y-%m-%d}"}}


def apart(rows: pd.DataFrame, folder: Path) -> dict[str, Any]:
    """The labels in a log of their own."""
    place = write(rows[["id", "label", "observed_at"]].dropna(), "parquet", folder / "labels")
    return {"labels": {**place, "columns": {"id": "id", "label": "label", "observed_at": "observed_at"}}}


@pytest.mark.parametrize("where", ["in the row", "in a log of their own"])
def test_no_challenger_sees_a_label_before_it_was_observed(where: str, tmp_path: Path) -> None:
    soon = learnable()
    late = soon.assign(observed_at=soon["ts"] + pd.to_timedelta(np.where(changed(soon), 40, 0), unit="D"))
    for rows, outlook in ((late, Outlook.IDLE), (soon, Outlook.HELPS)):
        folder = tmp_path / str(outlook)
        more = apart(rows, folder) if where != "in the row" else {}
        shown = rows.drop(columns=["label", "observed_at"]) if more else rows
        got = diagnosed(shown, folder, **BEFORE, **more)
        assert got.retraining.outlook == outlook
        assert got.about.now.of == 960  # the window's own labels are known today, and say how it went


@pytest.mark.parametrize("where", ["in the row", "in a log of their own"])
def test_as_of_a_moment_nothing_logged_or_observed_later_counts(where: str, tmp_path: Path) -> None:
    rows = learnable()
    rows["observed_at"] = rows["ts"] + pd.to_timedelta(np.arange(len(rows)) % 7, unit="D")
    moment = START + timedelta(days=REFERENCE + BETWEEN + 8, hours=7)
    known = rows[rows["ts"] <= pd.Timestamp(moment)].copy()
    known.loc[known["observed_at"] > pd.Timestamp(moment), ["label", "observed_at"]] = None
    found = []
    for name, log_then, as_of in (("all", rows, moment), ("then", known, None)):
        more = apart(log_then, tmp_path / name) if where != "in the row" else {}
        shown = log_then.drop(columns=["label", "observed_at"]) if more else log_then
        found.append(diagnosed(shown, tmp_path / name, as_of=as_of, **BEFORE, **more))
    assert found[0] == replace(found[1], about=replace(found[1].about, as_of=moment))
    assert found[0].about.now.of < 8 * PER_DAY


def test_too_few_labels_are_said(tmp_path: Path) -> None:
    rows = log("concept")
    rows.loc[rows["ts"] >= pd.Timestamp(START + timedelta(days=REFERENCE + BETWEEN + 1)), "label"] = None
    got = diagnosed(rows, tmp_path)
    assert got.advice == Advice.UNTRIED and "80 labelled rows are too few" in sentence(got)


def test_a_reference_without_labels_still_lets_a_challenger_be_tried(tmp_path: Path) -> None:
    rows = log("concept")
    rows.loc[rows["ts"] < pd.Timestamp(START + timedelta(days=REFERENCE)), "label"] = None
    got = diagnosed(rows, tmp_path)
    assert got.split is None and got.slices == () and "labelled rows" in got.notes[0]
    assert got.retraining.outlook == Outlook.HELPS


def test_a_window_within_the_reference_cannot_be_diagnosed(tmp_path: Path) -> None:
    with pytest.raises(DiagnosisError, match="overlaps the reference"):
        diagnosed(log("concept"), tmp_path, Slots(WINDOW.first - 20 * 24, WINDOW.last))


def test_the_same_rows_give_the_same_diagnosis(tmp_path: Path) -> None:
    rows = log("slice")
    assert diagnosed(rows, tmp_path) == diagnosed(rows, tmp_path)


def scored(rows: pd.DataFrame, folder: Path, task: str, **columns: Any) -> dict[str, Any]:
    """The same features, another task."""
    columns |= {"id": "id", "timestamp": "ts", "observed_at": "observed_at", "features": ["x", "hour"]}
    columns["slices"] = ["origin"]
    return document(write(rows, "parquet", folder), task=task) | {
        "predictions": {**write(rows, "parquet", folder), "columns": columns}
    }


def classes() -> pd.DataFrame:
    """Three classes by x; from day 10 on, x says another class than it did."""
    rows = log("none")
    said = np.digitize(rows["x"], [3.0, 7.0])
    true = np.where(changed(rows), 2 - said, said)
    return rows.assign(said=np.array(["a", "b", "c"])[said], outcome=np.array(["a", "b", "c"])[true])


@pytest.mark.parametrize(
    ("task", "metric", "columns"),
    [
        ("multiclass_classification", "accuracy", {"prediction": "said", "label": "outcome"}),
        ("binary_classification", "roc_auc", {"score": "p", "label": "yes"}),
        ("binary_classification", "log_loss", {"score": "p", "label": "yes"}),
        ("binary_classification", "accuracy", {"prediction": "guess", "label": "yes"}),
        ("binary_classification", "accuracy", {"prediction": "guess", "score": "low", "label": "yes"}),
    ],
)
def test_classifiers_are_diagnosed_too(task: str, metric: str, columns: dict[str, Any], tmp_path: Path) -> None:
    rows = classes()
    rows["p"] = np.clip(rows["x"] / 10, 0.05, 0.95)
    rows["low"] = rows["p"] / 2  # cut at a quarter
    rows["guess"] = (rows["x"] > 5).astype(int)
    rows["yes"] = np.where(changed(rows), rows["x"] < 5, rows["x"] > 5).astype(int)
    written = scored(rows, tmp_path, task, **columns) | BEFORE
    with opened(fleet.parse_model(written, "test"), tmp_path, metric, None) as logs:
        got = examine(logs, Case(f"performance.{metric}", WINDOW), lambda share, words: None)
    assert got.about.metric.name == metric and got.advice == Advice.RETRAIN
    assert got.split is not None and got.fell
    assert metric != "accuracy" or task.startswith("multi") or got.then == pytest.approx(1.0, abs=0.01)
    sign = got.about.metric.sign
    assert sign * got.split.concept.upper < 0 < sign * (got.retraining.after or 0) - sign * (got.level or 0)


def test_a_log_cut_by_rows_is_diagnosed_by_its_chunks(tmp_path: Path) -> None:
    got = diagnosed(learnable(), tmp_path, Slots(35, 47), chunk={"rows": PER_DAY}, reference={"rows": 10 * PER_DAY})
    assert got.about.start is None and got.advice == Advice.RETRAIN and got.about.now.used == 12 * PER_DAY


def test_a_reference_of_its_own_is_what_it_is_compared_with(tmp_path: Path) -> None:
    rows = learnable()
    place = write(rows[~changed(rows)].rename(columns={"answer": "eta"}), "parquet", tmp_path / "reference")
    columns = {"timestamp": "ts", "prediction": "eta", "label": "label", "features": ["x"]}
    got = diagnosed(rows, tmp_path, reference={**place, "columns": columns})
    assert got.advice == Advice.RETRAIN and got.about.reference.used == 10 * PER_DAY
    assert got.then == pytest.approx(2.0, rel=0.1)


def test_a_rolling_reference_is_the_days_before_the_window(tmp_path: Path) -> None:
    got = diagnosed(learnable(), tmp_path, reference={"rolling": "20d"})
    assert got.about.reference.used == 20 * PER_DAY and not got.fell  # those days were as bad


def test_of_a_busy_log_some_hours_of_each_day_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = diagnosed(learnable(), tmp_path, **BEFORE)
    monkeypatch.setattr("monitoring.diagnosis.rows.SCAN", 700)
    part = diagnosed(learnable(), tmp_path, **BEFORE)
    assert part.advice == whole.advice == Advice.RETRAIN
    assert 500 < part.about.now.used < 800 and whole.about.now.used == 960
    assert part.about.now.of == pytest.approx(960, rel=0.03)


@given(st.dictionaries(st.integers(490_000, 490_400), st.integers(1, 1_000), min_size=1), st.integers(1, 50_000))
def test_hours_are_left_out_only_of_a_busy_log_and_never_whole_days(rows: dict[int, int], limit: int) -> None:
    kept = some_hours(rows, limit)
    assert kept == sorted(set(kept)) and set(kept) <= set(rows)
    assert {slot // 24 for slot in kept} == {slot // 24 for slot in rows}
    if sum(rows.values()) <= limit:
        assert kept == sorted(rows)


# In an evaluation


def store_of(folder: Path, *documents: dict[str, Any]) -> tuple[Engine, Watched]:
    store = connect(MEMORY)
    create(store)
    with transaction(store) as session:
        models.apply(session, fleet.load(fleet_of(folder, *documents)), folder, "test", START)
    with reading(store) as session:
        return store, models.watched(session)[0]


def judged(store: Engine, watched: Watched, until: Any) -> Any:
    found = evaluate(store, watched, Scope(now=until), lambda: until, lambda share, words: None)
    return found[-1]


def kept(store: Engine) -> list[DiagnosisRow]:
    with reading(store) as session:
        return list(session.scalars(select(DiagnosisRow).order_by(DiagnosisRow.id)))


END = START + timedelta(days=DAYS)
LEVELS = [{"check": "performance.mae", "warning": 2.6, "breached": 2.9}]


@pytest.mark.parametrize(
    ("story", "flag", "words"),
    [
        ("concept", "retrain", "Retraining is likely to help: MAE -"),
        ("noise", "watch", "retraining will not help"),
    ],
)
def test_a_breach_is_diagnosed_and_decides_the_flag(story: str, flag: str, words: str, tmp_path: Path) -> None:
    store, watched = store_of(tmp_path, document(write(log(story), "parquet", tmp_path), thresholds=LEVELS))
    verdict = judged(store, watched, END + timedelta(hours=12))
    assert (str(verdict.flag), words in verdict.reason) == (flag, True)
    (row,) = kept(store)
    made = from_stored(row)
    assert made.automatic and made.content is not None and sentence(made.content) in verdict.reason
    assert row.last_slot == WINDOW.last


class Counted:
    """In the place of the examination: knows at once that retraining helps, and which windows it was asked about."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[int] = []
        monkeypatch.setattr(monitoring.diagnose, "examine", self)

    def __call__(self, logs: Any, case: Any, progress: Any) -> Diagnosis:
        self.asked.append(case.window.last)
        rows = Rows(960, 960)
        about = About("eta", case.check, RowMetric("mae"), *astuple(case.window), None, None, None, rows, rows, "min")
        change = Interval(-3.0, 0.1, 11)
        return Diagnosis(about, Retraining(Outlook.HELPS, now=6.0, change=change, scored=960, fitted=960))


def inverted() -> pd.DataFrame:
    """A classifier's log: no model need be fitted to estimate its performance, which keeps evaluations quick. From
    the end of the reference on, the truth is the other class."""
    rows = log("none")
    rows["p"] = np.clip(rows["x"] / 10, 0.05, 0.95)
    true = np.random.default_rng(1).random(len(rows)) < rows["p"]
    after = rows["ts"] >= pd.Timestamp(START + timedelta(days=REFERENCE))
    return rows.assign(label=np.where(after, ~true, true).astype(float))


class Live:
    """live(until, rows): evaluate then, the log being `rows` up to then. `asked` are the windows examined."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.asked = folder, Counted(monkeypatch).asked
        self.columns = {"id": "id", "timestamp": "ts", "score": "p", "features": ["x"], "slices": ["origin"]}
        self.write(inverted())
        self.store, _ = store_of(folder, self.document(0.6))

    def write(self, rows: pd.DataFrame) -> dict[str, Any]:
        place = write(rows.drop(columns=["label", "observed_at"]), "parquet", self.folder)
        return {"predictions": {**place, "columns": self.columns}, **apart(rows, self.folder)}

    def document(self, breached: float) -> dict[str, Any]:
        level = {"check": "performance.roc_auc", "warning": 0.65, "breached": breached}
        return document({}, task="binary_classification", thresholds=[level]) | self.write(inverted())

    def __call__(self, until: datetime, rows: pd.DataFrame) -> Any:
        self.write(rows[rows["ts"] < pd.Timestamp(until)])
        with reading(self.store) as session:
            watched = models.watched(session)[0]
        return judged(self.store, watched, until)

    def threshold(self, breached: float) -> None:
        with transaction(self.store) as session:
            found = fleet.load(fleet_of(self.folder, self.document(breached)))
            models.apply(session, found, self.folder, "test", START)


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    found = Live(tmp_path, monkeypatch)
    yield found
    found.store.dispose()


def test_a_breach_that_goes_on_is_diagnosed_once_a_day(live: Live) -> None:
    rows, until = inverted(), END - timedelta(days=2)
    live(until, rows)
    assert "Retraining is likely to help" in live(until + timedelta(hours=2), rows).reason
    assert len(live.asked) == 1
    live(until + timedelta(days=1, hours=12), rows)
    assert live.asked == [live.asked[0], live.asked[0] + 24]


def test_a_diagnosis_is_made_again_where_its_rows_are_others_and_an_hour_has_passed(live: Live) -> None:
    rows, until = inverted(), END - timedelta(days=2)
    live(until, rows)
    mended = rows.assign(x=np.where(rows["ts"].dt.day % 2 == 0, rows["x"].round(1), rows["x"]))
    live(until + timedelta(minutes=30), mended)
    assert len(live.asked) == 1
    live(until + timedelta(minutes=90), mended)
    live(until + timedelta(minutes=95), mended)
    assert live.asked == [live.asked[0]] * 2


def test_a_few_more_labels_and_other_thresholds_are_no_reason_to_diagnose_again(live: Live) -> None:
    rows, until = inverted(), END - timedelta(days=2)
    live(until, rows.assign(label=rows["label"].where(np.arange(len(rows)) % 200 > 0)))
    live(until + timedelta(hours=2), rows)
    live.threshold(0.55)
    again = live(until + timedelta(hours=3), rows)
    assert len(live.asked) == 1 and "below 0.55 (set by its owner)" in again.reason
    assert "Retraining is likely to help" in again.reason


def test_a_preview_diagnoses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(monkeypatch)
    written = document(write(log("concept"), "parquet", tmp_path), thresholds=LEVELS)
    found = preview(written, [], tmp_path, lambda: END, lambda share, words: None)
    assert str(found.model.flag) == "retrain" and not counted.asked


def test_the_worker_diagnoses_on_request(tmp_path: Path) -> None:
    settings = Settings(database=f"sqlite:///{tmp_path}/leeway.db", home=tmp_path)
    store, watched = store_of(tmp_path, document(write(log("concept"), "parquet", tmp_path)))
    evaluate(store, watched, Scope(now=END, diagnosed=False), lambda: END, lambda share, words: None)
    for key in ("eta", "none"):
        with transaction(store) as session:
            session.add(
                RequestRow(
                    kind="diagnose", model_key=key, arguments={}, actor="ann", asked_at=END, state="waiting",
                    progress=0.0, message="", result="", finished_at=None,
                )
            )  # fmt: skip
    answer(store, settings, lambda: END)
    with reading(store) as session:
        done, failed = session.scalars(select(RequestRow).order_by(RequestRow.id))
    assert (done.state, done.result) == ("done", "retrain")
    assert failed.state == "failed" and "none" in failed.message
    assert [row.automatic for row in kept(store)] == [False]


def test_a_diagnosis_that_fails_is_said_kept_and_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(monitoring.diagnose, "examine", fail)
    store, watched = store_of(tmp_path, document(write(log("concept"), "parquet", tmp_path), thresholds=LEVELS))
    verdict = judged(store, watched, END)
    assert str(verdict.flag) == "retrain" and "Not diagnosed: ZeroDivisionError: by zero" in verdict.reason
    assert [(row.content, row.error) for row in kept(store)] == [(None, "ZeroDivisionError: by zero")]


def test_a_healthy_model_is_not_diagnosed(tmp_path: Path) -> None:
    store, watched = store_of(tmp_path, document(write(log("none"), "parquet", tmp_path), thresholds=LEVELS))
    judged(store, watched, END)
    assert not kept(store)
    with reading(store) as session:
        assert session.scalar(select(VerdictRow.status).where(VerdictRow.check == "model")) is not None


# The command


def test_the_command_diagnoses_the_breach_that_goes_on_or_any_span(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = fleet_of(tmp_path, document(write(log("concept"), "parquet", tmp_path), thresholds=LEVELS))
    out = tmp_path / "out.json"
    assert main(["diagnose", "--fleet", str(file), "--model", "eta", "--json", str(out)]) == 0
    assert "eta: RETRAIN. Retraining is likely to help" in capsys.readouterr().out
    found = json.loads(out.read_text())
    assert found["advice"] == "retrain" and found["about"]["check"] == "performance.mae"
    first = START + timedelta(days=REFERENCE)
    span = ("--from", f"{first:%Y-%m-%d}", "--to", f"{first + timedelta(days=5):%Y-%m-%d}")
    assert main(["diagnose", "--fleet", str(file), "--model", "eta", *span]) == 0
    assert f"{first:%Y-%m-%d} 00:00 to" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--from", "2026-03-02"), "give --from and --to together"),
        (("--from", "2026-03-02", "--to", "2026-03-12"), "overlaps the reference"),
        (("--from", "2026-04-12", "--to", "2026-04-10"), "ends before it begins"),
    ],
)
def test_what_cannot_be_diagnosed_is_a_sentence(
    options: tuple[str, ...], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = fleet_of(tmp_path, document(write(log("concept"), "parquet", tmp_path)))
    assert main(["diagnose", "--fleet", str(file), "--model", "eta", *options]) == 2
    assert words in capsys.readouterr().err
