"""Summaries come out the same, whatever the order, the split, the repetition and the accidents of reading."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from monitoring import baseline as baselines
from monitoring.core import profile as profiles
from monitoring.core.summary import Kind
from monitoring.core.window import slot_of
from monitoring.errors import LeewayError
from monitoring.store.database import reading
from monitoring.store.queries.summaries import baseline
from tests.ingested import (
    ETA,
    LABELS,
    NOW,
    PREDICTIONS,
    Bench,
    assert_same,
    bench,
    document,
    eta,
    everything,
    from_scratch,
)
from tests.logs_of import START, write


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
def test_any_split_order_and_repetition_gives_the_summaries_of_one_run_from_scratch(seed: int) -> None:
    with bench() as one:
        publish_anyhow(one, PREDICTIONS, LABELS, seed)
        assert_same(one.state(), everything())


@settings(max_examples=3, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 100_000))
def test_so_do_the_exact_sums_of_a_regression(seed: int) -> None:
    labels = ETA[["id", "actual", "observed_at"]]
    with bench(eta, ETA, labels) as one:
        publish_anyhow(one, ETA, labels, seed)
        assert_same(one.state(), everything(eta))


def test_a_postgresql_store_holds_the_same_summaries(postgres_url: str) -> None:
    with bench(url=postgres_url) as one:
        publish_anyhow(one, PREDICTIONS, LABELS, 7)
        assert_same(one.state(), everything())


def test_late_rows_of_an_old_hour_make_that_hour_be_read_again_and_no_other() -> None:
    late = PREDICTIONS[40:42]
    with bench() as one:
        one.put("log", PREDICTIONS.drop(late.index))
        one.put("log", LABELS, "labels")
        one.run()
        one.put("late", late)
        assert one.run().changed == {slot_of(at) for at in late.ts}
        assert_same(one.state(), everything())


def test_a_new_day_reads_its_own_hours_only() -> None:
    new = PREDICTIONS.ts >= pd.Timestamp(START + timedelta(days=1))
    with bench() as one:
        one.put("log", LABELS, "labels")
        one.put("old", PREDICTIONS[~new])
        one.run()
        one.put("new", PREDICTIONS[new])
        done = one.run()
        assert done.changed == {slot_of(at) for at in PREDICTIONS.ts[new]}
        assert done.rows == int(new.sum())
        assert_same(one.state(), everything())


def test_where_nothing_changed_nothing_is_read() -> None:
    with bench() as one:
        one.put("log", PREDICTIONS)
        one.put("log", LABELS, "labels")
        assert one.run().changed
        again = one.run()
        assert (again.changed, again.rows, again.types) == (frozenset(), 0, None)


def test_a_file_touched_but_not_changed_changes_no_hour() -> None:
    with bench() as one:
        one.put("log", LABELS, "labels")
        one.put("log", PREDICTIONS)
        one.run()
        one.put("log", PREDICTIONS.sample(frac=1, random_state=1))
        assert one.run().changed <= {slot_of(at) for at in PREDICTIONS.ts}
        assert_same(one.state(), everything())


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
def test_a_table_that_grows_is_read_from_its_changed_hours_only(kind: str, request: Any) -> None:
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
        assert {s: n for s, (n, _) in slots.items()} == {s: n for s, (n, _) in everything()[1].items()}
        with_rows = {key: c.n for key, c in cells.items() if key[0].kind in ("rows", "outcome")}
        assert with_rows == {key: c.n for key, c in everything()[0].items() if key[0].kind in ("rows", "outcome")}
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
    monkeypatch: pytest.MonkeyPatch,
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
        assert one.state()[1] == everything()[1]
