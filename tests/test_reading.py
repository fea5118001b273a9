"""What reading a log relies on: engines that know nothing of each other, and categories found by their hashes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.core.grid import MISSING, REST, UNSEEN, CategoricalGrid
from monitoring.errors import SourceError
from monitoring.logs import engine as engines
from monitoring.logs.engine import DuckEngine
from monitoring.logs.vocabulary import vocabulary

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
