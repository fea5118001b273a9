"""Multivariate drift from somebody's logs to verdicts."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from monitoring import fleet
from monitoring.core.verdict import Verdict
from monitoring.core.window import Slots, slot_of
from monitoring.errors import FleetError
from monitoring.evaluate import Scope, evaluate
from monitoring.fleet import Model, parse_model
from monitoring.logs.reader import LogReader
from monitoring.logs.samples import Sampled, samples
from monitoring.multivariate import judge as judging
from monitoring.store import models
from monitoring.store.database import connect, reading, transaction
from monitoring.store.migrations import migrate
from tests.logs_of import KINDS, START, write
from tests.worlds import FEATURES, day

REFERENCE, AFTER, A_DAY = 12, 4, 240
FINISHED, LOOKED = Scope(finished=True, diagnosed=False), START + timedelta(days=200)
METHODS = ("domain_classifier", "joint_with_prediction", "pca_reconstruction")
ALL = [{"check": "drift.multivariate", "method": name} for name in METHODS]
COLUMNS = {"id": "id", "timestamp": "ts", "score": "score", "features": list(FEATURES)}


def log(
    drifts: dict[int, str] | None = None, days: int = REFERENCE + AFTER, seed: int = 0, **more: Any
) -> pd.DataFrame:
    """Days of A_DAY rows, of which some drift."""
    random = np.random.default_rng(seed)
    parts = []
    for number in range(days):
        frame = day(random, A_DAY, (drifts or {}).get(number, ""))
        seconds = np.sort(random.uniform(0, 86_400, A_DAY)) + number * 86_400
        frame["ts"] = pd.Timestamp(START) + pd.to_timedelta((seconds * 1e6).astype("int64"), unit="us")
        parts.append(frame)
    out = pd.concat(parts, ignore_index=True).assign(**more)
    return out.assign(id=[f"p{i:06d}" for i in range(len(out))])


def document(place: dict[str, Any], thresholds: list[dict[str, Any]] = ALL, **more: Any) -> dict[str, Any]:
    last = START + timedelta(days=REFERENCE - 1)
    return {
        "key": "m",
        "task": "binary_classification",
        "predictions": {**place, "columns": COLUMNS},
        "reference": {"from": f"{START:%Y-%m-%d}", "to": f"{last:%Y-%m-%d}"},
        "thresholds": thresholds,
    } | more


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., list[Verdict]]:
    """Evaluate a model, in one database however often; its multivariate verdicts."""
    store = connect(f"sqlite:///{tmp_path / 'state.db'}")
    migrate(store)

    def once(one: dict[str, Any], scope: Scope = FINISHED) -> list[Verdict]:
        with transaction(store) as session:
            models.apply(session, [one], tmp_path, "tests", LOOKED)
        with reading(store) as session:
            (watched,) = models.watched(session)
        found = evaluate(store, watched, scope, lambda: LOOKED, lambda share, words: None)
        assert found[-1].check == "model"
        once.model = found[-1]  # type: ignore[attr-defined]
        return [v for v in found if v.check == "drift.multivariate"]

    judging._MEMORY.clear()
    return once


def told(verdicts: list[Verdict], method: str) -> list[str]:
    return [str(v.status) for v in verdicts if v.method == method]


def test_each_drift_is_seen_by_the_test_that_is_for_it_and_no_other_day(
    run: Callable[..., list[Verdict]], tmp_path: Path
) -> None:
    rows = log({REFERENCE + 1: "flip", REFERENCE + 3: "swap"})
    found = run(document(write(rows, "parquet", tmp_path)))
    assert len(found) == AFTER * len(METHODS)
    assert told(found, "domain_classifier") == ["ok", "breached", "ok", "ok"]
    assert told(found, "pca_reconstruction")[1] in ("warning", "breached")
    assert told(found, "joint_with_prediction") == ["ok", "ok", "ok", "breached"]
    flipped = next(v for v in found if v.status == "breached")
    assert flipped.effect.startswith("a classifier tells this window from the reference with AUC 0.")
    assert {"a", "b"} == set(flipped.effect.rpartition("most by ")[2].split(", "))
    assert flipped.drift_score is not None
    assert flipped.null_quantile is not None
    assert flipped.drift_score > flipped.null_quantile > 2
    assert flipped.p_value is not None
    assert flipped.p_value < 1 / 91 / 3
    assert flipped.value is not None
    assert flipped.threshold is not None
    assert flipped.value > flipped.threshold == flipped.breached
    assert "from the reference's own windows" in flipped.reason
    json.dumps([v.as_json() for v in found])


def test_three_methods_share_the_budget(run: Callable[..., list[Verdict]], tmp_path: Path) -> None:
    place = write(log(), "parquet", tmp_path)
    one = run(document(place, [{"check": "drift.multivariate", "method": "pca_reconstruction"}]))
    three = run(document(place, [dict(t, false_alarms_per_quarter=6) for t in ALL]))
    assert {v.false_alarms for v in one} == {1.0}
    assert {v.false_alarms for v in three} == {2.0}


def test_a_drift_is_on_the_models_flag(run: Callable[..., list[Verdict]], tmp_path: Path) -> None:
    run(document(write(log({REFERENCE + AFTER - 1: "swap"}), "parquet", tmp_path)))
    assert "drift.multivariate: The prediction no longer follows from the features" in run.model.reason  # type: ignore[attr-defined]
    assert run.model.flag == "watch"  # type: ignore[attr-defined]


def test_nothing_is_read_unless_it_is_asked_for(
    run: Callable[..., list[Verdict]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> None:
        raise AssertionError("rows are read")

    monkeypatch.setattr(judging, "samples", refused)
    assert run(document(write(log(), "parquet", tmp_path), [])) == []


def test_a_threshold_without_a_method_means_two(run: Callable[..., list[Verdict]], tmp_path: Path) -> None:
    found = run(document(write(log(), "parquet", tmp_path), [{"check": "drift.multivariate"}]))
    assert {v.method for v in found} == {"domain_classifier", "joint_with_prediction"}


def test_a_look_that_finds_nothing_new_reads_no_row_and_says_the_same(
    run: Callable[..., list[Verdict]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = document(write(log({REFERENCE + 2: "shift"}), "parquet", tmp_path))
    first = run(one)
    with monkeypatch.context() as patched:
        patched.setattr(judging, "samples", lambda *_: pytest.fail("rows are read again"))
        again = run(one)
        assert again and all(v in first for v in again)
    write(log({REFERENCE + 2: "shift", REFERENCE + 3: "flip"}), "parquet", tmp_path)
    again = run(one)
    assert told(again, "domain_classifier")[-1] == "breached", "a window whose rows changed is judged again"
    others = [v for v in again if v.window.start != first[-1].window.start]
    assert others and all(v in first for v in others)


def test_a_window_alone_is_judged_as_among_others(run: Callable[..., list[Verdict]], tmp_path: Path) -> None:
    one = document(write(log({REFERENCE + 2: "mix"}), "parquet", tmp_path))
    every = run(one)
    judging._MEMORY.clear()
    third = START + timedelta(days=REFERENCE + 2)
    alone = run(one, Scope(start=third, end=third + timedelta(days=1), finished=True, diagnosed=False))
    assert alone == [v for v in every if v.window.start == third]


def test_where_the_reference_is_short_chance_is_judged_by_rows_and_said_to_be(
    run: Callable[..., list[Verdict]], tmp_path: Path
) -> None:
    place = write(log({REFERENCE + 1: "flip"}), "parquet", tmp_path)
    found = run(document(place, reference={"from": f"{START:%Y-%m-%d}", "to": f"{START + timedelta(days=4):%Y-%m-%d}"}))
    judged = [v for v in found if v.method == "domain_classifier"]
    assert all("Chance is judged row by row" in v.reason for v in judged)
    assert next(v for v in judged if v.window.start == START + timedelta(days=REFERENCE + 1)).status == "breached"


def test_too_few_rows_no_row_and_a_column_all_missing_are_said(
    run: Callable[..., list[Verdict]], tmp_path: Path
) -> None:
    rows = log()
    number = (rows["ts"] - pd.Timestamp(START)).dt.days
    few = rows[(number != REFERENCE + 1) & ((number != REFERENCE) | (rows.index % 6 == 0))].assign(c=np.nan)
    found = run(document(write(few, "parquet", tmp_path), ALL))
    assert set(told(found[:3], "domain_classifier")) == {"insufficient_data"}
    assert "40 rows in the window; at least 100 are needed." in {v.reason for v in found}
    by_day = {v.window.start: v.status for v in found if v.method == "domain_classifier"}
    assert by_day[START + timedelta(days=REFERENCE + 1)] == "no_data"
    assert by_day[START + timedelta(days=REFERENCE + 2)] == "ok"
    own = run(document(write(few, "parquet", tmp_path), [dict(ALL[0], min_rows=500)]))
    assert set(told(own, "domain_classifier")) <= {"insufficient_data", "no_data"}


def test_a_prediction_that_follows_from_nothing_cannot_show_a_swap(
    run: Callable[..., list[Verdict]], tmp_path: Path
) -> None:
    rows = log()
    found = run(
        document(write(rows.assign(score=rows["score"].sample(frac=1, random_state=0).values), "parquet", tmp_path))
    )
    assert set(told(found, "joint_with_prediction")) == {"insufficient_data"}
    assert (
        "too little for a change of the model to show" in next(v for v in found if "joint" in (v.method or "")).reason
    )


def test_a_new_version_explains_what_a_swap_would(run: Callable[..., list[Verdict]], tmp_path: Path) -> None:
    rows = log({REFERENCE + AFTER - 1: "swap"})
    last = rows["ts"] >= pd.Timestamp(START) + timedelta(days=REFERENCE + AFTER - 1)
    place = write(rows.assign(version=np.where(last, "v2", "v1")), "parquet", tmp_path)
    one = document(place)
    one["predictions"]["columns"] = {**COLUMNS, "version": "version"}
    found = run(one)
    assert told(found, "joint_with_prediction") == ["ok", "ok", "ok", "insufficient_data"]
    assert found[-2].reason == "v2 answered, of which the reference has no row."


def test_a_failure_is_a_verdict(
    run: Callable[..., list[Verdict]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = write(log(), "parquet", tmp_path)
    found = run(document(place, [{"check": "drift.multivariate", "method": "nonsense"}]))
    assert set(told(found, "nonsense")) == {"failed"}
    assert "known: domain_classifier" in found[0].reason

    def broken(*_: Any) -> None:
        raise ArithmeticError("no luck")

    monkeypatch.setattr(judging, "encoded", broken)
    found = run(document(place, ALL[:1]))
    assert {v.reason for v in found} == {"Domain classifier (AUC) failed: ArithmeticError: no luck"}
    monkeypatch.setattr(judging, "samples", broken)
    judging._MEMORY.clear()
    found = run(document(place, ALL[:1]))
    assert {str(v.status) for v in found} == {"failed"}
    assert {v.reason for v in found} == {"Rows could not be compared: ArithmeticError: no luck"}


def test_floors_and_direction_are_the_owners(run: Callable[..., list[Verdict]], tmp_path: Path) -> None:
    place = write(log({REFERENCE + 1: "flip", REFERENCE + 2: "swap"}), "parquet", tmp_path)
    high = run(document(place, [dict(ALL[0], breached=0.99)]))
    assert told(high, "domain_classifier") == ["ok"] * AFTER
    assert "beyond chance but too little to matter" in high[1].reason
    assert not high[1].automatic
    down = run(document(place, [dict(ALL[1], direction="down")]))
    assert told(down, "joint_with_prediction") == ["ok"] * AFTER
    assert "the way that does not matter" in down[2].reason


def test_it_is_of_all_columns_and_rows(tmp_path: Path) -> None:
    for name in ("column", "slice", "version"):
        with pytest.raises(FleetError, match="without column, slice and version"):
            fleet.parse(
                {"models": [document({"source": "csv", "location": "x"}, [dict(ALL[0], **{name: "a"})])]}, "test"
            )


def test_a_log_cut_by_rows_is_judged_by_its_chunks(run: Callable[..., list[Verdict]], tmp_path: Path) -> None:
    rows = log({REFERENCE + 2: "flip"})
    one = document(write(rows, "csv", tmp_path), ALL[:1], chunk={"rows": A_DAY}, reference={"rows": A_DAY * REFERENCE})
    found = run(one)
    assert [v.window.chunk for v in found] == [REFERENCE + i for i in range(AFTER)]
    assert told(found, "domain_classifier") == ["ok", "ok", "breached", "ok"]


@pytest.mark.parametrize("timed", [True, False])
def test_a_reference_log_of_its_own_is_compared_with(
    run: Callable[..., list[Verdict]], tmp_path: Path, timed: bool
) -> None:
    first = log(days=REFERENCE, seed=1)
    kept = first if timed else first.drop(columns=["ts"])
    reference = {**write(kept, "parquet", tmp_path / "ref", "ref"), "columns": {"score": "score"}}
    if timed:
        reference["columns"]["timestamp"] = "ts"
    rows = log({1: "flip"}, days=3)
    found = run(document(write(rows, "parquet", tmp_path / "log"), ALL[:2], reference=reference))
    assert told(found, "domain_classifier") == ["ok", "breached", "ok"]
    assert told(found, "joint_with_prediction") == ["ok", "ok", "ok"]
    assert all(("row by row" in v.reason) != timed for v in found)


def model_over(kind: str, folder: Path, rows: pd.DataFrame, url: str = "", **columns: Any) -> Model:
    one = document(write(rows, kind, folder, url=url), [])
    one["predictions"]["columns"] = COLUMNS | columns
    return parse_model(one, "test")


def windows(first: int, count: int) -> list[Slots]:
    start = slot_of(START) + first * 24
    return [Slots(start + 24 * i, start + 24 * i + 24) for i in range(count)]


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_many_windows_are_read_at_once_and_the_same_from_every_source(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgres_url") if kind == "postgres" else ""
    rows = log(days=3).iloc[:-200]
    found, every, alone = (
        read(kind, tmp_path, rows, url, *asked)
        for asked in ((windows(0, 4), 50), (windows(0, 4), 1_000), (windows(1, 1), 50))
    )
    assert [len(found[w].frame) for w in windows(0, 3)] == [50, 50, 40]
    assert windows(3, 1)[0] not in found
    second = windows(1, 1)[0]
    pd.testing.assert_frame_equal(alone[second].frame, found[second].frame)
    assert set(found[second].slot) <= set(range(second.first, second.last))
    raw = rows[rows["ts"].dt.day == (START + timedelta(days=1)).day]
    assert every[second].frame["a"].to_numpy() == pytest.approx(raw["a"].to_numpy(), rel=1e-6)
    parquet = read("parquet", tmp_path / "same", rows, "", windows(0, 4), 50)
    assert found[second].frame["a"].to_numpy() == pytest.approx(parquet[second].frame["a"].to_numpy(), rel=1e-6)


def read(
    kind: str, folder: Path, rows: pd.DataFrame, url: str, wanted: list[Slots], limit: int, **columns: Any
) -> dict[Slots, Sampled]:
    reader = LogReader(model_over(kind, folder, rows, url, **columns), folder)
    try:
        found, roles = samples(reader, wanted, limit, 0)
    finally:
        reader.close()
    assert roles.names == [*FEATURES, "score"]
    return found


def test_a_sample_without_ids_or_with_one_id_for_all_is_as_large(tmp_path: Path) -> None:
    for name, columns in (("none", {"id": None}), ("same", {"id": "same"})):
        rows = log(days=2).assign(same="x")
        found = read("parquet", tmp_path / name, rows, "", windows(0, 2), 20, **columns)
        again = read("parquet", tmp_path / name, rows, "", windows(1, 1), 20, **columns)
        assert [len(one.frame) for one in found.values()] == [20, 20]
        second = windows(1, 1)[0]
        pd.testing.assert_frame_equal(again[second].frame, found[second].frame)
