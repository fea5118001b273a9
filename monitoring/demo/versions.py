"""The versions of a demo model: which one serves and which one shadows it, since when, and what a refitted one answers.

    target/models/<key>/turns.json       who serves and who shadows, since which moment
    target/models/<key>/2/model.pickle   what data/retrain.py fitted, and about.json: from what

A row is answered by the version that serves at its moment, once, when it is laid down. Nothing here is trained.
"""

from __future__ import annotations

import json
import pickle
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.demo.files import put_text

SHIPPED = "1"
"""The version that the shipped logs are of: its answers are in them."""
TIMED = 10
"""Every tenth row, by its id, is scored alone and timed; the others together, which takes a fiftieth of the time."""
TIMES = 3
"""So often is it timed, and the least counts: what else the machine did at the moment is not the version's."""
BEFORE_ALL = datetime.min.replace(tzinfo=UTC)
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Turn:
    """Who serves rows that come after a moment, and whose answers to them go to the shadow log; "" for nobody's."""

    since: datetime
    serves: str
    shadows: str = ""


def turns(place: Path) -> list[Turn]:
    """Of a model's folder, in order of time. The first is of the shipped version, and of all rows before the others."""
    try:
        kept = json.loads((place / "turns.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        kept = []
    first = Turn(BEFORE_ALL, SHIPPED)
    return [first, *(Turn(datetime.fromisoformat(t["since"]), t["serves"], t["shadows"]) for t in kept)]


def take_turn(place: Path, turn: Turn) -> None:
    """From now on it is like this. Whoever says so is alone, and no row after `since` was laid down."""
    kept = [{"since": t.since.isoformat(), "serves": t.serves, "shadows": t.shadows} for t in [*turns(place)[1:], turn]]
    put_text(place / "turns.json", json.dumps(kept, indent=1) + "\n")


def served(rows: pa.Table, place: Path, columns: Mapping[str, Any]) -> pa.Table:
    """Rows of the shipped prediction log as the versions of their moments answer them."""
    parts = [
        piece if turn.serves == SHIPPED else _version(place, turn.serves).answered(piece, columns)
        for turn, piece in _pieces(rows, place, columns)
    ]
    return pa.concat_tables(parts) if parts else rows.slice(0, 0)


def shadowed(rows: pa.Table, place: Path, columns: Mapping[str, Any]) -> pa.Table:
    """The shadow log's rows of shipped predictions: what the version beside would have answered."""
    parts = [
        piece if turn.shadows == SHIPPED else _version(place, turn.shadows).answered(piece, columns)
        for turn, piece in _pieces(rows, place, columns)
        if turn.shadows
    ]
    return shadow_of(pa.concat_tables(parts) if parts else rows.slice(0, 0), columns)


def shadow_of(rows: pa.Table, columns: Mapping[str, Any]) -> pa.Table:
    """Answered rows as the shadow log keeps them: without their inputs, and without those that got no answer."""
    kept = [columns[n] for n in ("id", "timestamp", "score", "prediction", "version", "latency_ms") if n in columns]
    return rows.filter(pc.is_valid(rows.column(columns["prediction"]))).select(kept)


@dataclass(frozen=True, slots=True)
class Version:
    """A refitted model: trees over numbers and coded categories. Scored on one thread, as a service would."""

    name: str
    numbers: tuple[str, ...]
    categories: tuple[str, ...]
    codes: tuple[Mapping[str, float], ...]
    classifier: bool
    trees: Any

    @classmethod
    def load(cls, place: Path, name: str) -> Version:
        """As data/retrain.py pickled it: a file of our own, never one from elsewhere. Raises OSError without it."""
        return cls(name, **pickle.loads((place / name / "model.pickle").read_bytes()))

    def answered(self, rows: pa.Table, columns: Mapping[str, Any]) -> pa.Table:
        """Rows of a prediction log with this version's answers, its name, and how long it took, where that was
        measured. A request that failed before the model was asked gets no answer from this one either."""
        frame = rows.to_pandas()
        asked = frame[columns["prediction"]].notna().to_numpy()
        values, latency = np.full(len(frame), np.nan), np.full(len(frame), np.nan)
        timed = frame[columns["id"]].to_numpy() % TIMED == 0 if "latency_ms" in columns else np.zeros(len(frame), bool)
        values[asked], latency[asked] = self.scored(frame[asked], timed[asked])
        prediction = np.where(np.isnan(values), np.nan, values >= 0.5) if self.classifier else values
        changed = {columns["prediction"]: prediction, columns["version"]: np.full(len(frame), self.name, object)}
        if self.classifier:
            changed[columns["score"]] = values
        if "latency_ms" in columns:
            changed[columns["latency_ms"]] = latency
        for name, found in changed.items():
            number = rows.schema.get_field_index(name)
            field = rows.schema.field(number)
            rows = rows.set_column(number, field, pa.array(found, from_pandas=True).cast(field.type, safe=False))
        return rows

    def scored(self, frame: pd.DataFrame, timed: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Answers, and milliseconds of the rows to be `timed`, else NaN."""
        from threadpoolctl import threadpool_limits

        latency = np.full(len(frame), np.nan)
        if frame.empty:
            return latency.copy(), latency
        inputs = self._inputs(frame)
        with threadpool_limits(1):  # OpenMP's threads take twenty times as long for a row when the machine is busy
            values = self._predict(inputs)
            for row in np.flatnonzero(timed):
                took = []
                for _ in range(TIMES):
                    began = time.perf_counter()
                    values[row] = self._predict(inputs[row : row + 1])[0]
                    took.append(time.perf_counter() - began)
                latency[row] = min(took) * 1000
        return values, latency

    def _inputs(self, frame: pd.DataFrame) -> Floats:
        coded = [
            frame[name].map(known).fillna(-1.0) for name, known in zip(self.categories, self.codes, strict=True)
        ]  # a category that was not there when it was fitted is -1
        parts = [*(frame[name] for name in self.numbers), *coded]
        return np.column_stack([part.to_numpy(dtype=np.float64) for part in parts])

    def _predict(self, inputs: Floats) -> Floats:
        found = self.trees.predict_proba(inputs)[:, 1] if self.classifier else self.trees.predict(inputs)
        return np.asarray(found, dtype=np.float64)


def _version(place: Path, name: str) -> Version:
    return _loaded(place, name, (place / name / "model.pickle").stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _loaded(place: Path, name: str, _written: int) -> Version:
    return Version.load(place, name)


def _pieces(rows: pa.Table, place: Path, columns: Mapping[str, Any]) -> Iterator[tuple[Turn, pa.Table]]:
    """Rows by the turn that they come in, without empty ones."""
    times = rows.column(columns["timestamp"])
    found = turns(place)
    for turn, following in zip(found, [*found[1:], None], strict=True):
        inside = pc.greater(times, pa.scalar(turn.since, times.type))
        if following is not None:
            inside = pc.and_(inside, pc.less_equal(times, pa.scalar(following.since, times.type)))
        if len(piece := rows.filter(inside)):
            yield turn, piece
