"""Files that are half written, emptied or unreadable are said, stop nothing, and are read once they are whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from monitoring.core.window import slot_of
from monitoring.errors import SourceError
from tests.ingested import LABELS, LOG, PREDICTIONS, assert_same, bench, everything, from_scratch
from tests.logs_of import binary_model, write


def test_a_half_written_file_is_left_out_with_a_notice_and_read_once_it_is_whole() -> None:
    with bench() as one:
        one.put("log", LABELS, "labels")
        one.put("a", PREDICTIONS[:150])
        path = one.put("b", PREDICTIONS[150:])
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        one.run()
        assert_same(one.state(), from_scratch(log=PREDICTIONS[:150]))
        assert any(str(path) in notice and "cannot be read" in notice for notice in one.source().notices)
        one.run()
        assert any(str(path) in notice for notice in one.source().notices)
        path.write_bytes(whole)
        one.run()
        assert one.source().notices == []
        assert_same(one.state(), everything())


def test_a_half_written_file_beside_ones_that_were_read_before_stops_nothing() -> None:
    with bench() as one:
        one.put("log", LABELS, "labels")
        one.put("a", PREDICTIONS[:150])
        one.run()
        path = one.put("b", PREDICTIONS[150:])
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        one.run()
        assert any(str(path) in notice for notice in one.source().notices)
        assert_same(one.state(), from_scratch(log=PREDICTIONS[:150]))
        path.write_bytes(whole)
        one.run()
        assert_same(one.state(), everything())


def test_a_file_that_is_rewritten_by_way_of_a_half_written_one_leaves_nothing_behind() -> None:
    with bench() as one:
        one.put("log", LABELS, "labels")
        one.put("a", PREDICTIONS[:100])
        path = one.put("b", PREDICTIONS[100:])
        one.run()
        path.write_bytes(path.read_bytes()[:2000])
        one.run()
        one.put("b", PREDICTIONS[150:])
        one.run()
        assert_same(one.state(), from_scratch(log=PREDICTIONS.drop(PREDICTIONS.index[100:150])))


def test_a_half_written_file_of_labels_stops_nothing_either() -> None:
    with bench() as one:
        one.put("log", PREDICTIONS)
        one.put("a", LABELS[:100], "labels")
        one.run()
        path = one.put("b", LABELS[100:], "labels")
        whole = path.read_bytes()
        path.write_bytes(whole[:1000])
        one.run()
        assert_same(one.state(), from_scratch(labels=LABELS[:100]))
        path.write_bytes(whole)
        one.run()
        assert_same(one.state(), everything())


def test_a_csv_file_that_is_just_begun_or_emptied_stops_nothing() -> None:
    def in_csv(place: Path) -> dict[str, Any]:
        model = binary_model({"source": "csv", "location": str(place / "csv")})
        return model

    with bench(in_csv, frozen=False) as one:
        write(LOG[:150], "csv", one.place / "csv", "a")
        one.run()
        before = one.state()
        write(LOG[:0], "csv", one.place / "csv", "b")
        assert one.run().changed == frozenset()
        assert_same(one.state(), before)
        write(LOG[150:], "csv", one.place / "csv", "b")
        assert one.run().changed == {slot_of(at) for at in LOG.ts[150:]}
        write(LOG[:0], "csv", one.place / "csv", "b")
        one.run()
        assert_same(one.state(), before)


def test_where_no_file_can_be_read_the_error_names_it_and_stands_with_the_source() -> None:
    with bench() as one:
        one.put("log", LABELS, "labels")
        path = one.put("log", PREDICTIONS)
        path.write_bytes(b"PAR1 and nothing more")
        with pytest.raises(SourceError, match=str(path)):
            one.run()
        assert str(path) in one.source().error
