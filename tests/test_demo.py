"""The demo fleet: shifted to the present by whole weeks, laid down once, and replayed without a gap or a repeat."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml

from monitoring import fleet
from monitoring.demo import play

SHIPPED = Path(__file__).parent.parent / "data"
SMALL = ("airport-congestion", "taxi-demand")
NOW = datetime(2026, 11, 25, 14, 32, 17, tzinfo=UTC)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The shipped data with its two smallest models only."""
    folder = tmp_path / "data"
    (folder / "logs").mkdir(parents=True)
    for key in SMALL:
        for kind in play.KINDS:
            shutil.copy(SHIPPED / "logs" / f"{key}.{kind}.parquet", folder / "logs")
    models = yaml.safe_load((SHIPPED / "fleet.yaml").read_text())["models"]
    (folder / "fleet.yaml").write_text(yaml.safe_dump({"models": [m for m in models if m["key"] in SMALL]}))
    return folder


def quiet(_words: str, _share: float) -> None:
    """Tell nobody."""


def laid(target: Path, key: str, kind: str) -> pa.Table:
    """All rows of a log that lie in the target, by id."""
    return pq.read_table(target / "logs" / key / kind).sort_by("prediction_id")


def shipped(data: Path, key: str, kind: str, time: str, now: datetime, year: int) -> pa.Table:
    """The rows of a shipped log that belong in the target by now, by id, its times shifted."""
    shift = play.offset(NOW, year)
    rows = pq.read_table(data / "logs" / f"{key}.{kind}.parquet", filters=pc.field(time) <= now - shift)
    shifted = pc.add(rows.column(time), pa.scalar(shift, pa.duration("us")))
    return rows.set_column(rows.schema.get_field_index(time), rows.schema.field(time), shifted).sort_by("prediction_id")


def agrees(data: Path, target: Path, now: datetime) -> bool:
    """Whether the target holds what the shipped logs say had happened by now, each row once."""
    return all(
        laid(target, key, kind).equals(shipped(data, key, kind, time, now, year))
        for key, year in zip(SMALL, (2013, 2014), strict=True)
        for kind, time in zip(play.KINDS, ("predicted_at", "landed_at"), strict=True)
    )


def files(target: Path) -> dict[Path, tuple[int, int]]:
    """Every file in the target with its identity and its time of change."""
    return {p: (p.stat().st_ino, p.stat().st_mtime_ns) for p in target.rglob("*") if p.is_file()}


@pytest.mark.parametrize("day", range(14))
@pytest.mark.parametrize("hour", [0, 13, 23])
def test_the_present_falls_in_the_last_full_week_of_september_at_the_same_weekday_and_hour(day: int, hour: int) -> None:
    now = datetime(2027, 2, 22, hour, 59, 59, tzinfo=UTC) + timedelta(days=day)
    for year, monday in ((2013, datetime(2013, 9, 23, tzinfo=UTC)), (2014, datetime(2014, 9, 22, tzinfo=UTC))):
        shift = play.offset(now, year)
        assert shift % timedelta(weeks=1) == timedelta(0)
        assert monday <= now - shift < monday + timedelta(weeks=1)
        assert (now - shift).weekday() == now.weekday()


def test_load_lays_down_what_had_happened_by_now(data: Path, tmp_path: Path) -> None:
    shares: list[float] = []
    play.load(data, tmp_path / "demo", NOW, lambda _words, share: shares.append(share))
    assert agrees(data, tmp_path / "demo", NOW)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_the_fleet_file_points_at_the_shifted_logs_and_windows(data: Path, tmp_path: Path) -> None:
    file = play.load(data, tmp_path / "demo", NOW, quiet)
    models = [fleet.parse_model(document, str(file)) for document in fleet.load(file)]
    assert [m.key for m in models] == list(SMALL)
    for model, year in zip(models, (2013, 2014), strict=True):
        assert (file.parent / str(model.predictions.location)).is_dir()
        assert isinstance(model.reference, fleet.ReferenceWindow)
        assert (model.reference.start - play.offset(NOW, year)).year == year


def test_replay_appends_exactly_what_load_left_out_and_nothing_twice(data: Path, tmp_path: Path) -> None:
    target = tmp_path / "demo"
    play.load(data, target, NOW, quiet)
    months = files(target / "logs")
    before = sum(len(laid(target, key, kind)) for key in SMALL for kind in play.KINDS)
    written = 0
    for later in (timedelta(minutes=3), timedelta(hours=2), timedelta(hours=11), timedelta(days=40)):
        now = NOW + later
        written += play.replay(target, data, now)
        again = files(target)
        assert play.replay(target, data, now) == 0
        assert files(target) == again
        assert agrees(data, target, now - (now - datetime.min.replace(tzinfo=UTC)) % play.STEP)
    after = sum(len(laid(target, key, kind)) for key in SMALL for kind in play.KINDS)
    assert written == after - before > 0
    assert months.items() <= files(target / "logs").items()


def test_after_the_last_shipped_row_there_is_nothing_to_replay(data: Path, tmp_path: Path) -> None:
    target = tmp_path / "demo"
    play.load(data, target, NOW, quiet)
    assert play.replay(target, data, NOW + timedelta(days=300)) > 0
    assert play.replay(target, data, NOW + timedelta(days=301)) == 0
    assert agrees(data, target, NOW + timedelta(days=301))


def test_nothing_is_replayed_within_five_minutes_or_before_a_load(data: Path, tmp_path: Path) -> None:
    target = tmp_path / "demo"
    assert play.replay(target, data, NOW) == 0
    play.load(data, target, NOW, quiet)
    assert play.replay(target, data, NOW + timedelta(minutes=2)) == 0


class Killed(BaseException):
    """Stands for a kill in the middle of a write."""


def kill_at_file(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let the process die before the file of this number appears under its name."""
    appeared: list[object] = []
    put = os.replace

    def dying(source: Path, file: Path) -> None:
        if len(appeared) == number:
            raise Killed
        put(source, file)
        appeared.append(file)

    monkeypatch.setattr(os, "replace", dying)


@pytest.mark.parametrize("number", [0, 1, 12, 20])
def test_a_killed_load_goes_on_as_of_the_moment_it_began_with(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    target = tmp_path / "demo"
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_at_file(patch, number)
        play.load(data, target, NOW, quiet)
    there = files(target / "logs")
    # Had nothing been written, not even the moment, the second load is the first.
    play.load(data, target, NOW + timedelta(days=3) if number else NOW, quiet)
    assert agrees(data, target, NOW)
    assert there.items() <= files(target / "logs").items()
    complete = files(target / "logs")
    play.load(data, target, NOW + timedelta(days=9), quiet)
    assert files(target / "logs") == complete


@pytest.mark.parametrize("number", [1, 4])
def test_a_killed_replay_is_made_good_by_the_next(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    target, later = tmp_path / "demo", NOW + timedelta(days=1)
    play.load(data, target, NOW, quiet)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_at_file(patch, number)
        play.replay(target, data, later)
    now = later + timedelta(hours=6)
    play.replay(target, data, now)
    assert agrees(data, target, now - (now - datetime.min.replace(tzinfo=UTC)) % play.STEP)
