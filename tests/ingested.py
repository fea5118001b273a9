"""What tests of reading logs share: a model with its logs and a store, and what all of it comes to."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Engine, select

from monitoring.baseline import freeze, save
from monitoring.core.codec import decode, decode_total
from monitoring.core.summary import Cells, Series
from monitoring.fleet import Model, parse_model
from monitoring.ingest import Ingested, ingest
from monitoring.logs.reader import LogReader
from monitoring.store import models
from monitoring.store.database import connect, create, reading, transaction
from monitoring.store.tables import SeriesRow, SlotRow, SourceRow, SummaryRow
from tests.logs_of import binary_model, flights, regression

NOW = datetime(2026, 4, 1, tzinfo=UTC)
LOG = flights(days=2, per_hour=4, seed=5)
LABELS = LOG[["id", "label", "observed_at"]]
PREDICTIONS = LOG.drop(columns=["label", "observed_at"])
ETA = regression(days=2, per_hour=4, seed=5)

State = tuple[dict[tuple[Series, int], Cells], dict[int, tuple[int, str]]]


def document(place: Path, **changes: Any) -> dict[str, Any]:
    labels = {
        "source": "parquet",
        "location": str(place / "labels"),
        "columns": {"id": "id", "label": "label", "observed_at": "observed_at"},
    }
    where = {"source": "parquet", "location": str(place / "predictions")}
    return binary_model(where, **({"labels": labels} | changes))


def eta(place: Path) -> dict[str, Any]:
    """A regression, whose exact sums of errors are to be the same as well."""
    model = document(place, task="regression", slos=[])
    model["predictions"]["columns"] = {
        "id": "id", "timestamp": "ts", "prediction": "eta", "version": "version", "slices": ["origin"],
        "features": ["distance"],
    }  # fmt: skip
    model["labels"]["columns"]["label"] = "actual"
    return model


@dataclass
class Bench:
    """A model, its logs in a folder, and a store."""

    place: Path
    store: Engine
    model: Model
    id: int = 0

    def run(self, progress: Callable[[float, str], None] = lambda share, words: None, now: datetime = NOW) -> Ingested:
        return ingest(self.store, self.id, self.model, self.place, now, None, progress)

    def put(self, name: str, rows: pd.DataFrame, role: str = "predictions") -> Path:
        folder = self.place / role
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.parquet"
        rows.to_parquet(path, index=False)
        return path

    def state(self) -> State:
        """All summaries, decoded, and what is known of every slot."""
        cells: dict[tuple[Series, int], Cells] = {}
        with reading(self.store) as session:
            query = select(SeriesRow, SummaryRow).join(SummaryRow, SummaryRow.series_id == SeriesRow.id)
            for series, row in session.execute(query):
                found = decode(row.cells)
                assert row.n == found.n
                total, whole = decode_total(row.total), found.histogram()
                assert np.array_equal(total.codes, whole.codes) and np.array_equal(total.counts, whole.counts)
                cells[Series(series.kind, series.column, series.version, series.slice), row.block] = found
            slots = {r.slot: (r.rows, r.checksum) for r in session.scalars(select(SlotRow))}
        return cells, slots

    def source(self) -> SourceRow:
        with reading(self.store) as session:
            return session.scalars(select(SourceRow).where(SourceRow.role == "predictions")).one()


@contextmanager
def bench(
    shape: Callable[[Path], dict[str, Any]] = document,
    log: pd.DataFrame = PREDICTIONS,
    labels: pd.DataFrame = LABELS,
    url: str | None = None,
    frozen: bool = True,
) -> Iterator[Bench]:
    """An empty store, its baseline frozen on the whole log, so that every way of reading has the same grids."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        store = connect(url or f"sqlite:///{place / 'store.db'}")
        create(store)
        model = parse_model(shape(place), "a test")
        made = Bench(place, store, model)
        with transaction(store) as session:
            models.apply(session, [shape(place)], place, "a test", NOW)
        with reading(store) as session:
            made.id = models.watched(session)[0].id
        if frozen:
            files = [made.put("all", log), made.put("all", labels, "labels")]
            reader = LogReader(model, place)
            with transaction(store) as session:
                save(session, made.id, model, freeze(reader, place), NOW)
            reader.close()
            for file in files:
                file.unlink()
        yield made
        store.dispose()


def assert_same(found: State, wanted: State) -> None:
    """Cell for cell; exact sums are floats, whose order of adding may show in the last digits. Rows of files that were
    old when they were first read have no checksum."""
    assert found[1].keys() == wanted[1].keys(), sorted(found[1].keys() ^ wanted[1].keys())
    for slot, (rows, checksum) in found[1].items():
        assert rows == wanted[1][slot][0]
        assert "" in (checksum, wanted[1][slot][1]) or checksum == wanted[1][slot][1]
    assert found[0].keys() == wanted[0].keys(), sorted(map(str, found[0].keys() ^ wanted[0].keys()))[:10]
    for key, cells in found[0].items():
        other = wanted[0][key]
        for name in ("slots", "known", "codes", "counts", "sum_slots", "sum_known"):
            assert np.array_equal(getattr(cells, name), getattr(other, name)), (key, name)
        np.testing.assert_allclose(cells.sums, other.sums, rtol=1e-12, atol=1e-9, err_msg=str(key))


def from_scratch(
    shape: Callable[[Path], dict[str, Any]] = document, log: pd.DataFrame = PREDICTIONS, labels: pd.DataFrame = LABELS
) -> State:
    """One run over one file each, with the grids of the whole log."""
    whole, known = (PREDICTIONS, LABELS) if shape is document else (ETA, ETA[["id", "actual", "observed_at"]])
    with bench(shape, whole, known) as one:
        one.put("log", log)
        one.put("log", labels, "labels")
        one.run()
        return one.state()


@cache
def everything(shape: Callable[[Path], dict[str, Any]] = document) -> State:
    """What one run over all rows gives."""
    return from_scratch() if shape is document else from_scratch(eta, ETA, ETA[["id", "actual", "observed_at"]])
