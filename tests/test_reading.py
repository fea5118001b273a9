"""What reading a log relies on: engines that know nothing of each other, categories found by their hashes, and times
that files tell themselves."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import literal_column, select

from monitoring.core.grid import MISSING, REST, UNSEEN, CategoricalGrid
from monitoring.errors import SourceError
from monitoring.fleet import parse_model
from monitoring.logs import engine as engines
from monitoring.logs.engine import DuckEngine
from monitoring.logs.expressions import Expression, epoch, slot
from monitoring.logs.footers import times
from monitoring.logs.overview import overview
from monitoring.logs.reader import LogReader
from monitoring.logs.vocabulary import vocabulary

NOW = datetime(2026, 3, 20, tzinfo=UTC)
HASHES = st.integers(0, 2**64 - 1)


def _held(engine: DuckEngine) -> list[int]:
    found: list[int] = engine.arrow('SELECT a FROM "log"')["a"].to_pylist()
    return found


def test_engines_of_one_process_know_nothing_of_each_others_relations() -> None:
    one, other = DuckEngine(), DuckEngine()
    one.arrow('CREATE TEMP TABLE "log" AS SELECT 1 AS a')
    with pytest.raises(SourceError, match="log"):
        _held(other)
    other.arrow('CREATE TEMP VIEW "log" AS SELECT 2 AS a')
    assert (_held(one), _held(other)) == ([1], [2])
    one.close()
    assert _held(other) == [2]


def test_times_are_utc_in_every_engine() -> None:
    hour = "SELECT extract('hour' FROM TIMESTAMPTZ '2026-01-01 05:00:00+00') AS h"
    assert [DuckEngine().arrow(hour)["h"].to_pylist() for _ in range(2)] == [[5], [5]]


def test_an_instance_that_answers_nothing_any_more_is_replaced() -> None:
    engines._instance().close()
    assert DuckEngine().arrow("SELECT 1 AS a")["a"].to_pylist() == [1]


@given(st.lists(HASHES, min_size=1, max_size=60, unique=True), st.lists(HASHES, max_size=60), st.data())
def test_a_text_is_found_by_its_hash_as_by_a_search(hashes: list[int], others: list[int], data: st.DataObject) -> None:
    named = data.draw(st.integers(0, len(hashes) - 1))
    complete = data.draw(st.booleans())
    rare = [f"r{n}" for n in range(len(hashes) - 1 - named)] if complete else []
    known = hashes[: named + len(rare)] + hashes[-1:]  # of the values, the others, and of a missing text
    grid = CategoricalGrid(tuple(f"v{n}" for n in range(named)), tuple(rare), complete)
    table = vocabulary(grid, np.asarray(known, np.uint64))
    near = [h ^ (1 << bit) for h in known for bit in (0, 31, 63)]
    asked = [*known, *near, *others, 0, 2**64 - 1]
    meant = dict(zip(known, [*range(named), *[REST] * len(rare), MISSING], strict=True))
    expected = [meant.get(h, UNSEEN if complete else REST) for h in asked]
    assert table.meaning[table.find(np.asarray(asked, np.uint64))].tolist() == expected


AWARE = pd.date_range("2026-03-02 00:30", periods=60, freq="47min", tz="UTC")
NAIVE = AWARE.tz_localize(None)
TIMES = {
    "aware": (pa.array(AWARE), True),
    "naive": (pa.array(NAIVE), True),
    "nanoseconds": (pa.array(NAIVE.astype("datetime64[ns]")), True),
    "of another zone": (pa.array(AWARE.tz_convert("America/New_York")), True),
    "some before 1970": (pa.array([t - pd.Timedelta(days=30_000 * (n < 5)) for n, t in enumerate(AWARE)]), True),
    "some null": (pa.array([None if n % 7 == 0 else t for n, t in enumerate(AWARE)]), True),
    "all null": (pa.array([None] * 60, pa.timestamp("us", "UTC")), False),
    "some after now": (pa.array(AWARE + pd.Timedelta(days=30)), True),
    "days": (pa.array(AWARE.date), False),
    "seconds": (pa.array(AWARE.as_unit("s").astype("int64")), False),
    "text": (pa.array(AWARE.strftime("%Y-%m-%dT%H:%M:%SZ")), False),
}
"""By name: the times of a log, and whether a file of them says between what they lie."""


@pytest.mark.parametrize("name", TIMES)
def test_a_look_at_footers_sees_what_a_look_at_rows_does(name: str, tmp_path: Path) -> None:
    moments, said = TIMES[name]
    table = pa.table({"ts": moments, "p": np.arange(60.0)})
    pq.write_table(table[:40], tmp_path / "a.parquet", row_group_size=15)
    pq.write_table(table[40:], tmp_path / "b.parquet")
    columns = {"timestamp": "ts", "prediction": "p", "features": ["p"]}
    source = {"source": "parquet", "location": str(tmp_path), "columns": columns}
    model = parse_model({"key": "m", "task": "regression", "predictions": source}, "m")
    with closing(LogReader(model, tmp_path)) as reader:
        relation = reader.relation("predictions", reader.parts("predictions"))
        assert (reader.times("predictions", relation, "ts") is not None) == said
        found = overview(reader, relation, NOW)
        reader.times = lambda *_: None  # type: ignore[method-assign]
        assert found == overview(reader, relation, NOW)


def test_files_without_statistics_are_looked_at_row_by_row(tmp_path: Path) -> None:
    place = tmp_path / "a.parquet"
    pq.write_table(pa.table({"ts": pa.array(AWARE)}), place, write_statistics=False)
    assert times(str(place), "ts") is None
    pq.write_table(pa.table({"ts": pa.array(AWARE)}), place)
    assert times(str(place), "ts") == (AWARE[0].timestamp(), AWARE[-1].timestamp(), 0)
    assert times(str(place), "when") is None
    place.write_bytes(b"PAR1 begun")
    assert times(str(place), "ts") is None


@pytest.mark.parametrize(
    "moment",
    [
        "DATE '2026-03-02'", "TIMESTAMP '2026-03-02 03:59:59.999999'", "TIMESTAMPTZ '2026-03-02 04:00:00+01'",
        "TIMESTAMPTZ '1921-03-02 03:04:05.678901+00'", "'infinity'::TIMESTAMPTZ", "NULL::TIMESTAMPTZ",
    ],
)  # fmt: skip
def test_seconds_are_those_of_the_calendar(moment: str) -> None:
    engine = DuckEngine()
    column: Expression = literal_column(moment)
    found = engine.arrow(select(epoch(column, "time", 1.0).label("s"), slot(epoch(column, "time", 1.0)).label("h")))
    known = engine.arrow(f"SELECT extract('epoch' FROM {moment}) AS s")["s"][0].as_py()
    assert found["s"][0].as_py() == (None if known is None else pytest.approx(known, abs=1e-6))
    assert found["h"][0].as_py() == (None if known is None else known // 3600)
