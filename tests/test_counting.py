"""Rows counted in this process give the same cells, sums and census as the statement that a server runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from monitoring.core.profile import Profile
from monitoring.core.summary import Block, Kind
from monitoring.core.window import slot_of
from monitoring.fleet import Model, parse_model
from monitoring.logs import read, repeats
from monitoring.logs.engine import DuckEngine, LogEngine
from monitoring.logs.profiling import profile_of
from monitoring.logs.read import LABELLED, summarise
from monitoring.logs.reader import LogReader
from monitoring.logs.repeats import Repeats
from monitoring.logs.rows import Bounds
from monitoring.logs.sums import Census
from tests.logs_of import START, binary_model, flights, multiclass, regression, write

FIRST = slot_of(pd.Timestamp(START))
DAYS = Bounds(((FIRST, FIRST + 24), (FIRST + 30, FIRST + 96)))


@dataclass
class Server:
    """DuckDB as if it were far away: it is not asked for rows, only for counts."""

    engine: DuckEngine

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)


def odd(log: pd.DataFrame, seed: int = 3) -> pd.DataFrame:
    """A log with what logs have: nulls, numbers that are none, far ones, new categories, ids that come again."""
    draw = np.random.default_rng(seed)
    log = log.sample(frac=1, random_state=seed).reset_index(drop=True)

    def some(share: float) -> np.ndarray:
        return draw.random(len(log)) < share

    for value in (np.nan, np.inf, -np.inf, 1e301, -1e12, 0.0):
        log.loc[some(0.02), "distance"] = value
    for name in ("score", "p_late", "eta"):
        if name in log:
            for value in (np.nan, np.inf, -0.3, 1.0, 0.0, 1.7, 0.5, 100.0, 1e20):
                log.loc[some(0.01), name] = value
    log.loc[some(0.05), "carrier"] = None
    log.loc[some(0.05), "carrier"] = "ZZ"
    log.loc[some(0.05), "origin"] = None
    log.loc[some(0.05), "latency"] = np.nan
    log.loc[some(0.05), "status"] = "error"
    log.loc[some(0.03), "status"] = None
    log.loc[some(0.03), "status"] = "429"
    log.loc[some(0.03), "status"] = "probe"
    log.loc[some(0.1), "observed_at"] = None
    for name in ("label", "actual", "outcome"):
        if name in log:
            log[name] = log[name].astype(object).where(~some(0.2), None)
    log.loc[some(0.03), "id"] = log.id[7]
    log.loc[some(0.01), "id"] = None
    return log


def binary(place: dict[str, Any]) -> dict[str, Any]:
    return binary_model(place)


def far_labels(place: dict[str, Any]) -> dict[str, Any]:
    labels = {**place, "columns": {"id": "id", "label": "label", "observed_at": "observed_at"}}
    return binary_model(place, labels=labels)


def of_eta(place: dict[str, Any]) -> dict[str, Any]:
    columns = {
        "id": "id", "timestamp": "ts", "prediction": "eta", "label": "actual", "status": "status",
        "features": ["distance", "carrier"], "slices": ["origin", "carrier"],
    }  # fmt: skip
    meant = {429: "error", "probe": "left_out"}
    predictions = {**place, "columns": columns, "statuses": meant}
    return binary_model(place, task="regression", slos=[]) | {"predictions": predictions}


def of_outcome(place: dict[str, Any]) -> dict[str, Any]:
    scores = {name: f"p_{name}" for name in ("late", "early", "cancelled")}
    columns = {"timestamp": "ts", "score": scores, "label": "outcome", "latency_ms": "latency", "features": ["hour"]}
    model = binary_model(place, task="multiclass_classification", slos=[])
    return model | {"predictions": {**place, "columns": columns}}


def by_rows(place: dict[str, Any]) -> dict[str, Any]:
    columns = {"prediction": "said", "label": "outcome", "status": "status", "features": "*"}
    model = binary_model(place, task="multiclass_classification", slos=[], chunk={"rows": 50}, reference={"rows": 200})
    return model | {"predictions": {**place, "columns": columns}}


SHAPES: dict[str, tuple[Callable[[dict[str, Any]], dict[str, Any]], Callable[..., pd.DataFrame]]] = {
    "binary, its label in the row": (binary, flights),
    "binary, labels in a log of their own": (far_labels, flights),
    "regression, two slices": (of_eta, regression),
    "multiclass with scores": (of_outcome, multiclass),
    "cut by rows": (by_rows, multiclass),
}


Counted = tuple[dict[tuple[Any, int], Any], Census]


def counted(
    reader: LogReader, model: Model, engine: Any, profile: Profile, bounds: Bounds, kinds: frozenset[Kind] | None
) -> Counted:
    predictions = reader.relation("predictions", reader.parts("predictions"))
    labels = reader.relation("labels", reader.parts("labels")) if model.labels else None
    blocks, census = summarise(engine, model, profile, predictions, labels, bounds, kinds, hashed=0)
    found: dict[tuple[Any, int], Block] = {(b.series, b.block): b for b in blocks}
    assert len(found) == len(blocks)
    return {key: b.cells for key, b in found.items()}, census


def assert_same(here: Counted, there: Counted) -> None:
    assert here[1] == there[1]
    assert here[0].keys() == there[0].keys()
    for key, cells in here[0].items():
        other = there[0][key]
        for name in ("slots", "known", "codes", "counts", "sum_slots", "sum_known"):
            assert getattr(cells, name).tolist() == getattr(other, name).tolist(), (key, name)
        np.testing.assert_allclose(cells.sums, other.sums, rtol=1e-12, atol=1e-9, err_msg=str(key))


def opened(tmp_path: Path, shape: str, log: pd.DataFrame) -> tuple[LogReader, Model, Profile, Bounds]:
    document = SHAPES[shape][0](write(log, "parquet", tmp_path))
    model = parse_model(document, "a test")
    reader = LogReader(model, tmp_path)
    predictions = reader.relation("predictions", reader.parts("predictions"))
    labels = reader.relation("labels", reader.parts("labels")) if model.labels else None
    timed = model.chunk.rows is None
    past = Bounds(((FIRST, FIRST + 48),)) if timed else Bounds(((0, 4),))
    profile = profile_of(reader.engine, model, predictions, labels, past)
    return reader, model, profile, DAYS if timed else Bounds(((0, 9), (11, 14)))


@pytest.mark.parametrize("at_once", [17, 100_000])
@pytest.mark.parametrize("kinds", [None, LABELLED], ids=["all", "labels only"])
@pytest.mark.parametrize("shape", SHAPES)
def test_counting_here_gives_what_counting_there_gives(
    shape: str, kinds: frozenset[Kind] | None, at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "ROWS", at_once)
    reader, model, profile, bounds = opened(tmp_path, shape, odd(SHAPES[shape][1](days=4, per_hour=8)))
    assert isinstance(reader.engine, DuckEngine)
    there: LogEngine = Server(reader.engine)
    here = counted(reader, model, reader.engine, profile, bounds, kinds)
    assert here[0] and bool(here[1]) == (kinds is None)
    assert_same(here, counted(reader, model, there, profile, bounds, kinds))
    reader.close()


def test_rows_in_no_order_of_time_leave_repeated_ids_to_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "ROWS", 100)
    monkeypatch.setattr(repeats, "PENDING", 50)
    shape = "binary, its label in the row"
    reader, model, profile, bounds = opened(tmp_path, shape, odd(flights(days=4, per_hour=8)))
    assert isinstance(reader.engine, DuckEngine)
    here = counted(reader, model, reader.engine, profile, bounds, None)
    assert_same(here, counted(reader, model, Server(reader.engine), profile, bounds, None))
    reader.close()


def test_a_census_taken_while_reading_is_the_census_taken_before(tmp_path: Path) -> None:
    reader, model, profile, _ = opened(tmp_path, "binary, its label in the row", odd(flights(days=4, per_hour=8)))
    whole = Bounds(((FIRST, FIRST + 96),))
    _, census = counted(reader, model, reader.engine, profile, whole, None)
    assert census == reader.census(reader.relation("predictions", reader.parts("predictions")))
    reader.close()


@pytest.mark.parametrize("pending", [1, 40, 10_000])
@pytest.mark.parametrize("seed", range(5))
def test_repeats_are_those_within_a_key(pending: int, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "PENDING", pending)
    draw = np.random.default_rng(seed)
    keys, hashes = np.sort(draw.integers(0, 12, 300)), draw.integers(0, 40, 300).astype(np.uint64)
    keys[100:160] = draw.permutation(keys[100:160])  # a little out of order, as logs are
    counting = Repeats()
    for at in range(0, 300, 30):
        counting.add(keys[at : at + 30], hashes[at : at + 30])
    found = counting.found()
    frame = pd.DataFrame({"key": keys, "id": hashes})
    wanted = frame[frame.duplicated()].key.value_counts().to_dict()
    if not counting.lost:
        assert found == wanted
    assert not (counting.lost and pending == 10_000)
