"""Diagnosing logs made so that the truth is known, and what an evaluation makes of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine, select

import monitoring.diagnose
from monitoring import fleet
from monitoring.__main__ import main
from monitoring.core.diagnosis.diagnosis import Advice, Diagnosis
from monitoring.core.diagnosis.retraining import Outlook
from monitoring.core.diagnosis.words import sentence
from monitoring.core.window import Slots, slot_of
from monitoring.diagnosis import learner
from monitoring.diagnosis.examine import Case, examine
from monitoring.diagnosis.rows import DiagnosisError, opened
from monitoring.evaluate import Scope, evaluate
from monitoring.store import models
from monitoring.store.database import MEMORY, connect, create, reading, transaction
from monitoring.store.diagnoses import from_stored
from monitoring.store.models import Watched
from monitoring.store.tables import DiagnosisRow, VerdictRow
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


def test_a_breach_is_diagnosed_once_a_day_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = log("concept")
    until = END - timedelta(days=2)
    place = write(rows[rows["ts"] < pd.Timestamp(until)], "parquet", tmp_path)
    store, watched = store_of(tmp_path, document(place, thresholds=LEVELS))
    asked: list[int] = []
    real = monitoring.diagnose.examine
    monkeypatch.setattr(
        monitoring.diagnose,
        "examine",
        lambda logs, case, progress: asked.append(case.window.last) or real(logs, case, progress),
    )
    with reading(store) as session:
        watched = models.watched(session)[0]
    judged(store, watched, until)
    with reading(store) as session:
        watched = models.watched(session)[0]
    again = judged(store, watched, until + timedelta(hours=1))
    assert len(asked) == 1 and "Retraining is likely to help" in again.reason
    write(rows[rows["ts"] < pd.Timestamp(until + timedelta(days=1))], "parquet", tmp_path)
    judged(store, watched, until + timedelta(days=1, hours=12))
    assert asked == [asked[0], asked[0] + 24]


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
