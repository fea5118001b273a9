"""The demo fleet in the present: its logs, shifted by whole weeks, and what follows them, live.

    data/logs/<key>.predictions.parquet   ──►   target/logs/<key>/predictions/2026-09.parquet      load: by month
                                                target/logs/<key>/predictions/2026-09-24.parquet   replay: by day
                                                target/logs/<key>/shadow/2026-09-24.parquet

`load` lays down what had happened by a moment in months that are never written again; `replay` adds what has
happened since in days, each rewritten whole while it lasts; a row in it stays what it is. A row is in the one or in the
other, never in both. Once a model was retrained (data/retrain.py), replayed rows are answered by whichever version
serves at their moment, and by the one beside it in the shadow log: versions.py.
Every file appears at once under its name, and demo.json is written last: whoever is killed is simply called again.
"""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

from monitoring import fleet
from monitoring.demo import versions
from monitoring.demo.files import alone, put_table, put_text

KINDS = ("predictions", "labels")
STEP = timedelta(minutes=5)
"""Live rows are written when this much time has passed, not at every call: fewer files touched, fewer hours reread."""
TICK = timedelta(microseconds=1)
"""The resolution of the logs' times; `end = until + TICK` turns "up to and including" into a half-open range."""


@dataclass(frozen=True, slots=True)
class Shipped:
    """One shipped log: its file, its columns, and how far it is shifted."""

    key: str
    kind: str
    file: Path
    columns: dict[str, Any]
    shift: timedelta

    @property
    def time(self) -> str:
        """Its column of time."""
        name: str = self.columns["timestamp" if self.kind == "predictions" else "observed_at"]
        return name

    def folder(self, target: Path) -> Path:
        """Where its shifted rows go."""
        return target / "logs" / self.key / self.kind

    def first(self) -> datetime:
        """The shifted time of its first row."""
        moment: datetime = pq.ParquetFile(self.file).read_row_group(0, columns=[self.time])[0][0].as_py()
        return moment + self.shift

    def rows(self, start: datetime, end: datetime) -> pa.Table:
        """The shifted rows of [start, end), in order of time. Row groups beyond it are not read."""
        inside = (pc.field(self.time) >= start - self.shift) & (pc.field(self.time) < end - self.shift)
        table = pq.read_table(self.file, filters=inside).replace_schema_metadata(None)
        for number, column in enumerate(table.schema):
            if pa.types.is_timestamp(column.type):
                by = pa.scalar(self.shift, pa.duration(column.type.unit))
                table = table.set_column(number, column, pc.add(table.column(number), by))
        return table.sort_by(self.time)


def offset(now: datetime, year: int) -> timedelta:
    """What to add to times of `year` so that the last full week of its September becomes the week of `now`.

    Whole weeks, so that weekdays and hours stay what they were.
    """
    october = datetime(year, 10, 1, tzinfo=UTC)
    monday = october - timedelta(days=october.weekday() + 7)
    return _monday(now) - monday


def load(data: Path, target: Path, now: datetime, progress: Callable[[str, float], None]) -> Path:
    """Lay down the demo fleet as of `now` in `target`; return its fleet file.

    `progress` is told what is being done and the share that is done. A load that was killed goes on from where it
    was, as of the moment it began with; one that is complete is left as it is.
    """
    target.mkdir(parents=True, exist_ok=True)
    state = _state(target)
    document = yaml.safe_load((data / "fleet.yaml").read_text(encoding="utf-8"))
    if state is None:
        # Months laid down without a demo.json are shifted by nobody knows how much.
        for name in ("logs", "models"):
            shutil.rmtree(target / name, ignore_errors=True)
        weeks = {m["key"]: offset(now, m["reference"]["from"].year).days // 7 for m in document["models"]}
        moment = now.astimezone(UTC).isoformat()
        state = {"weeks": weeks, "laid_until": moment, "loaded_until": moment, "complete": False}
        _write_state(target, state)
    if not state["complete"]:
        until = datetime.fromisoformat(state["laid_until"])
        logs = list(_shipped(data, document, state))
        for number, log in enumerate(logs):
            progress(f"{log.key}: {log.kind}", number / len(logs))
            _lay(log, target, until)
    file = target / "fleet.yaml"
    models = [_moved(model, timedelta(weeks=state["weeks"][model["key"]]), data) for model in document["models"]]
    others = {name: fleet.plain(document[name]) for name in ("people", "teams") if name in document}
    text = fleet.dump(models, **others)
    put_text(file, text)
    if not state["complete"]:
        _write_state(target, state | {"complete": True})
    progress("loaded", 1.0)
    return file


def replay(target: Path, data: Path, now: datetime) -> int:
    """Append what has happened since the last call until the last full five minutes; return how many rows.

    However long ago the last call was, one call catches up. Where the shipped logs end there is nothing to append.
    """
    if _state(target) is None:
        return 0
    with alone(target):
        state = _state(target)
        if state is None or not state["complete"]:
            return 0
        loaded = datetime.fromisoformat(state["loaded_until"])
        until = now.astimezone(UTC)
        until -= (until - datetime.min.replace(tzinfo=UTC)) % STEP
        if until <= loaded:
            return 0
        document = yaml.safe_load((data / "fleet.yaml").read_text(encoding="utf-8"))
        written = sum(_append(log, target, loaded, until) for log in _shipped(data, document, state))
        _write_state(target, state | {"loaded_until": until.isoformat()})
        return written


def allowed(data: Path) -> str:
    """How the command begins that retrains the demo's models, as LEEWAY_COMMANDS has it."""
    return shlex.join(("{python}", str(_trainer(data))))


def _shipped(data: Path, document: dict[str, Any], state: dict[str, Any]) -> Iterator[Shipped]:
    """Every log of the shipped fleet that the state knows of."""
    for model in document["models"]:
        if (weeks := state["weeks"].get(model["key"])) is None:
            continue
        for kind in KINDS:
            log = model[kind]
            yield Shipped(model["key"], kind, data / log["location"], log["columns"], timedelta(weeks=weeks))


def _lay(log: Shipped, target: Path, until: datetime) -> None:
    """Write the months up to `until` that are not there yet."""
    month = log.first().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while month <= until:
        following = (month + timedelta(days=32)).replace(day=1)
        file = log.folder(target) / f"{month:%Y-%m}.parquet"
        if not file.exists():
            put_table(file, log.rows(month, min(following, until + TICK)))
        month = following


def _append(log: Shipped, target: Path, loaded: datetime, until: datetime) -> int:
    """Write what has come after `loaded`; how many rows of the log that were."""
    rows = log.rows(loaded + TICK, until + TICK)
    if log.kind != "predictions":
        _grow(log.folder(target), rows, log.time, lambda fresh: fresh)
        return len(rows)
    place, columns = target / "models" / log.key, log.columns
    _grow(log.folder(target), rows, log.time, lambda fresh: versions.served(fresh, place, columns))
    shadow = target / "logs" / log.key / "shadow"
    _grow(shadow, rows, log.time, lambda fresh: versions.shadowed(fresh, place, columns))
    return len(rows)


def _grow(folder: Path, rows: pa.Table, time: str, answered: Callable[[pa.Table], pa.Table]) -> None:
    """Add rows to the files of their days. Those that a killed replay wrote are there, and stay what they are."""
    times = rows.column(time)
    for day in sorted({_midnight(moment) for moment in pc.unique(times).to_pylist()}):
        low, high = (pa.scalar(moment, times.type) for moment in (day, day + timedelta(days=1)))
        fresh = rows.filter(pc.and_(pc.greater_equal(times, low), pc.less(times, high)))
        file = folder / f"{day:%Y-%m-%d}.parquet"
        there = pq.read_table(file) if file.exists() else None
        if there is not None:
            fresh = fresh.filter(pc.greater(fresh.column(time), pc.max(there.column(time))))
        found = answered(fresh)
        if len(found):
            put_table(file, found if there is None else pa.concat_tables([there, found.cast(there.schema)]))


def _moved(model: dict[str, Any], shift: timedelta, data: Path) -> dict[str, Any]:
    """A model's document with its dates shifted, its logs where they are laid down, and the trainer where it is."""
    moved: dict[str, Any] = _later(model, shift)
    for kind in KINDS:
        moved[kind]["location"] = f"logs/{model['key']}/{kind}"
    if (retraining := moved.get("retraining")) is not None:
        retraining["shadow"]["location"] = f"logs/{model['key']}/shadow"
        trainer, dispatcher = _trainer(data), retraining["dispatcher"]
        for words in (dispatcher[name] for name in ("command", "promote", "roll_back", "reject")):
            words[:] = [str(trainer) if word == trainer.name else word for word in words]
    return moved


def _trainer(data: Path) -> Path:
    return (data / "retrain.py").resolve()


def _later(value: Any, shift: timedelta) -> Any:
    """A YAML value with every date in it shifted."""
    if isinstance(value, dict):
        return {name: _later(part, shift) for name, part in value.items()}
    if isinstance(value, list):
        return [_later(part, shift) for part in value]
    return value + shift if isinstance(value, date) else value


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _monday(moment: datetime) -> datetime:
    midnight = _midnight(moment)
    return midnight - timedelta(days=midnight.weekday())


def _state(target: Path) -> dict[str, Any] | None:
    try:
        state: dict[str, Any] = json.loads((target / "demo.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return state


def _write_state(target: Path, state: dict[str, Any]) -> None:
    put_text(target / "demo.json", json.dumps(state, indent=1) + "\n")
