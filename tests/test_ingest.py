"""Summaries come out the same, whatever the order, the split, the repetition and the accidents of reading."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, select, text

from monitoring import baseline as baselines
from monitoring import ingest as module
from monitoring.baseline import freeze, save
from monitoring.core import profile as profiles
from monitoring.core.codec import decode, decode_total
from monitoring.core.summary import BLOCK, Cells, Kind, Series
from monitoring.core.window import slot_of
from monitoring.errors import LeewayError, SourceError
from monitoring.fleet import Model, parse_model
from monitoring.ingest import Ingested, ingest
from monitoring.logs.reader import LogReader
from monitoring.store import models
from monitoring.store.database import connect, create, reading, transaction
from monitoring.store.queries.summaries import baseline
from monitoring.store.tables import SeriesRow, SlotRow, SourceRow, SummaryRow
from tests.logs_of import START, binary_model, flights, regression, write

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


@pytest.fixture(scope="module")
def wanted() -> State:
    return from_scratch()


@pytest.fixture(scope="module")
def wanted_eta() -> State:
    return from_scratch(eta, ETA, ETA[["id", "actual", "observed_at"]])


def publish_anyhow(one: Bench, log: pd.DataFrame, labels: pd.DataFrame, seed: int) -> None:
    """Rows dealt to files at random, files put down in any order, with runs and second thoughts between."""
    draw = random.Random(seed)
    deals: list[tuple[str, str, pd.DataFrame]] = []
    for role, rows in (("predictions", log), ("labels", labels)):
        files = draw.randint(1, 5)
        in_order = draw.random() < 0.5
        at = [n * files // len(rows) if in_order else draw.randrange(files) for n in range(len(rows))]
        for number in range(files):
            mine = rows[[a == number for a in at]]
            if len(mine):
                deals.append((role, f"f{number}", mine.sample(frac=1, random_state=draw.randrange(1000))))
    draw.shuffle(deals)
    if not any(role == "predictions" for role, _, _ in deals[:1]):
        deals.sort(key=lambda deal: deal[0] != "predictions")
    one.put("none", labels[:0], "labels")  # a log that is there, and has nothing yet
    spare: list[Path] = []
    for role, name, rows in deals:
        if draw.random() < 0.3:  # a first version that lacks some rows
            one.put(name, rows.sample(frac=0.6, random_state=draw.randrange(1000)), role)
            one.run()
        if role == "predictions" and draw.random() < 0.3:  # a file of rows that should not be there, and goes again
            wrong = rows.sample(frac=0.3, random_state=draw.randrange(1000))
            spare.append(one.put(f"wrong{len(spare)}", wrong.assign(id="x" + wrong.id, distance=1.0)))
            if draw.random() < 0.7:
                one.run()
        one.put(name, rows, role)
        for _ in range(draw.choice((0, 0, 1, 2))):
            one.run()
        if spare and draw.random() < 0.5:
            spare.pop().unlink()
    for path in spare:
        path.unlink()
    for _ in range(draw.choice((1, 2))):
        one.run()


@settings(max_examples=6, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 100_000))
def test_any_split_order_and_repetition_gives_the_summaries_of_one_run_from_scratch(wanted: State, seed: int) -> None:
    with bench() as one:
        publish_anyhow(one, PREDICTIONS, LABELS, seed)
        assert_same(one.state(), wanted)


@settings(max_examples=3, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 100_000))
def test_so_do_the_exact_sums_of_a_regression(wanted_eta: State, seed: int) -> None:
    labels = ETA[["id", "actual", "observed_at"]]
    with bench(eta, ETA, labels) as one:
        publish_anyhow(one, ETA, labels, seed)
        assert_same(one.state(), wanted_eta)


def test_a_postgresql_store_holds_the_same_summaries(wanted: State, postgres_url: str) -> None:
    with bench(url=postgres_url) as one:
        publish_anyhow(one, PREDICTIONS, LABELS, 7)
        assert_same(one.state(), wanted)


def test_late_rows_of_an_old_hour_make_that_hour_be_read_again_and_no_other(wanted: State) -> None:
    late = PREDICTIONS[40:42]
    with bench() as one:
        one.put("log", PREDICTIONS.drop(late.index))
        one.put("log", LABELS, "labels")
        one.run()
        one.put("late", late)
        assert one.run().changed == {slot_of(at) for at in late.ts}
        assert_same(one.state(), wanted)


def test_a_new_day_reads_its_own_hours_only(wanted: State) -> None:
    new = PREDICTIONS.ts >= pd.Timestamp(START + timedelta(days=1))
    with bench() as one:
        one.put("log", LABELS, "labels")
        one.put("old", PREDICTIONS[~new])
        one.run()
        one.put("new", PREDICTIONS[new])
        done = one.run()
        assert done.changed == {slot_of(at) for at in PREDICTIONS.ts[new]}
        assert done.rows == int(new.sum())
        assert_same(one.state(), wanted)


def test_where_nothing_changed_nothing_is_read() -> None:
    with bench() as one:
        one.put("log", PREDICTIONS)
        one.put("log", LABELS, "labels")
        assert one.run().changed
        again = one.run()
        assert (again.changed, again.rows, again.types) == (frozenset(), 0, None)


def test_a_file_touched_but_not_changed_changes_no_hour(wanted: State) -> None:
    with bench() as one:
        one.put("log", LABELS, "labels")
        one.put("log", PREDICTIONS)
        one.run()
        one.put("log", PREDICTIONS.sample(frac=1, random_state=1))
        assert one.run().changed <= {slot_of(at) for at in PREDICTIONS.ts}
        assert_same(one.state(), wanted)


def test_a_value_rewritten_in_an_old_file_changes_its_hour() -> None:
    other = PREDICTIONS.copy()
    other.loc[50, "distance"] = 12.5
    with bench() as one:
        one.put("log", LABELS, "labels")
        one.put("log", PREDICTIONS)
        one.run()
        one.put("log", other)
        assert one.run().changed == {slot_of(other.ts[50])}
        assert_same(one.state(), from_scratch(log=other))


def test_an_old_file_that_changes_after_all_is_read_whole_once_and_then_by_its_changed_hours() -> None:
    old, new = PREDICTIONS[:100], PREDICTIONS[100:]
    with bench() as one:
        one.put("log", LABELS, "labels")
        one.put("old", old)
        one.put("new", new)
        one.run()
        states = []
        for number in (50, 60):
            old = old.assign(distance=old.distance.where(old.index != number, 1.0))
            one.put("old", old)
            done = one.run()
            states.append(done.changed)
            assert_same(one.state(), from_scratch(log=pd.concat([old, new])))
        whole = {slot_of(at) for at in old.ts if slot_of(at) < slot_of(new.ts.min())}
        assert states == [whole, {slot_of(old.ts[60])}]


def test_a_file_that_is_deleted_takes_its_rows_along() -> None:
    with bench() as one:
        one.put("log", LABELS, "labels")
        one.put("kept", PREDICTIONS[:100])
        gone = one.put("gone", PREDICTIONS[100:])
        one.run()
        gone.unlink()
        one.run()
        assert_same(one.state(), from_scratch(log=PREDICTIONS[:100]))


REVISED = LABELS[10:11].assign(label=1 - LABELS.label, observed_at=LABELS.observed_at.max())
MIDNIGHT = LABELS[100:].assign(observed_at=LABELS.observed_at.dt.floor("D"))
LABEL_STORIES: dict[str, tuple[pd.DataFrame, pd.DataFrame | None, pd.DataFrame]] = {
    "late labels": (LABELS[:60], LABELS[60:], LABELS),
    "labels before their predictions": (LABELS, None, LABELS),
    "a label revised": (LABELS, REVISED, pd.concat([LABELS.drop(10), REVISED])),
    "labels seen at the midnight before": (LABELS[:100], MIDNIGHT, pd.concat([LABELS[:100], MIDNIGHT])),
}


@pytest.mark.parametrize("story", LABEL_STORIES)
def test_labels_come_as_they_like(story: str) -> None:
    first, second, together = LABEL_STORIES[story]
    with bench() as one:
        one.put("first", first, "labels")
        one.put("early", PREDICTIONS[:80])
        one.run()
        one.put("late", PREDICTIONS[80:])
        one.run()
        if second is not None:
            one.put("second", second, "labels")
            one.run()
        assert_same(one.state(), from_scratch(labels=together))


def test_labels_observed_before_their_hour_count_whenever_the_hour_is_read() -> None:
    """A label's time may be a mere date: midnight, long before the predictions of that day."""
    dated = LABELS.assign(observed_at=PREDICTIONS.ts.dt.floor("D"))
    with bench() as one:
        one.put("log", dated, "labels")
        for number, (_, hour) in enumerate(PREDICTIONS.groupby(PREDICTIONS.ts.dt.floor("12h"))):
            one.put(f"f{number}", hour)
            one.run()
        assert_same(one.state(), from_scratch(labels=dated))


@pytest.mark.parametrize("how", ["file deleted", "file rewritten with fewer rows"])
def test_labels_that_are_taken_back_are_forgotten(how: str) -> None:
    with bench() as one:
        one.put("log", PREDICTIONS)
        one.put("kept", LABELS[:100], "labels")
        wrong = one.put("wrong", LABELS[100:], "labels")
        one.run()
        if how == "file deleted":
            wrong.unlink()
        else:
            one.put("wrong", LABELS[100:120], "labels")
        one.run()
        assert_same(one.state(), from_scratch(labels=LABELS[:100] if how == "file deleted" else LABELS[:120]))


class Killed(BaseException):
    """The process ends here. No `except Exception` sees it."""


@dataclass
class Deadly:
    """A function that works until its `fatal`-th call, which kills: before its work or after it."""

    real: Callable[..., Any]
    fatal: int
    after: bool = False
    calls: int = 0

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self.calls += 1
        if self.calls == self.fatal and not self.after:
            raise Killed
        done = self.real(*arguments, **named)
        if self.calls == self.fatal:
            raise Killed
        return done


WRITES = ("replace_slots", "mark_read", "activate", "save")


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_write_the_next_run_gives_the_same(
    name: str, after: bool, wanted: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", BLOCK)  # so that there are several transactions
    for fatal in range(1, 20):
        deadly = Deadly(getattr(module, name), fatal, after)
        with bench(frozen=name != "save") as one:
            one.put("log", PREDICTIONS)
            one.put("some", LABELS[:90], "labels")
            with monkeypatch.context() as patch, suppress(Killed):
                patch.setattr(module, name, deadly)
                one.run()
                one.put("more", LABELS[90:], "labels")
                one.run()
            one.put("more", LABELS[90:], "labels")
            one.run()
            assert_same(one.state(), wanted)
        if deadly.calls < fatal:
            assert fatal > 1
            return
    raise AssertionError(f"{name} is called more than 19 times")


def test_killed_at_any_report_of_progress_the_next_run_gives_the_same(
    wanted: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", BLOCK)
    for fatal in range(1, 20):
        deadly = Deadly(lambda share, words: None, fatal)
        with bench() as one:
            one.put("log", PREDICTIONS)
            one.put("log", LABELS, "labels")
            with suppress(Killed):
                one.run(deadly)
            one.run()
            assert_same(one.state(), wanted)
        if deadly.calls < fatal:
            assert fatal > 1
            return
    raise AssertionError("progress is reported more than 19 times")


def test_a_half_written_file_is_left_out_with_a_notice_and_read_once_it_is_whole(wanted: State) -> None:
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
        assert_same(one.state(), wanted)


def test_a_half_written_file_beside_ones_that_were_read_before_stops_nothing(wanted: State) -> None:
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
        assert_same(one.state(), wanted)


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


def test_a_half_written_file_of_labels_stops_nothing_either(wanted: State) -> None:
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
        assert_same(one.state(), wanted)


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


def test_rows_without_a_time_and_rows_of_the_future_are_said_and_stop_nothing() -> None:
    odd = PREDICTIONS.copy()
    odd.loc[3, "ts"] = pd.NaT
    odd.loc[4, "ts"] = pd.Timestamp(NOW + timedelta(days=1))
    with bench() as one:
        one.put("log", LABELS, "labels")
        one.put("log", odd)
        one.run()
        notices = " ".join(one.source().notices)
        assert "1 rows have no time stamp" in notices and "1 rows are stamped after now" in notices


def test_of_all_columns_those_that_name_each_row_are_no_features_and_that_is_said() -> None:
    rows = PREDICTIONS.assign(trace=[f"t-{n:05}" for n in range(len(PREDICTIONS))], crew=PREDICTIONS.index % 60)
    rows["crew"] = "c" + rows["crew"].astype(str)

    def all_columns(place: Path) -> dict[str, Any]:
        found = document(place)
        found["predictions"]["columns"]["features"] = "*"
        return found

    with bench(all_columns, log=rows, frozen=False) as one:
        one.put("log", LABELS, "labels")
        one.put("log", rows)
        profile = one.run().baseline.profile
        features = {column.name for column in profile.columns if column.kind == Kind.FEATURE}
        assert "crew" in features, "as many as they are, they come again"
        assert "trace" not in features and profile.identifiers == ("trace",)
        assert "trace is no feature: nearly every row holds another value" in " ".join(one.source().notices)
        one.run()
        assert "trace is no feature" in " ".join(one.source().notices), "said as long as it is so"


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_table_that_grows_is_read_from_its_changed_hours_only(kind: str, wanted: State, request: Any) -> None:
    url = request.getfixturevalue("postgres_url") if kind == "postgres" else ""
    new = PREDICTIONS.ts >= pd.Timestamp(START + timedelta(days=1))

    def tables(place: Path) -> dict[str, Any]:
        where = {"source": "sql", "url": url or f"sqlite:///{place / 'log.db'}"}
        model = document(place)
        model["predictions"] |= where | {"table": "log"}
        model["labels"] |= where | {"table": "labels"}
        del model["predictions"]["location"], model["labels"]["location"]
        return model

    with bench(tables, frozen=False) as one:
        for rows, name in ((PREDICTIONS[~new], "log"), (LABELS, "labels")):
            write(rows, kind, one.place, name, url)
        one.run()
        write(PREDICTIONS, kind, one.place, "log", url)
        done = one.run(now=NOW + timedelta(minutes=1))
        assert done.changed >= {slot_of(at) for at in PREDICTIONS.ts[new]}
        assert done.rows == int(new.sum())
        cells, slots = one.state()
        assert {s: n for s, (n, _) in slots.items()} == {s: n for s, (n, _) in wanted[1].items()}
        with_rows = {key: c.n for key, c in cells.items() if key[0].kind in ("rows", "outcome")}
        assert with_rows == {key: c.n for key, c in wanted[0].items() if key[0].kind in ("rows", "outcome")}
        engine = create_engine(url or f"sqlite:///{one.place / 'log.db'}")
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM log WHERE id = 'p000180'"))
        engine.dispose()
        gone = PREDICTIONS.ts[180]
        assert slot_of(gone) in one.run(now=NOW + timedelta(minutes=2)).changed


def test_an_unknown_model_or_source_is_a_sentence() -> None:
    with bench() as one, pytest.raises(LeewayError, match="no file is there"):
        one.run()


def test_summaries_on_the_grids_of_an_older_version_are_not_shown_and_are_read_anew(
    wanted: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bench(frozen=False) as one:
        one.put("log", PREDICTIONS)
        one.put("log", LABELS, "labels")
        with monkeypatch.context() as older:
            older.setattr(baselines, "VERSION", 1)
            older.setattr(profiles, "VERSION", 1)
            one.run()
        with reading(one.store) as session:
            assert baseline(session, one.model.key) is None
        done = one.run()
        assert done.fresh and done.rows == len(PREDICTIONS)
        with reading(one.store) as session:
            found = baseline(session, one.model.key)
        assert found is not None and found.id == done.baseline.id
        assert one.state()[1] == wanted[1]
