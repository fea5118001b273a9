"""The demo's loop: refitted on its own log, killed, begun again, promoted and rolled back while the replay goes on."""

from __future__ import annotations

import importlib
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from monitoring import fleet
from monitoring.core.retraining import underway
from monitoring.core.retraining.order import Action, Order
from monitoring.core.retraining.report import Report, RunState
from monitoring.core.retraining.request import Cause, Policy, RetrainRequest
from monitoring.core.retraining.state import State
from monitoring.demo import play, versions
from monitoring.demo.versions import Turn, Version
from monitoring.dispatchers.command import Command
from monitoring.dispatchers.command import allowed as permitted
from monitoring.retraining import candidates, decisions
from monitoring.store import models, retrains
from monitoring.store.database import MEMORY, connect, create, reading, transaction

SHIPPED = Path(__file__).parent.parent / "data"
KEY = "airport-congestion"
NOW = datetime(2026, 11, 25, 14, 32, 17, tzinfo=UTC)
UNTIL = datetime(2026, 11, 18, 14, tzinfo=UTC)


def order(action: Action, at: datetime = NOW, version: str = "", number: int = 1, key: str = KEY) -> Order:
    name = f"{key}-{number}"
    return Order(f"{name}/1", action, name, key, key, version, "", UNTIL, "Tests.", {}, "", at)


def command(target: Path, given: Order) -> subprocess.Popen[str]:
    """The dispatcher's command, with its order on its standard input."""
    run = subprocess.Popen(
        [sys.executable, str(SHIPPED / "retrain.py")], cwd=target, text=True, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert run.stdin is not None
    run.stdin.write(json.dumps(given.as_json()))
    run.stdin.close()
    run.stdin = None
    return run


def done(run: subprocess.Popen[str]) -> list[dict[str, Any]]:
    out, errors = run.communicate()
    assert run.returncode == 0, errors
    return [json.loads(line) for line in out.splitlines()]


def log(target: Path, kind: str) -> pd.DataFrame:
    frame: pd.DataFrame = pq.read_table(target / "logs" / KEY / kind).to_pandas()
    time = "landed_at" if kind == "labels" else "predicted_at"
    return frame.sort_values([time, "prediction_id"]).reset_index(drop=True)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped data with one small model."""
    folder = tmp_path_factory.mktemp("shipped")
    (folder / "logs").mkdir()
    for kind in play.KINDS:
        shutil.copy(SHIPPED / "logs" / f"{KEY}.{kind}.parquet", folder / "logs")
    models = yaml.safe_load((SHIPPED / "fleet.yaml").read_text())["models"]
    (folder / "fleet.yaml").write_text(yaml.safe_dump({"models": [m for m in models if m["key"] == KEY]}))
    return folder


@pytest.fixture(scope="module")
def laid(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo as of NOW."""
    target = tmp_path_factory.mktemp("demo") / "demo"
    play.load(data, target, NOW, lambda _words, _share: None)
    return target


@pytest.fixture(scope="module")
def said(laid: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """The demo after a retrain, and all that the command told."""
    target = tmp_path_factory.mktemp("retrained") / "demo"
    shutil.copytree(laid, target)
    return target, done(command(target, order(Action.RETRAIN)))


@pytest.fixture(scope="module")
def retrained(said: tuple[Path, list[dict[str, Any]]]) -> Path:
    return said[0]


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    """data/retrain.py as a module, for what needs no process of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SHIPPED)
        yield importlib.import_module("retrain")
        for name in ("retrain", "forecast"):
            sys.modules.pop(name, None)


def test_it_tells_how_far_it_is_and_then_which_version_it_is(said: tuple[Path, list[dict[str, Any]]]) -> None:
    *going_on, last = said[1]
    shares = [line["progress"] for line in going_on]
    assert shares == sorted(shares) and shares[0] >= 0 and shares[-1] < 1
    assert sum(line["message"].startswith("fitting tree") for line in going_on) > 100
    assert (last["state"], last["version"]) == ("candidate", "2")


def test_it_is_the_recipe_fitted_on_the_two_months_before_with_the_labels_known_by_then(
    said: tuple[Path, list[dict[str, Any]]], script: ModuleType
) -> None:
    """Fitted once more, apart from the script, on rows that are chosen apart from it: every shadow row agrees."""
    target, lines = said
    rows = log(target, "predictions").merge(log(target, "labels"), on="prediction_id")
    known = rows[rows["landed_at"] <= UNTIL]
    learned = known[(known["predicted_at"] > UNTIL - timedelta(days=61)) & (known["predicted_at"] <= UNTIL)]
    assert f"Fitted on {len(learned):,} rows" in lines[-1]["message"]

    forecast = sys.modules["forecast"]
    with threadpool_limits(1):
        model = forecast.fit(forecast.CONGESTION, learned)
    answered = log(target, "predictions")
    held = answered[answered["predicted_at"] > UNTIL]
    shadow = log(target, "shadow")
    assert shadow["prediction_id"].tolist() == held["prediction_id"].tolist()
    assert set(shadow["model_version"]) == {"2"}
    np.testing.assert_allclose(shadow["predicted"], forecast.predict(forecast.CONGESTION, model, held), rtol=1e-5)

    judged = shadow.merge(log(target, "labels"), on="prediction_id")
    assert lines[-1]["metrics"]["rows"] == len(judged) > 100
    found = np.abs(judged["predicted"] - judged["mean_delay"]).mean()
    assert lines[-1]["metrics"]["mae"] == pytest.approx(found, rel=1e-5)


def test_killed_while_it_fits_it_leaves_nothing_behind_and_is_simply_run_again(laid: Path, tmp_path: Path) -> None:
    target = tmp_path / "demo"
    shutil.copytree(laid, target)
    before = {p for p in target.rglob("*") if p.is_file()}
    run = command(target, order(Action.RETRAIN))
    assert run.stdout is not None
    while "fitting tree 20 " not in (line := run.stdout.readline()):
        assert line
    run.kill()
    run.communicate()
    assert {p for p in target.rglob("*") if p.is_file()} == before
    assert versions.turns(target / "models" / KEY) == [Turn(versions.BEFORE_ALL, "1")]
    assert done(command(target, order(Action.RETRAIN)))[-1]["version"] == "2"


def test_the_same_order_brings_out_the_same_version_and_another_one_the_next(
    retrained: Path, tmp_path: Path, script: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "demo"
    shutil.copytree(retrained, target)
    kept = versions.turns(target / "models" / KEY)
    script.retrain(order(Action.RETRAIN), target)
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["version"] == "2"
    assert versions.turns(target / "models" / KEY) == kept
    script.retrain(order(Action.RETRAIN, number=2), target)
    assert versions.turns(target / "models" / KEY)[-1] == Turn(kept[-1].since, "1", "3")
    assert set(log(target, "shadow")["model_version"]) == {"2", "3"}


def test_a_version_that_is_not_there_is_refused_with_its_reason(laid: Path, tmp_path: Path) -> None:
    target = tmp_path / "demo"
    shutil.copytree(laid, target)
    run = command(target, order(Action.PROMOTE, version="7"))
    _out, errors = run.communicate()
    assert run.returncode == 1
    assert "version 7 is not in" in errors
    assert not (target / "models" / KEY / "turns.json").exists()


STEPS = st.lists(
    st.tuples(st.sampled_from(["promote", "roll back", "reject", "killed", ""]), st.integers(1, 40)),
    min_size=2,
    max_size=6,
)


@settings(max_examples=8)
@given(steps=STEPS)
def test_each_replayed_row_is_answered_once_by_the_version_that_served_at_its_moment(
    steps: list[tuple[str, int]], retrained: Path, data: Path, script: ModuleType,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    """Whatever is decided, and wherever a replay is killed: what was answered stays, and nothing is answered twice."""
    target = tmp_path_factory.mktemp("replayed") / "demo"
    shutil.copytree(retrained, target)
    now, answered = NOW, log(target, "predictions")
    turns = [(answered["predicted_at"].max().to_pydatetime(), "1", "2")]
    for what, hours in steps:
        if what in ("promote", "roll back"):
            version = "2" if what == "promote" else "1"
            serves = turns[-1][1]
            if version != serves:
                turns.append((max(now, answered["predicted_at"].max().to_pydatetime()), version, serves))
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(sys, "__stdout__", io.StringIO())
                script.promote(order(Action.PROMOTE, now, version), target)
        if what == "reject":
            if turns[-1][2] == "2":
                turns.append((max(now, answered["predicted_at"].max().to_pydatetime()), turns[-1][1], ""))
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(sys, "__stdout__", io.StringIO())
                script.reject(order(Action.REJECT, now, "2"), target)
        now += timedelta(hours=hours)
        if what == "killed":
            with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
                patch.setattr(play, "_write_state", killed)
                play.replay(target, data, now)
        else:
            play.replay(target, data, now)
        after = log(target, "predictions")
        pd.testing.assert_frame_equal(after.head(len(answered)), answered)
        answered = after
    play.replay(target, data, now + timedelta(hours=1))

    rows, shadow = log(target, "predictions"), log(target, "shadow")
    shipped = log_of(data)
    assert rows["prediction_id"].is_unique
    assert rows["prediction_id"].tolist() == shipped["prediction_id"].tolist()[: len(rows)]
    shipped = shipped.head(len(rows))
    trees = Version.load(target / "models" / KEY, "2")
    refitted, _ = trees.scored(shipped, np.zeros(len(shipped), bool))
    values = {"1": shipped["predicted"].to_numpy(), "2": refitted.astype(np.float32)}
    at = np.searchsorted(pd.DatetimeIndex([t[0] for t in turns]), pd.DatetimeIndex(rows["predicted_at"]), side="left")
    serving = np.where(at > 0, np.array([t[1] for t in turns])[at - 1], "1")
    assert rows["model_version"].tolist() == serving.tolist()
    np.testing.assert_array_equal(rows["predicted"], np.where(serving == "1", values["1"], values["2"]))

    beside = np.where(at > 0, np.array([t[2] for t in turns])[at - 1], "2")
    held = (rows["predicted_at"] > UNTIL).to_numpy() & (beside != "")
    assert shadow["prediction_id"].tolist() == rows["prediction_id"][held].tolist()
    assert shadow["model_version"].tolist() == beside[held].tolist()
    np.testing.assert_array_equal(shadow["predicted"], np.where(beside == "1", values["1"], values["2"])[held])


def killed(*_: object) -> None:
    raise KeyboardInterrupt


def log_of(data: Path) -> pd.DataFrame:
    """The shipped log as the replay answers it without a retrain."""
    frame: pd.DataFrame = pq.read_table(data / "logs" / f"{KEY}.predictions.parquet").to_pandas()
    return frame.sort_values(["predicted_at", "prediction_id"]).reset_index(drop=True)


def test_candidate_and_promotion_are_compared_once_in_ten_minutes_also_where_that_is_not_possible(
    retrained: Path, data: Path, script: ModuleType, tmp_path: Path
) -> None:
    target = tmp_path / "demo"
    shutil.copytree(retrained, target)
    store, now = connect(MEMORY), NOW + timedelta(seconds=1)
    create(store)
    with transaction(store) as session:
        models.apply(session, fleet.load(target / "fleet.yaml"), target, "tests", now)
        made = RetrainRequest(
            KEY, 1, KEY, "ops", Cause.PERSON, "It decays.", "ann", "x", State.CANDIDATE, now, now, Policy("command"),
            champion="1", version="2", train_until=UNTIL,
        )  # fmt: skip
        retrains.open_request(session, made, (), now)

    def step(after: timedelta) -> tuple[int, RetrainRequest]:
        looked = candidates.step(store, now + after, lambda share, words: None)
        with reading(store) as session:
            return looked, retrains.one(session, made.key)

    looked, found = step(timedelta(0))
    assert looked == 1 and found.state == State.EVALUATED and found.gain is not None
    assert found.comparison is not None and found.comparison["verdict"] in ("worse", "equal", "unsure")
    assert step(timedelta(minutes=9))[0] == 0
    with transaction(store) as session:
        decisions.promote(session, made.key, "ann", now, "To see it.")
        report = partial(underway.reported, report=Report(RunState.DONE), now=now)
        retrains.change(session, made.key, report, now)
    script.promote(order(Action.PROMOTE, now, "2"), target)
    looked, found = step(timedelta(minutes=10))
    assert looked == 1 and found.measured is None and "has no" in found.message
    assert step(timedelta(minutes=19))[0] == 0
    play.replay(target, data, now + timedelta(days=5))
    looked, found = step(timedelta(days=5))
    assert looked == 1 and found.state == State.PROMOTED and found.message == ""
    assert found.measured is not None and found.measured["rows"] > 200
    rows = log(target, "predictions").merge(log(target, "shadow"), on="prediction_id", suffixes=("", "_old"))
    rows = rows[rows["predicted_at"] >= now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)]
    rows = rows.merge(log(target, "labels"), on="prediction_id")
    error = {name: np.abs(rows[name] - rows["mean_delay"]).mean() for name in ("predicted", "predicted_old")}
    assert found.measured["value"] == pytest.approx(error["predicted_old"] - error["predicted"], rel=1e-4)


def test_every_tenth_answer_is_timed_and_a_failed_request_gets_none(retrained: Path, data: Path) -> None:
    rows = pq.read_table(data / "logs" / f"{KEY}.predictions.parquet").slice(0, 200)
    lost = pa.array([None if i < 20 else 1.0 for i in range(200)], pa.float32())
    rows = rows.set_column(rows.schema.get_field_index("predicted"), "predicted", lost)
    rows = rows.append_column("latency_ms", pa.array([5.0] * 200, pa.float32()))
    columns = {
        "id": "prediction_id", "timestamp": "predicted_at", "prediction": "predicted", "version": "model_version",
        "latency_ms": "latency_ms",
    }  # fmt: skip
    found = Version.load(retrained / "models" / KEY, "2").answered(rows, columns).to_pandas()
    assert found["predicted"].isna().tolist() == [i < 20 for i in range(200)]
    timed = found["latency_ms"].notna()
    assert timed.tolist() == (~found["predicted"].isna() & (found["prediction_id"] % 10 == 0)).tolist()
    assert (found["latency_ms"][timed] > 0).all() and not (found["latency_ms"] == 5.0).any()
    assert len(versions.shadow_of(rows, columns)) == 180


def test_the_laid_down_fleet_is_retrained_by_a_command_that_the_demo_allows_and_no_other(laid: Path) -> None:
    document = fleet.load(laid / "fleet.yaml")[0]
    model = fleet.parse_model(document, "fleet.yaml")
    found = model.retraining.dispatcher
    assert isinstance(found, Command)
    assert model.retraining.shadow is not None and model.retraining.shadow.location == f"logs/{KEY}/shadow"
    for words in (found.command, found.promote, found.roll_back):
        assert permitted(words, play.allowed(Path(found.command[1]).parent))
    assert not permitted(("{python}", str(SHIPPED / "build.py")), play.allowed(SHIPPED))
